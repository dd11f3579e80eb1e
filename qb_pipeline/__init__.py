"""The synchronisation of a law firm's billing database with QuickBooks Online."""
