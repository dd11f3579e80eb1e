"""Change data capture: the objects that changed since an instant, including deleted ones.

Belongs here: the window, the cap, the stubs of deleted objects. Does not belong here: cursors, which are the client's.
"""

from typing import Any

import msgspec

from qb_pipeline.emulator.books.clock import print_instant, read_instant
from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.tables import BY_PATH, SETTINGS, TRANSACTIONS, Record

UNTRACKED = ("TaxCode", "TaxRate")
DAY = 86_400
INVALID = "Invalid or unsupported object name"


def run_cdc(company: Company, entities: str, changed_since: str, *, false_deletes: int = 0) -> dict[str, Any]:
    """Return one ``CDCResponse``: for each entity its live objects by time of change, then the deleted objects.

    Raises:
        FaultError: there is no entity or an unknown one, or ``changed_since`` is not an instant or is too long ago.
    """
    names = [name.strip() for name in entities.split(",") if name.strip()]
    if not names:
        raise FaultError("2020", "Required param missing, need to supply the required value for the API", "entities")
    try:
        since = read_instant(changed_since.strip().replace(" ", "+"))
    except ValueError:
        raise FaultError("2090", "Invalid Number", f"Invalid changedSince : {changed_since}") from None
    if since < company.clock.now() - company.switches.cdc_days * DAY:
        text = f"changedSince must be within the last {company.switches.cdc_days} days."
        raise FaultError("2090", "Invalid Number", text, hint="code and Detail are our guess")
    left = company.switches.cdc_limit
    answers: list[dict[str, Any]] = []
    for name in names:
        entity = BY_PATH.get(name.lower())
        if entity is None or entity in UNTRACKED:
            raise FaultError("2000", INVALID, f"{INVALID} : {name}")
        shown = _changes(company, entity, since, left, false_deletes)
        left -= len(shown)
        answers.append({entity: shown, "startPosition": 1, "maxResults": len(shown)} if shown else {})
    return {"QueryResponse": answers}


def _changes(company: Company, entity: str, since: float, left: int, false_deletes: int) -> list[Any]:
    live: list[Record] = []
    dead: list[Record] = []
    for record in company.tables[entity].changed_since(since):
        seen = company.lagged(entity, record)
        if record.deleted and seen is None:
            dead.append(record)
        elif seen is not None and entity not in SETTINGS:
            live.append(seen)
            if len(live) >= left:
                break
    if entity not in TRANSACTIONS and not company.switches.cdc_shows_merged:
        dead = []
    shown: list[Any] = [msgspec.Raw(company.render(entity, record)) for record in live]
    shown += [_stub(record) for record in dead]
    shown += [_stub(record) for record in live[:false_deletes]]
    return shown[:left]


def _stub(record: Record) -> dict[str, Any]:
    times = {"LastUpdatedTime": print_instant(record.updated)}
    return {"domain": "QBO", "status": "Deleted", "Id": record.id, "MetaData": times}
