"""Webhooks: a true one is a hint, whatever its form; everything else does nothing (K4, S23, G21)."""

import asyncio
import json
import random
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette

from qb_pipeline.emulator.books.company import Event
from qb_pipeline.emulator.steering.webhooks import sign as intuit_signs
from qb_pipeline.emulator.steering.webhooks import write_cloudevents, write_legacy
from qb_pipeline.web.webhook import MAX_BODY_BYTES, PATH, make_app

TOKEN = "a verifier token of this test"
REALM = "9130357849372001"
EVENTS = [Event("Payment", "7", "Create", 1701424800), Event("Payment", "8", "Delete", 1701424801)]
LEGACY, CLOUD = write_legacy(REALM, EVENTS), write_cloudevents(REALM, EVENTS)


class Hints(list[list[str]]):
    """What the endpoint passed on."""

    def note(self, realms: Collection[str]) -> None:
        self.append(list(realms))


@pytest.fixture
def hints() -> Hints:
    return Hints()


@dataclass
class Answer:
    """What the endpoint answered."""

    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


async def speak(app: Starlette, method: str, path: str, body: bytes, signatures: list[str]) -> list[Answer]:
    """Speak ASGI to the endpoint, once for each signature."""
    answers = []
    for signature in signatures:
        answer = Answer()
        parts = [body[start : start + 65_536] for start in range(0, len(body), 65_536)] or [b""]

        async def receive(parts: list[bytes] = parts) -> dict[str, Any]:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: Any, answer: Answer = answer) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        scope = {
            "type": "http", "method": method, "path": path, "query_string": b"", "scheme": "http", "root_path": "",
            "headers": [(b"host", b"hooks.example"), (b"intuit-signature", signature.encode("latin-1"))],
        }  # fmt: skip
        await app(scope, receive, send)
        answers.append(answer)
    return answers


@pytest.fixture
def app(hints: Hints) -> Starlette:
    return make_app(TOKEN, hints.note)


def post(app: Starlette, body: bytes, signature: str | None = None) -> Answer:
    """Post a notification as Intuit does; its own code signs."""
    signatures = [intuit_signs(TOKEN, body) if signature is None else signature]
    return asyncio.run(speak(app, "POST", PATH, body, signatures))[0]


@pytest.mark.parametrize("body", [LEGACY, CLOUD], ids=["legacy", "cloudevents"])
def test_a_true_notification_names_its_company_in_either_format(app: Starlette, hints: Hints, body: bytes) -> None:
    answer = post(app, body)

    assert (answer.status, answer.body, hints) == (200, b"", [[REALM]])
    assert answer.headers["cache-control"] == "no-store"


def test_the_signature_is_over_the_bytes_and_not_over_their_meaning(app: Starlette, hints: Hints) -> None:
    spaced = json.dumps(json.loads(LEGACY), indent=1).encode()

    assert post(app, spaced, intuit_signs(TOKEN, LEGACY)).status == 401
    assert post(app, spaced).status == 200
    assert hints == [[REALM]]


def test_a_thousand_forgeries_do_nothing(app: Starlette, hints: Hints) -> None:
    chance = random.Random(23)
    right = intuit_signs(TOKEN, LEGACY)
    forged = [
        "", "x", right[:-1], right.lower(), right + "=", intuit_signs("another token", LEGACY),
        *("".join(chance.choices(right, k=len(right))) for _ in range(994)),
    ]  # fmt: skip

    answers = asyncio.run(speak(app, "POST", PATH, LEGACY, forged))

    assert ({answer.status for answer in answers}, hints) == ({401}, [])


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"{}", b'{"eventNotifications": 5}', b"12", b"null", b"\xff\xfe", LEGACY[:-9]]
)
def test_what_is_signed_and_no_notification_is_refused(app: Starlette, hints: Hints, body: bytes) -> None:
    assert (post(app, body).status, hints) == (400, [])


def test_odd_entries_of_a_notification_are_passed_over(app: Starlette, hints: Hints) -> None:
    body = json.dumps([5, {}, {"intuitaccountid": "x' or 1=1"}, {"intuitaccountid": "9" * 40}, {"intuitaccountid": 12}])

    assert (post(app, body.encode()).status, hints) == (200, [["12"]])


def test_a_body_that_is_too_long_is_not_read_to_its_end(app: Starlette, hints: Hints) -> None:
    assert (post(app, b" " * (MAX_BODY_BYTES + 1)).status, hints) == (413, [])


@pytest.mark.parametrize(("method", "path", "status"), [("GET", PATH, 405), ("PUT", PATH, 405), ("POST", "/", 404)])
def test_there_is_one_door(app: Starlette, method: str, path: str, status: int) -> None:
    [answer] = asyncio.run(speak(app, method, path, LEGACY, [intuit_signs(TOKEN, LEGACY)]))

    assert answer.status == status


@pytest.mark.slow
def test_a_ledger_that_does_not_answer_is_no_reason_to_keep_intuit_waiting() -> None:
    def hang(_realms: Collection[str]) -> None:
        time.sleep(2.3)

    assert post(make_app(TOKEN, hang), LEGACY).status == 503


def test_without_a_token_nothing_is_served() -> None:
    with pytest.raises(ValueError, match="verifier token"):
        make_app("", lambda _realms: None)
