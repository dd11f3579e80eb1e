"""Payments that QuickBooks received come back to billing (Model 2)."""
