"""The operation for each document, and the body of an update.

Belongs here: comparing a document's content with the content last sent and with QuickBooks'. Does not belong here:
sending (``sync.send.push``) or storing (``ledger``).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from qb_pipeline.core.documents.payloads import NOTE_LENGTH, QUICKBOOKS_OWNED, SET_ON_LINES, without_set_on_lines
from qb_pipeline.core.markers import find_marker
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.states import UNDER_WAY, Operation, State
from qb_pipeline.core.text import unify_line_breaks

_ENVELOPE = frozenset({"Id", "SyncToken", "sparse"})

# QuickBooks may not give these back as sent: an address has other lines, and the flag means nothing without sales tax.
_REWRITTEN = frozenset({"BillAddr", "ApplyTaxAfterDiscount"})


@dataclass(frozen=True)
class Field:
    """One field of a document: its value in billing (``ours``), its value in QuickBooks (``theirs``), and its owner.

    A difference is drift (concurrent modification) if billing owns the field. It is the bookkeeper's right if
    QuickBooks owns the field. Values are the client's: they are shown to the person who asked, and never logged.
    """

    name: str
    ours: str
    theirs: str
    owner: Literal["billing", "quickbooks"]
    differs: bool = True


def choose_operation(
    state: State, fingerprint: str, sent_fingerprint: str, billing_status: str, *, quickbooks_id: str
) -> Operation:
    """Return the operation for a document, from its content and never from timestamps. An unchanged document is not
    sent twice.

    Args:
        state: the document's state in the ledger.
        fingerprint: content hash of the body that would be sent now; ignored for a void document.
        sent_fingerprint: content hash of the body that QuickBooks accepted last and, as far as we know, still holds; ""
            when QuickBooks never had the document, or when a void or a person removed it.
        billing_status: ``void``, or any other text for a document that is not void. Pass ``void`` as well for a posted
            invoice that was revised to nothing (``NOTHING_TO_BILL``).
        quickbooks_id: "" for a document that never had an Id. A document that had an Id is updated, never created
            again: the update reads the document in QuickBooks first, and holds it if it is gone.
    """
    if state in UNDER_WAY or state in (State.VOIDED, State.CLOSED):
        return Operation.SKIP  # to be settled first, or finished
    if billing_status == "void":
        return Operation.VOID if sent_fingerprint or quickbooks_id else Operation.CLOSE
    if not sent_fingerprint:
        return Operation.UPDATE if quickbooks_id else Operation.CREATE
    return Operation.SKIP if fingerprint == sent_fingerprint else Operation.UPDATE


def update_body(body: JsonObject, *, quickbooks_id: str, sync_token: str) -> JsonObject:
    """Build an update of the document that QuickBooks holds from the body of a document.

    The bookkeeper's fields are left out: a sparse update leaves them as they are.
    """
    owned = {name: value for name, value in body.items() if name not in QUICKBOOKS_OWNED}
    return {"Id": quickbooks_id, "SyncToken": sync_token, "sparse": True, **owned}


def restore_marker(body: JsonObject, theirs: JsonObject) -> dict[str, str]:
    """Build a note with our marker in front, where QuickBooks' note has no marker. Such a note belongs to an adopted
    document, or a person rewrote it.

    Returns:
        The field to send in addition; an empty dict where the note has a marker, ours or another's.
    """
    note = str(theirs.get("PrivateNote") or "")
    if find_marker(note) is not None:
        return {}
    mark = str(body["PrivateNote"]).split(" ", 1)[0]
    return {"PrivateNote": f"{mark} {note}".rstrip()[:NOTE_LENGTH]}


def carry_lines(ours: Sequence[JsonObject], theirs: Sequence[JsonObject]) -> list[JsonObject] | None:
    """Build the lines of an update: new lines with the Ids of the old lines that they change, and the bookkeeper's
    fields.

    The lines of an update replace all old lines. A new line corresponds to the old line at its position if both have
    the same type and item and, where the number of lines has changed, the same text. The bookkeeper's fields are copied
    from the corresponding old line. Where we give lines a class, a new line without an old one takes the class that all
    old lines share; only where the classes of the old lines differ, it takes our class.

    Returns:
        The lines to send; None when a class would be lost: an old line has it, but no new line corresponds to that line
        or has this class.
    """
    kept = [line for line in theirs if _detail_type(line) != "subtotallinedetail"]
    carried = _take_class(ours, kept)
    our_classes = {_class_of(line) for line in carried} - {""}
    for position, line in enumerate(kept):
        detail = _detail(line)
        if position < len(ours) and _corresponds(ours[position], line, is_same_count=len(ours) == len(kept)):
            mine = carried[position]
            own = {name: value for name, value in detail.items() if name in SET_ON_LINES}
            if "Id" in line:
                mine["Id"] = line["Id"]
            if own or _class_of(mine):
                mine[mine["DetailType"]] = own | without_set_on_lines(mine)[mine["DetailType"]]
        elif detail.get("ClassRef") and _class_of(line) not in our_classes:
            return None
    return carried


def _take_class(ours: Sequence[JsonObject], theirs: Iterable[JsonObject]) -> list[JsonObject]:
    """Return our lines with the class that all of their lines share, or without a class where no line of theirs has
    one. Our classes stay where the classes of their lines differ."""
    found = {_class_of(line) for line in theirs if _detail(line)}
    if len(found) != 1:
        return [dict(line) for line in ours]
    [class_id] = found
    return [_with_class(line, class_id) if _class_of(line) else dict(line) for line in ours]


def _with_class(line: JsonObject, class_id: str) -> JsonObject:
    bare = without_set_on_lines(line)
    if class_id:
        bare[bare["DetailType"]]["ClassRef"] = {"value": class_id}
    return bare


def _class_of(line: JsonObject) -> str:
    return str((_detail(line).get("ClassRef") or {}).get("value") or "")


def _corresponds(ours: JsonObject, theirs: JsonObject, *, is_same_count: bool) -> bool:
    items = [(_detail(line).get("ItemRef") or {}).get("value") for line in (ours, theirs)]
    texts = [unify_line_breaks(line.get("Description") or "") for line in (ours, theirs)]
    return (
        _detail_type(ours) == _detail_type(theirs) and items[0] == items[1] and (is_same_count or texts[0] == texts[1])
    )


def _detail(line: JsonObject) -> JsonObject:
    """Return the detail object that belongs to a line's type; an empty one for a line without it."""
    wanted = _detail_type(line)
    return next((value or {} for name, value in line.items() if name.lower() == wanted), {})


