"""Statements of QuickBooks' query language.

Belongs here: quoting values, and limiting the length of statements. Does not belong here: sending statements
(``client``).
"""

from collections.abc import Iterable, Iterator

MAX_IN_VALUES = 300
MAX_CONDITION_CHARACTERS = 6_000
"""Limits of one condition. No limit of a statement's length is documented. A statement of this size is known to pass
through every machine on the way when it is posted as a body."""

PAGE_SIZE = 1000
"""An answer holds at most 1,000 rows. Source: Intuit, "REST API features" (read 2026-11-21)."""


def escape(text: str) -> str:
    r"""Escape a text for use between single quotes: ``\'`` for a quote and ``\\`` for a backslash.

    Source: Intuit, "Data queries". Doubling the quote is not the documented way.
    """
    return text.replace("\\", "\\\\").replace("'", "\\'")


def conditions_in(attribute: str, values: Iterable[str]) -> Iterator[str]:
    """Yield conditions ``attribute IN ('…', '…')`` that together name all values, each short enough for one statement.

    Equal values are named once. Without a value no condition is yielded, because QuickBooks refuses an empty list.
    """
    chunk: list[str] = []
    size = 0
    for value in dict.fromkeys(values):
        literal = f"'{escape(value)}'"
        if chunk and (len(chunk) == MAX_IN_VALUES or size + len(literal) > MAX_CONDITION_CHARACTERS):
            yield f"{attribute} IN ({', '.join(chunk)})"
            chunk, size = [], 0
        chunk.append(literal)
        size += len(literal) + 2
    if chunk:
        yield f"{attribute} IN ({', '.join(chunk)})"


def select(
    entity: str, *, columns: str = "*", where: str = "", order: str = "Id", start: int = 1, page: int = PAGE_SIZE
) -> str:
    """Return the statement of one page. Its rows are in the order of Id, so that pages do not depend on chance."""
    condition = f" WHERE {where}" if where else ""
    return f"SELECT {columns} FROM {entity}{condition} ORDERBY {order} STARTPOSITION {start} MAXRESULTS {page}"  # noqa: S608 - no database
