"""One document: its checks, its total, and the body that QuickBooks gets.

Does not belong here: the decision whether it is sent (``planning``).
"""
