"""QuickBooks' query language: the reader that turns a statement into a ``Query``.

Belongs here: the grammar, with QuickBooks' error messages. Does not belong here: finding objects (``select``).
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.clock import read_instant
from qb_pipeline.emulator.books.fields import Field, find_property, may
from qb_pipeline.emulator.books.tables import BY_PATH

LARGEST_PAGE = 1000
DEFAULT_PAGE = 100
OPERATORS = ("=", "<", ">", "<=", ">=")
TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:\\.|[^'\\])*')|(?P<number>-?\d+(?:\.\d+)?)(?![\w.-])|(?P<word>[A-Za-z_][\w.]*)"
    r"|(?P<operator><=|>=|=|<|>)|(?P<mark>[(),*]))"
)
AFTER_CONDITION = (
    "<EOF>",
    "<AND> ...",
    '"iterator" ...',
    '"maxresults" ...',
    "<OR> ...",
    '"order" ...',
    '"orderby" ...',
    '"startposition" ...',
)
CURRENT_DATE = "current_date"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, such as ``DocNumber IN ('1', '2')``. The values have the property's own type."""

    name: str
    field: Field
    operator: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """The content of a statement."""

    entity: str
    count: bool
    columns: tuple[str, ...]
    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]
    """The properties to sort by, each with whether the order is descending."""
    start: int
    limit: int


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a statement, and its column."""

    kind: str
    text: str
    column: int


def read_query(statement: str, today: str) -> Query:
    """Read a statement. ``today`` is the ISO date that ``current_date`` stands for.

    Raises:
        FaultError: 4000 when the statement does not parse, 4001 when QuickBooks cannot answer it.
    """
    return _Reader(statement, today).read()


def _split(statement: str) -> list[Token]:
    """Divide a statement into words.

    An unreadable character becomes a word of the kind ``unreadable``, which is an error only when the reader reaches
    it.
    """
    tokens: list[Token] = []
    place, end = 0, len(statement.rstrip())
    while place < end:
        found = TOKEN.match(statement, place)
        if found is None:
            while statement[place].isspace():
                place += 1
            sign = statement[place]
            text = f'Lexical error at line 1, column {place + 1}.  Encountered: "{sign}" ({ord(sign)}), after : ""'
            return [*tokens, Token("unreadable", text, place + 1)]
        kind = str(found.lastgroup)
        tokens.append(Token(kind, found.group(kind), found.start(kind) + 1))
        place = found.end()
    return tokens


class _Reader:
    def __init__(self, statement: str, today: str) -> None:
        self.tokens = _split(statement)
        self.end = Token("end", "<EOF>", len(statement) + 1)
        self.place = 0
        self.today = today

    def peek(self) -> Token:
        token = self.tokens[self.place] if self.place < len(self.tokens) else self.end
        if token.kind == "unreadable":
            raise faults.bad_query(token.text)
        return token

    def take(self) -> Token:
        token = self.peek()
        self.place += 1
        return token

    def is_word(self, *words: str) -> bool:
        token = self.peek()
        return token.kind == "word" and token.text.lower() in words

    def expect(self, *words: str) -> Token:
        token = self.peek()
        if token.text.lower() not in words or token.kind == "string":
            self.complain([f'"{word}" ...' for word in words])
        return self.take()

    def complain(self, expected: list[str] | tuple[str, ...]) -> NoReturn:
        token = self.peek()
        kind = {"word": "<IDENTIFIER>", "string": "<STRING>", "number": "<NUMBER>"}.get(token.kind, "")
        seen = f'" {kind} "{token.text} ""' if kind else f'"{token.text}" "{token.text} ""'
        wanted = "".join(f"    {each} \n" if each == "<EOF>" else f"    {each}\n" for each in expected)
        text = f"Encountered {seen} at line 1, column {token.column}.\nWas expecting one of:\n{wanted}    "
        raise faults.bad_query(text)

    def read(self) -> Query:
        self.expect("select")
        columns, count = self.read_columns()
        self.expect("from")
        entity = BY_PATH.get(self.peek().text.lower())
        if self.peek().kind != "word":
            self.complain(["<IDENTIFIER> ..."])
        if entity is None:
            raise faults.wrong_query(f"Unknown entity {self.peek().text}")
        self.take()
        conditions: list[Condition] = []
        if self.is_word("where"):
            self.take()
            conditions.append(self.read_condition(entity))
            while self.is_word("and"):
                self.take()
                conditions.append(self.read_condition(entity))
            if self.is_word("or"):
                raise faults.wrong_query("OR is not supported")
        order = self.read_order(entity)
        start, limit = self.read_page()
        if self.peek() is not self.end:
            self.complain(AFTER_CONDITION)
        names = tuple(self.property(entity, each)[0] for each in columns)
        return Query(entity, count, names, tuple(conditions), order, start, limit)

    def read_columns(self) -> tuple[list[str], bool]:
        if self.peek().text == "*":
            self.take()
            return [], False
        if self.is_word("count"):
            self.take()
            for mark in ("(", "*", ")"):
                self.expect(mark)
            return [], True
        columns = [self.identifier()]
        while self.peek().text == ",":
            self.take()
            columns.append(self.identifier())
        return columns, False

    def identifier(self) -> str:
        if self.peek().kind != "word":
            self.complain(["<IDENTIFIER> ..."])
        text = self.take().text
        return text[: -len(".*")] if text.endswith(".*") else text

    def property(self, entity: str, name: str) -> tuple[str, Field]:
        found = find_property(entity, name)
        if found is None:
            raise faults.wrong_query(f"Property {name} not found for Entity {entity}")
        return found

    def read_condition(self, entity: str) -> Condition:
        name, field = self.property(entity, self.identifier())
        if not may(entity, name, "f"):
            raise faults.wrong_query(f"property '{name}' is not queryable")
        if self.is_word("in", "like"):
            operator = self.take().text.lower()
        elif self.peek().text in OPERATORS and self.peek().kind == "operator":
            operator = self.take().text
        else:
            self.complain(['"=" ...', '"<" ...', '">" ...', '"<=" ...', '">=" ...', '"in" ...', '"like" ...'])
        if name == "Id" and operator not in ("=", "in"):
            raise faults.wrong_query("property 'Id' supports only = and IN")
        if operator != "in":
            return Condition(name, field, operator, (self.read_value(name, field),))
        self.expect("(")
        values = [self.read_value(name, field)]
        while self.peek().text == ",":
            self.take()
            values.append(self.read_value(name, field))
        self.expect(")")
        return Condition(name, field, operator, tuple(values))

    def read_value(self, name: str, field: Field) -> Any:
        token = self.peek()
        if token.kind == "string":
            text = re.sub(r"\\(.)", r"\1", token.text[1:-1])
        elif token.kind == "number" or self.is_word("true", "false"):
            text = token.text
        elif self.is_word(CURRENT_DATE):
            text = self.today
        else:
            self.complain(["<STRING> ...", "<NUMBER> ...", "<BOOLEAN> ..."])
        self.take()
        return read_value(name, field, text)

    def read_order(self, entity: str) -> tuple[tuple[str, bool], ...]:
        if not self.is_word("orderby", "order"):
            return ()
        if self.take().text.lower() == "order":
            self.expect("by")
        order: list[tuple[str, bool]] = []
        while True:
            name, _ = self.property(entity, self.identifier())
            if not may(entity, name, "s"):
                raise faults.wrong_query(f"property '{name}' is not sortable")
            downwards = self.is_word("desc")
            if self.is_word("asc", "desc"):
                self.take()
            order.append((name, downwards))
            if self.peek().text != ",":
                return tuple(order)
            self.take()

    def read_page(self) -> tuple[int, int]:
        page = {"startposition": 1, "maxresults": DEFAULT_PAGE}
        while self.is_word(*page):
            word = self.take().text.lower()
            if self.peek().kind != "number" or "." in self.peek().text:
                self.complain(["<NUMBER> ..."])
            value = int(self.take().text)
            if value < 1:
                raise faults.wrong_query(f"value {value} is too small. Min allowed value is 1")
            if word == "maxresults" and value > LARGEST_PAGE:
                raise faults.wrong_query(f"value {value} is too large. Max allowed value is {LARGEST_PAGE}")
            page[word] = value
        return page["startposition"], page["maxresults"]


def read_value(name: str, field: Field, text: str) -> Any:
    """Convert a value to the type of its property.

    Raises:
        FaultError: 4001, the text is not a value of that type.
    """
    try:
        if field.kind in ("dec", "int"):
            return Decimal(text or "0")
        if field.kind == "dt":
            return read_instant(text)
        if field.kind == "bool":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError, InvalidOperation):
        raise faults.wrong_query(f"Invalid value '{text}' for property '{name}'") from None
    if field.kind == "date":
        return text[:10]
    return text.strip().casefold()
