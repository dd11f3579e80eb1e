"""Cells of a CSV file that a spreadsheet may open: text stays text."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a cell for a formula. Source: OWASP, CSV injection (read 2026-11-21)."""

QUOTE = "'"


def to_cell(text: str) -> str:
    """Write a text so that no spreadsheet computes it: an apostrophe goes in front where it must."""
    return QUOTE + text if text.startswith((*FORMULA_STARTS, QUOTE)) else text


def from_cell(cell: str) -> str:
    """Read what ``to_cell`` wrote, or what a person typed."""
    return cell[1:] if cell.startswith(QUOTE) else cell
