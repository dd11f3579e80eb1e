"""Tokens at rest: who can read them, and who refreshes them."""

import json
import os
import signal
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import sqlalchemy as sa

from qb_pipeline import crash_points
from qb_pipeline.ledger.setup.firms import Firms, SetUpError
from qb_pipeline.ledger.setup.tokens import StoredTokens, TokenStore, describe_end
from qb_pipeline_tests.ledger.desk import FIRM, NOON, PARTNER, REALM, set_up
from qb_pipeline_tests.ledger.racers import Granted, ask_for_token

HOUR = timedelta(hours=1)
YEARS = timedelta(days=5 * 365)


def granted(name: str, now: datetime = NOON) -> Granted:
    return Granted(f"access-{name}", f"refresh-{name}", now + HOUR, now + timedelta(days=100), NOON + YEARS)


def save(store: TokenStore, firm_id: str = FIRM, realm_id: str = REALM, *, name: str = "1") -> None:
    store.save(firm_id, realm_id=realm_id, environment="emulator", tokens=granted(name), now=NOON)


@pytest.fixture
def store(ledger_engine: sa.Engine, tmp_path: Path) -> TokenStore:
    """The store of a firm that is connected."""
    set_up(ledger_engine)
    store = TokenStore(ledger_engine, ["key"], tmp_path)
    save(store)
    return store


class LostError(Exception):
    """Intuit takes a refresh token no more."""


class Intuit:
    """Rotates strictly: a refresh token works once."""

    def __init__(self, clock: datetime = NOON) -> None:
        self.clock = clock
        self.spent: list[str] = []

    def refresh(self, token: str) -> Granted:
        assert token not in self.spent
        self.spent.append(token)
        return granted(str(len(self.spent) + 1), self.clock)


def ask(store: TokenStore, intuit: Intuit, now: datetime = NOON, *, refused: str | None = None) -> str:
    return store.access_token(FIRM, refresh=intuit.refresh, now=lambda: now, lost=LostError, refused=refused)


def test_what_was_saved_is_loaded(store: TokenStore) -> None:
    assert store.load(FIRM) == StoredTokens(
        "access-1", "refresh-1", NOON + HOUR, NOON + timedelta(days=100), NOON + YEARS
    )


def test_no_token_is_readable_in_the_database(store: TokenStore, ledger_engine: sa.Engine) -> None:
    with ledger_engine.connect() as connection:
        row = connection.execute(sa.text("select t::text, t.ciphertext from sync.token t")).one()

    assert "access-1" not in row[0]
    assert b"access-1" not in bytes(row[1])
    assert "refresh-1" not in repr(store.load(FIRM))


def test_a_token_far_from_its_end_is_used_as_it_is(store: TokenStore) -> None:
    intuit = Intuit()

    assert ask(store, intuit, NOON + timedelta(minutes=54)) == "access-1"
    assert intuit.spent == []


def test_a_token_near_its_end_is_refreshed_and_the_new_one_kept(store: TokenStore) -> None:
    intuit = Intuit(NOON + timedelta(minutes=55))

    assert ask(store, intuit, NOON + timedelta(minutes=55)) == "access-2"
    assert intuit.spent == ["refresh-1"]
    assert store.load(FIRM).refresh_token == "refresh-2"


def test_a_refused_token_is_refreshed_once_for_everybody(store: TokenStore) -> None:
    intuit = Intuit()

    answers = [ask(store, intuit, refused="access-1") for _ in range(3)]

    assert (answers, intuit.spent) == (["access-2"] * 3, ["refresh-1"])


@pytest.mark.parametrize("wrong_by", [timedelta(days=-1), timedelta(days=1)])
def test_a_wrong_clock_does_not_refresh_again_and_again(store: TokenStore, wrong_by: timedelta) -> None:
    intuit = Intuit()
    ours = NOON + wrong_by
    ask(store, intuit, ours, refused="access-1")

    for _ in range(5):
        ask(store, intuit, ours)

    assert intuit.spent == ["refresh-1"]


