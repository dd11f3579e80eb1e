"""Benchmarks that anyone can run: ``make bench``. Each prints its figures, and the values to compare them with."""
