"""Decide what to do with each document.

Belongs here: comparing content, with what was sent and with what QuickBooks holds. Does not belong here: sending
(``sync.push``) or remembering (``ledger``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from qb_pipeline.core.markers import find_marker
from qb_pipeline.core.payloads import NOTE_LENGTH, QUICKBOOKS_OWNED

Operation = Literal["create", "update", "void", "skip", "close"]

_ENVELOPE = frozenset({"Id", "SyncToken", "sparse"})

# QuickBooks writes these its own way: an address comes back in other lines, a company without sales tax has no say.
_REWRITTEN = frozenset({"BillAddr", "ApplyTaxAfterDiscount"})


# What a bookkeeper sets on a line: never sent of our own, taken over from the line that a revision changes.
_SET_ON_LINES = frozenset({"ClassRef", "DeferredRevenue", "PriceLevelRef", "UOMRef", "DiscountAccountRef"})


@dataclass(frozen=True)
class Field:
    """One field as billing means it and as QuickBooks holds it. Values are for the eyes of who asked, not for a log."""

    name: str
    ours: str
    theirs: str
    owner: Literal["billing", "quickbooks"]
    differs: bool


@dataclass(frozen=True)
class Difference:
    """One field that billing and QuickBooks hold differently, and who owns it.

    Owned by billing it is drift; owned by QuickBooks it is the bookkeeper's right. Values are the client's: for the
    eyes of who asked, not for a log.
    """

    field: str
    ours: str
    theirs: str
    owner: Literal["billing", "quickbooks"]


def choose_operation(
    state: str, fingerprint: str, sent_fingerprint: str, billing_status: str, *, quickbooks_id: str
) -> Operation:
    """Compare content, never timestamps: an unchanged document is never sent twice.

    Args:
        state: of the document in the ledger.
        fingerprint: of what would be sent now; without meaning for a void one.
        sent_fingerprint: of what QuickBooks accepted last and holds as far as we know; "" when it never had the
            document, or when a void or a person took it out.
        billing_status: ``void``, or anything else for a document that stands. A posted invoice that was revised to
            nothing (``NOTHING_TO_BILL``) is to be voided too: say ``void``.
        quickbooks_id: what once had an Id is never created by itself: an update looks first, and holds what is not
            there any more.
    """
    if state in ("sending", "unknown", "voided", "closed"):
        return "skip"  # to be settled first, or over
    if billing_status == "void":
        return "void" if sent_fingerprint or quickbooks_id else "close"
    if not sent_fingerprint:
        return "update" if quickbooks_id else "create"
    return "skip" if fingerprint == sent_fingerprint else "update"


def update_body(body: Mapping[str, Any], *, quickbooks_id: str, sync_token: str) -> dict[str, Any]:
    """Turn the body of a document into the change of the one that QuickBooks holds.

    Without what the bookkeeper owns: a sparse update leaves that as it is.
    """
    owned = {name: value for name, value in body.items() if name not in QUICKBOOKS_OWNED}
    return {"Id": quickbooks_id, "SyncToken": sync_token, "sparse": True, **owned}


def mark_again(body: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, str]:
    """Our marker in front of a note that carries none: of an adopted document, or one whose note was rewritten.

    Returns:
        What to send besides; nothing where the note carries a marker, ours or another's.
    """
    note = str(theirs.get("PrivateNote") or "")
    if find_marker(note) is not None:
        return {}
    mark = str(body["PrivateNote"]).split(" ", 1)[0]
    return {"PrivateNote": f"{mark} {note}".rstrip()[:NOTE_LENGTH]}


def carry_lines(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """Give new lines the Ids of those that they change, and what the bookkeeper set on them (a class).

    Lines that are sent replace all that are there. One corresponds to that at its position, if it has the same item
    and, where there are more or fewer lines than before, the same text.

    Returns:
        The lines to send; None when a class would be lost, because nothing corresponds to its line.
    """
    kept = [line for line in theirs if _detail_type(line) != "subtotallinedetail"]
    carried = [dict(line) for line in ours]
    for position, line in enumerate(kept):
        detail = _detail(line)
        if position < len(ours) and _corresponds(ours[position], line, is_same_count=len(ours) == len(kept)):
            mine = carried[position]
            own = {name: value for name, value in detail.items() if name in _SET_ON_LINES}
            if "Id" in line:
                mine["Id"] = line["Id"]
            if own:
                mine[mine["DetailType"]] = own | mine[mine["DetailType"]]
        elif detail.get("ClassRef"):
            return None
    return carried


def _corresponds(ours: Mapping[str, Any], theirs: Mapping[str, Any], *, is_same_count: bool) -> bool:
    items = [(_detail(line).get("ItemRef") or {}).get("value") for line in (ours, theirs)]
    texts = [line.get("Description") or "" for line in (ours, theirs)]
    return (
        _detail_type(ours) == _detail_type(theirs) and items[0] == items[1] and (is_same_count or texts[0] == texts[1])
    )


def _detail(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is particular to a line's type."""
    wanted = _detail_type(line)
    return next((value or {} for name, value in line.items() if name.lower() == wanted), {})