def test_a_refresh_that_fails_keeps_the_old_token(store: TokenStore) -> None:
    def fails(_token: str) -> Granted:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        store.access_token(FIRM, refresh=fails, now=lambda: NOON + HOUR, lost=LostError)

    assert store.load(FIRM).refresh_token == "refresh-1"
    assert ask(store, Intuit(NOON + HOUR), NOON + HOUR) == "access-2"


def test_eight_processes_refresh_once_each_time(
    store: TokenStore, ledger_engine: sa.Engine, processes: ForkServerContext, tmp_path: Path
) -> None:
    rounds, racers = 10, 8
    url = ledger_engine.url.render_as_string(hide_password=False)
    start, refreshes = processes.Barrier(racers), tmp_path / "refreshes"
    pipes = [processes.Pipe(duplex=False) for _ in range(racers)]
    children = [
        processes.Process(target=ask_for_token, args=(url, rounds, start, refreshes, sender)) for _, sender in pipes
    ]
    for child in children:
        child.start()

    answers = [{receiver.poll(30) and receiver.recv() for receiver, _ in pipes} for _ in range(rounds)]

    for child in children:
        child.join(30)
    assert [child.exitcode for child in children] == [0] * racers
    assert refreshes.read_text().split() == ["refresh-1" + "+" * n for n in range(rounds)]
    assert answers == [{"access-1" + "+" * n} for n in range(1, rounds + 1)]


@pytest.mark.parametrize(
    "columns", ["ciphertext, key_id", "ciphertext, key_id, realm_id, environment, access_expires_at"]
)
def test_ciphertext_of_another_company_cannot_be_read(
    store: TokenStore, ledger_engine: sa.Engine, columns: str
) -> None:
    set_up(ledger_engine, "two", "9131")
    save(store, "two", "9131", name="of-two")
    with ledger_engine.begin() as connection:
        source = f"(select {columns} from sync.token where firm_id = 'two')"  # noqa: S608
        connection.exec_driver_sql(f"update sync.token set ({columns}) = {source} where firm_id = 'one'")  # noqa: S608

    with pytest.raises(SetUpError) as refusal:
        store.load(FIRM)

    assert str(refusal.value) == (
        "The tokens of one cannot be read with this QB_PIPELINE_SECRET_KEY: bring back the key that wrote them, "
        "or run: qb-pipeline connect one"
    )
    assert store.load("two").access_token == "access-of-two"


def test_one_changed_byte_is_noticed(store: TokenStore, ledger_engine: sa.Engine) -> None:
    with ledger_engine.begin() as connection:
        connection.exec_driver_sql(
            "update sync.token set ciphertext = set_byte(ciphertext, 20, 255 - get_byte(ciphertext, 20))"
        )

    with pytest.raises(SetUpError, match="cannot be read"):
        store.load(FIRM)


def test_a_new_key_opens_what_the_old_one_wrote_and_takes_over(
    store: TokenStore, ledger_engine: sa.Engine, tmp_path: Path
) -> None:
    both = TokenStore(ledger_engine, ["new key", "key"], tmp_path)
    assert both.load(FIRM).access_token == "access-1"

    ask(both, Intuit(NOON + HOUR), NOON + HOUR)

    assert TokenStore(ledger_engine, ["new key"], tmp_path).load(FIRM).access_token == "access-2"
    with pytest.raises(SetUpError, match="cannot be read"):
        store.load(FIRM)


def test_the_old_key_alone_is_not_enough_for_anybody_else(
    store: TokenStore, ledger_engine: sa.Engine, tmp_path: Path
) -> None:
    with pytest.raises(SetUpError, match="cannot be read"):
        TokenStore(ledger_engine, ["another key"], tmp_path).load(FIRM)


