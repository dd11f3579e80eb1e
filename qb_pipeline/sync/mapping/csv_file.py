"""The mapping utility: a file in which a person maps things of billing to objects of QuickBooks.

Nothing of a file is applied without an import. An imported file is checked as a whole first: if one row is wrong, no
row is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qb_pipeline.core.mapping.look_alikes import LookAlike
from qb_pipeline.core.mapping.mapping_targets import (
    ENTITIES,
    INCOME_ACCOUNT,
    Target,
    choose_target,
    find_target_problem,
    read_targets,
)
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.foreign_documents import Pair
from qb_pipeline.ledger.books.mappings import Mapping as Link
from qb_pipeline.sync.mapping.rechecks import look_again
from qb_pipeline.sync.mapping.references import References, find_customers
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import AT_ONCE
from qb_pipeline.sync.session.learned import NOTHING

METHODS = ("check", "card", "echeck", "cash", "wire", "credit", "other")
"""Billing's payment methods (docs/interfaces.md, billing contract)."""

TAX_CODES = {"TAX": "taxable line", "NON": "line without tax", "TOTAL": "tax of the whole invoice"}

NEW = "new"
"""The word in place of an Id for a payer that is another client than the customers that it looks like."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the mapping. ``quickbooks_id`` is empty if the line has no mapping."""

    kind: str
    billing_id: str
    billing_name: str
    quickbooks_id: str = ""
    quickbooks_name: str = ""
    origin: str = ""

    @property
    def is_new(self) -> bool:
        """Whether the row has the word ``new``, in upper or lower case, in place of an Id."""
        return self.quickbooks_id.casefold() == NEW


@dataclass(frozen=True, slots=True)
class RowError:
    """The error of a row of an imported file. ``line`` counts from 2, below the heading."""

    line: int
    reason: str
    remedy: str


def list_income_accounts(session: FirmSession) -> list[Row]:
    """Return the accounts that fit the setting ``income_account``, ordered by full name.

    The account that the setting has now gets the origin ``setting``. Costs one read. These rows are a list to choose
    from: ``import_rows`` skips them.
    """
    chosen = session.firm.settings.income_account
    fitting = [target for target in _read(session, INCOME_ACCOUNT).values() if target.fits]
    rows = [Row(INCOME_ACCOUNT, "", "", target.quickbooks_id, target.full_name or target.name) for target in fitting]
    return [
        replace(row, origin="setting") if row.quickbooks_id == chosen else row
        for row in sorted(rows, key=lambda row: row.quickbooks_name.casefold())
    ]


def choose_income_account(session: FirmSession, text: str, setting: str = INCOME_ACCOUNT) -> Target:
    """Return the account that a person names for a setting (``INCOME_ACCOUNTS``), by Id, name or full name.

    Costs one read.

    Raises:
        ValueError: the text names no account, several, an inactive one, or one of another type; the message lists those
            that fit.
    """
    return choose_target(setting, text, _read(session, setting))


def read_rows(session: FirmSession) -> list[Row]:
    """Return everything that can be mapped, with its mapping if it has one, grouped by kind and ordered by id."""
    names = _billing_names(session)
    rows = []
    for kind, known in names.items():
        links = {link.source_id: link for link in session.mappings.all(kind)}
        for billing_id in sorted(known.keys() | links.keys()):
            link = links.get(billing_id, Link(kind, billing_id, "", "", ""))
            rows.append(
                Row(kind, billing_id, known.get(billing_id, ""), link.quickbooks_id, link.quickbooks_name, link.origin)
            )
    return rows


