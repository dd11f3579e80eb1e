"""QuickBooks Online over HTTP: requests, answers, faults, limits and OAuth.

Belongs here: QuickBooks' protocol. Does not belong here: the content of requests (``core``), the record of sent
requests (``ledger``), and the order of events (``sync``).
"""
