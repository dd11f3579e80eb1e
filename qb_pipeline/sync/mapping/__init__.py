"""Join documents to the mapping tables: customers and items, mapped, found by name or to be created."""
