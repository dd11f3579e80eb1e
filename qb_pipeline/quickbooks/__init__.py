"""QuickBooks Online over HTTP: requests, answers, faults, limits and OAuth.

Belongs here: QuickBooks' protocol. Does not belong here: what to send (``core``), the record of what was sent
(``ledger``), and the order of events (``sync``).
"""