def test_without_a_key_there_is_no_store(ledger_engine: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(SetUpError, match="set QB_PIPELINE_SECRET_KEY"):
        TokenStore(ledger_engine, [], tmp_path)


def test_a_firm_without_tokens_says_how_to_get_some(store: TokenStore, ledger_engine: sa.Engine) -> None:
    Firms(ledger_engine).disconnect(FIRM, actor=PARTNER, now=NOON)

    with pytest.raises(SetUpError, match=r"one has no tokens\. Next step: qb-pipeline connect one"):
        ask(store, Intuit())


class Rotation:
    """Intuit's side in a file, so that it outlives a process: which refresh tokens work, each once.

    ``grace``: the token before works until the new one was used, as Intuit's own pages suggest; else never again.
    """

    def __init__(self, path: Path, *, grace: bool = False) -> None:
        self.path = path
        self.grace = grace
        path.write_text("refresh-1")

    def refresh(self, token: str) -> Granted:
        working = self.path.read_text().split()
        if token not in working:
            raise LostError
        name = f"{token}+"
        self.path.write_text(f"{name} {token}" if self.grace else name)
        return Granted(name.replace("refresh", "access"), name, NOON + 3 * HOUR)


def die_at(place: str, how: Callable[[], None]) -> None:
    def reach(name: str) -> None:
        if name == place:
            how()

    crash_points.on_reach = reach


def cut() -> None:
    raise ConnectionError


def refresh_and_die(url: str, home: Path, rotation: Rotation, place: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    die_at(place, lambda: os.kill(os.getpid(), signal.SIGKILL))
    TokenStore(engine, ["key"], home).access_token(
        FIRM, refresh=rotation.refresh, now=lambda: NOON + HOUR, lost=LostError
    )


@pytest.mark.parametrize(
    ("place", "grace", "token"),
    [
        ("refresh: before it is asked for", False, "access-1+"),
        ("refresh: granted", True, "access-1+"),  # nobody but the dead process knew the new one
        ("refresh: on the disk", False, "access-1+"),
        ("refresh: before its commit", False, "access-1+"),
        ("refresh: committed", False, "access-1+"),
    ],
)
def test_a_process_killed_during_a_refresh_loses_no_connection(
    store: TokenStore,
    ledger_engine: sa.Engine,
    processes: ForkServerContext,
    tmp_path: Path,
    place: str,
    grace: bool,
    token: str,
) -> None:
    rotation = Rotation(tmp_path / "intuit", grace=grace)
    url = ledger_engine.url.render_as_string(hide_password=False)
    child = processes.Process(target=refresh_and_die, args=(url, tmp_path, rotation, place))
    child.start()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL

    for _ in range(2):
        assert store.access_token(FIRM, refresh=rotation.refresh, now=lambda: NOON + HOUR, lost=LostError) == token

    assert store.load(FIRM).refresh_token == rotation.path.read_text().split()[0]
    assert not list((tmp_path / "pending_tokens").iterdir())


def test_a_commit_that_fails_after_the_grant_is_made_up_for_by_the_next_process(
    store: TokenStore, tmp_path: Path
) -> None:
    rotation = Rotation(tmp_path / "intuit")

    die_at("refresh: before its commit", cut)
    try:
        with pytest.raises(ConnectionError):
            store.access_token(FIRM, refresh=rotation.refresh, now=lambda: NOON + HOUR, lost=LostError)
    finally:
        crash_points.on_reach = None
    [file] = (tmp_path / "pending_tokens").iterdir()
    assert (stat.S_IMODE(file.stat().st_mode), b"access" in file.read_bytes().replace(b"access_expires", b"")) == (
        0o600, False,
    )  # fmt: skip

    answer = store.access_token(FIRM, refresh=rotation.refresh, now=lambda: NOON + HOUR, lost=LostError)

    assert (answer, store.load(FIRM).refresh_token) == ("access-1+", "refresh-1+")


def test_what_another_company_left_on_the_disk_is_not_taken_up(
    store: TokenStore, ledger_engine: sa.Engine, tmp_path: Path
) -> None:
    set_up(ledger_engine, "two", "9131")
    save(store, "two", "9131", name="of-two")
    rotation = Rotation(tmp_path / "intuit")
    die_at("refresh: before its commit", cut)
    try:
        with pytest.raises(ConnectionError):
            store.access_token(FIRM, refresh=rotation.refresh, now=lambda: NOON + HOUR, lost=LostError)
    finally:
        crash_points.on_reach = None
    folder = tmp_path / "pending_tokens"
    written = json.loads((folder / FIRM).read_text())
    (folder / "two").write_text(json.dumps(written | {"firm_id": "two"}))

    assert store.access_token("two", refresh=rotation.refresh, now=lambda: NOON, lost=LostError) == "access-of-two"


def test_a_token_that_is_taken_no_more_is_followed_by_the_one_before_it_once(store: TokenStore) -> None:
    asked: list[str] = []

    def refresh(token: str) -> Granted:
        asked.append(token)
        if token == "refresh-2":
            raise LostError
        return granted("3", NOON + 2 * HOUR)

    save(store, name="2")

    assert store.access_token(FIRM, refresh=refresh, now=lambda: NOON + HOUR, lost=LostError) == "access-3"
    assert asked == ["refresh-2", "refresh-1"]


def test_a_connection_that_is_lost_says_so_until_a_person_connects_again(store: TokenStore) -> None:
    save(store, name="2")
    asked: list[str] = []

    def refresh(token: str) -> Granted:
        asked.append(token)
        raise LostError

    for hours in (1, 2):
        with pytest.raises(LostError):
            store.access_token(FIRM, refresh=refresh, now=lambda hours=hours: NOON + hours * HOUR, lost=LostError)

    assert asked == ["refresh-2", "refresh-1"] * 2
    assert store.load(FIRM).lost_at == NOON + HOUR
    save(store, name="3")
    assert store.load(FIRM).lost_at is None


def test_a_disk_that_takes_nothing_is_noticed_before_the_old_token_is_spent(store: TokenStore, tmp_path: Path) -> None:
    rotation = Rotation(tmp_path / "intuit")
    (tmp_path / "pending_tokens").write_text("a file where the folder should be")

    with pytest.raises(SetUpError, match=r"pending_tokens.* cannot be written"):
        store.access_token(FIRM, refresh=rotation.refresh, now=lambda: NOON + HOUR, lost=LostError)

    assert rotation.path.read_text() == "refresh-1"


def test_an_old_key_is_needed_no_more_once_each_firm_was_used_with_the_new_one(
    store: TokenStore, ledger_engine: sa.Engine, tmp_path: Path
) -> None:
    intuit = Intuit()

    assert ask(TokenStore(ledger_engine, ["new key", "key"], tmp_path), intuit) == "access-1"

    assert TokenStore(ledger_engine, ["new key"], tmp_path).load(FIRM).refresh_token == "refresh-1"
    assert intuit.spent == []


@pytest.mark.parametrize(
    ("days", "level", "sentence"),
    [
        (31, 0, "good until 2026-04-02"),
        (30, 1, "the connection ends on 2026-04-01"),
        (7, 2, "the connection ends on 2026-03-09"),
        (1, 3, "the connection ends on 2026-03-03"),
        (0, 3, "the connection ended on 2026-03-02"),
    ],
)
def test_people_are_told_thirty_days_seven_days_and_a_day_before_a_connection_ends(
    days: int, level: int, sentence: str
) -> None:
    assert describe_end(NOON + timedelta(days=days), None, now=NOON) == (level, sentence)
    assert describe_end(NOON + timedelta(days=days), NOON, now=NOON) == (
        3, "QuickBooks lets us in no more since 2026-03-02 12:00 UTC",
    )  # fmt: skip
