"""The right to write, and requests in flight: reserve, send, record (the exactly-once core)."""
