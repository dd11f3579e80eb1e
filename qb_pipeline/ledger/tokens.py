"""OAuth tokens at rest: encrypted, bound to their company, refreshed by one process at a time.

Belongs here: keeping tokens. Does not belong here: asking for them (``quickbooks.oauth``), which comes in as a
function.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qb_pipeline.database import Queries
from qb_pipeline.ledger.firms import SetUpError

queries = Queries(Path(__file__).with_suffix(".sql"))

EARLY = timedelta(minutes=5)
"""A token this close to its end is refreshed before use. Access tokens live 60 minutes (Intuit, OAuth 2.0 page)."""

FRESH = timedelta(minutes=1)
"""A token this young is used whatever the clock says of its end: a wrong clock costs refused requests, not a refresh
each."""

NONCE_LENGTH = 12
"""Bytes; the size that AES-GCM is specified for (NIST SP 800-38D)."""


class GrantedTokens(Protocol):
    """What an OAuth answer holds."""

    @property
    def access_token(self) -> str: ...
    @property
    def refresh_token(self) -> str: ...
    @property
    def access_expires_at(self) -> datetime: ...
    @property
    def refresh_expires_at(self) -> datetime: ...
    @property
    def refresh_hard_expires_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """The tokens of a connection, readable."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_expires_at: datetime
    refresh_hard_expires_at: datetime | None


class TokenStore:
    """Tokens by firm. ``keys`` are secrets, newest first: the first encrypts, all of them decrypt."""

    def __init__(self, engine: sa.Engine, keys: Sequence[str]) -> None:
        self._engine = engine
        if not keys:
            raise SetUpError("There is no key to open tokens with: set QB_PIPELINE_SECRET_KEY")
        derived = [hashlib.sha256(key.encode()).digest() for key in keys]
        self._keys = {hashlib.sha256(key).hexdigest()[:8]: AESGCM(key) for key in derived}
        self._newest = next(iter(self._keys))

    def save(self, firm_id: str, *, realm_id: str, environment: str, tokens: GrantedTokens, now: datetime) -> None:
        """Store the tokens of a fresh connection."""
        with self._engine.begin() as connection:
            connection.execute(
                queries["save"], self._row(firm_id, realm_id=realm_id, environment=environment, tokens=tokens, now=now)
            )

    def load(self, firm_id: str) -> StoredTokens:
        """The stored tokens.

        Raises:
            SetUpError: none are stored, or no key of ours opens them for this company.
        """
        with self._engine.connect() as connection:
            return self._open(self._read(connection, firm_id, "tokens"))

    def access_token(
        self,
        firm_id: str,
        *,
        refresh: Callable[[str], GrantedTokens],
        now: Callable[[], datetime],
        refused: str | None = None,
    ) -> str:
        """An access token that works, refreshed when its end is near or when QuickBooks ``refused`` that one.

        The row lock is the mutex between processes: it stays taken during the request on purpose, since two refreshes
        at once would invalidate each other. The lock's holder writes first, so that a database that cannot be written
        is noticed before the old token is spent.
        """
        with self._engine.connect() as connection:
            row = self._read(connection, firm_id, "tokens")
        tokens = self._open(row)
        if tokens.access_token != refused and _is_usable(row, now()):
            return tokens.access_token
        with self._engine.begin() as connection:
            row = self._read(connection, firm_id, "tokens_for_update")
            tokens = self._open(row)
            if tokens.access_token != refused and _is_usable(row, now()):
                return tokens.access_token  # another process was faster
            connection.execute(queries["refresh_started"], {"firm_id": firm_id, "now": now()})
            granted = refresh(tokens.refresh_token)
            connection.execute(
                queries["save"],
                self._row(firm_id, realm_id=row["realm_id"], environment=row["environment"], tokens=granted, now=now()),
            )
        return granted.access_token

    def _read(self, connection: sa.Connection, firm_id: str, query: str) -> sa.RowMapping:
        row = connection.execute(queries[query], {"firm_id": firm_id}).mappings().one_or_none()
        if row is None:
            raise SetUpError(f"{firm_id} has no tokens. Next step: qb-pipeline connect {firm_id}")
        return row

    def _row(
        self, firm_id: str, *, realm_id: str, environment: str, tokens: GrantedTokens, now: datetime
    ) -> dict[str, object]:
        nonce = secrets.token_bytes(NONCE_LENGTH)
        secret = json.dumps([tokens.access_token, tokens.refresh_token]).encode()
        bound_to = _bound_to(realm_id, environment, self._newest)
        return {
            "firm_id": firm_id,
            "realm_id": realm_id,
            "environment": environment,
            "key_id": self._newest,
            "ciphertext": nonce + self._keys[self._newest].encrypt(nonce, secret, bound_to),
            "access_expires_at": tokens.access_expires_at,
            "refresh_expires_at": tokens.refresh_expires_at,
            "refresh_hard_expires_at": tokens.refresh_hard_expires_at,
            "now": now,
        }

    def _open(self, row: sa.RowMapping) -> StoredTokens:
        key = self._keys.get(row["key_id"])
        sealed = bytes(row["ciphertext"])
        try:
            if key is None:
                raise InvalidTag
            bound_to = _bound_to(row["realm_id"], row["environment"], row["key_id"])
            secret = key.decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], bound_to)
        except InvalidTag:
            raise SetUpError(
                f"The tokens of {row['firm_id']} cannot be read with this QB_PIPELINE_SECRET_KEY: bring back the key "
                f"that wrote them, or run: qb-pipeline connect {row['firm_id']}"
            ) from None
        access_token, refresh_token = json.loads(secret)
        return StoredTokens(
            access_token,
            refresh_token,
            row["access_expires_at"],
            row["refresh_expires_at"],
            row["refresh_hard_expires_at"],
        )


def _is_usable(row: sa.RowMapping, now: datetime) -> bool:
    return bool(now < row["access_expires_at"] - EARLY or timedelta() <= now - row["updated_at"] < FRESH)


def _bound_to(realm_id: str, environment: str, key_id: str) -> bytes:
    """Associated data: ciphertext copied to another company's row cannot be opened there."""
    return f"{realm_id}|{environment}|{key_id}".encode()
