"""The answers of a company that a run has read: its settings, and the lists to which documents refer.

Nothing is asked twice.

Belongs here: asking once. Does not belong here: the meaning of the answers (``core``), the choice of the moment to ask
(``preflight``, ``references``, ``obstacles``).
"""

import threading
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cached_property

import pandas as pd

from qb_pipeline.core.mapping.mapping_targets import ENTITIES, Target, read_targets
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.planning.preflight import CompanySettings, read_settings
from qb_pipeline.core.schemas import Customers, frame
from qb_pipeline.core.text import taken_key
from qb_pipeline.quickbooks.client import QuickBooksClient


class CompanyReads:
    """The reads of one company in one run; safe to share among threads. ``remembered`` are the settings that another
    run has read. ``remember`` stores the settings that this run reads."""

    def __init__(
        self,
        quickbooks: QuickBooksClient,
        *,
        remembered: CompanySettings | None,
        remember: Callable[[CompanySettings], None],
    ) -> None:
        self._quickbooks = quickbooks
        self._settings = remembered
        self._remember = remember
        self._has_read_settings = False
        self.has_read_foreign = False
        """Whether this run has brought the index of others' documents up to date."""
        self.has_read_entries = False
        """Whether this run has searched for transactions that people entered by hand."""
        self._lock = threading.Lock()
        self._targets: dict[str, dict[str, Target]] = {}
        self._asked: dict[str, set[str]] = {}

    def ask(self, quickbooks: QuickBooksClient) -> None:
        """Use another client of the same company from now on. A later stage of the run has its own."""
        self._quickbooks = quickbooks

    @property
    def settings(self) -> CompanySettings | None:
        """The settings as last read, by this run or a former one; None if no run has read them."""
        return self._settings

    @property
    def has_read_settings(self) -> bool:
        """Whether this run has read the settings itself."""
        return self._has_read_settings

    def current_settings(self) -> CompanySettings:
        """Return the settings as this run has read them. Costs two reads if it has not read them yet.

        Raises:
            QuickBooksError: a read was not answered.
        """
        with self._lock:
            if self._has_read_settings and self._settings is not None:
                return self._settings
            return self.read_settings()

    def read_settings(self) -> CompanySettings:
        """Read the settings as they are now, and store them. Costs two reads.

        Raises:
            QuickBooksError: a read was not answered.
        """
        settings = read_settings(self._quickbooks.read_preferences(), self._quickbooks.read_company_info())
        self._remember(settings)
        self._settings, self._has_read_settings = settings, True
        return settings

    def find_targets(self, kind: str, quickbooks_ids: Iterable[str]) -> dict[str, Target]:
        """Return the objects to which mappings of a kind refer, keyed by Id, as far as QuickBooks has them.

        Their form is that of ``core.mapping.mapping_targets``. Objects that ``customers`` and ``items`` hold already
        are not read again. The others cost one read per kind and about 300 Ids.
        """
        known, asked = self._targets.setdefault(kind, {}), self._asked.setdefault(kind, set())
        missing = sorted(set(quickbooks_ids) - known.keys() - asked)
        if missing:
            asked |= set(missing)
            entity = ENTITIES.get(kind, "Account")
            rows = self._quickbooks.find(entity, "Id", missing, where="Active IN (true, false)")
            known |= read_targets(kind, rows)
        return known

    @cached_property
    def classes(self) -> dict[str, Target]:
        """All classes of the company, keyed by Id, inactive ones included; read at first use."""
        found = read_targets("matter", self._quickbooks.query_all("Class", where="Active IN (true, false)"))
        self._targets.setdefault("matter", {}).update(found)
        return found

    @cached_property
    def taken_names(self) -> set[str]:
        """The keys (``core.text``) of all names that a new customer cannot have: customers, vendors and employees share
        one list. Each of the three costs one read per 1,000."""
        people = [self._quickbooks.query_all(entity, columns="Id, DisplayName") for entity in ("Vendor", "Employee")]
        names = [str(row.get("DisplayName", "")) for rows in people for row in rows]
        return {taken_key(name) for name in [*names, *self.customers["display_name"]]}

    @cached_property
    def customers(self) -> pd.DataFrame:
        """All customers of the company, inactive ones included (``core.schemas.Customers``); read at first use."""
        found = list(self._quickbooks.query_all("Customer", where="Active IN (true, false)"))
        self._targets.setdefault("payer", {}).update(read_targets("payer", found))
        return frame(Customers, map(_read_customer, found))

    @cached_property
    def items(self) -> pd.DataFrame:
        """All items of the company, inactive ones included (``core.schemas.Items``); read at first use."""
        found = list(self._quickbooks.query_all("Item", where="Active IN (true, false)"))
        self._targets.setdefault("fee_item", {}).update(read_targets("fee_item", found))
        rows = [
            {
                "item_id": row["Id"],
                "name": row.get("Name", ""),
                "sku": row.get("Sku", ""),
                "type": row.get("Type", ""),
                "is_active": bool(row.get("Active", True)),
            }
            for row in found
        ]
        return pd.DataFrame(rows, columns=["item_id", "name", "sku", "type", "is_active"])


def _read_customer(row: JsonObject) -> tuple[object, ...]:
    """Return one customer as a row of ``core.schemas.Customers``."""
    address = row.get("BillAddr") or {}
    return (
        row["Id"],
        *(row.get(name) or "" for name in ("DisplayName", "GivenName", "FamilyName", "CompanyName")),
        bool(row.get("Active", True)),
        bool(row.get("Job", False)) or "ParentRef" in row,
        *(row.get(name) or "" for name in ("Title", "MiddleName", "Suffix")),
        (row.get("PrimaryEmailAddr") or {}).get("Address") or "",
        *((row.get(name) or {}).get("FreeFormNumber") or "" for name in ("PrimaryPhone", "AlternatePhone", "Mobile")),
        *(address.get(name) or "" for name in ("Line1", "City", "PostalCode")),
        Decimal(row["Balance"]) + Decimal("0.00") if row.get("Balance") is not None else None,  # 10.0 as 10.00
    )
