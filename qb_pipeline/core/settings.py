"""The settings of a firm, and their defaults.

Belongs here: names, defaults, reading a setting from text. Does not belong here: storing it (``ledger``).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

FEE_KINDS = ("legal_fee", "government_fee", "expense", "interest")
"""The kinds of billing's fee items."""

CLIENT_ACCOUNTS = ("client_credit_account", "client_clearing_account")
"""The accounts that ``client_money=credit`` posts to."""

CUSTOM_FIELD = "custom_field:"
"""The prefix of a ``matter_in`` that names a custom field. The field's label follows it."""


@dataclass(frozen=True)
class FirmSettings:
    """The settings of one firm, as ``firm set`` names them."""

    unmatched_payer: Literal["create", "hold"] = "create"
    single_names: Literal["hold", "accept"] = "hold"
    unmapped_fee_item: Literal["hold", "create"] = "hold"
    income_account: str = ""
    income_account_legal_fee: str = ""
    income_account_government_fee: str = ""
    income_account_expense: str = ""
    income_account_interest: str = ""
    matter_in: str = "off"
    tax_policy: Literal["none", "total"] = "none"
    auto_sync_payments: bool = False
    daily_sync_at: time = time(6, 0)
    recent_payment_days: int = 7
    keep_overpayments: bool = False
    record_refunds: bool = False
    client_money: Literal["off", "credit"] = "off"
    client_credit_account: str = ""
    client_clearing_account: str = ""
    withdrawn_invoice: Literal["hold", "void"] = "hold"
    held_days_limit: int = 14
    keep_log_days: int = 400
    show_client_names: bool = True
    eligible_since: datetime | None = None

    def income_account_of(self, kind: str) -> tuple[str, str]:
        """Return the setting that names the income account of new items of a kind of fee, and that account's Id; "" if
        not set."""
        own = f"income_account_{kind}"
        return (own, account) if (account := getattr(self, own)) else ("income_account", self.income_account)


@dataclass(frozen=True)
class FirmRules:
    """The facts about a firm on which decisions about its documents rest. ``today`` is the firm's own date.

    ``cut_over_at`` is the time of the last switch of an active firm to its model, None without a switch. Model 1
    applies to payments that were created before that time.
    """

    currency: str
    time_zone: str
    model: Literal[1, 2]
    today: date
    first_date: date
    settings: FirmSettings = field(default_factory=FirmSettings)
    multicurrency: bool = False
    cut_over_at: datetime | None = None


def parse_setting(name: str, text: str, *, time_zone: str = "UTC") -> Any:
    """Read the value of a setting from a person's text. A date without time means midnight in the firm's time zone.

    Raises:
        ValueError: the setting or the value does not exist. The message names the possible ones.
    """
    parse = _PARSERS.get(name)
    if parse is None:
        raise ValueError(f"no setting {name!r}; settings are {', '.join(_PARSERS)}")
    try:
        return parse(text.strip(), time_zone)
    except ValueError as error:
        raise ValueError(f"{name}={text}: {error}") from None


def find_missing(settings: FirmSettings) -> str:
    """Return the reason, in words, for which settings cannot be used together; "" when they can."""
    if settings.client_money == "credit":
        missing = [name for name in CLIENT_ACCOUNTS if not getattr(settings, name)]
        if missing:
            return f"client_money=credit also wants {' and '.join(missing)}"
    return ""


def to_text(settings: FirmSettings) -> dict[str, str]:
    """Return the settings as texts that ``parse_setting`` reads, keyed by name."""
    return {setting.name: _written(getattr(settings, setting.name)) for setting in fields(FirmSettings)}


def _written(value: object) -> str:
    if value is None:
        return "all"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def to_json(settings: FirmSettings) -> str:
    """Return all settings as a JSON text."""
    return msgspec.json.encode(asdict(settings)).decode()


def from_json(stored: str | bytes | Mapping[str, object]) -> FirmSettings:
    """Read stored settings. A setting that is not stored gets its default. A stored setting of another release is
    ignored."""
    raw = msgspec.json.decode(stored) if isinstance(stored, str | bytes) else dict(stored)
    return msgspec.convert(raw, FirmSettings)


def _choice(*choices: str) -> Callable[[str, str], str]:
    def parse(text: str, _time_zone: str) -> str:
        if text not in choices:
            raise ValueError(f"must be {' or '.join(choices)}")
        return text

    return parse


def _switch(text: str, _time_zone: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("must be on or off")
    return text == "on"


def _account(text: str, _time_zone: str) -> str:
    if text and not (text.isascii() and text.isdigit()):
        raise ValueError("must be the Id of an account, a number; a name is understood once the firm is connected")
    return text


def _matter_place(text: str, _time_zone: str) -> str:
    if text in ("off", "memo", "class"):
        return text
    label = text.removeprefix(CUSTOM_FIELD).strip()
    if not text.startswith(CUSTOM_FIELD) or not label:
        raise ValueError(f"must be off, memo, class, or {CUSTOM_FIELD} and the label of a custom field")
    return CUSTOM_FIELD + label


def _days(most: int) -> Callable[[str, str], int]:
    def parse(text: str, _time_zone: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise ValueError(f"must be a number of days, 1 to {most}")
        return int(text)

    return parse


def _time_of_day(text: str, _time_zone: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a wall-clock time of the firm
    except ValueError:
        raise ValueError("must be a time of day, HH:MM") from None


def _instant(text: str, time_zone: str) -> datetime | None:
    if text == "all":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date (YYYY-MM-DD), an instant with offset, or all") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(time_zone))
    return moment.astimezone(UTC)


_PARSERS: dict[str, Callable[[str, str], Any]] = {
    "unmatched_payer": _choice("create", "hold"),
    "single_names": _choice("hold", "accept"),
    "unmapped_fee_item": _choice("hold", "create"),
    "income_account": _account,
    **{f"income_account_{kind}": _account for kind in FEE_KINDS},
    "matter_in": _matter_place,
    "tax_policy": _choice("none", "total"),
    "auto_sync_payments": _switch,
    "daily_sync_at": _time_of_day,
    "recent_payment_days": _days(366),
    "keep_overpayments": _switch,
    "record_refunds": _switch,
    "client_money": _choice("off", "credit"),
    "client_credit_account": _account,
    "client_clearing_account": _account,
    "withdrawn_invoice": _choice("hold", "void"),
    "held_days_limit": _days(366),
    "keep_log_days": _days(3660),
    "show_client_names": _switch,
    "eligible_since": _instant,
}
assert set(_PARSERS) == {setting.name for setting in fields(FirmSettings)}  # noqa: S101
