"""Every database of a test refuses a move of a document that ``core.states.MOVES`` lacks for what its statement names.

Belongs here: reading the moves that statements name, and the refusal. Does not belong here: which moves there are.
"""

import re
from itertools import product
from pathlib import Path

import sqlalchemy as sa

import qb_pipeline.ledger
from qb_pipeline.core.states import MOVES, Event, Move, State
from qb_pipeline.database import NAME

NAMED = re.compile(r"^-- move (\w+): (.+) -> (.+)$", re.MULTILINE)
SETS_A_STATE = re.compile(r"(?:update|insert into) sync\.document\b")

REFUSE = r"""
create function sync.require_move() returns trigger language plpgsql as $$
declare
    former text := case when tg_op = 'UPDATE' then old.state else '' end;
    events text[] := array(select (regexp_matches(current_query(), '-- move (\w+): ', 'g'))[1]);
begin
    -- a statement that names no move arranges a test
    if events <> '{}' and not exists (
        select from unnest(cast(:befores as text[]), cast(:events as text[]), cast(:afters as text[])) as m (b, e, a)
        where b = former and e = any(events) and a = new.state
    ) then
        raise exception 'no move of % is %: % to %', new.kind, events, former, new.state;
    end if;
    return null;
end
$$;
create trigger require_first_move after insert on sync.document
    for each row execute function sync.require_move();
create trigger require_move after update on sync.document
    for each row when (old.state <> new.state) execute function sync.require_move();
"""


def statements() -> dict[str, str]:
    """Every statement of the ledger that inserts or updates documents, by ``file: name``."""
    found = {}
    for path in sorted(Path(qb_pipeline.ledger.__path__[0]).rglob("*.sql")):
        parts = NAME.split(path.read_text())[1:]
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if SETS_A_STATE.search(text):
                found[f"{path.name}: {name}"] = text
    return found


def named_moves(statement: str) -> set[Move]:
    """The moves that a statement's comment names: ``-- move EVENT: before, before -> after, after``.

    Raises:
        ValueError: a word is no event or no state.
    """
    return {
        Move(None if before == "none" else State(before), Event(event), State(after))
        for event, befores, afters in NAMED.findall(statement)
        for before, after in product(befores.split(", "), afters.split(", "))
        if before != after
    }


def require_moves(engine: sa.Engine) -> None:
    """Install the refusal in a database with the pipeline's schema."""
    moves = sorted((move.before or "", str(move.event), str(move.after)) for move in MOVES)
    script = REFUSE
    for side, name in enumerate(("befores", "events", "afters")):
        script = script.replace(f":{name}", "'{" + ",".join(f'"{move[side]}"' for move in moves) + "}'")
    with engine.begin() as connection:
        connection.connection.cursor().execute(script)
