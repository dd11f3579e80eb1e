"""One firm during one run: both sides for reading, the ledger, and the one way to write."""
