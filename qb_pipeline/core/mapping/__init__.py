"""Mapping (crosswalk): which entry of QuickBooks stands for which of billing (customers, items, smaller lists)."""
