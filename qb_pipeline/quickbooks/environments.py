"""The three kinds of QuickBooks (production, sandbox, emulator), and the hosts that each may use.

Belongs here: addresses, and refusing every other address. Does not belong here: reading the environment (``config``),
and requests (``client``, ``oauth``).
"""

import ipaddress
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

Name = Literal["production", "sandbox", "emulator"]

API_URLS = {
    "production": "https://quickbooks.api.intuit.com",
    "sandbox": "https://sandbox-quickbooks.api.intuit.com",
}
DISCOVERY_URLS = {
    "production": "https://developer.api.intuit.com/.well-known/openid_configuration/",
    "sandbox": "https://developer.api.intuit.com/.well-known/openid_sandbox_configuration/",
}
OAUTH_HOSTS = frozenset({"appcenter.intuit.com", "oauth.platform.intuit.com", "developer.api.intuit.com"})
"""The hosts of consent, of tokens and of their revocation. Source: Intuit, "OAuth 2.0" (read 2026-11-21)."""

API_HOSTS = frozenset(host for host in (urlsplit(url).hostname for url in API_URLS.values()) if host)


@dataclass(frozen=True, slots=True)
class Environment:
    """The addresses of one kind of QuickBooks."""

    name: Name
    api_url: str
    discovery_url: str

    def allows_oauth(self, url: str) -> bool:
        """Return whether a client secret or a token may be sent to this address."""
        return is_loopback(url) if self.name == "emulator" else is_https(url, OAUTH_HOSTS)


def environment(name: str, *, api_url: str | None = None, discovery_url: str | None = None) -> Environment:
    """Return an environment with its addresses. An address that is given must belong to the environment.

    Raises:
        ValueError: the environment is unknown, the address of the emulator is missing, or an address does not belong to
            the environment.
    """
    if name not in get_args(Name):
        raise ValueError(f"QUICKBOOKS_ENVIRONMENT is {name!r}; use one of {', '.join(get_args(Name))}")
    if name == "emulator" and not api_url:
        raise ValueError("the emulator has no fixed address: give QUICKBOOKS_API_URL, or let qb-pipeline start it")
    api = (api_url or API_URLS[name]).rstrip("/")
    discovery = discovery_url or DISCOVERY_URLS.get(name) or f"{api}/.well-known/openid_configuration"
    place = Environment(name, api, discovery)  # type: ignore[arg-type] # checked against the Literal above
    if name == "emulator":
        right = is_loopback(api) and is_loopback(discovery)
    else:
        right = api == API_URLS[name] and is_https(discovery, OAUTH_HOSTS)
    if not right:
        raise ValueError(
            f"QUICKBOOKS_API_URL or QUICKBOOKS_DISCOVERY_URL names a host that is not {name}: "
            "production and sandbox use Intuit's own hosts, the emulator this machine only"
        )
    return place


def is_loopback(url: str) -> bool:
    """Return whether an address is on this machine. Such an address is http or https, has no user information, and
    names localhost or a loopback IP address."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or "@" in parts.netloc:
            return False
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def is_https(url: str, hosts: frozenset[str]) -> bool:
    """Return whether an address is https on exactly one of these hosts, on its standard port, without user
    information."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and parts.netloc in hosts
