"""Send messages to people: mail, Slack, Teams and every other service that apprise knows.

Belongs here: sending. Does not belong here: the words (``core.alerts``). An address may hold a password: an error shows
only its scheme.
"""

import re
import warnings
from importlib import import_module
from types import ModuleType

from qb_pipeline.config import ALERT_URLS, ConfigurationError
from qb_pipeline.core.alerts import Alert


class NotSentError(Exception):
    """A message did not go out to every address."""


def send(alert: Alert, addresses: str) -> None:
    """Send a message to every address of a comma separated list.

    Raises:
        ConfigurationError: apprise does not know one of the addresses; nothing was sent.
        NotSentError: at least one server refused the message; the others may have taken it.
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
    """The addresses of a list; a comma inside one, as in ``mailto://…?to=a,b``, stays in it."""
    return [address.strip() for address in re.split(r",(?=\s*[a-z0-9]+://)", addresses) if address.strip()]


def unknown(addresses: str) -> list[str]:
    """The schemes of addresses that apprise does not know."""
    apprise = _apprise()
    return [_scheme(address) for address in split(addresses) if not apprise.Apprise().add(address)]


def _apprise() -> ModuleType:
    """Load apprise with its 173 services, which takes time: only a process that sends pays for it.

    One of its modules imports a module that Python 3.13 drops; the warning would stand in every log.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise = import_module("apprise")
        apprise.Apprise().add("json://localhost")  # the first address loads every service
    return apprise


def _scheme(address: str) -> str:
    return address.split("://", 1)[0][:20] + "://…" if "://" in address else "a text without scheme://"
