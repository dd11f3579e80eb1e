"""Firms and the steps of their set-up, each recorded with the person who did it.

The steps are subscribe → model → connect → map → activate, of which map may be skipped. A step out of order fails, and
the error names the missing step. Subscribing, choosing the model and activating need a super user.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.settings import FirmSettings, find_missing, from_json, parse_setting, to_json
from qb_pipeline.core.words import nearest
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))

FIRM_ID = re.compile("[a-z0-9-]{1,30}")
MODELS = (1, 2)

FIRMS_OFFERED = 5
"""The number of firms that the error message lists when no firm has, or resembles, the given id."""


class SetUpError(Exception):
    """A firm is not set up for the requested action. The message ends with the next step."""


@dataclass(frozen=True, slots=True)
class Firm:
    """One firm as the ledger knows it. Times are UTC instants."""

    firm_id: str
    name: str
    time_zone: str
    currency: str
    subscribed_at: datetime | None
    model: int | None
    environment: str | None
    realm_id: str | None
    company_name: str | None
    connected_at: datetime | None
    mapped_at: datetime | None
    activated_at: datetime | None
    eligible_since: datetime | None
    paused_at: datetime | None
    cut_over_at: datetime | None
    settings: FirmSettings

    @property
    def state(self) -> str:
        """The progress of set-up, in the words of ``reporting.firm_status``."""
        if self.subscribed_at is None:
            return "not subscribed"
        if self.model is None:
            return "subscribed"
        if self.connected_at is None:
            return "model chosen"
        if self.activated_at is not None:
            return "paused" if self.paused_at else "active"
        return "mapped" if self.mapped_at else "connected"

    @property
    def next_step(self) -> str:
        """The command of the next step of set-up, "" when the firm is active."""
        key = self.firm_id
        return {
            "not subscribed": f"qb-pipeline firm subscribe {key}",
            "subscribed": f"qb-pipeline firm model {key} 1|2",
            "model chosen": f"qb-pipeline connect {key}",
            "connected": f"qb-pipeline firm activate {key}",
            "mapped": f"qb-pipeline firm activate {key}",
            "active": "",
            "paused": f"qb-pipeline firm resume {key}",
        }[self.state]

    @property
    def lack(self) -> str:
        """The missing step of set-up, as a predicate ("is not connected"), "" when the firm is active. ``next_step`` is
        the command for this step."""
        return {
            "not subscribed": "is not subscribed",
            "subscribed": "has not chosen its model",
            "model chosen": "is not connected",
            "connected": "is not active",
            "mapped": "is not active",
            "active": "",
            "paused": "is paused",
        }[self.state]

    def is_switched_by(self, model: int) -> bool:
        """Return whether choosing this model switches an active firm, whose payments have followed the other model."""
        return self.activated_at is not None and self.model not in (None, model)

    def require_active(self) -> None:
        """Refuse to send for a firm that is not active.

        Raises:
            SetUpError: the firm is not active. The message names the next step.
        """
        if self.state != "active":
            raise SetUpError(f"{self.firm_id} {self.lack}: nothing is sent. Next step: {self.next_step}")


@dataclass(frozen=True, slots=True)
class FirmEvent:
    """One change of a firm's set-up."""

    at: datetime
    actor: str
    event: str
    detail: dict[str, str]


