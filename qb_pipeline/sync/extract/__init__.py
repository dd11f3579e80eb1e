"""Read billing: put every document on the work list."""
