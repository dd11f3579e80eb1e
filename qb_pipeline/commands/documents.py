"""One document: ``show`` both sides and its history, ``resolve`` what holds it."""

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from qb_pipeline.commands.console import USAGE, As, Firm, Json, fail, say, table, who, working

if TYPE_CHECKING:
    from qb_pipeline.sync.evidence import Evidence

Document = Annotated[
    str,
    typer.Argument(
        metavar="DOCUMENT",
        help="An invoice number or payment reference; or invoice:ID, payment:ID, customer:ID, item:ID.",
    ),
]


def show(key: Firm, document: Document, as_json: Json = False) -> None:
    """Show both sides of one document, what holds it, and everything that was done with it. Changes nothing."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.evidence import find_document, gather

    with (
        working() as (_, _, companies),
        companies.open(key, Run("show", "cli", who("")), setting_up=True) as place,
    ):
        print_evidence(gather(place, find_document(place, document)), as_json=as_json)


def resolve(
    key: Firm,
    document: Document,
    retry: Annotated[bool, typer.Option("--retry", help="Look again, and send what billing says now.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave QuickBooks as it is.")] = False,
    recreate: Annotated[bool, typer.Option("--recreate", help="Make anew what was deleted or voided there.")] = False,
    void: Annotated[bool, typer.Option("--void", help="Void in QuickBooks what billing no longer has.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
    actor: As = "",
) -> None:
    """Answer a document that needs a person; a super user's. Shows the evidence, asks, records, and syncs it."""
    from qb_pipeline.core.resolutions import MEANING, Answer
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.evidence import find_document, gather, name_of
    from qb_pipeline.sync.resolve import resolve as record

    chosen = {Answer.RETRY: retry, Answer.KEEP: keep, Answer.RECREATE: recreate, Answer.VOID: void}
    answers = [answer for answer, is_chosen in chosen.items() if is_chosen]
    if len(answers) != 1:
        raise fail("give one answer: --retry, --keep, --recreate or --void", code=USAGE)
    with working() as (_, _, companies):
        with companies.open(key, Run(f"resolve-{uuid4()}", "resolve", who(actor))) as place:
            companies.firms.require_super_user(key, who(actor))
            evidence = gather(place, find_document(place, document))
            name = name_of(evidence.document)
            if not as_json:
                print_evidence(evidence)
            is_person = sys.stdin.isatty() and sys.stdout.isatty()
            if not yes and is_person and not typer.confirm(f"{name}: {MEANING[answers[0]]}?"):
                raise fail("nothing was changed")
            follows = record(place, evidence, answers[0])
            day = evidence.document["document_date"]
        outcome = _sync_it(key, evidence, who(actor)) if follows and day else {}
        after = place.history.document(evidence.document["document_id"])
        became = {"document": name, "answer": str(answers[0]), "state": after["state"], "reason": after["reason"]}
        if as_json:
            say(json.dumps({**became, **outcome}, indent=2))
        else:
            state = after["state"] + (f" ({after['reason']}: {after['sentence']})" if after["reason"] else "")
            say(f"{name} is now {state}")
            if after["remedy"] and after["state"] in ("held", "refused"):
                say(f"Try: {after['remedy']}")
        if outcome.get("failed"):
            raise fail(outcome["failed"])


def _sync_it(key: str, evidence: "Evidence", actor: str) -> dict[str, Any]:
    """Sync the one document, as Sync Now does; the answer stands even where this fails."""
    from qb_pipeline.defs.launch import launch_sync

    document = evidence.document
    day = document["document_date"]
    chosen = {kind: [document["source_id"]] if document["kind"] == kind else [] for kind in ("invoice", "payment")}
    launched = launch_sync(
        key,
        day,
        day,
        actor=actor,
        trigger="resolve",
        invoice_ids=chosen["invoice"],
        payment_ids=chosen["payment"],
    )
    return {"run": launched.run_id, "failed": launched.error}


