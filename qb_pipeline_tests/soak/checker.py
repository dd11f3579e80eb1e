"""What must hold, whatever happened: read from the ledger, from billing and from the emulator's own books.

Independent of what it judges: SQL, the admin API, a pattern of its own; nothing of ``core`` but the table
of moves, nothing of ``sync`` and ``quickbooks``.
Numbers are those of docs/reliability.md. Belongs here: finding violations. Does not belong here: making a mess.
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from qb_pipeline.core.states import MOVES
from qb_pipeline_tests.law_firm import LawFirm

MARKER = re.compile(r"qbp1:(\w{6}):([a-z0-9-]+):(customer|item|invoice|payment):([^\s@:]+)(?:@([\d-]+))?:g(\d+)")
CANARY = "Kanarienvogel"
"""Stands in names, memos and descriptions of billing: nothing that is printed or logged may hold it."""

Key = tuple[str, str, str]
"""Kind, source id, part."""


@dataclass
class Allowed:
    """What a scenario did to the firm, so that it explains what would be wrong otherwise."""

    kills: int = 0
    """Runs that were killed or failed: each may have counted one send that never left."""
    reasons: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """By kind and billing id: why a document may be held in the end."""
    foreign: dict[tuple[str, str], str] = field(default_factory=dict)
    """By entity and Id: what the bookkeeper's own objects looked like."""
    removed: set[tuple[str, str]] = field(default_factory=set)
    """By kind and billing id: what a person voided or deleted in QuickBooks."""
    merged: dict[str, str] = field(default_factory=dict)
    """Customers that the bookkeeper merged: the Id that is gone, and that of its survivor."""


@dataclass(frozen=True)
class Found:
    """One living object of QuickBooks that carries a marker of ours."""

    entity: str
    row: dict[str, Any]
    key: Key
    generation: int


def look(firm: LawFirm, allowed: Allowed, output: Path | None = None, *, quiet: bool = True) -> list[str]:
    """Find every violation; ``quiet``: nothing is under way any more, so everything must be where it belongs."""
    books = {entity: firm.books.all(entity) for entity in ("Customer", "Item", "Invoice", "Payment")}
    documents = firm.query("select * from sync.document")
    living = [found for entity, rows in books.items() for row in rows if (found := _read(entity, row))]
    return [
        *_one_each(living),
        *_known(living, documents, firm),
        *_as_recorded(documents, books, allowed),
        *_attempts(firm, allowed, quiet=quiet),
        *_moved(firm),
        *_untouched(books, allowed),
        *_no_canary(firm, output),
        *(_in_the_end(firm, documents, books, living, allowed) if quiet else []),
    ]


def remember_foreign(firm: LawFirm, allowed: Allowed) -> None:
    """Note how everything looks that is not ours."""
    known = {(row["kind"].capitalize(), row["quickbooks_id"]) for row in firm.query("select * from sync.document")}
    for entity in ("Invoice", "Payment"):
        for row in firm.books.all(entity):
            if _read(entity, row) is None and (entity, row["Id"]) not in known:
                allowed.foreign.setdefault((entity, row["Id"]), _text(row))


def _read(entity: str, row: dict[str, Any]) -> Found | None:
    match = MARKER.search(str(row.get("Notes" if entity == "Customer" else "PrivateNote", "")))
    if match is None or _is_void(row):
        return None
    _, _, kind, source_id, part, generation = match.groups()
    return Found(entity, row, (kind, source_id, part or ""), int(generation))


def _is_void(row: dict[str, Any]) -> bool:
    return row.get("TotalAmt") == 0 and "void" in str(row.get("PrivateNote", "")).lower()


def _text(row: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row, sort_keys=True, default=str).encode()).hexdigest()


def _cents(value: Any) -> int:
    return int(Decimal(str(value)).scaleb(2))


