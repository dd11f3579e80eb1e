"""One document: its checks, its total, and the body that QuickBooks gets.

Does not belong here: whether it is sent (``planning``).
"""
