"""QuickBooks Online over HTTP: requests, answers, faults, limits and OAuth.

Belongs here: what QuickBooks understands and says. Does not belong here: what to send (``core``), remembering what was
sent (``ledger``), and the order of events (``sync``).
"""
