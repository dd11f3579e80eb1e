"""A company's books: objects, rules, queries, double entry."""
