"""Mapping (crosswalk): the entry of QuickBooks for each entry of billing (customers, items, smaller lists)."""
