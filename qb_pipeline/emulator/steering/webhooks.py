"""Webhooks: notifications that tell a client about changes.

Belongs here: both payload formats, the signature, retries, and the switches' effect on delivery. Does not belong here:
the choice of the writes that count as changes.
"""

import base64
import hashlib
import hmac
import random
import urllib.error
import urllib.request
import uuid
from collections import deque
from datetime import UTC, datetime
from typing import Any

import msgspec

from qb_pipeline.emulator.books.clock import print_instant
from qb_pipeline.emulator.books.company import Company, Event

PATIENCE_SECONDS = 3.0
"""The time in which a receiver must answer (webhooks page)."""
RETRY_MINUTES = (20, 30, 50)
RETRIED = frozenset({0, 408, 500, 502, 503, 504})
"""The statuses after which Intuit tries again; 0 stands for no answer."""
MOST_KEPT = 1000


class Delivery(msgspec.Struct):
    """One notification, and the statuses of its delivery so far."""

    id: str
    body: bytes
    due_at: float
    attempts: int = 0
    statuses: list[int] = []
    state: str = "waiting"


class Webhooks:
    """The notifications of one company."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.url = ""
        self.token = ""
        self.deliveries: deque[Delivery] = deque(maxlen=MOST_KEPT)
        self.lost = 0
        self._events: list[Event] = []
        self._random = random.Random(company.realm)  # noqa: S311 - repeatable accidents

    def point(self, url: str, token: str) -> None:
        """Set the address of the notifications, and the verifier token that signs them."""
        self.url, self.token = url, token

    def clear(self) -> None:
        """Remove all notifications, and the changes that no notification has reported yet."""
        self.deliveries.clear()
        self._events.clear()

    def tell(self, event: Event) -> None:
        """Record a change for the next notification, if the company has an address for notifications."""
        if self.url:
            self._events.append(event)

    def collect(self) -> None:
        """Build a notification of the changes since the last call.

        The switches may cause it to be lost or doubled, or its changes to be shuffled.
        """
        if not self._events:
            return
        events, self._events = self._events, []
        switches = self.company.switches
        if switches.webhook_shuffled:
            self._random.shuffle(events)
        if self._random.random() * 100 < switches.webhook_lost_percent:
            self.lost += 1
            return
        write = write_legacy if switches.webhook_format == "legacy" else write_cloudevents
        body = write(self.company.realm, events)
        copies = 2 if self._random.random() * 100 < switches.webhook_doubled_percent else 1
        now = self.company.clock.now()
        for _ in range(copies):
            self.deliveries.append(Delivery(str(uuid.uuid4()), body, now))

    def due(self) -> list[Delivery]:
        """Return the notifications that are to be sent now."""
        self.collect()
        now = self.company.clock.now()
        return [each for each in self.deliveries if each.state == "waiting" and each.due_at <= now]

    def send(self, delivery: Delivery) -> int:
        """Send a notification and return the status of the answer, or 0 when there is no answer.

        The call blocks, so call it in a thread.
        """
        request = urllib.request.Request(self.url, data=delivery.body, headers=self._headers(delivery))  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": "intuit_notification_server/0.1",
            "intuit-signature": sign(self.token, delivery.body),
            "intuit-created-time": print_instant(int(self.company.clock.now())),
            "intuit-t-id": delivery.id,
            "intuit-notification-schema-version": "0.1",
        }

    def note(self, delivery: Delivery, status: int) -> None:
        """Record the status of an attempt.

        After one of the statuses ``RETRIED`` the notification is sent again after 20, 30 and 50 minutes, and then
        dropped.
        """
        delivery.statuses.append(status)
        delivery.attempts += 1
        if status not in RETRIED:
            delivery.state = "delivered" if 200 <= status < 300 else "refused"
        elif delivery.attempts > len(RETRY_MINUTES):
            delivery.state = "dropped"
        else:
            delivery.due_at = self.company.clock.now() + RETRY_MINUTES[delivery.attempts - 1] * 60

    def report(self) -> dict[str, Any]:
        """Return the address, the number of lost notifications, and all deliveries with their state."""
        return {
            "url": self.url,
            "lost": self.lost,
            "deliveries": [
                {"id": each.id, "state": each.state, "attempts": each.attempts, "statuses": each.statuses}
                for each in self.deliveries
            ],
        }


def sign(token: str, body: bytes) -> str:
    """Return the ``intuit-signature`` of a body: HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.new(token.encode(), body, hashlib.sha256).digest()).decode()


def write_legacy(realm: str, events: list[Event]) -> bytes:
    """Build the body of a notification in the format from before 2026, in which the offset of a time has no colon."""
    entities: list[dict[str, str]] = []
    for event in events:
        when = print_instant(event.at)
        entity = {"name": event.entity, "id": event.id, "operation": event.operation}
        entity["lastUpdated"] = when[:-3] + when[-2:]
        if event.replaced:
            entity["deletedId"] = event.replaced
        entities.append(entity)
    change = {"realmId": realm, "dataChangeEvent": {"entities": entities}}
    return msgspec.json.encode({"eventNotifications": [change]})


PAST = {
    "Create": "created",
    "Update": "updated",
    "Delete": "deleted",
    "Void": "voided",
    "Merge": "merged",
    "Emailed": "emailed",
}


def write_cloudevents(realm: str, events: list[Event]) -> bytes:
    """Build the body of a notification in the format since 2026: an array of CloudEvents."""
    return msgspec.json.encode(
        [
            {
                "specversion": "1.0",
                "id": str(uuid.uuid4()),
                "source": "intuit.dsnBgbseACLLRZNxo2dfc4evmEJdxde58xeeYcZliOU=",
                "type": f"qbo.{event.entity.lower()}.{PAST[event.operation]}.v1",
                "datacontenttype": "application/json",
                "time": datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "intuitentityid": event.id,
                "intuitaccountid": realm,
                "data": {"deletedId": event.replaced} if event.replaced else {},
            }
            for event in events
        ]
    )
