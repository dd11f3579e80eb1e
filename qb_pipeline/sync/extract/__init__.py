"""The reading of billing, which puts every document on the work list."""
