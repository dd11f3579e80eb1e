"""The check that a firm is still connected with the company and the databases of its binding.

It runs before the first scan and before the first write. Belongs here: the comparison, the choice of the moment to ask
QuickBooks, and the way out that each refusal names. Does not belong here: linking documents that the ledger has
forgotten (``recovery``).
"""

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from hashlib import sha256

from qb_pipeline.core.documents.journal_entries import read_entry_customer
from qb_pipeline.core.markers import read_marker
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.states import DOCUMENTS, ENTRIES, Kind
from qb_pipeline.ledger.setup.bindings import Binding, BindingError, Bindings, Marked
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.client import QuickBooksClient
from qb_pipeline.sync.remote.outcomes import ENTITY, is_voided, read_cents, read_customer
from qb_pipeline.sync.session.firm_session import FirmSession

COMPANY_EVERY = timedelta(days=1)
"""The time between two checks of a company's identity. Reads are metered."""

LOOK_BACK = timedelta(days=1)
"""The time before the ledger's last send at which the search begins, since two clocks never agree exactly."""

KINDS = (Kind.CUSTOMER, *DOCUMENTS, *ENTRIES)
"""The kinds that carry our marker. An item has no note, and is known by its name."""


def company_fingerprint(info: JsonObject) -> str:
    """Return the text that identifies a company for ever. A company's name may change, its creation time does not."""
    made_at = (info.get("MetaData") or {}).get("CreateTime", "")
    return sha256(f"{info.get('Id', '')}|{info.get('Country', '')}|{made_at}".encode()).hexdigest()[:16]


def require_company(firm_id: str, realm_id: str, bound: Binding, found: str) -> None:
    """Refuse a company that has the realm id of the firm's own company but is another one.

    Raises:
        BindingError: names the way out.
    """
    if bound.company not in ("", found):
        raise BindingError(
            f"{firm_id}: company {realm_id} is not the one that this firm was connected with, although it has its id. "
            "Check QUICKBOOKS_ENVIRONMENT and QUICKBOOKS_API_URL; a company that was made anew needs a pipeline's "
            "database of its own"
        )


def require_databases(firm_id: str, bindings: Bindings, billing: str) -> None:
    """Refuse to read for a firm whose ledger or billing database is another one. Costs two small queries.

    Raises:
        BindingError: names the way out.
    """
    bound = bindings.read()
    if bound is None:
        return
    if bindings.ledger().database != bound.ledger:
        raise BindingError(
            f"{firm_id}: the pipeline's database is not the one in which this firm was connected: it was copied or "
            "restored to another place. A copy must never send to the same company. If this one takes the place of "
            f"the other, which is stopped for good, next step: qb-pipeline db reconcile-first {firm_id}"
        )
    if billing != bound.billing:
        raise BindingError(
            f"{firm_id}: billing is another database than the one that this firm was connected with. Correct "
            "QB_PIPELINE_BILLING_URL; or, if billing was moved there with all its documents, next step: "
            f"qb-pipeline db reconcile-first {firm_id}"
        )


def require_binding(session: FirmSession, *, asks: bool = True) -> None:
    """Refuse to send if the ledger may not know all of our documents in QuickBooks.

    ``asks``: a doubt is cleared up by asking QuickBooks. Otherwise the first stage of the run that sends asks, under
    the lease, before anything leaves.

    Without a doubt, QuickBooks is asked only once a day, for its identity.

    Raises:
        BindingError: names the way out.
        QuickBooksError: the question was not answered; nothing is sent.
    """
    bindings, now = session.bindings, session.clock()
    bound = bindings.read()
    if bound is None:  # connected by an older release
        bindings.bind(company="", billing=session.billing.fingerprint(), now=now)
        bound = bindings.read()
        assert bound is not None  # noqa: S101 - it was just written
    if bound.reconcile_first:
        raise BindingError(_stopped(session, bound.reconcile_first))
    if now - bound.company_checked_at > COMPANY_EVERY:
        found = company_fingerprint(session.quickbooks.read_company_info())
        require_company(session.firm.firm_id, session.quickbooks.realm_id, bound, found)
        bindings.company_checked(found, now=now)
    history = bindings.ledger().history
    if asks and (_must_ask(session) or history != bound.ledger_history):
        last_sent_at = bindings.last_sent_at(session.quickbooks.realm_id)
        since = last_sent_at - LOOK_BACK if last_sent_at else None
        problem = find_forgotten(session, since)
        if problem:
            _stop(session, problem)
        bindings.history_checked(history)


