"""The right to write, and requests in flight, which are reserved, sent and recorded (the exactly-once core)."""
