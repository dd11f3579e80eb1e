import json
from dataclasses import asdict, fields
from datetime import UTC, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.settings import FirmSettings, find_missing, from_json, parse_setting, to_json, to_text


def test_the_defaults_are_the_careful_ones() -> None:
    assert FirmSettings() == FirmSettings(
        unmatched_payer="create",
        unmapped_fee_item="hold",
        income_account="",
        income_account_legal_fee="",
        income_account_government_fee="",
        income_account_expense="",
        income_account_interest="",
        matter_in="off",
        tax_policy="none",
        auto_sync_payments=False,
        daily_sync_at=time(6, 0),
        recent_payment_days=7,
        keep_overpayments=False,
        record_refunds=False,
        client_money="off",
        client_credit_account="",
        client_clearing_account="",
        withdrawn_invoice="hold",
        eligible_since=None,
    )


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("unmatched_payer", "hold", "hold"),
        ("unmapped_fee_item", "create", "create"),
        ("income_account", "79", "79"),
        ("income_account", "", ""),
        ("income_account_expense", "80", "80"),
        ("matter_in", "memo", "memo"),
        ("matter_in", "custom_field: Matter", "custom_field:Matter"),
        ("tax_policy", "total", "total"),
        ("auto_sync_payments", "on", True),
        ("daily_sync_at", "18:30", time(18, 30)),
        ("recent_payment_days", "14", 14),
        ("keep_overpayments", "off", False),
        ("record_refunds", "on", True),
        ("client_money", "credit", "credit"),
        ("client_credit_account", "81", "81"),
        ("withdrawn_invoice", "void", "void"),
        ("eligible_since", "all", None),
        ("eligible_since", "2026-03-01", datetime(2026, 3, 1, 5, tzinfo=UTC)),
        ("eligible_since", "2026-07-01", datetime(2026, 7, 1, 4, tzinfo=UTC)),
        ("eligible_since", "2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("eligible_since", "2026-03-01T12:00", datetime(2026, 3, 1, 17, tzinfo=UTC)),
    ],
)
def test_a_setting_is_read_as_a_person_writes_it(name: str, text: str, value: Any) -> None:
    assert parse_setting(name, f" {text} ", time_zone="America/New_York") == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("colour", "red", "no setting 'colour'; settings are unmatched_payer, "),
        ("unmatched_payer", "guess", "unmatched_payer=guess: must be create or hold"),
        ("income_account", "Sales", "income_account=Sales: must be the Id of an account, a number"),
        (
            "matter_in",
            "custom_field:",
            "matter_in=custom_field:: must be off, memo, class, or custom_field: and the label",
        ),
        ("auto_sync_payments", "yes", "auto_sync_payments=yes: must be on or off"),
        ("daily_sync_at", "25:00", "daily_sync_at=25:00: must be a time of day, HH:MM"),
        ("recent_payment_days", "0", "recent_payment_days=0: must be a number of days, 1 to 366"),
        ("recent_payment_days", "١", "recent_payment_days=١: must be a number of days, 1 to 366"),
        ("eligible_since", "soon", "eligible_since=soon: must be a date (YYYY-MM-DD), an instant with offset, or all"),
    ],
)
def test_what_a_setting_cannot_be_is_refused_with_what_it_can(name: str, text: str, message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the whole message is compared
        parse_setting(name, text)

    assert str(refusal.value).startswith(message)


def test_a_kind_of_fee_falls_back_to_the_income_account() -> None:
    settings = FirmSettings(income_account="1", income_account_expense="2")

    assert [settings.income_account_of(kind) for kind in ("legal_fee", "expense")] == [
        ("income_account", "1"), ("income_account_expense", "2"),
    ]  # fmt: skip


@given(
    st.builds(
        FirmSettings,
        unmatched_payer=st.sampled_from(["create", "hold"]),
        daily_sync_at=st.times().map(lambda moment: moment.replace(second=0, microsecond=0)),
        recent_payment_days=st.integers(1, 366),
        keep_overpayments=st.booleans(),
        eligible_since=st.none() | st.datetimes(timezones=st.just(UTC)),
    )
)
def test_settings_come_back_from_json(settings: FirmSettings) -> None:
    text = to_json(settings)

    assert from_json(text) == settings
    assert from_json(text.encode()) == settings
    assert from_json(json.loads(text)) == settings
    assert set(json.loads(text)) == {setting.name for setting in fields(FirmSettings)}


def test_settings_of_another_release_are_read_with_defaults() -> None:
    assert from_json('{"tax_policy":"total","a_setting_of_the_future":1}') == FirmSettings(tax_policy="total")


@given(
    st.builds(
        FirmSettings,
        unmatched_payer=st.sampled_from(["create", "hold"]),
        income_account=st.sampled_from(["", "79"]),
        auto_sync_payments=st.booleans(),
        daily_sync_at=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
        recent_payment_days=st.integers(1, 366),
        record_refunds=st.booleans(),
        eligible_since=st.none() | st.datetimes(timezones=st.just(UTC)),
    )
)
def test_settings_are_written_as_they_are_read(settings: FirmSettings) -> None:
    written = to_text(settings)

    assert {name: parse_setting(name, text) for name, text in written.items()} == asdict(settings)
    assert not any(" " in text for text in written.values())


def test_client_money_wants_both_of_its_accounts() -> None:
    both = FirmSettings(client_money="credit", client_credit_account="1", client_clearing_account="2")

    assert [find_missing(each) for each in (FirmSettings(), both, FirmSettings(client_money="credit"))] == [
        "", "", "client_money=credit also wants client_credit_account and client_clearing_account",
    ]  # fmt: skip
