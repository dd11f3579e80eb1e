"""What QuickBooks holds of our documents, and what its answers mean."""
