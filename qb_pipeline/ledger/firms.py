"""Firms: their set-up, step by step, and who did it.

Set-up goes subscribe → model → connect → map → activate; mapping beforehand may be skipped. A step out of order is
refused and names the one that is missing. Subscribing, choosing the model and activating want a super user.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.core.settings import FirmSettings, from_json, parse_setting, to_json
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


class SetUpError(Exception):
    """A firm is not set up for what was asked; the message ends with the next step."""


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
    settings: FirmSettings

    @property
    def state(self) -> str:
        """How far set-up has come, in the words of ``reporting.firm_status``."""
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
        """The command that takes set-up further; empty when the firm is active."""
        key = self.firm_id
        return {
            "not subscribed": f"qb-pipeline firm subscribe {key}",
            "subscribed": f"qb-pipeline firm model {key} 1|2",
            "model chosen": f"qb-pipeline connect {key}",
            "connected": f"qb-pipeline firm activate {key} (or first: qb-pipeline mapping suggest {key})",
            "mapped": f"qb-pipeline firm activate {key}",
            "active": "",
            "paused": f"qb-pipeline firm resume {key}",
        }[self.state]

    def require_active(self) -> None:
        """Refuse to send for a firm that is not set up.

        Raises:
            SetUpError: names the next step.
        """
        if self.state != "active":
            raise SetUpError(f"{self.firm_id} is {self.state}: nothing is sent. Next step: {self.next_step}")


class Firms:
    """Reads and changes firms; every change leaves a row in ``sync.firm_event``."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, firm_id: str) -> Firm:
        """Raises:
        SetUpError: there is no such firm; the message says how to add it.
        """
        with self._engine.connect() as connection:
            row = connection.execute(queries["firm"], {"firm_id": firm_id}).mappings().one_or_none()
        if row is None:
            raise SetUpError(
                f"There is no firm {firm_id}. Next step: qb-pipeline firm add {firm_id} --super-user YOUR-NAME"
            )
        return _firm(dict(row))

    def all(self) -> list[Firm]:
        """Every firm, by id."""
        with self._engine.connect() as connection:
            return [_firm(dict(row)) for row in connection.execute(queries["firms"]).mappings()]

    def add(
        self, firm_id: str, *, name: str, time_zone: str, currency: str, super_user: str, actor: str, now: datetime
    ) -> Firm:
        """Add a firm that billing knows; adding it again only adds the super user."""
        values = {"firm_id": firm_id, "name": name, "time_zone": time_zone, "currency": currency, "now": now}
        with self._engine.begin() as connection:
            connection.execute(queries["add_firm"], values)
            connection.execute(
                queries["add_super_user"], {"firm_id": firm_id, "user_name": super_user.lower(), "now": now}
            )
            self._event(connection, firm_id, actor, "added", {"super_user": super_user}, now)
        return self.get(firm_id)

    def subscribe(self, firm_id: str, *, actor: str, now: datetime) -> Firm:
        """Subscribe the firm; unsubscribed firms are never touched."""
        return self._step(firm_id, "subscribed", {"subscribed_at": now}, actor=actor, now=now, wants_super_user=True)

    def choose_model(self, firm_id: str, model: int, *, actor: str, now: datetime) -> Firm:
        """Choose Model 1 (payments go to QuickBooks) or 2 (payments come back).

        Raises:
            SetUpError: not subscribed yet, or the firm is connected and already sends by the other model.
        """
        firm = self.get(firm_id)
        if firm.subscribed_at is None:
            raise SetUpError(f"{firm_id} is not subscribed. Next step: {firm.next_step}")
        if firm.model not in (None, model) and firm.activated_at is not None:
            raise SetUpError(
                f"{firm_id} is active under model {firm.model}; payments would be both pushed and pulled. "
                f"Add the firm anew under its own key to use model {model}."
            )
        values = {"model": model, "model_chosen_at": now}
        return self._step(firm_id, f"model {model}", values, actor=actor, now=now, wants_super_user=True)

    def connect(
        self, firm_id: str, *, environment: str, realm_id: str, company_name: str, actor: str, now: datetime
    ) -> Firm:
        """Pin the firm to a QuickBooks company.

        Raises:
            SetUpError: the model is not chosen yet, the firm was connected to another company before, or another firm
                owns this company.
        """
        firm = self.require_model(firm_id)
        if firm.realm_id is not None and (firm.environment, firm.realm_id) != (environment, realm_id):
            raise SetUpError(
                f"{firm_id} belongs to company {firm.realm_id} ({firm.environment}), not to {realm_id} ({environment}): "
                f"its invoices would go into another company's books. Connect with a user of company {firm.realm_id}."
            )
        owner = next(
            (
                f.firm_id
                for f in self.all()
                if (f.environment, f.realm_id) == (environment, realm_id) and f.firm_id != firm_id
            ),
            None,
        )
        if owner is not None:
            raise SetUpError(f"Company {realm_id} belongs to firm {owner} already; a company has one firm.")
        values = {
            "environment": environment,
            "realm_id": realm_id,
            "company_name": company_name,
            "connected_at": now,
        }
        return self._step(firm_id, "connected", values, actor=actor, now=now)

    def require_model(self, firm_id: str) -> Firm:
        """The firm, when connecting may begin.

        Raises:
            SetUpError: not subscribed or no model chosen yet.
        """
        firm = self.get(firm_id)
        if firm.model is None:
            raise SetUpError(f"{firm_id} has not chosen its model. Next step: {firm.next_step}")
        return firm

    def disconnect(self, firm_id: str, *, actor: str, now: datetime) -> Firm:
        """Forget the tokens; links to QuickBooks and the company's id are kept."""
        with self._engine.begin() as connection:
            connection.execute(queries["erase_token"], {"firm_id": firm_id})
        return self._step(firm_id, "disconnected", {"connected_at": None}, actor=actor, now=now)

    def mapped(self, firm_id: str, *, actor: str, now: datetime) -> Firm:
        """Remember that a person has mapped something."""
        return self._step(firm_id, "mapped", {"mapped_at": now}, actor=actor, now=now)

    def activate(self, firm_id: str, *, eligible_since: datetime | None, actor: str, now: datetime) -> Firm:
        """Start syncing documents created since ``eligible_since`` (None: all of them).

        Raises:
            SetUpError: the firm is not connected yet.
        """
        firm = self.get(firm_id)
        if firm.connected_at is None:
            raise SetUpError(f"{firm_id} is not connected. Next step: {firm.next_step}")
        values = {"activated_at": firm.activated_at or now, "eligible_since": eligible_since}
        activated = self._step(firm_id, "activated", values, actor=actor, now=now, wants_super_user=True)
        self._forget_cursors(firm_id)
        return activated

    def pause(self, firm_id: str, *, actor: str, now: datetime) -> Firm:
        """The kill switch: senders look at it before each request."""
        return self._step(firm_id, "paused", {"paused_at": now}, actor=actor, now=now)

    def resume(self, firm_id: str, *, actor: str, now: datetime) -> Firm:
        """Undo ``pause``."""
        return self._step(firm_id, "resumed", {"paused_at": None}, actor=actor, now=now)

    def change_settings(self, firm_id: str, assignments: dict[str, str], *, actor: str, now: datetime) -> Firm:
        """Set ``name=value`` settings; all of them or none.

        Raises:
            ValueError: an unknown name or a value that cannot be used; the message says what can.
        """
        firm = self.get(firm_id)
        parsed = {name: parse_setting(name, text, time_zone=firm.time_zone) for name, text in assignments.items()}
        values: dict[str, Any] = {}
        if "eligible_since" in parsed:
            values["eligible_since"] = parsed.pop("eligible_since")
        values["settings"] = to_json(replace(firm.settings, **parsed))
        changed = self._step(firm_id, "settings", values, actor=actor, now=now, detail=assignments)
        if "eligible_since" in values:
            self._forget_cursors(firm_id)
        return changed

    def _step(
        self,
        firm_id: str,
        event: str,
        values: dict[str, Any],
        *,
        actor: str,
        now: datetime,
        wants_super_user: bool = False,
        detail: dict[str, str] | None = None,
    ) -> Firm:
        firm = self.get(firm_id)
        if wants_super_user:
            self._require_super_user(firm, actor)
        assignments = ", ".join(
            f"{column} = {'cast(:settings as jsonb)' if column == 'settings' else ':' + column}" for column in values
        )
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(f"update sync.firm set {assignments} where firm_id = :firm_id"),  # noqa: S608 - our own column names
                {**values, "firm_id": firm_id},
            )
            self._event(connection, firm_id, actor, event, detail or {}, now)
        return self.get(firm_id)

    def require_super_user(self, firm_id: str, actor: str) -> None:
        """Raises:
        SetUpError: ``actor`` may not do what only a super user may.
        """
        self._require_super_user(self.get(firm_id), actor)

    def _require_super_user(self, firm: Firm, actor: str) -> None:
        with self._engine.connect() as connection:
            users = list(connection.scalars(queries["super_users"], {"firm_id": firm.firm_id}))
        if actor.lower() not in users:
            raise SetUpError(
                f"{actor} is no super user of {firm.firm_id} ({', '.join(users)} may). "
                "Say who you are with --as, or let a super user do it."
            )

    def _forget_cursors(self, firm_id: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(queries["forget_cursors"], {"firm_id": firm_id})

    @staticmethod
    def _event(
        connection: sa.Connection, firm_id: str, actor: str, event: str, detail: dict[str, str], now: datetime
    ) -> None:
        connection.execute(
            queries["add_event"],
            {"firm_id": firm_id, "now": now, "actor": actor, "event": event, "detail": json.dumps(detail)},
        )


def _firm(row: dict[str, Any]) -> Firm:
    settings = from_json(row.pop("settings"))
    return Firm(settings=settings, **row)
