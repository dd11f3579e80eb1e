"""Messages to people, by mail, Slack, Teams and every other service that apprise supports.

Belongs here: sending. Does not belong here: the texts (``core.alerts``). An address may contain a password, so errors
show only its scheme.
"""

import re
import warnings
from importlib import import_module
from types import ModuleType

from qb_pipeline.config import ALERT_URLS, ConfigurationError
from qb_pipeline.core.alerts import Alert


class NotSentError(Exception):
    """A message could not be sent to at least one of its addresses."""


def send(alert: Alert, addresses: str) -> None:
    """Send a message to every address of a comma separated list.

    Raises:
        ConfigurationError: apprise does not support one of the addresses; nothing was sent.
        NotSentError: at least one server refused the message; the other servers may have accepted it.
    """
    apprise = _apprise()
    channels = []
    for address in split(addresses):
        channel = apprise.Apprise()
        if not channel.add(address):
            raise ConfigurationError(f"{ALERT_URLS}: {_scheme(address)} is no address that apprise knows")
        channels.append((address, channel))
    kind = apprise.NotifyType.FAILURE if alert.is_urgent else apprise.NotifyType.INFO
    failed = [
        _scheme(address)
        for address, channel in channels
        if not channel.notify(
            title=alert.title, body=alert.body, notify_type=kind, body_format=apprise.NotifyFormat.TEXT
        )
    ]
    if failed:
        raise NotSentError(f"{alert.title}: not taken by {', '.join(failed)}. Try: qb-pipeline doctor")


def split(addresses: str) -> list[str]:
    """Return the addresses of a comma separated list.

    A comma inside an address, as in ``mailto://…?to=a,b``, does not split it.
    """
    return [address.strip() for address in re.split(r",(?=\s*[a-z0-9]+://)", addresses) if address.strip()]


def unknown(addresses: str) -> list[str]:
    """Return the schemes of those addresses that apprise does not support."""
    apprise = _apprise()
    return [_scheme(address) for address in split(addresses) if not apprise.Apprise().add(address)]


def _apprise() -> ModuleType:
    """Import apprise and return it, with its 173 services loaded.

    The import takes time, so that only a process that sends messages does it. One of apprise's modules imports a module
    that Python 3.13 removes; the warning about it is suppressed, since it would be in every log.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise = import_module("apprise")
        apprise.Apprise().add("json://localhost")  # the first address loads every service
    return apprise


def _scheme(address: str) -> str:
    return address.split("://", 1)[0][:20] + "://…" if "://" in address else "a text without scheme://"
