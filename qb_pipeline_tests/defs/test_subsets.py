"""Every choice of stages, of a firm that can sync and of firms that cannot: what is sent, and which colours show."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import combinations

import pytest

from qb_pipeline.core.markers import find_marker
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.stages import LOADING, STAGES, Stage, sync_firm
from qb_pipeline_tests.defs.conftest import Orchestra, failure, partitions
from qb_pipeline_tests.law_firm import FIRM, LawFirm

SUBSETS = [chosen for size in range(1, len(STAGES) + 1) for chosen in combinations(STAGES, size)]

DAYS = 2


def name_of(chosen: Sequence[Stage]) -> str:
    return "+".join(stage.removeprefix("quickbooks_") for stage in chosen)


def prepare(law_firm: LawFirm) -> None:
    """Work for every stage: two voids, two new invoices, one of a client that QuickBooks lacks, and a payment of an
    invoice that QuickBooks has."""
    law_firm.activate()
    for invoice_id in ("kept", "void"):
        law_firm.invoice(invoice_id, "10.00")
    law_firm.payment("void", applied={"kept": "4.00"}, days_ago=1)
    with law_firm.deployment.open(FIRM, Run("before", "test", "partner")) as session:
        sync_firm(session, Selection())
    now = law_firm.time.now()
    law_firm.change("update invoices set status = 'void', updated_at = :now where invoice_id = 'void'", now=now)
    law_firm.change("update payments set status = 'void', updated_at = :now where payment_id = 'void'", now=now)
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee")
    law_firm.invoice("1", "10.00")
    law_firm.invoice("2", "10.00", payer_id="P2")
    law_firm.payment("1", applied={"kept": "5.00"}, days_ago=1)


def in_books(law_firm: LawFirm) -> dict[str, set[str]]:
    """What QuickBooks holds of ours and lives, each once: ids of billing; and its customers."""
    found: dict[str, set[str]] = {"Customer": {row["DisplayName"] for row in law_firm.books.all("Customer")}}
    for kind in ("Invoice", "Payment"):
        living = (row for row in law_firm.books.ours(kind) if row["TotalAmt"])
        ids = Counter(mark.source_id for row in living if (mark := find_marker(row["PrivateNote"])))
        assert set(ids.values()) <= {1}, ids
        found[kind] = set(ids)
    return found


def expected_of(chosen: Sequence[Stage], before: dict[str, set[str]]) -> dict[str, set[str]]:
    """What a choice of stages leaves in QuickBooks: a stage that sends documents does what they need as well."""
    after = {kind: set(rows) for kind, rows in before.items()}
    sends = {"Invoice": Stage.INVOICES in chosen, "Payment": Stage.PAYMENTS in chosen}
    for kind, is_sent in sends.items():
        if is_sent or Stage.RELEASES in chosen:
            after[kind] -= {"void"}
    if sends["Invoice"]:
        after["Invoice"] |= {"1", "2"}
    if sends["Payment"]:
        after["Payment"] |= {"1"}
    if sends["Invoice"] or Stage.CUSTOMERS_AND_ITEMS in chosen:
        after["Customer"] |= {"Bo Lee"}
    return after


@pytest.mark.slow
@pytest.mark.parametrize("chosen", SUBSETS, ids=name_of)
def test_a_choice_of_stages_sends_what_these_need_and_marks_what_was_chosen(
    law_firm: LawFirm, orchestra: Orchestra, chosen: Sequence[Stage]
) -> None:
    prepare(law_firm)
    before = in_books(law_firm)

    result = orchestra.sync(law_firm, days=DAYS, assets=[stage.value for stage in chosen])

    assert result.success
    assert orchestra.materialized(result) == dict.fromkeys(chosen, partitions(FIRM, law_firm.today, DAYS))
    assert in_books(law_firm) == expected_of(chosen, before)


@contextmanager
def paused(law_firm: LawFirm) -> Iterator[None]:
    law_firm.deployment.firms.pause(FIRM, actor="partner", now=law_firm.time.now())
    yield


@contextmanager
def busy(law_firm: LawFirm) -> Iterator[None]:
    with law_firm.deployment.open(FIRM, Run("other", "cli", "partner")) as session, session.sending():
        yield


@contextmanager
def disconnected(law_firm: LawFirm) -> Iterator[None]:
    law_firm.deployment.firms.disconnect(FIRM, actor="partner", now=law_firm.time.now())
    yield


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hinder", "said", "impossible"),
    [
        (paused, "paused", STAGES),
        (busy, "BUSY", LOADING),
        (disconnected, "connect", STAGES),
    ],
    ids=["paused", "busy", "disconnected"],
)
def test_a_firm_that_cannot_sync_is_red_from_the_first_stage_that_it_cannot_do_and_nothing_is_sent(
    law_firm: LawFirm,
    orchestra: Orchestra,
    hinder: Callable[[LawFirm], AbstractContextManager[None]],
    said: str,
    impossible: Sequence[Stage],
) -> None:
    prepare(law_firm)
    before, writes = in_books(law_firm), law_firm.books.writes()

    with hinder(law_firm):
        found, expected = {}, {}
        for chosen in SUBSETS:
            days = partitions(FIRM, law_firm.today, DAYS)  # of each run anew: midnight may come meanwhile
            result = orchestra.sync(law_firm, days=DAYS, assets=[stage.value for stage in chosen])
            told = "" if result.success else failure(result)
            assert said in told or result.success, told
            failed = [event.step_key for event in result.all_events if event.is_step_failure]
            found[name_of(chosen)] = (failed, orchestra.materialized(result))
            red = next((stage for stage in chosen if stage in impossible), None)
            green = chosen if red is None else chosen[: chosen.index(red)]
            expected[name_of(chosen)] = ([red.value] if red else [], {stage.value: days for stage in green})

    assert found == expected
    assert law_firm.books.writes() == writes
    assert in_books(law_firm) == before