def find_forgotten(session: FirmSession, since: datetime | None) -> str:
    """Describe the documents with a marker of ours in QuickBooks that the ledger does not know; "" if it knows all of
    them."""
    ours, others = sort_marked(session, since)
    if others:
        return foreign(others)
    count = session.bindings.forgotten(ours)
    return f"QuickBooks holds {count} documents of ours that the ledger does not know" if count else ""


def sort_marked(
    session: FirmSession, since: datetime | None = None, former: Collection[str] = ()
) -> tuple[list[Marked], set[str]]:
    """Return this firm's documents in the company, and the other installations that have written to it."""
    own = {session.installation, *session.bindings.former(), *former}
    ours, others = [], set()
    for installation, firm_id, document in find_marked(session.quickbooks, since):
        if installation not in own:
            others.add(installation)
        elif firm_id == session.firm.firm_id:
            ours.append(document)
    return ours, others


def foreign(installations: set[str]) -> str:
    """Return the message about a company to which other installations have written."""
    return (
        f"the company holds documents of another installation of this pipeline ({', '.join(sorted(installations))}); "
        "both would send everything. Stop the other one; if it is gone for good, say so with --former"
    )


def find_marked(company: QuickBooksClient, since: datetime | None = None) -> Iterator[tuple[str, str, Marked]]:
    """Yield every document that carries a marker, with its installation and firm.

    ``since``: only the documents that changed since then. Of several documents with one marker (a person's copies), the
    oldest of the highest generation counts.
    """
    for entity in dict.fromkeys(ENTITY[kind] for kind in KINDS):
        conditions = ["Active IN (true, false)"] if entity == "Customer" else []
        if since is not None:
            conditions.append(f"MetaData.LastUpdatedTime >= '{since.isoformat(timespec='seconds')}'")
        found: dict[tuple[Kind, str, str, str, str], tuple[int, int, Entity]] = {}
        for row in company.query_all(entity, where=" AND ".join(conditions)):
            mark = read_marker(row)
            if mark is None or mark.kind not in KINDS or ENTITY[mark.kind] != entity:
                continue
            key = (mark.kind, mark.installation, mark.firm, mark.source_id, mark.part)
            if key not in found or (-mark.generation, int(row["Id"])) < found[key][:2]:
                found[key] = (-mark.generation, int(row["Id"]), row)
        for (kind, installation, firm_id, source_id, part), (generation, _, row) in found.items():
            yield installation, firm_id, _marked(kind, source_id, part, -generation, row)


def _marked(kind: Kind, source_id: str, part: str, generation: int, row: Entity) -> Marked:
    is_money = kind != Kind.CUSTOMER
    return Marked(
        kind=kind,
        source_id=source_id,
        part=part,
        generation=generation,
        quickbooks_id=row["Id"],
        sync_token=str(row.get("SyncToken", "")),
        customer_id=read_entry_customer(row) if kind == Kind.CREDIT else read_customer(row),
        total_cents=_total(kind, row) if is_money else None,
        number=str(row.get("DocNumber", "")) if kind == Kind.INVOICE else "",
        document_date=date.fromisoformat(row["TxnDate"]) if is_money else None,
        is_void=kind in DOCUMENTS and is_voided(row),
    )


def _total(kind: Kind, row: Entity) -> int:
    """Return the total of a document in cents. Only the lines of a journal entry give its total."""
    return read_cents(row["Line"][0], "Amount") if kind in ENTRIES else read_cents(row, "TotalAmt")


def _must_ask(session: FirmSession) -> bool:
    """Whether QuickBooks must be asked because the witness of this home cannot vouch for the ledger.

    * The witness is a copy, or ahead of the database: nothing needs to be asked, and sending is stopped
      (``BindingError``).
    * There is no witness although something was sent, or another home sent last: QuickBooks shows whether the ledger
      knows all.
    """
    said = session.witness.read()
    last = session.bindings.last_send(session.quickbooks.realm_id)
    if said is not None and said.is_copy:
        _stop(session, "this home was copied or restored from a backup; a copy must never send beside the original")
    if said is not None and (last is None or said.sequence > last.sequence):
        _stop(session, "the ledger is older than what it has sent: it was restored from a backup")
    return last is not None and (said is None or said.witness_id != last.witness_id)


def _stop(session: FirmSession, problem: str) -> None:
    session.bindings.stop(problem)
    raise BindingError(_stopped(session, problem))


def _stopped(session: FirmSession, problem: str) -> str:
    firm_id = session.firm.firm_id
    return (
        f"{firm_id}: {problem}. Nothing is sent before everything of ours in QuickBooks is linked. "
        f"Next step: qb-pipeline db reconcile-first {firm_id}"
    )
