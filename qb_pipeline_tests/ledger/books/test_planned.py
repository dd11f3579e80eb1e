"""What a run has planned for its stages: it counts while its documents stand, and is gone with its run."""

from dataclasses import replace

from qb_pipeline.core.states import Operation
from qb_pipeline.ledger.books.mappings import Mapping, Mappings
from qb_pipeline.ledger.books.planned import Basis, PlannedDocument, PlannedDocuments
from qb_pipeline.ledger.log import Log, Run
from qb_pipeline.ledger.sending import lease
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, PARTNER, REALM, RUN, Desk, invoice, set_up

BASIS = Basis(LATER, 7, "rules", "mapped", ["P1", "P2"], ["F1"])
OTHER_RUN = Run("run-2", "cli", PARTNER)


def begin(desk: Desk, *runs: Run) -> PlannedDocuments:
    """The books of the firm, for runs that have begun."""
    for run in runs or (RUN,):
        desk.log.begin(run, now=NOON)
    return PlannedDocuments(desk.engine, FIRM)


def planned(desk: Desk, source_id: str, ready: str = "{}") -> PlannedDocument:
    """To create a document as it stands now."""
    row = desk.row(source_id)
    return PlannedDocument(row["document_id"], Operation.CREATE, row["source_hash"], ready)


def test_a_basis_is_read_as_it_was_kept_and_only_by_its_run(desk: Desk) -> None:
    books = begin(desk, RUN, OTHER_RUN)
    before = books.basis(RUN)

    books.keep_basis(RUN, BASIS)

    assert (before, books.basis(RUN), books.basis(OTHER_RUN)) == (None, BASIS, None)


def test_one_run_over_two_firms_keeps_what_each_of_them_rests_on(desk: Desk) -> None:
    set_up(desk.engine, "two", "9131")
    Log(desk.engine, "two").begin(RUN, now=NOON)
    one, two = begin(desk), PlannedDocuments(desk.engine, "two")
    one.keep_basis(RUN, BASIS)
    two.keep_basis(RUN, replace(BASIS, epoch=3))

    one.move_epoch(RUN, 8)
    two.need(RUN, {"P9"}, set())

    assert one.basis(RUN) == replace(BASIS, epoch=8)
    assert two.basis(RUN) == replace(BASIS, epoch=3, payer_ids=["P9"], fee_item_ids=[])
    one.forget(RUN)
    assert (one.basis(RUN), two.basis(RUN) is None) == (None, False)


def test_a_decision_counts_only_while_its_document_stands_as_it_stood(desk: Desk) -> None:
    books = begin(desk)
    desk.see(*(invoice(name) for name in ("still", "changed", "held", "sent")))
    kept = [planned(desk, name, f'{{"name": "{name}"}}') for name in ("still", "changed", "held", "sent")]
    books.keep(RUN, kept)
    ids = [each.document_id for each in kept]
    whole = books.unmoved(RUN, ids)

    desk.see(invoice("changed", 9_000, updated_at=LATER))
    desk.hold("held", "MISSING_NAME")
    desk.reserve(desk.item("sent"))

    assert whole == {each.document_id: each for each in kept}
    assert books.unmoved(RUN, ids) == {kept[0].document_id: kept[0]}
    assert (books.unmoved(OTHER_RUN, ids), books.unmoved(RUN, [])) == ({}, {})


def test_a_decision_about_content_that_billing_has_replaced_is_not_kept_and_replaces_none(desk: Desk) -> None:
    books = begin(desk)
    desk.see(invoice("1"))
    stale = planned(desk, "1")
    desk.see(invoice("1", 9_000, updated_at=LATER))
    standing = planned(desk, "1", '{"TotalAmt": 90}')

    books.keep(RUN, [stale])
    before = books.unmoved(RUN, [stale.document_id])
    books.keep(RUN, [standing])
    books.keep(RUN, [stale])

    assert (before, books.unmoved(RUN, [stale.document_id])) == ({}, {stale.document_id: standing})


def test_the_later_decision_about_a_document_counts_and_no_decision_changes_nothing(desk: Desk) -> None:
    books = begin(desk)
    desk.see(invoice("1"))
    first = planned(desk, "1")
    later = replace(first, operation=Operation.SKIP, ready="")

    books.keep(RUN, [first])
    books.keep(RUN, [later])
    books.keep(RUN, [])

    assert books.unmoved(RUN, [first.document_id]) == {first.document_id: later}


def test_a_plan_that_is_made_again_forgets_the_documents_of_the_former_one(desk: Desk) -> None:
    books = begin(desk, RUN, OTHER_RUN)
    desk.see(invoice("1"))
    kept = planned(desk, "1")
    for run in (RUN, OTHER_RUN):
        books.keep_basis(run, BASIS)
        books.keep(run, [kept])

    books.keep_basis(RUN, replace(BASIS, epoch=8))

    assert (books.basis(RUN), books.unmoved(RUN, [kept.document_id])) == (replace(BASIS, epoch=8), {})
    assert books.unmoved(OTHER_RUN, [kept.document_id]) == {kept.document_id: kept}


def test_nothing_that_was_planned_outlives_its_run(desk: Desk) -> None:
    books = begin(desk)
    desk.see(invoice("1"))
    kept = planned(desk, "1")
    books.keep_basis(RUN, BASIS)
    books.keep(RUN, [kept])

    desk.log.end(RUN, outcome="done", error="", reads=0, writes=0, now=LATER)

    assert (books.basis(RUN), books.unmoved(RUN, [kept.document_id])) == (None, {})


def test_the_digest_of_mappings_tells_what_people_mapped_in_whatever_order(desk: Desk) -> None:
    """What a run found or made by itself does not count."""
    books, mappings = begin(desk), Mappings(desk.engine, FIRM)

    def remember(source_id: str, quickbooks_id: str, origin: str = "person", kind: str = "payer") -> str:
        mappings.remember([Mapping(kind, source_id, quickbooks_id, "", origin)], actor=PARTNER, now=NOON)
        return books.mapped()

    nothing, one, both = books.mapped(), remember("P1", "1"), remember("F1", "1", kind="fee_item")
    by_itself = remember("P2", "2", "matched"), remember("P3", "3", "created")
    other, back = remember("P1", "9"), remember("P1", "1")
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("delete from sync.mapping")
    turned = remember("F1", "1", kind="fee_item"), remember("P1", "1")

    assert (by_itself, back, turned[1]) == ((both, both), both, both)
    assert len({nothing, one, both, other, turned[0]}) == 5
    assert PlannedDocuments(desk.engine, "two").mapped() == nothing


def test_the_epoch_of_a_company_is_unknown_while_somebody_may_be_writing_to_it(desk: Desk) -> None:
    books = begin(desk)
    while_held = books.epoch(REALM)

    desk.lease.release(now=LATER)
    released = books.epoch(REALM)

    assert (books.epoch("a company that nobody wrote to"), while_held, released) == (0, None, desk.lease.epoch)
    with lease.hold(desk.engine, firm_id=FIRM, realm_id="9131", run_id="run-3", now=lambda: NOON):
        assert (books.epoch("9131"), books.epoch(REALM)) == (None, released)