def print_evidence(evidence: "Evidence", *, as_json: bool = False) -> None:
    """Print everything about one document."""
    from qb_pipeline.core.money import to_dollars
    from qb_pipeline.core.resolutions import MEANING, allowed_answers
    from qb_pipeline.core.wording import say_field, say_value
    from qb_pipeline.sync.evidence import name_of

    document = evidence.document
    answers = allowed_answers(document["state"], document["reason"]) if document["document_date"] else ()
    if as_json:
        say(json.dumps(_plain(evidence, [str(answer) for answer in answers]), default=str, indent=2))
        return
    title = f"{name_of(document)}  {document['number']}".rstrip()
    if document["document_date"]:
        title += f"  of {document['document_date']}, {to_dollars(document['amount_cents']):,.2f}"
    say(title)
    say(f"State: {document['state']} since {document['state_since']:%Y-%m-%d %H:%M}")
    if document["reason"]:
        say(f"Reason: {document['reason']}. {document['sentence']}")
        say(f"What clears it: {document['remedy']}")
    if evidence.operation:
        why = f" ({evidence.problem})" if evidence.problem else ""
        say(f"A sync would now: {_DOES.get(evidence.operation, evidence.operation)}{why}")
    for answer in answers:
        say(f"You may answer: resolve --{answer}: {MEANING[answer]}")
    say(_standing(evidence))
    say()
    sides = [
        {
            "field": say_field(row.name), evidence.basis: say_value(row.name, row.ours),
            "QuickBooks": say_value(row.name, row.theirs), "owner": row.owner, "": "differs" if row.differs else "",
        }
        for row in evidence.fields
        if row.differs or not row.name.endswith("DetailType")
    ]  # fmt: skip
    table(
        sides,
        ["field", evidence.basis, "QuickBooks", "owner", ""],
        title=f"Both sides: {evidence.basis}, and QuickBooks now",
        empty="Billing has no version of it that could be sent.",
    )
    table(
        [_entity(row) for row in evidence.others],
        ["id", "number", "customer", "total", "balance", "created", "note"],
        title="Also in QuickBooks, with its mark or its number",
    )
    table(
        [
            {**row, "amount": to_dollars(row["amount_cents"]), "": "recent" if row["is_recent"] else ""}
            for row in evidence.received
        ],
        ["payment_date", "amount", "kind", "method", "external_id", "posted_at", ""],
        title="Received in QuickBooks",
    )
    table(
        [{**row, "by": row["actor"], "run": row["run_id"][:8]} for row in evidence.log],
        ["at", "activity", "reason", "detail", "by", "trigger", "run"],
        title="History",
    )
    table(
        [
            {
                "left": row["last_sent_at"], "operation": row["operation"], "outcome": row["outcome"],
                "sends": row["sends"], "HTTP": row["http_status"], "fault": row["fault_code"],
                "request id": row["request_id"], "intuit_tid": row["intuit_tid"],
            }
            for row in evidence.attempts
        ],
        ["left", "operation", "outcome", "sends", "HTTP", "fault", "request id", "intuit_tid"],
        title="Requests",
    )  # fmt: skip
    table(
        [{**row, "run": row["run_id"], "by": row["actor"]} for row in evidence.runs],
        ["run", "trigger", "by", "started_at", "outcome"],
        title="Runs",
    )


_DOES = {
    "create": "create it in QuickBooks", "update": "change it in QuickBooks", "void": "void it in QuickBooks",
    "skip": "do nothing, it is as it was sent", "hold": "hold it", "wait": "let it wait", "close": "close it, unsent",
}  # fmt: skip


def _standing(evidence: "Evidence") -> str:
    document, entity = evidence.document, evidence.entity
    quickbooks_id = document["quickbooks_id"]
    if evidence.not_read:
        return f"QuickBooks could not be read: {evidence.not_read}"
    if entity is None:
        return {
            "deleted": f"QuickBooks: Id {quickbooks_id} is not there any more; a person deleted it.",
            "not known": "QuickBooks: it was sent, and the answer was lost.",
        }.get(evidence.standing, "QuickBooks: it was never there.")
    shown = _entity(entity)
    balance = f", open {shown['balance']:,.2f}" if shown["balance"] is not None else ""
    amounts = f"total {shown['total']:,.2f}{balance}, " if shown["total"] is not None else ""
    changed = entity.get("MetaData", {}).get("LastUpdatedTime", "")
    what = "void" if evidence.standing == "void" else "there"
    return f"QuickBooks: {what}, Id {entity['Id']}, {amounts}changed {changed} (SyncToken {entity.get('SyncToken')})"


def _entity(entity: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": entity["Id"],
        "number": entity.get("DocNumber", entity.get("PaymentRefNum", "")),
        "customer": entity.get("CustomerRef", {}).get("value", ""),
        "total": entity.get("TotalAmt"),
        "balance": entity.get("Balance"),
        "created": entity.get("MetaData", {}).get("CreateTime", ""),
        "note": entity.get("PrivateNote", entity.get("Notes", "")),
    }


def _plain(evidence: "Evidence", answers: list[str]) -> dict[str, Any]:
    """The evidence for a program: amounts as decimal text, fields under QuickBooks' names."""
    from qb_pipeline.core.money import to_dollars

    document, entity = evidence.document, evidence.entity
    names = (
        "kind", "source_id", "part", "number", "document_date", "payer_id", "state", "reason", "sentence", "remedy",
        "generation",
    )  # fmt: skip
    return {
        **{name: document[name] for name in names},
        "since": document["state_since"],
        "amount": to_dollars(document["amount_cents"]),
        "operation": evidence.operation,
        "problem": evidence.problem,
        "answers": answers,
        "quickbooks": {
            "standing": evidence.standing,
            "quickbooks_id": document["quickbooks_id"],
            "not_read": evidence.not_read,
            **(_entity(entity) | {"sync_token": entity.get("SyncToken")} if entity else {}),
        },
        "basis": evidence.basis,
        "fields": [
            {"field": row.name, "billing": row.ours, "quickbooks": row.theirs, "owner": row.owner,
             "differs": row.differs}
            for row in evidence.fields
        ],
        "others": [_entity(row) for row in evidence.others],
        "received": [{**row, "amount": to_dollars(row["amount_cents"])} for row in evidence.received],
        "log": [dict(row) for row in evidence.log],
        "attempts": [dict(row) for row in evidence.attempts],
        "runs": [dict(row) for row in evidence.runs],
    }  # fmt: skip
