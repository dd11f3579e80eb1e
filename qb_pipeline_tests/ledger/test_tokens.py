"""Tokens at rest: who can read them, and who refreshes them."""

from datetime import datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger.firms import Firms, SetUpError
from qb_pipeline.ledger.tokens import StoredTokens, TokenStore
from qb_pipeline_tests.ledger.desk import FIRM, NOON, PARTNER, REALM, set_up
from qb_pipeline_tests.ledger.racers import Granted, ask_for_token

HOUR = timedelta(hours=1)
YEARS = timedelta(days=5 * 365)


def granted(name: str, now: datetime = NOON) -> Granted:
    return Granted(f"access-{name}", f"refresh-{name}", now + HOUR, now + timedelta(days=100), NOON + YEARS)


def save(store: TokenStore, firm_id: str = FIRM, realm_id: str = REALM, *, name: str = "1") -> None:
    store.save(firm_id, realm_id=realm_id, environment="emulator", tokens=granted(name), now=NOON)


@pytest.fixture
def store(ledger_engine: sa.Engine) -> TokenStore:
    """The store of a firm that is connected."""
    set_up(ledger_engine)
    store = TokenStore(ledger_engine, ["key"])
    save(store)
    return store


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
    return store.access_token(FIRM, refresh=intuit.refresh, now=lambda: now, refused=refused)


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
        store.access_token(FIRM, refresh=fails, now=lambda: NOON + HOUR)

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


def test_a_new_key_opens_what_the_old_one_wrote_and_takes_over(store: TokenStore, ledger_engine: sa.Engine) -> None:
    both = TokenStore(ledger_engine, ["new key", "key"])
    assert both.load(FIRM).access_token == "access-1"

    ask(both, Intuit(NOON + HOUR), NOON + HOUR)

    assert TokenStore(ledger_engine, ["new key"]).load(FIRM).access_token == "access-2"
    with pytest.raises(SetUpError, match="cannot be read"):
        store.load(FIRM)


def test_the_old_key_alone_is_not_enough_for_anybody_else(store: TokenStore, ledger_engine: sa.Engine) -> None:
    with pytest.raises(SetUpError, match="cannot be read"):
        TokenStore(ledger_engine, ["another key"]).load(FIRM)


def test_without_a_key_there_is_no_store(ledger_engine: sa.Engine) -> None:
    with pytest.raises(SetUpError, match="set QB_PIPELINE_SECRET_KEY"):
        TokenStore(ledger_engine, [])


def test_a_firm_without_tokens_says_how_to_get_some(store: TokenStore, ledger_engine: sa.Engine) -> None:
    Firms(ledger_engine).disconnect(FIRM, actor=PARTNER, now=NOON)

    with pytest.raises(SetUpError, match=r"one has no tokens\. Next step: qb-pipeline connect one"):
        ask(store, Intuit())
