"""The commands about one document: ``show`` for both sides and the history, ``resolve`` for the reason of a hold."""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from qb_pipeline.commands.terminal.console import FAILED, USAGE, As, Firm, Json, fail, say, table, who, working
from qb_pipeline.core.states import DOCUMENTS, NEEDS_A_PERSON, Kind, Operation

if TYPE_CHECKING:
    from qb_pipeline.core.planning.resolutions import Answer
    from qb_pipeline.core.problems import Problem
    from qb_pipeline.ledger.books.history import PastDocument
    from qb_pipeline.quickbooks.answers import Entity
    from qb_pipeline.sync.people.evidence import Evidence
    from qb_pipeline.sync.people.payer_questions import Question

Document = Annotated[
    str,
    typer.Argument(
        metavar="DOCUMENT",
        help="An invoice number, a payment reference, or billing's id; or invoice:ID, payment:ID, payment:ID@DATE "
        "(credit applied on that day), customer:ID, item:ID.",
    ),
]


def show(key: Firm, document: Document, as_json: Json = False) -> None:
    """Show both sides of one document, the reason that holds it, and its whole history. Changes nothing."""
    from qb_pipeline.core.problems import Problem
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.people.evidence import gather
    from qb_pipeline.sync.people.naming import find_document
    from qb_pipeline.sync.people.payer_questions import find_questions
    from qb_pipeline.sync.people.resolve import answers_that_apply

    with (
        working() as (_, _, deployment),
        deployment.open(key, Run("show", "cli", who("")), setting_up=True) as session,
    ):
        payer_id = _read_payer(document)
        if payer_id and (questions := find_questions(session, [payer_id])):
            _print_payer(key, questions[0], as_json=as_json)
            return
        evidence = gather(session, find_document(session, document))
        asks_about = evidence.document.payer_id if evidence.problem == Problem.LIKE_CUSTOMER else ""
        questions = find_questions(session, [asks_about]) if asks_about else []
        print_evidence(evidence, answers_that_apply(session, evidence), questions, as_json=as_json)


