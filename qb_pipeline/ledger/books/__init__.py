"""The ledger's knowledge of documents, of QuickBooks and of runs.

Does not belong here: requests in flight (``sending``), firms and their connection (``setup``).
"""
