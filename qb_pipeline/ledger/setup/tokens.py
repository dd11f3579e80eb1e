"""Stored OAuth tokens: encrypted, bound to their company, refreshed by one process at a time.

Belongs here: storing tokens. Does not belong here: requesting them (``quickbooks.oauth``), for which the caller passes
in a function.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from qb_pipeline.crash_points import crash_point
from qb_pipeline.database import Queries
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.ledger.setup.pending_tokens import COLUMNS, PendingTokens, SealedTokens

queries = Queries(Path(__file__).with_suffix(".sql"))

EARLY = timedelta(minutes=5)
"""A token this close to its end is refreshed before use. Access tokens are valid for 60 minutes (Intuit, OAuth 2.0
page)."""

FRESH = timedelta(minutes=1)
"""A token younger than this is used even if it looks expired. A wrong clock may then cost refused requests, but not a
refresh before each request."""

WARN_DAYS = 30
"""The number of days before the end of a connection from which people are warned. It is large because bookkeepers take
holidays."""
URGENT_DAYS = 7
LAST_DAY = 1

NONCE_LENGTH = 12
"""Length in bytes. AES-GCM is specified for this size (NIST SP 800-38D)."""


class GrantedTokens(Protocol):
    """The tokens of an OAuth answer, and the times of their ends."""

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
    """The decrypted tokens of a connection."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_expires_at: datetime
    refresh_hard_expires_at: datetime | None
    lost_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        """The end of the connection: after 100 days without use, or at the hard end unless a person renews it,
        whichever is first."""
        return min(filter(None, (self.refresh_expires_at, self.refresh_hard_expires_at)))


def describe_end(ends_at: datetime, lost_at: datetime | None, *, now: datetime) -> tuple[int, str]:
    """Return a level and a sentence about the end of a connection, before which a person must connect again. Level 0
    means that more than 30 days are left, level 1 at most 30 days, level 2 at most 7 days. Level 3 means that at most 1
    day is left, or that the connection has ended."""
    if lost_at is not None:
        return 3, f"QuickBooks lets us in no more since {lost_at:%Y-%m-%d %H:%M} UTC"
    left = ends_at - now
    if left <= timedelta():
        return 3, f"the connection ended on {ends_at:%Y-%m-%d}"
    level = sum(left <= timedelta(days=days) for days in (WARN_DAYS, URGENT_DAYS, LAST_DAY))
    return level, f"the connection ends on {ends_at:%Y-%m-%d}" if level else f"good until {ends_at:%Y-%m-%d}"


def look_at_end(engine: sa.Engine, firm_id: str, *, now: datetime) -> tuple[int, str]:
    """Return ``describe_end`` of a firm's connection, without decrypting its tokens. A firm that has no tokens has
    level 0."""
    with engine.connect() as connection:
        row = connection.execute(queries["tokens"], {"firm_id": firm_id}).one_or_none()
    if row is None:
        return 0, "not connected"
    ends_at = min(filter(None, (row.refresh_expires_at, row.refresh_hard_expires_at)))
    return describe_end(ends_at, row.lost_at, now=now)