class Firms:
    """All firms of the ledger. Every change of a firm leaves a row in ``sync.firm_event``."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, firm_id: str) -> Firm:
        """Read one firm.

        Raises:
            SetUpError: there is no such firm. The message contains the command that adds it.
        """
        with self._engine.connect() as connection:
            return _read(connection, firm_id)

    def all(self) -> list[Firm]:
        """Read all firms, in the order of their ids."""
        with self._engine.connect() as connection:
            return [_firm(row) for row in connection.execute(queries["firms"]).mappings()]

    def add(
        self, firm_id: str, *, name: str, time_zone: str, currency: str, super_user: str, actor: str, now: datetime
    ) -> Firm:
        """Add a firm that billing knows. Adding it again updates its name, time zone and currency, and adds the super
        user.

        Raises:
            SetUpError: the id is malformed, or ``actor`` would add a super user without being one.
        """
        if not FIRM_ID.fullmatch(firm_id):
            raise SetUpError(f"{firm_id!r} cannot be a firm: use 1 to 30 of a-z, 0-9 and - as billing's firm_id")
        values = {"firm_id": firm_id, "name": name, "time_zone": time_zone, "currency": currency, "now": now}
        with self._engine.begin() as connection:
            connection.execute(queries["add_firm"], values)
            users = _super_users(connection, firm_id)
            if users and super_user.lower() not in users:
                _require_super_user(connection, firm_id, actor)
            connection.execute(
                queries["add_super_user"], {"firm_id": firm_id, "user_name": super_user.lower(), "now": now}
            )
            _add_event(connection, firm_id, actor, "added", {"super_user": super_user}, now)
            return _read(connection, firm_id)

    def subscribe(self, firm_id: str, *, actor: str, now: datetime) -> Firm:
        """Subscribe the firm. The pipeline does nothing for a firm that is not subscribed."""
        with self._step(firm_id, "subscribed", actor=actor, now=now, wants_super_user=True) as step:
            step.change("subscribe", now=now)
        return step.done

    def choose_model(
        self,
        firm_id: str,
        model: int,
        *,
        actor: str,
        now: datetime,
        before_commit: Callable[[], object] = lambda: None,
    ) -> Firm:
        """Choose Model 1 (payments go to QuickBooks) or 2 (payments come from QuickBooks), or switch an active firm to
        the other model.

        A switch stores its time in ``cut_over_at``. ``before_commit`` is called last, and an exception from it undoes
        the change.

        Raises:
            SetUpError: the firm is not subscribed yet, or payments of the active firm are not settled. The message
                names the missing step or the payments.
            ValueError: there is no such model.
        """
        if model not in MODELS:
            raise ValueError(f"there is no model {model}; choose 1 or 2")
        with self._step(firm_id, f"model {model}", actor=actor, now=now, wants_super_user=True) as step:
            firm = step.firm
            if firm.subscribed_at is None:
                raise SetUpError(f"{firm_id} {firm.lack}. Next step: {firm.next_step}")
            if firm.is_switched_by(model):
                _require_settled_payments(step.connection, firm, model)
            step.change("choose_model", model=model, now=now)
            before_commit()
        return step.done

    def connect(
        self, firm_id: str, *, environment: str, realm_id: str, company_name: str, actor: str, now: datetime
    ) -> Firm:
        """Record the QuickBooks company of the firm. A firm's company never changes afterwards.

        Raises:
            SetUpError: the firm has not chosen Model 1 or Model 2 yet, it was connected to another company before, or
                another firm owns this company.
        """
        company = {"environment": environment, "realm_id": realm_id}
        with self._step(firm_id, "connected", actor=actor, now=now, detail=company) as step:
            firm = step.firm
            _require_model(firm)
            if firm.realm_id is not None and (firm.environment, firm.realm_id) != (environment, realm_id):
                raise SetUpError(
                    f"{firm_id} belongs to company {firm.realm_id} ({firm.environment}), not to {realm_id} "
                    f"({environment}): its invoices would go into another company's books. Connect with a user of "
                    f"company {firm.realm_id}."
                )
            owner = step.connection.scalar(queries["owner"], company)
            if owner not in (None, firm_id):
                raise SetUpError(f"Company {realm_id} belongs to firm {owner} already; a company has one firm.")
            step.change("connect", **company, company_name=company_name, now=now)
        return step.done

    def require_model(self, firm_id: str) -> Firm:
        """Return the firm if it may be connected.

        Raises:
            SetUpError: the firm is not subscribed, or its model is not chosen yet.
        """
        firm = self.get(firm_id)
        _require_model(firm)
        return firm

    def disconnect(self, firm_id: str, *, actor: str, now: datetime) -> Firm:
        """Delete the firm's tokens. Links to QuickBooks and the company's id are kept."""
        with self._step(firm_id, "disconnected", actor=actor, now=now) as step:
            step.change("disconnect")
        return step.done

    def mapped(self, firm_id: str, *, actor: str, now: datetime) -> Firm:
        """Record that a person has made a mapping."""
        with self._step(firm_id, "mapped", actor=actor, now=now) as step:
            step.change("mapped", now=now)
        return step.done

    def activate(self, firm_id: str, *, eligible_since: datetime | None, actor: str, now: datetime) -> Firm:
        """Activate the firm, whose documents created since ``eligible_since`` are then synced (None: all documents).

        Raises:
            SetUpError: the firm is not connected yet.
        """
        detail = {"eligible_since": eligible_since.isoformat() if eligible_since else "all"}
        with self._step(firm_id, "activated", actor=actor, now=now, wants_super_user=True, detail=detail) as step:
            if step.firm.connected_at is None:
                raise SetUpError(f"{firm_id} {step.firm.lack}. Next step: {step.firm.next_step}")
            step.change("activate", eligible_since=eligible_since, now=now)
        return step.done

    def pause(self, firm_id: str, *, actor: str, now: datetime) -> Firm:
        """Pause the firm (kill switch). Senders check for a pause before each request."""
        with self._step(firm_id, "paused", actor=actor, now=now) as step:
            step.change("pause", now=now)
        return step.done

    def resume(self, firm_id: str, *, actor: str, now: datetime) -> Firm:
        """End the pause of the firm."""
        with self._step(firm_id, "resumed", actor=actor, now=now) as step:
            step.change("resume")
        return step.done

    def change_settings(self, firm_id: str, assignments: dict[str, str], *, actor: str, now: datetime) -> Firm:
        """Set settings to values given as text, keyed by name: all of them or none.

        Raises:
            ValueError: an unknown name or a value that cannot be used, or one that needs another setting; the message
                says what can.
        """
        with self._step(firm_id, "settings", actor=actor, now=now, detail=assignments) as step:
            zone = step.firm.time_zone
            parsed = {name: parse_setting(name, text, time_zone=zone) for name, text in assignments.items()}
            if "eligible_since" in parsed:
                step.change("change_eligibility", eligible_since=parsed.pop("eligible_since"))
            wanted = replace(step.firm.settings, **parsed)
            if missing := find_missing(wanted):
                raise ValueError(missing)
            written = json.loads(to_json(wanted))
            step.change("change_settings", settings=json.dumps({name: written[name] for name in parsed}))
        return step.done

    def require_super_user(self, firm_id: str, actor: str) -> None:
        """Refuse an actor who is no super user of the firm.

        Raises:
            SetUpError: the actor is no super user of the firm. The message names the super users.
        """
        with self._engine.connect() as connection:
            _require_super_user(connection, firm_id, actor)

    @contextmanager
    def answering(
        self, firm_id: str, *, actor: str, now: datetime, detail: dict[str, str], event: str = "resolved"
    ) -> Iterator[sa.Connection]:
        """Open a transaction for a super user's answer about documents. The event is recorded in the same transaction.

        Raises:
            SetUpError: the actor is no super user of the firm.
        """
        with self._step(firm_id, event, actor=actor, now=now, wants_super_user=True, detail=detail) as step:
            yield step.connection

    def history(self, firm_id: str) -> list[FirmEvent]:
        """Return the changes of the firm, oldest first, each with its time and the person who made it."""
        with self._engine.connect() as connection:
            return [FirmEvent(**row) for row in connection.execute(queries["history"], {"firm_id": firm_id}).mappings()]

    @contextmanager
    def _step(
        self,
        firm_id: str,
        event: str,
        *,
        actor: str,
        now: datetime,
        wants_super_user: bool = False,
        detail: dict[str, str] | None = None,
    ) -> Iterator["_Step"]:
        """Open a transaction for one change of a firm and its event. The firm is locked during the block."""
        with self._engine.begin() as connection:
            connection.execute(queries["lock_firm"], {"firm_id": firm_id})
            step = _Step(connection, _read(connection, firm_id))
            if wants_super_user:
                _require_super_user(connection, firm_id, actor)
            yield step
            _add_event(connection, firm_id, actor, event, detail or {}, now)
            step.done = _read(connection, firm_id)


class _Step:
    """A change in progress. ``firm`` is the firm before the change, ``done`` the firm after it."""

    def __init__(self, connection: sa.Connection, firm: Firm) -> None:
        self.connection = connection
        self.firm = firm
        self.done = firm

    def change(self, query: str, **values: object) -> None:
        self.connection.execute(queries[query], {"firm_id": self.firm.firm_id, **values})


def _require_model(firm: Firm) -> None:
    if firm.model is None:
        raise SetUpError(f"{firm.firm_id} {firm.lack}. Next step: {firm.next_step}")


def _require_settled_payments(connection: sa.Connection, firm: Firm, model: int) -> None:
    """Refuse a switch while payments are open. The new model would begin them a second time, or never finish them."""
    rows = connection.execute(queries["open_payments"], {"firm_id": firm.firm_id}).all()
    if firm.model == 2:
        unposted = connection.execute(queries["unposted_payments"], {"firm_id": firm.firm_id}).all()
        if unposted:
            raise SetUpError(
                f"{firm.firm_id} has payments in QuickBooks that billing does not hold yet: {_named(unposted)}. "
                f"Fetch them (qb-pipeline pull {firm.firm_id}), then repeat: "
                f"qb-pipeline firm model {firm.firm_id} {model}"
            )
    if rows:
        key = firm.firm_id
        raise SetUpError(
            f"{key} has payments that are not settled under model {firm.model}: {_named(rows)}. "
            f"Send them (qb-pipeline sync {key}), clear what holds the rest (qb-pipeline list {key} --kind payment), "
            f"then repeat: qb-pipeline firm model {key} {model}"
        )


def _named(rows: Sequence[sa.Row[tuple[str, int, list[str]]]]) -> str:
    """Describe payments by state: the number of payments in each state, and the ids of the first ones."""
    return "; ".join(
        f"{row.payments} {row.state} ({', '.join(row.source_ids)}{', …' * (row.payments > len(row.source_ids))})"
        for row in rows
    )


def _super_users(connection: sa.Connection, firm_id: str) -> list[str]:
    return list(connection.scalars(queries["super_users"], {"firm_id": firm_id}))


def _require_super_user(connection: sa.Connection, firm_id: str, actor: str) -> None:
    users = _super_users(connection, firm_id)
    if actor.lower() not in users:
        raise SetUpError(
            f"{actor} is no super user of {firm_id} ({', '.join(users)} may). "
            "Say who you are with --as, or let a super user do it."
        )


def _add_event(
    connection: sa.Connection, firm_id: str, actor: str, event: str, detail: dict[str, str], now: datetime
) -> None:
    connection.execute(
        queries["add_event"],
        {"firm_id": firm_id, "now": now, "actor": actor, "event": event, "detail": json.dumps(detail)},
    )


def _read(connection: sa.Connection, firm_id: str) -> Firm:
    row = connection.execute(queries["firm"], {"firm_id": firm_id}).mappings().one_or_none()
    if row is None:
        others = [each["firm_id"] for each in connection.execute(queries["firms"]).mappings()]
        near = nearest(firm_id, others) or others[:FIRMS_OFFERED]
        meant = f" Firms here: {', '.join(near)}." if near else ""
        raise SetUpError(
            f"There is no firm {firm_id}.{meant} Next step: qb-pipeline firm add {firm_id} --super-user YOUR-NAME"
        )
    return _firm(row)


def _firm(row: sa.RowMapping) -> Firm:
    return Firm(**{**row, "settings": from_json(row["settings"])})
