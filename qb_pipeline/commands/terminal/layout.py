"""The layout of rows and sentences on a terminal: values that a person copies stay whole, prose folds.

Ids, numbers, codes, amounts, dates and commands are never broken over two lines, at any width. A row without room for
them is written as a block, one line for each value. Belongs here: line breaks, as pure functions. Does not belong here:
printing (``console``).
"""

import re
from collections.abc import Mapping, Sequence

from rich.cells import cell_len

PROSE = frozenset(
    ("QuickBooks", "after", "before", "company", "customer", "detail", "differs", "error", "field", "found", "name",
     "next_step", "note", "problem", "remedy", "sentence", "what became of it", "what clears it", "why")
)  # fmt: skip
"""The columns whose values may fold between two words; every other value stays whole."""

LEAST = 22
"""The least width of a column of prose, in cells. In a narrower column each line would hold one word."""

GAP = 3
"""The space between two columns, in cells."""

UNIT = re.compile(
    r"`[^`]+`\S*"  # a quotation, to be typed
    r"|qb-pipeline(?: (?! )\S*[^\s.,;:)])*\S*"  # a command: to the end of its sentence
    r"|\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?\S*"
    r"|\S+"
)


def units(text: str) -> list[str]:
    """Split a text into units between which a line may break: words; and whole commands, quotations and times."""
    return UNIT.findall(text)


def fold(text: str, width: int) -> list[str]:
    """Break a text into lines of at most ``width`` cells. A wider unit stays whole and has a line of its own.

    A text that fits stays as it is. In any other text, the following lines are indented like the first.
    """
    if cell_len(text) <= width:
        return [text]
    indent = text[: len(text) - len(text.lstrip())]
    lines: list[str] = []
    line = ""
    for unit in units(text):
        if line and cell_len(indent + line) + 1 + cell_len(unit) > width:
            lines.append(indent + line)
            line = unit
        else:
            line = f"{line} {unit}" if line else unit
    return [*lines, indent + line]


def widths(rows: Sequence[Mapping[str, str]], columns: Sequence[str], room: int) -> dict[str, int] | None:
    """Return the width of each column in characters of the terminal, keyed by column.

    With these widths, values that must not be wrapped fit on one line. None: ``room`` (in characters) is too small.
    """
    natural, least = {}, {}
    for name in columns:
        head = max(map(cell_len, name.replace("_", " ").split(" ")), default=0)
        natural[name] = max([cell_len(name), *(cell_len(row[name]) for row in rows)])
        if name in PROSE:
            wordy = max((cell_len(unit) for row in rows for unit in units(row[name])), default=0)
            least[name] = max(head, wordy, min(natural[name], LEAST))
        else:
            least[name] = max([head, *(cell_len(row[name]) for row in rows)])
    spare = room - GAP * (len(columns) - 1) - sum(least.values())
    if spare < 0:
        return None
    while spare and (narrow := [name for name in columns if least[name] < natural[name]]):
        for name in narrow[:spare]:
            least[name] += 1
        spare -= len(narrow[:spare])
    return least


def block(row: Mapping[str, str], columns: Sequence[str], room: int) -> list[str]:
    """Return a row as lines ``name  value``, without its empty values.

    A value that does not fit continues on the next line, below its beginning.
    """
    told = [name for name in columns if row[name]]
    label = max((cell_len(name) for name in told), default=0) + 2
    lines = []
    for name in told:
        values = fold(row[name], max(room - label, 1)) if name in PROSE else [row[name]]
        head = name.replace("_", " ").ljust(label)
        lines += [(head if number == 0 else " " * label) + value for number, value in enumerate(values)]
    return lines
