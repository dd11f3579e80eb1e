"""Figures that anyone can print: ``make bench``. Each shows what it measured and against what."""
