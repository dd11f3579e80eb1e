"""The check of a company before anything is sent to it.

Belongs here: the choice of the moment to ask QuickBooks again, and refusing a company in which documents would come out
wrong. Does not belong here: the meaning of the settings (``core.planning.preflight``).
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from qb_pipeline.core.mapping.mapping_targets import ACCOUNTS, ENTITIES, Target, read_targets
from qb_pipeline.core.planning.preflight import (
    OF_MATTERS,
    CompanySettings,
    Fence,
    PreflightFinding,
    fences,
    find_settings,
    find_targets,
)
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.books import company
from qb_pipeline.ledger.books.mappings import Mappings
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.setup.firms import Firm, SetUpError
from qb_pipeline.quickbooks.errors import QuickBooksError
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned

if TYPE_CHECKING:
    from sqlalchemy import Engine

REMEMBERED = timedelta(hours=1)
"""The time for which a run uses the settings that another run has read. Reads are metered, and settings change about
once a year."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """The findings about a company, and the states of the fences against duplicates."""

    company_name: str
    findings: list[PreflightFinding]
    fences: list[Fence]

    @property
    def blocking(self) -> list[PreflightFinding]:
        """Findings with which nothing may be sent."""
        return [finding for finding in self.findings if finding.severity == "blocking"]


def examine(session: FirmSession) -> Preflight:
    """Return the findings about the settings and the objects of the mappings, for a person. Costs two reads, and one
    per kind and 300 mappings."""
    settings = session.company.read_settings()
    links = _links(session)
    targets = {kind: _read_targets(session, kind, ids) for kind, ids in _ids_by_kind(links).items()}
    return _judge(session.engine, session.firm, settings, find_targets(links, targets))


def examine_deposits(session: FirmSession) -> list[PreflightFinding]:
    """Return the findings about the accounts to which payment methods are mapped, for a person. Costs one read."""
    links = [("deposit_account", *link) for link in session.mappings.links("deposit_account").items()]
    targets = {kind: _read_targets(session, kind, ids) for kind, ids in _ids_by_kind(links).items()}
    return find_targets(links, targets)


def examine_matters(session: FirmSession) -> list[PreflightFinding]:
    """Return the findings about features that the company lacks for the place of matters that the firm wants, for a
    person. Costs two reads, or none if the setting needs nothing of the company."""
    if session.firm.settings.matter_in in ("off", "memo"):
        return []
    looked = _judge(session.engine, session.firm, session.company.read_settings())
    return [finding for finding in looked.findings if finding.code in OF_MATTERS]


def recall(engine: "Engine", firm: Firm) -> Preflight | None:
    """Return the findings that need no request: from the settings as last read, without the mappings. Return None if
    the settings were never read."""
    known = company.seen(engine, firm.firm_id)
    return _judge(engine, firm, known.settings) if known else None


def require(session: FirmSession) -> Learned:
    """Check the company before a run plans or sends anything. Findings are written into the log.

    Costs at most two reads, and none while the settings were read lately and no finding speaks against them.

    Returns:
        The findings as notices.

    Raises:
        SetUpError: a finding blocks; nothing was sent.
    """
    known = company.seen(session.engine, session.firm.firm_id)
    is_fresh = known is not None and not known.is_doubtful and session.clock() - known.seen_at < REMEMBERED
    looked = recall(session.engine, session.firm) if is_fresh else None
    # A setting that blocks, or leaves matters out, may have been corrected just now.
    if looked is None or looked.blocking or any(finding.code in OF_MATTERS for finding in looked.findings):
        looked, is_fresh = _judge(session.engine, session.firm, session.company.read_settings()), False
    notices = _note(session, looked.findings, () if is_fresh else looked.fences)
    _refuse_blocking(session, looked)
    return notices


def require_as_read(session: FirmSession) -> None:
    """Check the settings as this run, or a former one, has read them. Costs no request.

    Raises:
        SetUpError: a finding blocks; nothing was sent since.
    """
    settings = session.company.settings
    if settings is not None:
        _refuse_blocking(session, _judge(session.engine, session.firm, settings))


def _refuse_blocking(session: FirmSession, looked: Preflight) -> None:
    if looked.blocking:
        raise SetUpError(
            f"{session.firm.firm_id}: nothing is sent. "
            + " ".join(f"{finding.sentence} {finding.remedy}" for finding in looked.blocking)
        )


def explain_targets(session: FirmSession, kinds: Sequence[Kind]) -> Learned:
    """Log the mappings for which this run holds documents of these kinds, and return them as notices.

    Of payers, only those of these documents are named. Costs nothing if no document is held so; otherwise one read per
    kind that is mapped.
    """
    if not kinds:
        return NOTHING
    payer_ids = session.payers.payers_held_in(session.run.run_id, Problem.MAPPING_INACTIVE, kinds)
    if not payer_ids:
        return NOTHING
    links = [link for link in _links(session) if link[0] != "payer" or link[1] in payer_ids]
    wanted = _ids_by_kind(links)
    with suppress(QuickBooksError):  # the documents are held either way; the next run tries again
        targets = {kind: _read_targets(session, kind, ids) for kind, ids in wanted.items()}
        return _note(session, find_targets(links, targets))
    return NOTHING


def _judge(
    engine: "Engine", firm: Firm, settings: CompanySettings, targets: Collection[PreflightFinding] = ()
) -> Preflight:
    tax_codes = Mappings(engine, firm.firm_id).links("tax_code").keys()
    found = find_settings(settings, firm.settings, currency=firm.currency, tax_codes=tax_codes)
    refused = company.has_refused_a_number(engine, firm.firm_id)
    return Preflight(settings.company_name, [*found, *targets], fences(settings, has_refused_a_number=refused))


def _note(session: FirmSession, findings: Collection[PreflightFinding], fences_up: Collection[Fence] = ()) -> Learned:
    entries = [Entry("preflight", reason=finding.code, detail=str(finding)) for finding in findings]
    if fences_up:
        states = ", ".join(f"{fence.name}: {fence.state}" for fence in fences_up)
        entries.append(Entry("preflight", detail=f"fences against duplicates: {states}"))
    said = session.log.said(session.run, "preflight") if entries else set[str]()
    session.log.add(session.run, [entry for entry in entries if entry.detail not in said], now=session.clock())
    return Learned(notices=tuple(str(finding) for finding in findings))


def _links(session: FirmSession) -> list[tuple[str, str, str]]:
    settings = session.firm.settings
    kinds = [kind for kind in ENTITIES if kind != "matter" or settings.matter_in == "class"]
    links = [(kind, *link) for kind in kinds for link in session.mappings.links(kind).items()]
    return links + [(name, "", account) for name in ACCOUNTS if (account := getattr(settings, name))]


def _ids_by_kind(links: Collection[tuple[str, str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind, _, quickbooks_id in links:
        found.setdefault(kind, set()).add(quickbooks_id)
    return found


def _read_targets(session: FirmSession, kind: str, ids: Collection[str]) -> dict[str, Target]:
    entity = ENTITIES.get(kind, "Account")
    return read_targets(kind, session.quickbooks.find(entity, "Id", sorted(ids), where="Active IN (true, false)"))