def _one_each(living: list[Found]) -> list[str]:
    """1: one living document per billing document. 10: none beside a later generation of itself."""
    counts: dict[Key, list[Found]] = defaultdict(list)
    for found in living:
        counts[found.key].append(found)
    return [
        ("10" if len({found.generation for found in group}) > 1 else "1")
        + f" duplicate: {'/'.join(key)} is in QuickBooks as {sorted(found.row['Id'] for found in group)}"
        for key, group in counts.items()
        if len(group) > 1
    ]


def _known(living: list[Found], documents: list[dict[str, Any]], firm: LawFirm) -> list[str]:
    """3: what carries our marker is in the ledger under its Id, or under way."""
    rows = {(row["kind"], row["source_id"], row["part"]): row for row in documents}
    under_way = {
        row["document_id"] for row in firm.query("select document_id from sync.attempt_item where outcome = 'open'")
    }
    wrong = []
    for found in living:
        row = rows.get(found.key)
        if row is None:
            wrong.append(f"3 unknown: {'/'.join(found.key)} is in QuickBooks and not in the ledger")
        elif row["quickbooks_id"] != found.row["Id"] and row["document_id"] not in under_way:
            there, here = found.row["Id"], row["quickbooks_id"]
            wrong.append(f"3 unknown: {'/'.join(found.key)} is {there} in QuickBooks and {here} in the ledger")
    return wrong


def _as_recorded(
    documents: list[dict[str, Any]], books: dict[str, list[dict[str, Any]]], allowed: Allowed
) -> list[str]:
    """2: what the ledger calls synced is there, is ours, and has the customer and the total that it says."""
    rows = {(entity, row["Id"]): row for entity, found in books.items() for row in found}
    wrong = []
    for document in documents:
        if document["state"] != "synced" or (document["kind"], document["source_id"]) in allowed.removed:
            continue
        entity, name = document["kind"].capitalize(), f"{document['kind']}/{document['source_id']}/{document['part']}"
        if entity == "Customer" and document["quickbooks_id"] in {*allowed.merged, *allowed.merged.values()}:
            continue
        row = rows.get((entity, document["quickbooks_id"]))
        found = _read(entity, row) if row else None
        if row is None:
            wrong.append(f"2 lost: {name} is synced as {document['quickbooks_id']}, which is not in QuickBooks")
        elif entity != "Item" and (
            found is None or found.key != (document["kind"], document["source_id"], document["part"])
        ):
            wrong.append(f"2 wrong: {name} is synced as {document['quickbooks_id']}, which is not its own")
        elif entity in ("Invoice", "Payment") and _cents(row["TotalAmt"]) != document["quickbooks_total_cents"]:
            wrong.append(f"2 wrong: {name} has another total in QuickBooks than in the ledger")
        elif entity in ("Invoice", "Payment") and row["CustomerRef"]["value"] not in (
            document["customer_id"],
            allowed.merged.get(document["customer_id"]),
        ):
            wrong.append(f"2 wrong: {name} has another customer in QuickBooks than in the ledger")
    return wrong


def _attempts(firm: LawFirm, allowed: Allowed, *, quiet: bool) -> list[str]:
    """6: nothing open in the end. 7: one open request per document. 8: bytes never change. 9: sends are counted."""
    attempts = firm.query("select attempt_id, state, sends, request_id, body, body_sha256 from sync.attempt")
    wrong = [
        f"8 changed: the bytes of request {attempt['request_id']} are not those that were reserved"
        for attempt in attempts
        if hashlib.sha256(bytes(attempt["body"])).hexdigest() != attempt["body_sha256"]
    ]
    doubled = firm.query(
        "select document_id from sync.attempt_item where outcome = 'open' group by 1 having count(*) > 1"
    )
    wrong += [f"7 twice: document {row['document_id']} is in two open requests" for row in doubled]
    still_open = [attempt for attempt in attempts if attempt["state"] in ("sending", "unknown")]
    wrong += [f"6 open: {len(still_open)} requests are open and nobody works on them"] if quiet and still_open else []
    sends = sum(attempt["sends"] for attempt in attempts)
    certain = sum(attempt["sends"] for attempt in attempts if attempt["state"] != "not_sent")
    arrived = firm.books.writes()
    if arrived > sends:
        wrong.append(f"9 uncounted: {arrived} writing requests arrived, the ledger knows of {sends}")
    if certain - arrived > allowed.kills:
        wrong.append(f"9 uncounted: {certain} sends, {arrived} arrived, {allowed.kills} runs died")
    return wrong


