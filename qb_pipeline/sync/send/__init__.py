"""Write to QuickBooks. Nothing of this room works without the ``Sender`` of a session."""