def resolve(
    key: Firm,
    document: Annotated[
        str, typer.Argument(metavar="[DOCUMENT]", help="As show takes it; or all of a reason, with --reason.")
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", metavar="CODE", help="All documents of this reason; with --retry only.")
    ] = "",
    retry: Annotated[bool, typer.Option("--retry", help="Look again, and send what billing says now.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave QuickBooks as it is.")] = False,
    recreate: Annotated[bool, typer.Option("--recreate", help="Make anew what was deleted or voided there.")] = False,
    void: Annotated[
        bool, typer.Option("--void", help="Void in QuickBooks what billing no longer has, or took back.")
    ] = False,
    same: Annotated[str, typer.Option("--same", metavar="ID", help="It is this document of QuickBooks: link it.")] = "",
    new: Annotated[bool, typer.Option("--new", help="It is another one than those in QuickBooks: send it.")] = False,
    entered: Annotated[
        str, typer.Option("--entered", metavar="TYPE:ID", help="It was entered by hand, such as journalentry:145.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
    actor: As = "",
) -> None:
    """Record a super user's answer to a document that needs a person. Shows the evidence, asks, and syncs it."""
    from qb_pipeline.core.planning.resolutions import MEANING, Answer
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.people.evidence import gather
    from qb_pipeline.sync.people.naming import find_document
    from qb_pipeline.sync.people.resolve import answers_that_apply
    from qb_pipeline.sync.people.resolve import resolve as record

    options = {
        Answer.RETRY: retry, Answer.KEEP: keep, Answer.RECREATE: recreate, Answer.VOID: void, Answer.SAME: bool(same),
        Answer.NEW: new, Answer.ENTERED: bool(entered),
    }  # fmt: skip
    answer = _read_answer(options, document, reason)
    if reason:
        _retry_reason(key, reason, yes=yes, as_json=as_json, actor=who(actor))
        return
    payer_id = _read_payer(document)
    if payer_id and answer in (Answer.SAME, Answer.NEW):
        _resolve_payer(key, payer_id, answer, same, yes=yes, as_json=as_json, actor=who(actor))
        return
    if entered:
        _resolve_entered(key, document, entered, yes=yes, as_json=as_json, actor=who(actor))
        return
    with working() as (_, _, deployment):
        with deployment.open(key, Run(f"resolve-{uuid4()}", "resolve", who(actor))) as session:
            deployment.firms.require_super_user(key, who(actor))
            evidence = gather(session, find_document(session, document))
            name = str(evidence.document.name)
            if not as_json:
                print_evidence(evidence, answers_that_apply(session, evidence))
            _ask(f"{name}: {MEANING[answer]}?", yes=yes)
            follows = record(session, evidence, answer, same)
            day = evidence.document.document_date
        outcome = _sync_again(key, [evidence.document], who(actor)) if follows and day else {}
        after = session.history.document(evidence.document.document_id)
        if as_json:
            became = {"document": name, "answer": str(answer), "state": after.state, "reason": after.reason}
            say(json.dumps({**became, **outcome}, indent=2))
        else:
            _say_state(name, after)
        if outcome.get("failed"):
            raise typer.Exit(FAILED) if as_json else fail(outcome["failed"])


def _read_answer(options: "Mapping[Answer, bool]", document: str, reason: str) -> "Answer":
    """Return the one answer that the options give, to a document or to a reason.

    Options that do not give exactly one answer to one document or one reason end the command with exit code 2.
    """
    from qb_pipeline.core.planning.resolutions import Answer

    answers = [answer for answer, is_chosen in options.items() if is_chosen]
    if len(answers) != 1:
        raise fail(
            "give one answer: --retry, --keep, --recreate, --void, --same ID, --new or --entered TYPE:ID", code=USAGE
        )
    if bool(document) == bool(reason):
        raise fail("name one document, or a reason with --reason CODE", code=USAGE)
    if reason and answers != [Answer.RETRY]:
        raise fail("--reason takes --retry only: every other answer is about one document", code=USAGE)
    return answers[0]


def _ask(question: str, *, yes: bool) -> None:
    """Ask a person at a terminal for a yes, unless ``--yes`` was given. A refusal ends the command with exit code 1."""
    is_person = sys.stdin.isatty() and sys.stdout.isatty()
    if not yes and is_person and not typer.confirm(question):
        raise fail("nothing was changed")


def _say_state(name: str, document: "PastDocument") -> None:
    """Print the state that a document has now, and its remedy."""
    state = document.state + (f" ({document.reason}: {document.sentence})" if document.reason else "")
    say(f"{name} is now {state}")
    if document.remedy and document.state in NEEDS_A_PERSON:
        say(f"Try: {document.remedy}")


def _retry_reason(key: str, code: str, *, yes: bool, as_json: bool, actor: str) -> None:
    """Retry all documents of a reason: show them, ask, put them back on the work list, and sync them in one run."""
    from qb_pipeline.core.problems import PROBLEMS
    from qb_pipeline.core.words import choose_word
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.people.resolve import retry_all

    reasons = {str(problem): problem for problem, advice in PROBLEMS.items() if advice.state in NEEDS_A_PERSON}
    with working() as (_, _, deployment):
        choose_word("reason", code, reasons)
        with deployment.open(key, Run(f"resolve-{uuid4()}", "resolve", actor)) as session:
            deployment.firms.require_super_user(key, actor)
            found = [session.history.document(row.document_id) for row in session.documents.held_for([reasons[code]])]
            if not as_json:
                _print_all_of(key, reasons[code], found)
            if found:
                _ask(f"Send these {len(found)} documents again?", yes=yes)
            retry_all(session, found)
        outcome = _sync_again(key, found, actor) if found else {"run": "", "failed": ""}
        after = [session.history.document(row.document_id) for row in found]
        if as_json:
            names = [str(row.name) for row in found]
            say(json.dumps({"reason": code, "answer": "retry", "documents": names, **outcome}, indent=2))
        else:
            _say_states(after)
        if outcome["failed"]:
            raise typer.Exit(FAILED) if as_json else fail(outcome["failed"])


def _read_payer(document: str) -> str:
    """Return the payer id in an argument ``customer:ID``; "" when the argument names something else."""
    from qb_pipeline.core.words import read_word

    word = read_word(document)
    return word.text if word.kind == Kind.CUSTOMER else ""


def _resolve_payer(
    key: str, payer_id: str, answer: "Answer", same: str, *, yes: bool, as_json: bool, actor: str
) -> None:
    """Record the answer about a payer: show its look-alikes, ask, store the answer, sync the documents that waited."""
    from qb_pipeline.core.planning.resolutions import Answer
    from qb_pipeline.core.words import DocumentName
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.people.payer_questions import answer_payer, find_questions

    name = DocumentName(Kind.CUSTOMER, payer_id)
    with working() as (_, _, deployment):
        with deployment.open(key, Run(f"resolve-{uuid4()}", "resolve", actor)) as session:
            deployment.firms.require_super_user(key, actor)
            questions = find_questions(session, [payer_id])
            if not as_json and questions:
                _print_payer(key, questions[0])
            meant = f"it is Customer Id {same}" if answer is Answer.SAME else "it is another client: create a customer"
            if questions:
                _ask(f"{name}: {meant}?", yes=yes)
            waited = answer_payer(session, payer_id, answer, same)
        outcome = _sync_again(key, waited, actor) if waited else {"run": "", "failed": ""}
        after = [session.history.document(row.document_id) for row in waited]
        customer_id = session.mappings.links("payer").get(payer_id, "")
        if as_json:
            names = [str(row.name) for row in waited]
            became = {"document": str(name), "answer": str(answer), "customer_id": customer_id, "documents": names}
            say(json.dumps({**became, **outcome}, indent=2))
        else:
            say(f"{name} is {f'Customer Id {customer_id}' if customer_id else 'no customer yet'}")
            _say_states(after)
        if outcome["failed"]:
            raise typer.Exit(FAILED) if as_json else fail(outcome["failed"])


def _resolve_entered(key: str, document: str, typed: str, *, yes: bool, as_json: bool, actor: str) -> None:
    """Show what is to be entered by hand, ask, take it off the list, and sync the payments that waited for it."""
    from qb_pipeline.core.planning.resolutions import Answer
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.people.evidence import gather
    from qb_pipeline.sync.people.hand_entries import enter_by_hand
    from qb_pipeline.sync.people.naming import find_document
    from qb_pipeline.sync.people.resolve import answers_that_apply

    with working() as (_, _, deployment):
        with deployment.open(key, Run(f"resolve-{uuid4()}", "resolve", actor)) as session:
            deployment.firms.require_super_user(key, actor)
            evidence = gather(session, find_document(session, document))
            name = str(evidence.document.name)
            if not as_json:
                print_evidence(evidence, answers_that_apply(session, evidence))
            _ask(f"{name}: it was entered in QuickBooks as {typed}?", yes=yes)
            waited = enter_by_hand(session, evidence.document, typed)
        outcome = _sync_again(key, waited, actor) if waited else {"run": "", "failed": ""}
        after = [session.history.document(row.document_id) for row in waited]
        if as_json:
            names = [str(row.name) for row in waited]
            became = {"document": name, "answer": str(Answer.ENTERED), "entered": typed, "documents": names}
            say(json.dumps({**became, **outcome}, indent=2))
        else:
            say(f"{name} is entered as {typed}, and off the by-hand list")
            _say_states(after)
        if outcome["failed"]:
            raise typer.Exit(FAILED) if as_json else fail(outcome["failed"])


def _print_payer(key: str, question: "Question", *, as_json: bool = False) -> None:
    """Print the look-alikes of a payer. The names are for the person who asked, not for a log."""
    if as_json:
        say(json.dumps(asdict(question), indent=2))
        return
    name = f"customer:{question.payer_id}"
    say(f"{name}  {question.payer_name}")
    say("QuickBooks may have this payer under another name: its invoices are held until somebody answers.")
    print_candidates([question])
    say(f"It is one of these customers: qb-pipeline resolve {key} {name} --same ID")
    say(f"It is another client, create a customer: qb-pipeline resolve {key} {name} --new")


def print_candidates(questions: "Sequence[Question]") -> None:
    """Print, for each payer, the customers that it may be."""
    table(
        [
            {
                "payer": question.payer_id, "name": question.payer_name, "Id": each.quickbooks_id,
                "customer": each.name, "why": "; ".join(each.reasons), "differs": "; ".join(each.differs),
            }
            for question in questions
            for each in question.candidates
        ],
        ["payer", "name", "Id", "customer", "why", "differs"],
        title="Customers of QuickBooks that payers look like, likeliest first",
    )  # fmt: skip
    for question in questions:
        if question.more:
            say(f"Payer {question.payer_id} looks like {question.more} more")


def _say_states(after: "Sequence[PastDocument]") -> None:
    for (state, why), count in sorted(Counter((row.state, row.reason) for row in after).items()):
        say(f"{count} {'is' if count == 1 else 'are'} now {state}" + (f" ({why})" if why else ""))


def _print_all_of(key: str, reason: "Problem", found: "Sequence[PastDocument]") -> None:
    from qb_pipeline.core.money import to_dollars
    from qb_pipeline.core.problems import PROBLEMS

    table(
        [asdict(row) | {"document": str(row.name), "amount": to_dollars(row.amount_cents)} for row in found],
        ["document", "number", "document_date", "amount", "state", "state_since"],
        title=f"{reason}: {PROBLEMS[reason].sentence}",
        empty=f"{key} has no document that is held or refused for {reason}.",
    )


def _sync_again(key: str, documents: "Sequence[PastDocument]", actor: str) -> dict[str, str]:
    """Sync these documents in one run, as Sync Now does. The recorded answers stay even when the run fails.

    Returns:
        ``run`` (the run's id) and ``failed`` (its error; "" when it succeeded).
    """
    from qb_pipeline.defs.launch import launch_sync

    days = [row.document_date for row in documents if row.document_date]
    ids = {kind: [str(row.name) for row in documents if row.kind == kind] for kind in DOCUMENTS}
    launched = launch_sync(
        key,
        min(days),
        max(days),
        actor=actor,
        trigger="resolve",
        invoice_ids=ids[Kind.INVOICE],
        payment_ids=ids[Kind.PAYMENT],
    )
    return {"run": launched.run_id, "failed": launched.error}


def print_evidence(
    evidence: "Evidence",
    answers: "Sequence[Answer]",
    questions: "Sequence[Question]" = (),
    *,
    as_json: bool = False,
) -> None:
    """Print everything about one document, the answers that may be given, and the customers that its payer may be."""
    if as_json:
        told = _plain(evidence, [str(answer) for answer in answers])
        told |= {"look_alikes": [asdict(question) for question in questions]}
        say(json.dumps(told, default=str, indent=2))
        return
    _print_state(evidence, answers)
    for question in questions:
        _print_payer(evidence.document.firm_id, question)
    say(_standing(evidence))
    say()
    _print_sides(evidence)
    _print_history(evidence)


def _print_state(evidence: "Evidence", answers: "Sequence[Answer]") -> None:
    """Print the document's name, its state with the reason, and the answers that may be given."""
    from qb_pipeline.core.money import to_dollars
    from qb_pipeline.core.planning.resolutions import MEANING

    document = evidence.document
    title = f"{document.name}  {document.number}".rstrip()
    if document.document_date:
        title += f"  of {document.document_date}, {to_dollars(document.amount_cents):,.2f}"
    say(title)
    say(f"State: {document.state} since {document.state_since:%Y-%m-%d %H:%M}")
    if document.reason:
        say(f"Reason: {document.reason}. {document.sentence}")
        say(f"What clears it: {document.remedy}")
    if evidence.refused:
        refused = evidence.refused
        say(f"QuickBooks refused it last at {refused.refused_at:%Y-%m-%d %H:%M} UTC, with fault {refused.fault_code}")
    if evidence.operation:
        why = f" ({evidence.problem})" if evidence.problem else ""
        say(f"A sync would now: {_DOES.get(evidence.operation, evidence.operation)}{why}")
    for answer in answers:
        say(f"You may answer: resolve --{answer}: {MEANING[answer]}")


def _print_sides(evidence: "Evidence") -> None:
    """Print our version and QuickBooks' version field by field, then related objects and payments in QuickBooks."""
    from qb_pipeline.core.field_labels import say_field, say_value
    from qb_pipeline.core.money import to_dollars

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
            asdict(row) | {"amount": to_dollars(row.amount_cents), "": "recent" if row.is_recent else ""}
            for row in evidence.received
        ],
        ["payment_date", "amount", "kind", "method", "external_id", "posted_at", ""],
        title="Received in QuickBooks",
    )