def compare(body: JsonObject, remote: JsonObject) -> list[Field]:
    """Return the fields in which a body differs from the document that QuickBooks holds.

    Only the body's own fields are compared. QuickBooks' additions (line ids, subtotals, names of references) are no
    differences, except tax on an invoice that was sent without tax.
    """
    return [field for field in side_by_side(body, remote) if field.differs]


def side_by_side(body: JsonObject, remote: JsonObject) -> list[Field]:
    """Return every field of a body with QuickBooks' value of it, equal fields included."""
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
    if "DocNumber" in body and "TxnTaxDetail" not in body:  # an invoice without tax: a person may have added tax
        tax = (remote.get("TxnTaxDetail") or {}).get("TotalTax") or 0
        if tax:
            fields.append(Field("TxnTaxDetail.TotalTax", "", _text(tax), "billing", differs=True))
    return fields


_Pairs = Iterator[tuple[str, object, object]]


def _pair_values(field: str, ours: object, theirs: object) -> _Pairs:
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


def _pair_lines(ours: Sequence[JsonObject], theirs: Sequence[JsonObject]) -> _Pairs:
    """Yield the fields of lines, paired by the position of the line. A line that only one side has is one
    difference."""
    kept = [line for line in theirs if _detail_type(line) != "subtotallinedetail"]
    for position in range(max(len(ours), len(kept))):
        field = f"Line[{position + 1}]"
        if position >= len(ours):
            yield field, None, _line_text(kept[position])
        elif position >= len(kept):
            yield field, _line_text(ours[position]), None
        else:
            yield from _pair_values(field, _without_carried(ours[position]), kept[position])


def _line_text(line: JsonObject) -> object:
    """Return a text for a line that only one side has; the text is never empty."""
    text = line.get("Amount", line.get("Description"))
    return "a line without amount" if text in (None, "") else text


def _without_carried(line: JsonObject) -> JsonObject:
    """Return a line without its Id and without the bookkeeper's fields, which he may change again."""
    return {name: value for name, value in without_set_on_lines(line).items() if name != "Id"}


def _detail_type(line: JsonObject) -> str:
    return str(line.get("DetailType", "")).replace("_", "").lower()


def _comparable(value: object) -> object:
    """Return a form of a value that is equal for values of one meaning: 2.50 and 2.5, None and "", both spellings of an
    enumeration, every line break."""
    if value is None or isinstance(value, bool):
        return value or ""
    if isinstance(value, int | Decimal):
        return Decimal(value)
    text = unify_line_breaks(str(value))
    return text.replace("_", "").lower() if text.replace("_", "").lower() in _ENUMERATIONS else text


_ENUMERATIONS = frozenset({"salesitemlinedetail", "discountlinedetail", "descriptiononly", "notset"})


def _text(value: object) -> str:
    return "" if value is None else str(value)
