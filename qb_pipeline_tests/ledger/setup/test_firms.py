"""Set-up goes in its order, by whom it may, and leaves a trace.

Rows A-02, A-03, A-31, A-32, A-35, A-42, A-44, A-47, A-49 of the requirements.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qb_pipeline.core.settings import FirmSettings
from qb_pipeline.ledger.setup.firms import Firm, Firms, SetUpError
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, PARTNER, REALM, set_up

keys = count(1)


@pytest.fixture
def firms(ledger_engine: sa.Engine) -> Firms:
    return Firms(ledger_engine)


STEPS: dict[str, Callable[[Firms, str], Firm]] = {
    "subscribe": lambda firms, key: firms.subscribe(key, actor=PARTNER, now=NOON),
    "model": lambda firms, key: firms.choose_model(key, 2, actor=PARTNER, now=NOON),
    "connect": lambda firms, key: firms.connect(
        key, environment="emulator", realm_id=f"r-{key}", company_name="Books", actor="clerk", now=NOON
    ),
    "map": lambda firms, key: firms.mapped(key, actor="clerk", now=NOON),
    "activate": lambda firms, key: firms.activate(key, eligible_since=NOON, actor=PARTNER, now=LATER),
    "pause": lambda firms, key: firms.pause(key, actor="clerk", now=NOON),
    "resume": lambda firms, key: firms.resume(key, actor="clerk", now=NOON),
    "disconnect": lambda firms, key: firms.disconnect(key, actor="clerk", now=NOON),
}


def events(engine: sa.Engine) -> list[tuple[str, str, dict[str, Any]]]:
    """Who did what, in order."""
    with engine.connect() as connection:
        rows = connection.execute(sa.text("select actor, event, detail from sync.firm_event order by firm_event_id"))
        return [(row.actor, row.event, row.detail) for row in rows]


def test_each_step_leads_to_the_next_one(ledger_engine: sa.Engine, firms: Firms) -> None:
    added = set_up(ledger_engine, until="add")
    path = [(added.state, added.next_step)]

    for name in ("subscribe", "model", "connect", "map", "activate", "pause", "resume"):
        firm = STEPS[name](firms, FIRM)
        path.append((firm.state, firm.next_step))

    assert path == [
        ("not subscribed", "qb-pipeline firm subscribe one"),
        ("subscribed", "qb-pipeline firm model one 1|2"),
        ("model chosen", "qb-pipeline connect one"),
        ("connected", "qb-pipeline firm activate one"),
        ("mapped", "qb-pipeline firm activate one"),
        ("active", ""),
        ("paused", "qb-pipeline firm resume one"),
        ("active", ""),
    ]


def test_a_firm_that_is_set_up_says_all_of_it(ledger_engine: sa.Engine) -> None:
    assert set_up(ledger_engine) == Firm(
        firm_id="one",
        name="Firm One",
        time_zone="America/New_York",
        currency="USD",
        subscribed_at=NOON,
        model=1,
        environment="emulator",
        realm_id=REALM,
        company_name="Books One",
        connected_at=NOON,
        mapped_at=None,
        activated_at=NOON,
        eligible_since=None,
        paused_at=None,
        cut_over_at=None,
        settings=FirmSettings(),
    )


@pytest.mark.parametrize(
    ("done", "step", "next_step"),
    [
        ("add", "model", "qb-pipeline firm subscribe one"),
        ("add", "connect", "qb-pipeline firm subscribe one"),
        ("add", "activate", "qb-pipeline firm subscribe one"),
        ("subscribe", "connect", "qb-pipeline firm model one 1|2"),
        ("subscribe", "activate", "qb-pipeline firm model one 1|2"),
        ("model", "activate", "qb-pipeline connect one"),
    ],
)
def test_a_step_out_of_order_is_refused_and_names_the_missing_one(
    ledger_engine: sa.Engine, firms: Firms, done: str, step: str, next_step: str
) -> None:
    before = set_up(ledger_engine, until=done)
    heard = events(ledger_engine)

    with pytest.raises(SetUpError) as refusal:
        STEPS[step](firms, FIRM)

    assert str(refusal.value).endswith(f"Next step: {next_step}")
    assert (firms.get(FIRM), events(ledger_engine)) == (before, heard)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=12))
def test_no_sequence_of_steps_gets_around_the_order(ledger_engine: sa.Engine, steps: list[str]) -> None:
    firms, key = Firms(ledger_engine), f"firm-{next(keys)}"
    firm = set_up(ledger_engine, key, until="add")
    for step in steps:
        try:
            firm = STEPS[step](firms, key)
        except SetUpError as refusal:
            assert str(refusal).endswith(f"Next step: {firm.next_step}")  # noqa: PT017 - refused or not, both are lawful

    with ledger_engine.connect() as connection:
        shown = connection.execute(
            sa.text("select state, next_step from reporting.firm_status where firm_id = :key"), {"key": key}
        ).one()
    assert (firm.state, firm.next_step) == tuple(shown)
    if firm.state == "active":
        wanted = iter(steps)
        assert all(step in wanted for step in ("subscribe", "model", "connect", "activate"))


@pytest.mark.parametrize("done", ["add", "subscribe", "model", "connect"])
def test_nothing_is_sent_for_a_firm_that_is_not_set_up(ledger_engine: sa.Engine, done: str) -> None:
    firm = set_up(ledger_engine, until=done)

    with pytest.raises(SetUpError) as refusal:
        firm.require_active()

    assert str(refusal.value) == f"one {firm.lack}: nothing is sent. Next step: {firm.next_step}"


def test_an_active_firm_may_send_until_it_is_paused(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine).require_active()

    paused = firms.pause(FIRM, actor="clerk", now=LATER)

    with pytest.raises(SetUpError, match=r"one is paused: nothing is sent. Next step: qb-pipeline firm resume one"):
        paused.require_active()


def test_mapping_beforehand_is_optional(ledger_engine: sa.Engine) -> None:
    firm = set_up(ledger_engine)

    assert (firm.state, firm.mapped_at) == ("active", None)


@pytest.mark.parametrize(("done", "step"), [("add", "subscribe"), ("subscribe", "model"), ("connect", "activate")])
def test_only_a_super_user_may_subscribe_choose_the_model_and_activate(
    ledger_engine: sa.Engine, firms: Firms, done: str, step: str
) -> None:
    before = set_up(ledger_engine, until=done)
    heard = events(ledger_engine)
    steps: dict[str, Callable[[], Firm]] = {
        "subscribe": lambda: firms.subscribe(FIRM, actor="clerk", now=NOON),
        "model": lambda: firms.choose_model(FIRM, 1, actor="clerk", now=NOON),
        "activate": lambda: firms.activate(FIRM, eligible_since=None, actor="clerk", now=NOON),
    }

    with pytest.raises(SetUpError, match=r"clerk is no super user of one \(partner may\)"):
        steps[step]()

    assert (firms.get(FIRM), events(ledger_engine)) == (before, heard)


def test_a_super_user_is_known_in_any_case(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine, until="add")

    assert firms.subscribe(FIRM, actor="Partner", now=NOON).state == "subscribed"


def test_every_step_says_who_took_it(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine)
    firms.change_settings(FIRM, {"tax_policy": "total"}, actor="clerk", now=NOON)
    firms.pause(FIRM, actor="clerk", now=NOON)

    assert events(ledger_engine) == [
        ("partner", "added", {"super_user": "partner"}),
        ("partner", "subscribed", {}),
        ("partner", "model 1", {}),
        ("partner", "connected", {"environment": "emulator", "realm_id": "9130"}),
        ("partner", "activated", {"eligible_since": "all"}),
        ("clerk", "settings", {"tax_policy": "total"}),
        ("clerk", "paused", {}),
    ]


def add(firms: Firms, *, super_user: str, actor: str, key: str = FIRM) -> Firm:
    return firms.add(
        key, name="Firm New", time_zone="UTC", currency="USD", super_user=super_user, actor=actor, now=LATER
    )


def test_nobody_makes_himself_a_super_user(ledger_engine: sa.Engine, firms: Firms) -> None:
    before = set_up(ledger_engine)

    with pytest.raises(SetUpError, match="mallory is no super user of one"):
        add(firms, super_user="mallory", actor="mallory")

    assert firms.get(FIRM) == before


def test_a_super_user_makes_another_one(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine, until="add")

    add(firms, super_user="Anna", actor=PARTNER)

    assert firms.subscribe(FIRM, actor="anna", now=NOON).state == "subscribed"


def test_adding_a_firm_again_takes_over_what_billing_says(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine)

    again = add(firms, super_user=PARTNER, actor="clerk")

    assert (again.name, again.time_zone, again.state) == ("Firm New", "UTC", "active")


@pytest.mark.parametrize("key", ["", "One", "a_b", "x" * 31, "one\n"])
def test_a_key_that_could_not_stand_in_a_marker_is_refused(firms: Firms, key: str) -> None:
    with pytest.raises(SetUpError, match="cannot be a firm"):
        add(firms, key=key, super_user=PARTNER, actor=PARTNER)

    assert firms.all() == []


def test_a_firm_that_was_not_added_says_how_to_add_it(firms: Firms) -> None:
    with pytest.raises(SetUpError, match=r"There is no firm two\. Next step: qb-pipeline firm add two --super-user"):
        firms.get("two")


def test_the_model_may_change_until_the_firm_is_active(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine, until="connect")

    changed = firms.choose_model(FIRM, 2, actor=PARTNER, now=LATER)

    assert (changed.model, changed.cut_over_at) == (2, None)


def test_switching_an_active_firm_keeps_the_moment_and_choosing_the_same_again_does_not(
    ledger_engine: sa.Engine, firms: Firms
) -> None:
    set_up(ledger_engine)

    same = firms.choose_model(FIRM, 1, actor=PARTNER, now=LATER)
    other = firms.choose_model(FIRM, 2, actor=PARTNER, now=LATER)

    assert (same.cut_over_at, other.cut_over_at) == (None, LATER)


def test_what_cannot_be_done_last_undoes_the_choice(ledger_engine: sa.Engine, firms: Firms) -> None:
    before = set_up(ledger_engine)
    heard = events(ledger_engine)

    def fail() -> None:
        raise OSError("billing is away")

    with pytest.raises(OSError, match="billing is away"):
        firms.choose_model(FIRM, 2, actor=PARTNER, now=LATER, before_commit=fail)

    assert (firms.get(FIRM), events(ledger_engine)) == (before, heard)


def test_there_are_two_models(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine, until="subscribe")

    with pytest.raises(ValueError, match="there is no model 3; choose 1 or 2"):
        firms.choose_model(FIRM, 3, actor=PARTNER, now=NOON)


def connect(firms: Firms, key: str, realm_id: str, environment: str = "emulator") -> Firm:
    return firms.connect(
        key, environment=environment, realm_id=realm_id, company_name="Books", actor="clerk", now=LATER
    )


@pytest.mark.parametrize(("realm_id", "environment"), [("other", "emulator"), (REALM, "sandbox")])
def test_a_firm_never_moves_to_another_company(
    ledger_engine: sa.Engine, firms: Firms, realm_id: str, environment: str
) -> None:
    set_up(ledger_engine)
    firms.disconnect(FIRM, actor="clerk", now=NOON)

    with pytest.raises(SetUpError, match="one belongs to company 9130"):
        connect(firms, FIRM, realm_id, environment)

    assert connect(firms, FIRM, REALM).state == "active"


def test_a_company_has_one_firm(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine)
    set_up(ledger_engine, "two", until="model")

    with pytest.raises(SetUpError, match="Company 9130 belongs to firm one already"):
        connect(firms, "two", REALM)


def test_disconnecting_keeps_the_company_and_asks_to_connect(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine)

    firm = firms.disconnect(FIRM, actor="clerk", now=NOON)

    assert (firm.state, firm.next_step, firm.realm_id) == ("model chosen", "qb-pipeline connect one", REALM)


def cursors(engine: sa.Engine) -> int:
    with engine.begin() as connection:
        return int(connection.scalar(sa.text("select count(*) from sync.cursor")) or 0)


def remember_cursor(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("insert into sync.cursor values ('one', 'billing', :now)"), {"now": NOON})


def test_activating_stores_the_time_once_and_eligibility_each_time(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine)
    remember_cursor(ledger_engine)

    firm = firms.activate(FIRM, eligible_since=NOON, actor=PARTNER, now=LATER)

    assert (firm.activated_at, firm.eligible_since) == (NOON, NOON)
    assert cursors(ledger_engine) == 0  # the next scan looks at everything once more


def test_eligibility_is_a_setting_too(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine)
    remember_cursor(ledger_engine)

    firm = firms.change_settings(FIRM, {"eligible_since": "2026-03-01"}, actor="clerk", now=LATER)

    assert firm.eligible_since == datetime(2026, 3, 1, 5, 0, tzinfo=UTC)  # midnight in New York
    assert cursors(ledger_engine) == 0
    assert firms.change_settings(FIRM, {"eligible_since": "all"}, actor="clerk", now=LATER).eligible_since is None


def test_settings_are_kept(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine)
    remember_cursor(ledger_engine)

    firms.change_settings(FIRM, {"daily_sync_at": "07:30", "income_account": "79"}, actor="clerk", now=NOON)
    firms.change_settings(FIRM, {"auto_sync_payments": "on"}, actor="clerk", now=NOON)

    assert firms.get(FIRM).settings == FirmSettings(
        daily_sync_at=time(7, 30), income_account="79", auto_sync_payments=True
    )
    assert cursors(ledger_engine) == 1


def test_settings_change_all_together_or_not_at_all(ledger_engine: sa.Engine, firms: Firms) -> None:
    before = set_up(ledger_engine)
    heard = events(ledger_engine)

    with pytest.raises(ValueError, match="colour"):
        firms.change_settings(FIRM, {"tax_policy": "total", "colour": "red"}, actor="clerk", now=NOON)

    assert (firms.get(FIRM), events(ledger_engine)) == (before, heard)


def test_two_people_change_settings_at_once_and_both_are_kept(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine)
    wanted = [{"tax_policy": "total"}, {"keep_overpayments": "on"}, {"record_refunds": "on"}, {"income_account": "7"}]

    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda change: firms.change_settings(FIRM, change, actor="clerk", now=NOON), wanted))

    assert firms.get(FIRM).settings == FirmSettings(
        tax_policy="total", keep_overpayments=True, record_refunds=True, income_account="7"
    )


def test_pausing_twice_keeps_the_first_moment(ledger_engine: sa.Engine, firms: Firms) -> None:
    set_up(ledger_engine)
    firms.pause(FIRM, actor="clerk", now=NOON)

    assert firms.pause(FIRM, actor="clerk", now=LATER).paused_at == NOON
