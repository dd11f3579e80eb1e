"""Cells of a CSV file that a spreadsheet may open: text stays text."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula. Source: OWASP, CSV injection (read 2026-11-21)."""

QUOTE = "'"


def to_cell(text: str) -> str:
    """Write a text so that no spreadsheet computes it: one that looks like a formula gets an apostrophe in front."""
    return QUOTE + text if text.startswith((*FORMULA_STARTS, QUOTE)) else text


def from_cell(cell: str) -> str:
    """Read a cell that ``to_cell`` wrote or a person typed."""
    return cell[1:] if cell.startswith(QUOTE) else cell