def _moved(firm: LawFirm) -> list[str]:
    """21: every step that the history shows of a document is a move."""
    steps = {(move.before, move.after) for move in MOVES}
    versions = firm.query(
        "select kind, source_id, state,"
        " coalesce(lag(state) over (partition by document_id order by since), '') as former"
        " from (select document_id, kind, source_id, state, valid_from as since from sync.document_history"
        " union all select document_id, kind, source_id, state, changed_at from sync.document) as version"
    )
    return [
        f"21 no move: {row['kind']}/{row['source_id']} went from {row['former'] or 'nothing'} to {row['state']}"
        for row in versions
        if row["former"] != row["state"] and (row["former"] or None, row["state"]) not in steps
    ]


def _untouched(books: dict[str, list[dict[str, Any]]], allowed: Allowed) -> list[str]:
    """17: what is the bookkeeper's own stays as it was, byte for byte."""
    now = {(entity, row["Id"]): _text(row) for entity, rows in books.items() for row in rows}
    return [
        f"17 touched: {entity} {identifier} of the bookkeeper was changed"
        for (entity, identifier), text in allowed.foreign.items()
        if now.get((entity, identifier)) != text
    ]


def _no_canary(firm: LawFirm, output: Path | None) -> list[str]:
    """19: no name, memo or description in the log, in the runs' errors, or in what a run prints."""
    logged = firm.query(
        "select count(*) as rows from sync.log l where l::text like :canary"
        " union all select count(*) from sync.run r where r::text like :canary"
        " union all select count(*) from sync.plan_item p where p::text like :canary",
        canary=f"%{CANARY}%",
    )
    printed = output is not None and output.exists() and CANARY in output.read_text(errors="replace")
    return (["19 told: client data stand in the log"] if any(row["rows"] for row in logged) else []) + (
        ["19 told: client data were printed"] if printed else []
    )


def _billing(firm: LawFirm) -> dict[tuple[str, str], dict[str, Any]]:
    with firm.billing.connect() as connection:
        invoices = connection.exec_driver_sql(
            "select invoice_id as id, status, invoice_date as day, total_amount as amount from billing.invoices"
            " where status <> 'draft'"
        ).mappings()
        found = {("invoice", row["id"]): dict(row) for row in invoices}
        payments = connection.exec_driver_sql(
            "select payment_id as id, status, received_date as day, amount from billing.payments"
            " where kind = 'payment' and origin = 'billing'"
        ).mappings()
        return found | {("payment", row["id"]): dict(row) for row in payments}


def _paid(firm: LawFirm, orphans: list[Found]) -> Counter[str]:
    """Cents by invoice: what billing applied to it, and what stands in QuickBooks of payments that billing lost."""
    with firm.billing.connect() as connection:
        rows = connection.exec_driver_sql(
            "select a.invoice_id, sum(a.amount) from billing.payment_applications a join billing.payments p"
            " using (firm_id, payment_id) where p.status = 'completed' group by 1"
        )
        paid = Counter({row[0]: _cents(row[1]) for row in rows})
    invoices = {
        row["quickbooks_id"]: row["source_id"]
        for row in firm.query("select quickbooks_id, source_id from sync.document where kind = 'invoice'")
    }
    for found in orphans:
        for line in found.row["Line"]:
            for link in line.get("LinkedTxn", ()):
                paid[invoices.get(link["TxnId"], "")] += _cents(line["Amount"])
    return paid


