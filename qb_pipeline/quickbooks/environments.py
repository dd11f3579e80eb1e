"""The three kinds of QuickBooks (production, sandbox, emulator), and the hosts that each may use.

Belongs here: addresses, and refusing every other one. Does not belong here: reading the environment (``config``) or
requests (``client``, ``oauth``).
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
"""Where consent, tokens and their revocation live. Source: Intuit, "OAuth 2.0" (read 2026-11-21)."""

API_HOSTS = frozenset(host for host in (urlsplit(url).hostname for url in API_URLS.values()) if host)


@dataclass(frozen=True, slots=True)
class Environment:
    """Where one kind of QuickBooks answers."""

    name: Name
    api_url: str
    discovery_url: str

    def allows_oauth(self, url: str) -> bool:
        """Whether a client secret or a token may travel to this address."""
        return is_loopback(url) if self.name == "emulator" else is_https(url, OAUTH_HOSTS)


def environment(name: str, *, api_url: str | None = None, discovery_url: str | None = None) -> Environment:
    """Name the addresses of an environment; overrides must stay inside it.

    Raises:
        ValueError: an unknown environment, or an address that does not belong to it.
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
    """Whether an address is on this machine: http or https, no user information, no odd spelling."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or "@" in parts.netloc:
            return False
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def is_https(url: str, hosts: frozenset[str]) -> bool:
    """Whether an address is https on exactly one of these hosts, on its standard port, without user information."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and parts.netloc in hosts
