"""``adopt`` (match): link documents that an earlier integration put into QuickBooks, instead of sending them again."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from qb_pipeline.commands.terminal.console import As, Firm, Json, say, table, who, working
from qb_pipeline.core.states import DOCUMENTS

if TYPE_CHECKING:
    from qb_pipeline.sync.verify.adoption import Proposal

VERDICTS = ("match", "ambiguous", "near", "none")
COLUMNS = ("verdict", "kind", "source_id", "part", "number", "date", "amount", "quickbooks_id", "differs")


def adopt(
    key: Firm,
    is_approved: Annotated[bool, typer.Option("--approve", help="Link every match; a super user's decision.")] = False,
    as_json: Json = False,
    actor: As = "",
) -> None:
    """Show which invoices and payments of billing an earlier integration has put into QuickBooks, and link them."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.verify.adoption import approve, propose

    with working() as (_, _, deployment):
        run = Run(f"adopt-{uuid4()}", "cli", who(actor))
        with deployment.open(key, run, setting_up=True) as session:
            if is_approved:
                deployment.firms.require_super_user(key, run.actor)
            proposals = propose(session)
            linked = approve(session, proposals) if is_approved else Counter[str]()
            reads = session.quickbooks.requests.reads
        shown = [row for proposal in proposals if proposal.verdict != "none" for row in evidence(proposal)]
        table(shown, COLUMNS, as_json=as_json, empty="")
        if as_json:
            return
        counts: Counter[tuple[str, str]] = Counter((row.document.kind, row.verdict) for row in proposals)
        for kind in DOCUMENTS:
            verdicts = ", ".join(f"{counts[kind, verdict]} {verdict}" for verdict in VERDICTS)
            done = f"; {linked[kind]} linked" if is_approved else ""
            say(f"{kind}s of billing that we did not send: {verdicts}{done}")
        say(f"requests: {reads} reads, 0 writes")
        if not is_approved and any(verdict == "match" for _, verdict in counts):
            say(f"Look at each match, then: qb-pipeline adopt {key} --approve")


def evidence(proposal: "Proposal") -> list[dict[str, Any]]:
    """The rows of one document: the match, or each candidate and how it differs."""
    from qb_pipeline.core.money import to_dollars

    document = proposal.document
    differs = proposal.differs or ("",) * len(proposal.quickbooks_ids)
    return [
        {
            "verdict": proposal.verdict,
            "kind": document.kind,
            "source_id": document.source_id,
            "part": document.part,
            "number": document.number,
            "date": document.document_date,
            "amount": to_dollars(proposal.total_cents),
            "quickbooks_id": quickbooks_id,
            "differs": how,
        }
        for quickbooks_id, how in zip(proposal.quickbooks_ids, differs, strict=True)
    ]
