"""The table of moves is that of the statements: both ways, and in the database itself."""

import ast
from itertools import permutations
from pathlib import Path

import pytest
import sqlalchemy as sa

import qb_pipeline
from qb_pipeline.core.states import MOVES, UNDER_WAY, UNSENT, Event, Kind, Move, Operation, State
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.moves import named_moves, statements


def test_statements_name_the_moves_of_the_table_and_no_other() -> None:
    named = {move for text in statements().values() for move in named_moves(text)}
    assert (named - MOVES, MOVES - named) == (set(), set())


def test_every_statement_that_sets_a_state_names_its_moves() -> None:
    silent = [name for name, text in statements().items() if "state" in text and not named_moves(text)]
    assert silent == []


@pytest.mark.parametrize("word", ["-- move lost: new -> held", "-- move gone: newer -> held"])
def test_a_word_that_is_no_event_or_no_state_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        named_moves(word)


def test_what_is_over_is_never_sent() -> None:
    assert {move.before for move in MOVES if move.after is State.SENDING}.isdisjoint({State.VOIDED, State.CLOSED})


def test_only_its_outcome_moves_what_is_under_way() -> None:
    assert {move.event for move in MOVES if move.before in UNDER_WAY} == {Event.UNANSWERED, Event.RECORDED}
    assert {move.event for move in MOVES if move.after in UNDER_WAY} == {Event.RESERVED, Event.UNANSWERED}


def test_every_state_is_reached_from_a_new_document() -> None:
    reached: set[State | None] = {None}
    while further := {move.after for move in MOVES if move.before in reached} - reached:
        reached |= further
    assert reached == {None, *State}


def test_what_is_to_be_sent_is_one_of_three_operations() -> None:
    assert UNSENT.keys() == {Operation.CREATE, Operation.UPDATE, Operation.VOID}


@pytest.mark.parametrize(
    ("before", "event", "after", "is_refused"),
    [
        ("voided", "reserved", "sending", True),
        ("synced", "unanswered", "unknown", True),
        ("synced", "reserved", "sending", False),
    ],
)
def test_a_database_of_a_test_refuses_a_move_that_the_table_lacks(
    law_firm: LawFirm, before: str, event: str, after: str, is_refused: bool
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    move = sa.text(f"-- move {event}: any -> any\nupdate sync.document set state = :state where kind = 'invoice'")
    with law_firm.ledger.begin() as connection:
        connection.execute(sa.text("update sync.document set state = :state where kind = 'invoice'"), {"state": before})

    refusal = ""
    try:
        with law_firm.ledger.begin() as connection:
            connection.execute(move, {"state": after})
    except sa.exc.DBAPIError as error:
        refusal = str(error.orig).splitlines()[0]

    assert refusal == (f"no move of invoice is {{{event}}}: {before} to {after}" if is_refused else "")
    assert (Move(State(before), Event(event), State(after)) in MOVES) is not is_refused


SPELLED = {"state": State, "former_state": State, "operation": Operation, "kind": Kind}
OTHER_STATES = {"received.py"}
"""What becomes of payments that QuickBooks received has states of its own (``core.documents.received``)."""


def name_in(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def literals(node: ast.expr) -> list[str]:
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def spelled_in(source: str) -> list[str]:
    """Literals where a state, an operation or a kind is compared with, or passed, one that has a name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        pairs: list[tuple[str, ast.expr]] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            pairs = [(name_in(one), other) for one, other in permutations(sides, 2)]
        elif isinstance(node, ast.keyword):
            pairs = [(node.arg or "", node.value)]
        found += [
            f"{name}: {word}"
            for name, value in pairs
            for word in literals(value)
            if word in map(str, SPELLED.get(name, ()))
        ]
    return found


def test_no_module_spells_a_state_an_operation_or_a_kind() -> None:
    root = Path(qb_pipeline.__path__[0])
    modules = [
        path
        for room in ("core", "sync", "ledger", "defs", "commands", "quickbooks", "billing")
        for path in root.glob(f"{room}/**/*.py")
        if path.name not in OTHER_STATES
    ]
    found = {str(path.relative_to(root)): words for path in modules if (words := spelled_in(path.read_text()))}
    assert (len(modules) > 100, found) == (True, {})


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("row.state == 'held'", ["state: held"]),
        ("'held' != row['state']", ["state: held"]),
        ("operation in ('create', 'send')", ["operation: create"]),
        ("send(kind='invoice')", ["kind: invoice"]),
        ("row.state == State.HELD and name == 'held'", []),
    ],
)
def test_a_spelled_word_is_found(source: str, found: list[str]) -> None:
    assert spelled_in(source) == found
