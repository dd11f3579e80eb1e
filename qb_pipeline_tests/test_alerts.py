"""Alerts leave through apprise, to a server of ours."""

import pytest

from qb_pipeline.alerts import NotSentError, send, split, unknown
from qb_pipeline.config import ConfigurationError
from qb_pipeline.core.alerts import Alert
from qb_pipeline_tests.mailbox import open_mailbox

ALERT = Alert("A title", "A body:\n- one", is_urgent=True)


def test_a_message_arrives_at_every_address() -> None:
    with open_mailbox() as first, open_mailbox() as second:
        send(ALERT, f"{first.address}, {second.address}")

    for mailbox in (first, second):
        assert [(m["title"], m["message"], m["type"]) for m in mailbox.messages] == [
            ("A title", "A body:\n- one", "failure")
        ]


def test_what_can_wait_is_marked_so() -> None:
    with open_mailbox() as mailbox:
        send(Alert("t", "b", is_urgent=False), mailbox.address)

    assert mailbox.messages[0]["type"] == "info"


def test_a_server_that_takes_nothing_is_an_error_that_shows_no_password() -> None:
    with open_mailbox() as good, open_mailbox() as bad:
        bad.is_full = True
        with pytest.raises(NotSentError) as refused:
            send(ALERT, f"{bad.address}?:token=hidden,{good.address}")

    assert str(refused.value) == "A title: not taken by json://…. Try: qb-pipeline doctor"
    assert len(good.messages) == 1, "one that fails keeps the message from no other"


def test_an_address_that_is_none_sends_nothing() -> None:
    with open_mailbox() as good, pytest.raises(ConfigurationError, match=r"QB_PIPELINE_ALERT_URLS: slak://… is no"):
        send(ALERT, f"{good.address},slak://hidden")

    assert good.messages == []


def test_a_comma_inside_an_address_belongs_to_it() -> None:
    both = "mailto://u:p@example.com?to=a@b.c,d@e.f"

    assert split(f"{both} , json://h,") == [both, "json://h,"]
    assert unknown(f"{both}, nonsense") == []
    assert unknown("nonsense") == ["a text without scheme://"]