def compare(body: Mapping[str, Any], remote: Mapping[str, Any]) -> list[Difference]:
    """Compare a body, field by field, with the document that QuickBooks holds.

    Only what the body says is compared; what QuickBooks adds (line ids, subtotals, names of references) is not.
    """
    return [
        Difference(field.name, field.ours, field.theirs, field.owner)
        for field in side_by_side(body, remote)
        if field.differs
    ]


def side_by_side(body: Mapping[str, Any], remote: Mapping[str, Any]) -> list[Field]:
    """Put every field that a body says beside what QuickBooks holds of it, equal ones too."""
    fields: list[Field] = []
    for name, ours in body.items():
        if name in _ENVELOPE or name in _REWRITTEN:
            continue
        owner: Literal["billing", "quickbooks"] = "quickbooks" if name in QUICKBOOKS_OWNED else "billing"
        theirs = remote.get(name)
        pairs = _pair_lines(ours, theirs or ()) if name == "Line" else _pair_values(name, ours, theirs)
        fields += [
            Field(field, _text(mine), _text(other), owner, _comparable(mine) != _comparable(other))
            for field, mine, other in pairs
        ]
    if "DocNumber" in body and "TxnTaxDetail" not in body:  # an invoice without tax: a person may have added some
        tax = (remote.get("TxnTaxDetail") or {}).get("TotalTax") or 0
        if tax:
            fields.append(Field("TxnTaxDetail.TotalTax", "", _text(tax), "billing", differs=True))
    return fields


_Pairs = Iterator[tuple[str, Any, Any]]


def _pair_values(field: str, ours: Any, theirs: Any) -> _Pairs:
    if isinstance(ours, Mapping):
        inner = theirs if isinstance(theirs, Mapping) else {}
        for name, value in ours.items():
            yield from _pair_values(f"{field}.{name}", value, inner.get(name))
    elif isinstance(ours, list):
        inner_list = theirs if isinstance(theirs, list) else []
        for position, value in enumerate(ours):
            other = inner_list[position] if position < len(inner_list) else None
            yield from _pair_values(f"{field}[{position + 1}]", value, other)
    else:
        yield field, ours, theirs


def _pair_lines(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> _Pairs:
    """Line by line in their order; a line too many or too few is one difference."""
    kept = [line for line in theirs if _detail_type(line) != "subtotallinedetail"]
    for position in range(max(len(ours), len(kept))):
        field = f"Line[{position + 1}]"
        if position >= len(ours):
            yield field, None, _line_text(kept[position])
        elif position >= len(kept):
            yield field, _line_text(ours[position]), None
        else:
            yield from _pair_values(field, _without_carried(ours[position]), kept[position])


def _line_text(line: Mapping[str, Any]) -> Any:
    """What a line that only one side has is shown as: never nothing."""
    text = line.get("Amount", line.get("Description"))
    return "a line without amount" if text in (None, "") else text


def _without_carried(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line without its Id and what was the bookkeeper's on it: he may change that again."""
    return {
        name: {key: inner for key, inner in value.items() if key not in _SET_ON_LINES}
        if isinstance(value, Mapping)
        else value
        for name, value in line.items()
        if name != "Id"
    }


def _detail_type(line: Mapping[str, Any]) -> str:
    return str(line.get("DetailType", "")).replace("_", "").lower()


def _comparable(value: Any) -> Any:
    """Equal for values that mean the same: 2.50 and 2.5, nothing and "", both spellings of an enumeration."""
    if value is None or isinstance(value, bool):
        return value or ""
    if isinstance(value, int | Decimal):
        return Decimal(value)
    text = str(value)
    return text.replace("_", "").lower() if text.replace("_", "").lower() in _ENUMERATIONS else text


_ENUMERATIONS = frozenset({"salesitemlinedetail", "discountlinedetail", "descriptiononly", "notset"})


def _text(value: Any) -> str:
    return "" if value is None else str(value)