def _in_the_end(
    firm: LawFirm,
    documents: list[dict[str, Any]],
    books: dict[str, list[dict[str, Any]]],
    living: list[Found],
    allowed: Allowed,
) -> list[str]:
    """4, 5: every document of billing is in one state, and QuickBooks holds what billing says, to the cent."""
    billing = _billing(firm)
    paid = _paid(firm, [found for found in living if found.entity == "Payment" and found.key[:2] not in billing])
    states: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for document in documents:
        states[document["kind"], document["source_id"]].append(document)
    there = {found.key[:2]: found.row for found in living}
    wrong, settled = [], []
    for key, source in billing.items():
        rows, row = states.get(key, []), there.get(key)
        if len(rows) != 1:
            wrong.append(f"5 vanished: {'/'.join(key)} has {len(rows)} states in the ledger")
        elif rows[0]["reason"] not in allowed.reasons.get(key, ()):
            problem = _misplaced(rows[0], source["status"], row, is_removed=key in allowed.removed)
            wrong += [f"{problem[0]}: {'/'.join(key)} {problem[1]}"] if problem else []
            if row is not None and problem is None:
                settled.append((key, source, row))
    for key, source, row in settled:
        open_cents = _cents(source["amount"]) - paid[key[1]]
        if key[0] == "invoice" and key not in allowed.reasons and _cents(row["Balance"]) != open_cents:
            name, there_open = "/".join(key), row["Balance"]
            wrong.append(f"4 differs: {name} has {there_open} open in QuickBooks, {open_cents} cents in billing")
    gone = [row for key in states.keys() - billing.keys() for row in states[key] if key[0] in ("invoice", "payment")]
    wrong += [
        f"5 unexplained: {row['kind']}/{row['source_id']} is gone from billing and {row['state']} {row['reason']}"
        for row in gone
        if row["state"] not in ("closed", "voided") and row["reason"] != "SOURCE_GONE"
    ]
    return wrong + _control_totals(settled)


def _misplaced(
    document: dict[str, Any], status: str, row: dict[str, Any] | None, *, is_removed: bool
) -> tuple[str, str] | None:
    """What is wrong with the one state that a document of billing has."""
    state = f"is {document['state']} {document['reason']}"
    if status == "void":
        is_well = document["state"] in ("voided", "closed") and row is None
        return None if is_well else ("5 unexplained", f"is void in billing and {state}")
    if document["state"] != "synced":
        return "5 unexplained", state
    return None if row is not None or is_removed else ("2 lost", "is synced and not in QuickBooks")


def _control_totals(settled: list[tuple[tuple[str, str], dict[str, Any], dict[str, Any]]]) -> list[str]:
    """4: per kind, customer and month the sums are equal."""
    meant: Counter[tuple[str, str, str]] = Counter()
    held: Counter[tuple[str, str, str]] = Counter()
    for (kind, _), source, row in settled:
        group = (kind, row["CustomerRef"]["value"], source["day"].isoformat()[:7])
        meant[group] += _cents(source["amount"])
        held[group] += _cents(row["TotalAmt"])
    return [
        f"4 differs: {'/'.join(group)}: {meant[group]} meant, {held[group]} held"
        for group in meant
        if meant[group] != held[group]
    ]


def state_of_everything(firm: LawFirm) -> str:
    """20: what a second run must leave as it is, on either side; only when a held one was last looked at may move."""
    ours = firm.query("select (to_jsonb(d) - 'planned_at')::text as row from sync.document d order by document_id")
    sent = firm.query("select a.attempt_id::text as id, a.sends, a.state from sync.attempt a order by 1")
    books = [firm.books.all(entity) for entity in ("Customer", "Item", "Invoice", "Payment")]
    return _text({"ours": ours, "sent": sent, "books": books, "writes": firm.books.writes()})
