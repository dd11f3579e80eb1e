"""Everything on Intuit's side: companies, authorizations, one clock, and the events that are still due.

Belongs here: these objects, saving them and loading them. Does not belong here: HTTP.
"""

import heapq
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from qb_pipeline.emulator.books.batch import Desk
from qb_pipeline.emulator.books.chart import open_company
from qb_pipeline.emulator.books.clock import Clock
from qb_pipeline.emulator.books.company import Company, Entry
from qb_pipeline.emulator.books.journal import Journal
from qb_pipeline.emulator.books.request_ids import Answer
from qb_pipeline.emulator.books.switches import Switches, change_switches
from qb_pipeline.emulator.books.tables import ENTITIES, encode, read_record
from qb_pipeline.emulator.steering.meter import Meter
from qb_pipeline.emulator.steering.oauth import Authorizations, Vault
from qb_pipeline.emulator.steering.scripted_faults import Plan
from qb_pipeline.emulator.steering.webhooks import Webhooks


class Tenant:
    """A company with its desk, its meter, its plan of mishaps and its webhooks."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.desk = Desk(company)
        self.meter = Meter()
        self.plan = Plan()
        self.webhooks = Webhooks(company)
        company.tell = self.webhooks.tell
        self.naming = 0
        """The number of names that are being written at this moment; QuickBooks allows one."""


class EmulatorState:
    """The whole emulator without its HTTP endpoints."""

    def __init__(self, state: Path | None = None, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.tenants: dict[str, Tenant] = {}
        self.authorizations = Authorizations(self.clock, self._keep_vault)
        self.journal = Journal(None)
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        journal = Journal(state)
        for line in journal.read():
            self._replay(line)
        journal.start(self._snapshot())
        self.journal = journal

    # Companies

    def add_company(self, realm: str, name: str, switches: dict[str, Any] | None = None) -> Tenant:
        """Open a company with the usual chart of accounts, and return it.

        Raises:
            ValueError: the realm id is taken or is not a number, or a switch is unknown.
        """
        if not realm.isdigit():
            raise ValueError("realm_id must be a string of digits, as Intuit's are")
        if realm in self.tenants:
            raise ValueError(f"realm {realm} exists already")
        chosen = change_switches(Switches(), switches or {})
        tenant = self._seat(Company(realm, name, self.clock, chosen))
        self.journal.append({"company": realm, "name": name, "switches": chosen})
        open_company(tenant.company)
        return tenant

    def _seat(self, company: Company) -> Tenant:
        company.keep = self._keep_entry
        tenant = self.tenants[company.realm] = Tenant(company)
        return tenant

    def company_of(self, realm: str) -> Company | None:
        """Return the company of a realm id; None if there is no such company."""
        tenant = self.tenants.get(realm)
        return tenant.company if tenant else None

    def reset(self, realm: str) -> None:
        """Remove all objects of a company and open it again. Its tokens and switches are kept."""
        tenant = self.tenants[realm]
        self.journal.append({"reset": realm})
        tenant.company.clear()
        open_company(tenant.company)
        tenant.desk.repeats.answers.clear()
        tenant.desk.repeats.unkept.clear()
        tenant.desk.refusals.clear()
        tenant.plan.mishaps.clear()
        tenant.meter.reset()
        tenant.webhooks.clear()

    def set_switches(self, realm: str, changes: dict[str, Any]) -> Switches:
        """Change switches of a company, and return all of them.

        Raises:
            ValueError: a switch or a value is unknown.
        """
        company = self.tenants[realm].company
        company.switches = change_switches(company.switches, changes)
        self.journal.append({"switches": realm, "values": company.switches})
        return company.switches

    def set_webhook(self, realm: str, url: str, token: str) -> None:
        """Set the address of a company's webhooks, and the verifier token that signs them."""
        self.tenants[realm].webhooks.point(url, token)
        self.journal.append({"webhook": realm, "url": url, "token": token})

    # Time

    def advance(self, seconds: float) -> None:
        """Move the clock forward. An event that is due in between happens at its own time."""
        until = self.clock.now() + seconds
        while self._later and self._later[0][0] < until:
            self.clock.advance(max(0.0, self._later[0][0] - self.clock.now()))
            self.settle()
        self.clock.advance(max(0.0, until - self.clock.now()))
        self.journal.append({"clock": self.clock.offset})
        self.settle()

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Schedule an action for the time when the clock has moved on by ``seconds``."""
        heapq.heappush(self._later, (self.clock.now() + seconds, next(self._order), act))

    def settle(self) -> None:
        """Run all actions that are due by now."""
        while self._later and self._later[0][0] <= self.clock.now():
            heapq.heappop(self._later)[2]()

    def next_due(self) -> float | None:
        """Return the seconds until the next action is due; None when no action is scheduled."""
        return max(0.0, self._later[0][0] - self.clock.now()) if self._later else None

    # Memory

    def keep_answers(self, tenant: Tenant) -> None:
        """Write new answers to request ids to the journal, so that they survive a restart.

        Only answers without a fault are written, and only if the company honours ``requestid``.
        """
        repeats, realm = tenant.desk.repeats, tenant.company.realm
        if tenant.company.switches.requestid == "honoured":
            for key in repeats.unkept:
                if repeats.answers[key].fault is None:
                    self.journal.append(_answer_line(realm, key, repeats.answers[key]))
        repeats.unkept.clear()

    def _keep_entry(self, entry: Entry) -> None:
        self.journal.append({"wrote": entry.realm, "records": entry.records, "last_number": entry.last_number})

    def _keep_vault(self, vault: Vault) -> None:
        self.journal.append({"vault": vault})

    def _snapshot(self) -> Iterator[Any]:
        yield {"clock": self.clock.offset}
        for realm, tenant in self.tenants.items():
            company = tenant.company
            yield {"company": realm, "name": company.name, "switches": company.switches}
            if tenant.webhooks.url:
                yield {"webhook": realm, "url": tenant.webhooks.url, "token": tenant.webhooks.token}
            for entity in ENTITIES:
                table = company.tables[entity]
                for record in (*table.rows.values(), *table.gone.values()):
                    line = [(entity, msgspec.Raw(record.body))]
                    yield {"wrote": realm, "records": line, "last_number": company.last_number}
            for key, answer in tenant.desk.repeats.answers.items():
                if answer.fault is None and company.switches.requestid == "honoured":
                    yield _answer_line(realm, key, answer)
        yield {"vault": self.authorizations.current(self.clock.now())}

    def _replay(self, line: dict[str, Any]) -> None:
        if "wrote" in line:
            company = self.tenants[line["wrote"]].company
            company.last_number = line["last_number"]
            for entity, body in line["records"]:
                record = read_record(entity, body)
                company.account_for(entity, body, record)
                company.accept(entity, record)
        elif "company" in line:
            switches = _read(line["switches"], Switches)
            self._seat(Company(line["company"], line["name"], self.clock, switches))
        elif "reset" in line:
            self.tenants[line["reset"]].company.clear()
        elif "switches" in line:
            switches = _read(line["values"], Switches)
            self.tenants[line["switches"]].company.switches = switches
        elif "webhook" in line:
            self.tenants[line["webhook"]].webhooks.point(line["url"], line["token"])
        elif "clock" in line:
            self.clock.offset = float(line["clock"])
        elif "vault" in line:
            self.authorizations.recall(_read(line["vault"], Vault))
        elif "answer" in line:
            known = Answer(float(line["at"]), b"", line["entity"], line["id"], line["content"])
            self.tenants[line["answer"]].desk.repeats.remember((line["key"][0], line["key"][1]), known)


Kept = TypeVar("Kept", Switches, Vault)


def _read(values: Any, kind: type[Kept]) -> Kept:
    """Read settings from the journal's values, whose decimals become floats again."""
    return msgspec.json.decode(encode(values), type=kind)


def _answer_line(realm: str, key: tuple[str, str], answer: Answer) -> dict[str, Any]:
    content = msgspec.Raw(answer.content) if isinstance(answer.content, bytes) else answer.content
    return {"answer": realm, "key": key, "at": answer.at, "entity": answer.entity, "id": answer.id, "content": content}