def _print_history(evidence: "Evidence") -> None:
    """Print the history of the document: the log, each request, each run."""
    table(
        [asdict(row) | {"by": row.actor, "run": row.run_id} for row in evidence.log],
        ["at", "activity", "reason", "detail", "by", "trigger", "run"],
        by="run",
        title="History",
    )
    table(
        [
            {
                "left": row.last_sent_at, "operation": row.operation, "outcome": row.outcome,
                "sends": row.sends, "HTTP": row.http_status, "fault": row.fault_code,
                "request id": row.request_id, "intuit_tid": row.intuit_tid,
            }
            for row in evidence.attempts
        ],
        ["left", "operation", "outcome", "sends", "HTTP", "fault", "request id", "intuit_tid"],
        title="Requests",
    )  # fmt: skip
    table(
        [asdict(row) | {"run": row.run_id, "by": row.actor} for row in evidence.runs],
        ["run", "trigger", "by", "started_at", "outcome"],
        title="Runs",
    )


_DOES = {
    Operation.CREATE: "create it in QuickBooks", Operation.UPDATE: "change it in QuickBooks",
    Operation.VOID: "void it in QuickBooks", Operation.SKIP: "do nothing, it is as it was sent",
    Operation.HOLD: "hold it", Operation.WAIT: "let it wait", Operation.CLOSE: "close it, unsent",
}  # fmt: skip


