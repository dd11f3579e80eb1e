"""The writing to QuickBooks. No module of this package works without the ``Sender`` of a session."""
