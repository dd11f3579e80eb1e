"""The join of documents to the mapping tables: customers and items that are mapped, found by name, or to be created."""