def _standing(evidence: "Evidence") -> str:
    document, entity = evidence.document, evidence.entity
    quickbooks_id = document.quickbooks_id
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


def _entity(entity: "Entity") -> dict[str, Any]:
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
    """Return the evidence for a program: amounts in dollars as Decimal (decimal text in JSON), QuickBooks' names of
    fields."""
    from qb_pipeline.core.money import to_dollars

    document, entity = evidence.document, evidence.entity
    names = (
        "kind", "source_id", "part", "number", "document_date", "payer_id", "state", "reason", "sentence", "remedy",
        "generation",
    )  # fmt: skip
    return {
        **{name: asdict(document)[name] for name in names},
        "since": document.state_since,
        "refused_at": evidence.refused.refused_at if evidence.refused else None,
        "refused_fault": evidence.refused.fault_code if evidence.refused else None,
        "amount": to_dollars(document.amount_cents),
        "operation": evidence.operation or "",
        "problem": evidence.problem,
        "answers": answers,
        "quickbooks": {
            "standing": evidence.standing,
            "quickbooks_id": document.quickbooks_id,
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
        "received": [asdict(row) | {"amount": to_dollars(row.amount_cents)} for row in evidence.received],
        "log": [asdict(row) for row in evidence.log],
        "attempts": [asdict(row) for row in evidence.attempts],
        "runs": [asdict(row) for row in evidence.runs],
    }  # fmt: skip