def import_rows(session: FirmSession, rows: Sequence[Row]) -> list[RowError]:
    """Store the rows that name a QuickBooks Id as a person's mappings: all of them, or none if one is wrong.

    A payer with the word ``new`` is told apart, for ever, from the customers that it looks like now. Rows without a
    QuickBooks Id are skipped, so that an exported file can be completed step by step. Rows that list income accounts
    are skipped too, because ``firm set`` chooses one of these. Documents that were held for lack of a mapping that
    changed, or of such an answer, are planned again. Documents that were sent stay as they are.

    Returns:
        The errors, ordered by row; empty if everything was stored.
    """
    errors: list[RowError] = []
    names = _billing_names(session)
    targets: dict[str, dict[str, Target]] = {}
    seen: dict[tuple[str, str], int] = {}
    links = []
    others: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        if row.kind == INCOME_ACCOUNT:
            continue  # a setting: the file only lists the accounts that fit
        if row.kind not in ENTITIES:
            errors.append(RowError(line, f"no kind {row.kind!r}", f"Use one of {', '.join(ENTITIES)}."))
            continue
        if not row.quickbooks_id:
            continue
        if row.kind not in names:
            errors.append(
                RowError(line, "matters are no classes of this firm", "Set matter_in=class (`firm set`) first.")
            )
            continue
        if row.kind not in targets and not row.is_new:
            targets[row.kind] = _read(session, row.kind)
        first = seen.setdefault((row.kind, row.billing_id), line)
        if first != line:
            errors.append(
                RowError(line, f"{row.kind} {row.billing_id} stands in line {first} too", "Keep one of them.")
            )
        elif row.billing_id not in names[row.kind]:
            errors.append(
                RowError(line, f"billing has no {row.kind} {row.billing_id!r}", "Take the id from `mapping export`.")
            )
        elif problem := _find_problem(row, targets):
            errors.append(RowError(line, *problem))
        elif row.is_new:
            others[row.billing_id] = line
        else:
            name = targets[row.kind][row.quickbooks_id].name
            links.append(Link(row.kind, row.billing_id, row.quickbooks_id, name, "person"))
    found = find_customers(session, others, NOTHING, AT_ONCE)
    errors += [error for payer_id, line in others.items() if (error := _find_error(line, payer_id, found)) is not None]
    if not errors:
        _store(session, links, {payer_id: found.alike.get(payer_id, ()) for payer_id in others})
    return sorted(errors, key=lambda error: error.line)


def _store(session: FirmSession, links: Sequence[Link], others: Mapping[str, Sequence[LookAlike]]) -> None:
    """Store mappings and, in ``others``, the customers that a payer is not, keyed by payer id. Set the documents that
    waited for them to be planned again."""
    known = {kind: session.mappings.links(kind) for kind in {link.kind for link in links}}
    changed = [link for link in links if known[link.kind].get(link.source_id) != link.quickbooks_id]
    pairs = [
        Pair(DocumentName(Kind.CUSTOMER, payer_id), each.customer_id)
        for payer_id, alike in others.items()
        for each in alike
    ]
    session.mappings.remember(links, others=pairs, actor=session.run.actor, now=session.clock())
    look_again(session, [*changed, *(Link("payer", payer_id, "", "", "person") for payer_id in others)])


def _find_problem(row: Row, targets: Mapping[str, Mapping[str, Target]]) -> tuple[str, str] | None:
    """Return the reason for which a row cannot be used, with the remedy, or None. The look-alikes of its payer are not
    considered here."""
    if not row.is_new:
        return find_target_problem(row.kind, row.quickbooks_id, targets[row.kind])
    if row.kind != "payer":
        return f"a {row.kind} cannot be new", "Write an Id of QuickBooks, or nothing."
    return None


def _find_error(line: int, payer_id: str, found: References) -> RowError | None:
    """Return the error of a payer that cannot get a customer of its own by the word ``new``, or None."""
    problem = found.problems.get(payer_id, Problem.LIKE_CUSTOMER)
    if problem is not Problem.LIKE_CUSTOMER:
        said = f"payer {payer_id} is held {problem}, for which new is no answer"
        return RowError(line, said, PROBLEMS[problem].remedy)
    if payer_id in found.ids and payer_id not in found.missing:
        said = f"payer {payer_id} is the Customer with Id {found.ids[payer_id]!r} already"
        return RowError(line, said, "Leave the cell as it was, or write the Id of another customer.")
    return None


def _read(session: FirmSession, kind: str) -> dict[str, Target]:
    entity = ENTITIES.get(kind, "Account")
    return read_targets(kind, session.quickbooks.query_all(entity, where="Active IN (true, false)"))


def _billing_names(session: FirmSession) -> Mapping[str, Mapping[str, str]]:
    # Only payers with documents on the work list: a firm has many more contacts.
    names = session.billing.mappable_names(session.payers.payer_ids())
    maps_matters = session.firm.settings.matter_in == "class"
    return {
        **names,
        "payment_method": {method: method for method in METHODS},
        "deposit_account": {method: method for method in METHODS},
        "tax_code": TAX_CODES,
        **({"matter": {each: each for each in session.billing.matters()}} if maps_matters else {}),
    }
