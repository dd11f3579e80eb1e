"""The state of our documents in QuickBooks, and the meaning of QuickBooks' answers."""
