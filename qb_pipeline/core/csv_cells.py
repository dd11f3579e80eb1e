"""Cells of a CSV file that a spreadsheet may open. A text must stay a text there."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""The first characters by which a spreadsheet takes a cell for a formula. Source: OWASP, CSV injection (read
2026-11-21)."""

QUOTE = "'"


def to_cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet computes: one that looks like a formula gets an apostrophe in
    front."""
    return QUOTE + text if text.startswith((*FORMULA_STARTS, QUOTE)) else text


def from_cell(cell: str) -> str:
    """Return the text of a cell that ``to_cell`` returned or a person typed."""
    return cell[1:] if cell.startswith(QUOTE) else cell
