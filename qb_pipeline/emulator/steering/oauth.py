"""OAuth 2.0 as Intuit does it: codes, tokens, rotation, expiry, revocation.

Belongs here: granting codes and tokens, and the time for which they are valid. Does not belong here: pages and
addresses (``oauth_pages``).
"""

import secrets
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from qb_pipeline.emulator.books.clock import Clock
from qb_pipeline.emulator.books.company import Company

SCOPES = frozenset(
    {"com.intuit.quickbooks.accounting", "com.intuit.quickbooks.payment", "openid", "profile", "email", "phone"}
)
SCOPES |= {"address"}
ACCOUNTING = "com.intuit.quickbooks.accounting"
CODE_SECONDS = 600
DAY = 86_400
MOST_KEPT = 2000
HARD_EXPIRY_SECONDS = 157_680_000
"""Five years, the longest life of an accounting token of 2023 or later (Intuit blog, 12 November 2025)."""
CLIENTS = {"emulator-client": "emulator-secret"}


class GrantError(Exception):
    """The token endpoint refuses a request."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error_description": description, "error": error} if description else {"error": error}


class Access(msgspec.Struct):
    """An access token."""

    realm: str
    expires_at: float
    state: Literal["live", "revoked"] = "live"


class Refresh(msgspec.Struct):
    """A refresh token, and the chain of tokens that it belongs to. Revoking a token ends all tokens of its company."""

    realm: str
    chain: str
    issued_at: float
    expires_at: float
    born_at: float
    dies_at: float | None = None
    """The end of a token that was replaced by a newer token or was revoked; None for any other token."""


class Code(msgspec.Struct):
    """An authorization code."""

    realm: str
    redirect_uri: str
    expires_at: float


class Vault(msgspec.Struct):
    """All codes and tokens."""

    access: dict[str, Access] = {}
    refresh: dict[str, Refresh] = {}
    codes: dict[str, Code] = {}


class Authorizations:
    """The codes and tokens of all companies, and the rights that they give."""

    def __init__(self, clock: Clock, keep: Callable[[Vault], None]) -> None:
        """Create the object without codes and tokens. ``keep`` stores those that are new or have changed."""
        self.clock = clock
        self.keep = keep
        self.vault = Vault()
        self.clients = dict(CLIENTS)
        self.refreshes = 0

    def give_code(self, realm: str, redirect_uri: str) -> str:
        """Create and return a code. A person has clicked Connect."""
        code = f"XAB{secrets.token_hex(20)}"
        self.vault.codes[code] = Code(realm, redirect_uri, self.clock.now() + CODE_SECONDS)
        self.keep(Vault(codes={code: self.vault.codes[code]}))
        return code

    def exchange(self, company_of: Callable[[str], Company | None], code: str, redirect_uri: str) -> dict[str, Any]:
        """Exchange a code for a pair of tokens. A code can be exchanged once.

        Raises:
            GrantError: the code is unknown, used or expired, or the redirect address is another one.
        """
        found = self.vault.codes.get(code)
        company = company_of(found.realm) if found else None
        good = found is not None and found.expires_at > self.clock.now() and found.redirect_uri == redirect_uri
        if found is not None:
            found.expires_at = 0.0
            self.keep(Vault(codes={code: found}))
        if company is None or not good:
            raise GrantError("invalid_grant", "Invalid authorization code")
        return self.grant(company)

    def grant(self, company: Company) -> dict[str, Any]:
        """Create a first pair of tokens, and return the token endpoint's answer."""
        now = self.clock.now()
        token = self._new_refresh(company, secrets.token_hex(8), born_at=now)
        return self._answer(company, token, {})

    def refresh(
        self, company_of: Callable[[str], Company | None], token: str, *, show_hard_expiry: bool = False
    ) -> dict[str, Any]:
        """Exchange a refresh token for a new pair of tokens.

        The company's rotation policy decides whether the refresh token of the pair is a new one.

        Raises:
            GrantError: the token is unknown, replaced, expired or revoked, or the person has lost access to the
                company.
        """
        now = self.clock.now()
        found = self.vault.refresh.get(token)
        company = company_of(found.realm) if found else None
        if found is None or company is None or found.expires_at <= now:
            raise GrantError("invalid_grant", "Incorrect or invalid refresh token")
        if found.dies_at is not None and found.dies_at <= now:
            raise GrantError("invalid_grant", "Incorrect or invalid refresh token")
        if company.switches.user_access == "lost":
            raise GrantError("invalid_grant", "Unauthorized Request: User is not a member of the specified Realm")
        self.refreshes += 1
        replaced: dict[str, Refresh] = {}
        rotation = company.switches.refresh_rotation
        if rotation == "strict" or (rotation == "daily" and now - found.issued_at >= DAY and found.dies_at is None):
            found.dies_at = now if rotation == "strict" else now + DAY
            replaced[token] = found
            token = self._new_refresh(company, found.chain, born_at=found.born_at)
        return self._answer(company, token, replaced, show_hard_expiry=show_hard_expiry)

    def _new_refresh(self, company: Company, chain: str, *, born_at: float) -> str:
        now = self.clock.now()
        token = f"AB11{secrets.token_hex(23)}"
        dies = min(now + company.switches.refresh_token_seconds, born_at + HARD_EXPIRY_SECONDS)
        self.vault.refresh[token] = Refresh(company.realm, chain, now, dies, born_at)
        return token

    def _answer(
        self, company: Company, token: str, replaced: dict[str, Refresh], *, show_hard_expiry: bool = False
    ) -> dict[str, Any]:
        """Create an access token and return the token endpoint's answer.

        The new pair and the end of the replaced refresh token are stored together.
        """
        now = self.clock.now()
        access = f"eyJ{secrets.token_urlsafe(96)}"
        found = self.vault.refresh[token]
        self.vault.access[access] = Access(company.realm, now + company.switches.access_token_seconds)
        self.keep(Vault(access={access: self.vault.access[access]}, refresh={**replaced, token: found}))
        self._tidy(now)
        answer: dict[str, Any] = {
            "token_type": "bearer",
            "access_token": access,
            "refresh_token": token,
            "expires_in": company.switches.access_token_seconds,
            "x_refresh_token_expires_in": int(found.expires_at - now),
        }
        if show_hard_expiry:
            answer["x_refresh_token_hard_expires_in"] = int(found.born_at + HARD_EXPIRY_SECONDS - now)
        return answer

    def _tidy(self, now: float) -> None:
        """Remove the codes and tokens that ``current`` omits, when there are more than ``MOST_KEPT`` tokens.

        A token that ended is kept for a day, because a refusal can then name its reason.
        """
        if len(self.vault.access) + len(self.vault.refresh) > MOST_KEPT:
            self.vault = self.current(now)

    def current(self, now: float) -> Vault:
        """Return the codes and tokens that are still needed.

        These are the codes that have not expired, the access tokens that have not expired or expired less than a day
        ago, and the refresh tokens that were not replaced or revoked, or were so less than a day ago.
        """
        return Vault(
            access={name: each for name, each in self.vault.access.items() if each.expires_at > now - DAY},
            refresh={name: each for name, each in self.vault.refresh.items() if (each.dies_at or now) > now - DAY},
            codes={name: each for name, each in self.vault.codes.items() if each.expires_at > now},
        )

    def recall(self, kept: Vault) -> None:
        """Load the codes and tokens that ``keep`` has stored."""
        self.vault.access.update(kept.access)
        self.vault.refresh.update(kept.refresh)
        self.vault.codes.update(kept.codes)

    def revoke(self, token: str) -> bool:
        """End all connections of the company that an access or refresh token belongs to.

        Returns whether the token was known.
        """
        refresh, access = self.vault.refresh.get(token), self.vault.access.get(token)
        realm = refresh.realm if refresh else access.realm if access else None
        if realm is None:
            return False
        self.revoke_realm(realm)
        return True

    def revoke_realm(self, realm: str) -> None:
        """End all connections of a company, as Disconnect in QuickBooks does."""
        now = self.clock.now()
        mine = {name: each for name, each in self.vault.refresh.items() if each.realm == realm}
        for refresh in mine.values():
            refresh.dies_at = now
        gone = {name: each for name, each in self.vault.access.items() if each.realm == realm}
        for access in gone.values():
            access.state = "revoked"
        self.keep(Vault(access=gone, refresh=mine))

    def find_problem(self, header: str, realm: str) -> tuple[int, str]:
        """Check an ``Authorization`` header for a company, and return an HTTP status and a detail.

        Status 200 means that the header is valid.
        """
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return 401, "Malformed bearer token: too short or too long"
        found = self.vault.access.get(token.strip())
        if found is None:
            return 401, "Malformed bearer token: too short or too long"
        if found.state == "revoked":
            return 401, f"Token revoked: {token[:4]}xxxxxxxx"
        if found.expires_at <= self.clock.now():
            return 401, f"Token expired: {token[:4]}xxxxxxxx"
        return (403, "") if found.realm != realm else (200, "")
