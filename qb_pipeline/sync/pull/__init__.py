"""The pull of payments that QuickBooks received back into billing (Model 2)."""