class TokenStore:
    """The stored tokens of all firms. ``keys`` are secrets, newest first. The newest key encrypts, and each of them
    decrypts.

    During a refresh the tokens are also in a file of ``home`` (``pending_tokens``).
    """

    def __init__(self, engine: sa.Engine, keys: Sequence[str], home: Path) -> None:
        self._engine = engine
        self._home = home
        if not keys:
            raise SetUpError("There is no key to open tokens with: set QB_PIPELINE_SECRET_KEY")
        derived = [hashlib.sha256(key.encode()).digest() for key in keys]
        self._keys = {hashlib.sha256(key).hexdigest()[:8]: AESGCM(key) for key in derived}
        self._newest = next(iter(self._keys))

    def save(self, firm_id: str, *, realm_id: str, environment: str, tokens: GrantedTokens, now: datetime) -> None:
        """Store the tokens of a new connection."""
        with self._engine.begin() as connection:
            row = self._row(firm_id, realm_id=realm_id, environment=environment, tokens=tokens, now=now)
            connection.execute(queries["save"], _columns(row))
        PendingTokens(self._home, firm_id).forget()  # tokens of the former connection

    def load(self, firm_id: str) -> StoredTokens:
        """Read a firm's stored tokens and decrypt them.

        Raises:
            SetUpError: the firm has no tokens, or no key of ours decrypts them for this company.
        """
        with self._engine.connect() as connection:
            return self._open(self._read(connection, firm_id, "tokens"))

    def access_token(
        self,
        firm_id: str,
        *,
        refresh: Callable[[str], GrantedTokens],
        now: Callable[[], datetime],
        lost: type[Exception],
        refused: str | None = None,
    ) -> str:
        """Return an access token that works. It is refreshed first when its end is near, or when it is the one that
        QuickBooks ``refused``.

        The row lock is the mutex between processes. It is held during the request on purpose, since two concurrent
        refreshes would invalidate each other. The lock's holder first writes to the database and to the disk, so that a
        write error appears before the old token is spent. New tokens are on the disk before they are committed. Tokens
        that a dead process left on the disk are stored first.

        Raises:
            lost: ``refresh`` raised this error for the current tokens and for those before them. A person must connect
                again.
        """
        pending = PendingTokens(self._home, firm_id)
        with self._engine.connect() as connection:
            row = self._read(connection, firm_id, "tokens")
        if not pending.exists() and row.key_id == self._newest:
            tokens = self._open(row)
            if tokens.access_token != refused and _is_usable(row, now()):
                return tokens.access_token
        try:
            return self._take(firm_id, pending, refresh=refresh, now=now, lost=lost, refused=refused)
        except lost:
            with self._engine.begin() as connection:
                connection.execute(queries["lost"], {"firm_id": firm_id, "now": now()})
            raise

    def _take(
        self,
        firm_id: str,
        pending: PendingTokens,
        *,
        refresh: Callable[[str], GrantedTokens],
        now: Callable[[], datetime],
        lost: type[Exception],
        refused: str | None,
    ) -> str:
        """Return an access token under the row lock: from pending tokens, from tokens that another process has
        refreshed, or else from a refresh."""
        with self._engine.begin() as connection:
            row = self._read(connection, firm_id, "tokens_for_update")
            left = self._pending_of(row, pending)
            if left is not None:
                connection.execute(queries["save"], _columns(left))
                row = replace(
                    left,
                    previous_ciphertext=row.previous_ciphertext,
                    previous_key_id=row.previous_key_id,
                    lost_at=row.lost_at,
                )
            else:
                pending.forget()  # under the lock, so that no other process's file is removed
            tokens = self._open(row)
            if tokens.access_token != refused and _is_usable(row, now()):
                if row.key_id != self._newest:
                    sealed = self._seal(row.realm_id, row.environment, tokens)
                    connection.execute(
                        queries["reseal"], {"firm_id": firm_id, "key_id": self._newest, "ciphertext": sealed}
                    )
                return tokens.access_token
            connection.execute(queries["refresh_started"], {"firm_id": firm_id, "now": now()})
            try:
                pending.write(row)
            except OSError as error:
                raise SetUpError(
                    f"{firm_id}: {error.filename} cannot be written ({error.strerror}), and a token "
                    "could be lost while it is refreshed. Make room, or correct QB_PIPELINE_HOME"
                ) from error
            crash_point("refresh: before it is asked for")
            granted = self._refresh(row, tokens, refresh, lost)
            crash_point("refresh: granted")
            renewed = self._row(firm_id, realm_id=row.realm_id, environment=row.environment, tokens=granted, now=now())
            with suppress(OSError):  # the database may still take it
                pending.write(renewed)
            crash_point("refresh: on the disk")
            connection.execute(queries["save"], _columns(renewed))
            crash_point("refresh: before its commit")
        crash_point("refresh: committed")
        return granted.access_token

    def _refresh(
        self,
        row: SealedTokens,
        tokens: StoredTokens,
        refresh: Callable[[str], GrantedTokens],
        lost: type[Exception],
    ) -> GrantedTokens:
        """Request new tokens with the current refresh token. When it is no longer accepted, try once with the one
        before it."""
        try:
            return refresh(tokens.refresh_token)
        except lost:
            previous = self._previous(row)
            if previous in (None, tokens.refresh_token):
                raise
            return refresh(str(previous))

    def _previous(self, row: SealedTokens) -> str | None:
        if row.previous_ciphertext is None or row.previous_key_id is None:
            return None
        try:
            former = replace(row, ciphertext=row.previous_ciphertext, key_id=row.previous_key_id)
            return self._open(former).refresh_token
        except SetUpError:
            return None

    def _pending_of(self, row: SealedTokens, pending: PendingTokens) -> SealedTokens | None:
        """Return the row that a dead process was granted and could not commit, or None when the database's row is as
        new."""
        left = pending.read()
        if left is None or left.updated_at <= row.updated_at or left.firm_id != row.firm_id:
            return None
        try:
            self._open(replace(left, realm_id=row.realm_id, environment=row.environment))
        except SetUpError:  # tokens of another company, or under a key that we do not have
            return None
        return left

    def _read(self, connection: sa.Connection, firm_id: str, query: str) -> SealedTokens:
        row = connection.execute(queries[query], {"firm_id": firm_id}).mappings().one_or_none()
        if row is None:
            raise SetUpError(f"{firm_id} has no tokens. Next step: qb-pipeline connect {firm_id}")
        return SealedTokens(**row)

    def _row(
        self, firm_id: str, *, realm_id: str, environment: str, tokens: GrantedTokens, now: datetime
    ) -> SealedTokens:
        return SealedTokens(
            firm_id=firm_id,
            realm_id=realm_id,
            environment=environment,
            key_id=self._newest,
            ciphertext=self._seal(realm_id, environment, tokens),
            access_expires_at=tokens.access_expires_at,
            refresh_expires_at=tokens.refresh_expires_at,
            refresh_hard_expires_at=tokens.refresh_hard_expires_at,
            updated_at=now,
        )

    def _seal(self, realm_id: str, environment: str, tokens: GrantedTokens) -> bytes:
        """Encrypt tokens with the newest key."""
        nonce = secrets.token_bytes(NONCE_LENGTH)
        secret = json.dumps([tokens.access_token, tokens.refresh_token]).encode()
        bound_to = _bound_to(realm_id, environment, self._newest)
        return nonce + self._keys[self._newest].encrypt(nonce, secret, bound_to)

    def _open(self, row: SealedTokens) -> StoredTokens:
        key = self._keys.get(row.key_id)
        sealed = bytes(row.ciphertext)
        try:
            if key is None:
                raise InvalidTag
            bound_to = _bound_to(row.realm_id, row.environment, row.key_id)
            secret = key.decrypt(sealed[:NONCE_LENGTH], sealed[NONCE_LENGTH:], bound_to)
        except InvalidTag:
            raise SetUpError(
                f"The tokens of {row.firm_id} cannot be read with this QB_PIPELINE_SECRET_KEY: bring back the key "
                f"that wrote them, or run: qb-pipeline connect {row.firm_id}"
            ) from None
        access_token, refresh_token = json.loads(secret)
        return StoredTokens(
            access_token,
            refresh_token,
            row.access_expires_at,
            row.refresh_expires_at,
            row.refresh_hard_expires_at,
            row.lost_at,
        )


def _columns(row: SealedTokens) -> dict[str, object]:
    return {name: getattr(row, name) for name in COLUMNS}


def _is_usable(row: SealedTokens, now: datetime) -> bool:
    return now < row.access_expires_at - EARLY or timedelta() <= now - row.updated_at < FRESH


def _bound_to(realm_id: str, environment: str, key_id: str) -> bytes:
    """Return the associated data of a ciphertext, so that a ciphertext copied to another company's row cannot be
    decrypted there."""
    return f"{realm_id}|{environment}|{key_id}".encode()
