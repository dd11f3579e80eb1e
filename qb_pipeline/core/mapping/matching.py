"""The QuickBooks customer of a payer, and the QuickBooks item of a fee item.

Belongs here: the rules, which use names alone and never guess. Does not belong here: creating a missing customer or
item, storing a match, suggesting near misses to a person.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from qb_pipeline.core.mapping.names import find_generation
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.schemas import ItemMatches, PayerMatches, frame
from qb_pipeline.core.text import (
    DISPLAY_NAME_LENGTH,
    NAME_LENGTH,
    SUFFIX_LENGTH,
    find_name_problem,
    former_name,
    join_names,
    name_key,
    real_name,
    taken_key,
    tidy,
    with_suffix,
)

Name = tuple[str, ...]
"""A compared name: ("person", first, last), ("company", name), or ("display", name) where a customer has no other."""


@dataclass(frozen=True, slots=True)
class _Payer:
    payer_id: str
    display_name: str
    names: tuple[Name, ...]
    generation: int
    cannot_match: str
    cannot_create: str


@dataclass(frozen=True, slots=True)
class _Customer:
    customer_id: str
    is_active: bool
    is_sub_customer: bool
    generation: int


def match_payers(
    payers: pd.DataFrame,
    needed: Collection[str],
    customers: pd.DataFrame,
    links: Mapping[str, str],
    *,
    create: bool,
    settled: Collection[str] = (),
    single_names: bool = False,
    apart: Collection[tuple[str, str]] = (),
) -> pd.DataFrame:
    """Return the customer of each needed payer, or the problem that prevents a match (``PayerMatches``).

    A mapping or stored link decides. Without one the name decides: a payer's customer is the single active customer of
    that name that is no sub-customer and belongs to no other payer. A row without customer and problem asks for a new
    customer, named ``display_name``. The outcome depends neither on the order of the payers nor on the payers that a
    run happens to need.

    Args:
        payers: the needed payers and all their namesakes.
        needed: the payers of this run's documents.
        customers: all customers of the company, inactive ones too.
        links: the customer's Id, keyed by payer id, for the whole firm.
        create: whether the firm creates missing customers.
        settled: linked payers whose link is beyond doubt, because a person mapped it or the customer was created for
            that payer. Their customers do not block a namesake; a customer that is linked by name alone does
            (``LINKED_TO_OTHER``).
        single_names: whether a person may have a first name or a last name alone. It then matches either in QuickBooks.
        apart: pairs of a payer and a customer that a person has told apart. They do not match, whatever their names are
            by now.
    """
    known = {payer.payer_id: payer for payer in _read_payers(payers, single_names=single_names)}
    unlinked = [payer for payer_id, payer in known.items() if payer_id not in links]
    by_name, active = _index_customers(customers)
    owned = set(links.values())
    theirs = {links[payer_id] for payer_id in settled if payer_id in links}
    hits = {payer.payer_id: _find_customers(payer, by_name, apart) for payer in unlinked}
    claims = _count_claims(hits.values(), owned)
    display_names = _keep_apart(unlinked, customers)

    rows = []
    for payer_id in sorted(set(needed)):
        if payer_id in links:
            problem = "" if active.get(links[payer_id], True) else Problem.MAPPING_INACTIVE.value
            rows.append((payer_id, "" if problem else links[payer_id], "", problem))
        elif payer_id not in known:
            rows.append((payer_id, "", "", Problem.UNKNOWN_PAYER.value))
        else:
            payer = known[payer_id]
            left = [hit for hit in hits[payer_id] if hit.customer_id not in theirs]
            customer_id, problem = _choose_customer(payer, left, owned=owned, claims=claims, create=create)
            new = not customer_id and not problem
            rows.append((payer_id, customer_id, display_names[payer_id] if new else "", problem))
    return frame(PayerMatches, rows)


def _count_claims(hits: Iterable[list[_Customer]], owned: Collection[str]) -> Counter[str]:
    """Return the number of unlinked payers that have a customer's name, keyed by customer Id. Customers that belong to
    a payer already are left out."""
    return Counter(hit.customer_id for of_payer in hits for hit in of_payer if hit.customer_id not in owned)


def _choose_customer(
    payer: _Payer, hits: list[_Customer], *, owned: set[str], claims: Mapping[str, int], create: bool
) -> tuple[str, str]:
    if payer.cannot_match:
        return "", payer.cannot_match
    free = [hit for hit in hits if hit.customer_id not in owned]
    active = [hit.customer_id for hit in free if hit.is_active and not hit.is_sub_customer]
    if len(active) == 1 and claims[active[0]] == 1:
        return active[0], ""
    if active:
        problem = Problem.AMBIGUOUS_NAME if len(active) > 1 else Problem.NAME_SHARED
    elif any(not hit.is_active and not hit.is_sub_customer for hit in free):
        problem = Problem.INACTIVE_CUSTOMER
    elif len(free) < len(hits):
        problem = Problem.LINKED_TO_OTHER
    elif free:
        problem = Problem.SUB_CUSTOMER_ONLY
    elif not create:
        problem = Problem.UNMATCHED_PAYER
    else:
        return "", payer.cannot_create
    return "", problem.value


def _find_customers(
    payer: _Payer, by_name: Mapping[Name, list[_Customer]], apart: Collection[tuple[str, str]]
) -> list[_Customer]:
    """Return the customers that have a payer's name. Where the suffixes of both are known (father and son), they must
    agree."""
    hits = [customer for name in payer.names for customer in by_name.get(name, ())]
    hits = [hit for hit in hits if (payer.payer_id, hit.customer_id) not in apart]
    return [hit for hit in hits if 0 in (payer.generation, hit.generation) or payer.generation == hit.generation]


def _read_payers(payers: pd.DataFrame, *, single_names: bool) -> Iterable[_Payer]:
    columns = [
        "payer_id", "kind", "first_name", "middle_name", "last_name", "suffix", "corporation_name",
        "billing_first_name", "billing_last_name",
    ]  # fmt: skip
    for payer_id, kind, first, middle, last, suffix, company, billing_first, billing_last in zip(
        *(payers[column].tolist() for column in columns), strict=True
    ):
        if kind == "corporation":
            compared, further = [company], [billing_first, billing_last]
            names: tuple[Name, ...] = (("company", name_key(company)), ("display", name_key(company)))
        else:
            compared, further = [real_name(first), real_name(last)], [middle]
            names = _names_of_person(*compared)
        display_name = join_names(compared)
        enough = any if single_names and kind != "corporation" else all
        cannot_match = "" if enough(map(tidy, compared)) else Problem.MISSING_NAME.value
        cannot_match = _first_problem(compared) or cannot_match
        if kind == "corporation" and not any(map(tidy, further)):
            cannot_create = Problem.NO_BILLING_PERSON.value
        else:
            cannot_create = (
                _first_problem(further)
                or (find_name_problem(suffix, SUFFIX_LENGTH) or "" if kind == "individual" else "")
                or (find_name_problem(with_suffix(display_name, payer_id), DISPLAY_NAME_LENGTH) or "")
            )
        names = () if cannot_match else names
        generation, _ = find_generation(suffix if kind == "individual" else "")
        yield _Payer(payer_id, display_name, names, generation, cannot_match, cannot_create)


def _names_of_person(first: str, last: str) -> tuple[Name, ...]:
    """Return the names by which a person is searched for. A single name may be the first or the last name in
    QuickBooks."""
    names = [(first, last)] if first and last else [(first, last), (last, first)]
    return (*(("person", *map(name_key, pair)) for pair in names), ("display", name_key(f"{first} {last}")))


def _first_problem(names: Iterable[str]) -> str:
    return next((problem.value for name in names if (problem := find_name_problem(name, NAME_LENGTH))), "")


def _index_customers(customers: pd.DataFrame) -> tuple[dict[Name, list[_Customer]], dict[str, bool]]:
    by_name: dict[Name, list[_Customer]] = {}
    active: dict[str, bool] = {}
    columns = [
        "customer_id", "display_name", "given_name", "family_name", "company_name", "is_active", "is_sub_customer",
        "suffix",
    ]  # fmt: skip
    for customer_id, display_name, given, family, company, is_active, is_sub_customer, suffix in zip(
        *(customers[column].tolist() for column in columns), strict=True
    ):
        customer = _Customer(customer_id, is_active, is_sub_customer, find_generation(suffix)[0])
        active[customer_id] = is_active
        display = name_key(display_name if is_active else former_name(display_name))
        company_key = name_key(company)
        # A customer displayed under its company's name is the company; the person in it is only the contact.
        person = ("person", name_key(real_name(given)), name_key(real_name(family)))
        if any(person[1:]) and not (company_key and display.startswith(company_key)):
            by_name.setdefault(person, []).append(customer)
        if company_key:
            by_name.setdefault(("company", company_key), []).append(customer)
        if not (given or family or company):
            by_name.setdefault(("display", display), []).append(customer)
    return by_name, active


def _keep_apart(unlinked: list[_Payer], customers: pd.DataFrame) -> dict[str, str]:
    """Return a display name for each payer, keyed by payer id, that no other payer and no customer has.

    The payer with the smallest id gets the plain name, if no customer has it yet. Names that differ in the form of a
    mark alone count as equal: QuickBooks would take both, but no person could distinguish them.
    """
    taken = {name_key(name) for name in customers["display_name"].tolist()}
    names = {}
    for payer in sorted(unlinked, key=lambda payer: payer.payer_id):
        key = name_key(payer.display_name)
        names[payer.payer_id] = with_suffix(payer.display_name, payer.payer_id) if key in taken else payer.display_name
        taken.add(key)
    return names


def choose_new_name(payer_id: str, display_name: str, taken: Collection[str]) -> str:
    """Return the name under which a payer's customer is created: the plain one, else the one with the payer's id.

    Customers, vendors and employees share one list of names.

    Args:
        payer_id: the payer's id.
        display_name: the name that ``match_payers`` returned.
        taken: keys (``taken_key``) of names that somebody in QuickBooks has.

    Returns:
        The name; "" when both names are taken, so that no customer can be created (``NAME_TAKEN``).
    """
    plain = display_name.removesuffix(with_suffix("", payer_id))
    names = (display_name, with_suffix(plain, payer_id))
    return next((name for name in names if taken_key(name) not in taken), "")


def match_items(
    fee_items: pd.DataFrame,
    items: pd.DataFrame,
    links: Mapping[str, str],
    *,
    create: bool,
    without_account: Collection[str] = (),
    needed: Collection[str] | None = None,
) -> pd.DataFrame:
    """Return the item of each fee item, or the problem that prevents a match (``ItemMatches``).

    A mapping or stored link decides. Without one the exact name or code decides, among active service items, in any
    case. A row without item and problem asks for a new item, named ``item_name``.

    Args:
        fee_items: the fee items of this run's lines.
        items: all items of the company, inactive ones too.
        links: the item's Id, keyed by fee item id.
        create: whether the firm creates missing items.
        without_account: fee items for whose kind the firm named no usable income account for new items.
        needed: ids on this run's lines, None for those of ``fee_items``. Ids that billing no longer has are
            ``UNKNOWN_FEE_ITEM``.
    """
    index = _index_items(items)
    texts = {
        fee_item_id: (tidy(name), tidy(code))
        for fee_item_id, name, code in zip(
            *(fee_items[column].tolist() for column in ("fee_item_id", "name", "code")), strict=True
        )
    }
    new_names = Counter(name_key(name or code) for name, code in texts.values())

    rows = []
    for fee_item_id in sorted(texts if needed is None else set(needed)):
        item_id, problem = "", ""
        if fee_item_id in links:
            inactive = links[fee_item_id] in index.inactive
            item_id, problem = ("", Problem.MAPPING_INACTIVE.value) if inactive else (links[fee_item_id], "")
        elif fee_item_id not in texts:
            problem = Problem.UNKNOWN_FEE_ITEM.value
        else:
            name, code = texts[fee_item_id]
            item_id, problem = _choose_item(index, name, code)
            if not item_id and not problem:
                problem = _find_creation_problem(
                    name or code, new_names, create=create, has_income_account=fee_item_id not in without_account
                )
        rows.append((fee_item_id, item_id, problem))
    return frame(ItemMatches, rows)


@dataclass(frozen=True, slots=True)
class _Items:
    by_name: Mapping[str, set[str]]
    by_code: Mapping[str, set[str]]
    usable: Collection[str]
    inactive: Collection[str]


def _index_items(items: pd.DataFrame) -> _Items:
    by_name: dict[str, set[str]] = {}
    by_code: dict[str, set[str]] = {}
    columns = ("item_id", "name", "sku", "is_active")
    for item_id, name, sku, is_active in zip(*(items[column].tolist() for column in columns), strict=True):
        by_name.setdefault(name_key(name if is_active else former_name(name)), set()).add(item_id)
        if sku:
            by_code.setdefault(name_key(sku), set()).add(item_id)
    is_service = items["type"] == "Service"
    return _Items(
        by_name,
        by_code,
        usable=set(items.loc[items["is_active"] & is_service, "item_id"]),
        inactive=set(items.loc[~items["is_active"], "item_id"]),
    )


def _choose_item(index: _Items, name: str, code: str) -> tuple[str, str]:
    hits: set[str] = set()
    if name:
        hits |= index.by_name.get(name_key(name), set())
    if code:
        hits |= index.by_name.get(name_key(code), set()) | index.by_code.get(name_key(code), set())
    found = sorted(hits.intersection(index.usable))
    if len(found) == 1:
        return found[0], ""
    if found:
        return "", Problem.AMBIGUOUS_ITEM.value
    if hits.intersection(index.inactive):
        return "", Problem.INACTIVE_ITEM.value
    # The other hits have the name, but are no services. A service of that name cannot be created beside them.
    return "", Problem.UNMAPPED_FEE_ITEM.value if hits else ""


def _find_creation_problem(name: str, new_names: Mapping[str, int], *, create: bool, has_income_account: bool) -> str:
    if not create:
        return Problem.UNMAPPED_FEE_ITEM.value
    if not has_income_account:
        return Problem.NO_INCOME_ACCOUNT.value
    if not name:
        return Problem.MISSING_NAME.value
    return Problem.AMBIGUOUS_ITEM.value if new_names[name_key(name)] > 1 else _first_problem([name])


def item_name(name: str, code: str) -> str:
    """Return the name of a fee item's QuickBooks item: the fee item's name, else its code."""
    return tidy(name) or tidy(code)
