"""Names and addresses of ``people.toml``, for benchmarks that need clients."""

import tomllib
from pathlib import Path

_LISTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

WOMEN, MEN = _LISTS["women"].split(), _LISTS["men"].split()
SURNAMES: list[str] = _LISTS["surnames"].split()
MARKED_SURNAMES: list[str] = _LISTS["marked_surnames"].split()
HYPHENATED_SURNAMES: list[str] = _LISTS["hyphenated_surnames"].split()
ACCENTED_SURNAMES: dict[str, list[str]] = _LISTS["accented_surnames"]
PARTED_SURNAMES: dict[str, list[str]] = _LISTS["parted_surnames"]
CALLED = {name: called.split() for name, called in _LISTS["called"].items()}
NAMED_ALIKE: list[list[str]] = _LISTS["named_alike"]
COMPANY_FIRST: list[str] = _LISTS["company_first"].split()
COMPANY_TRADE: list[str] = _LISTS["company_trade"].split()
COMPANY_SECOND: list[str] = _LISTS["company_second"].split()
SHORT_WORDS: dict[str, str] = _LISTS["short_words"]
LEGAL_FORMS: list[list[str]] = _LISTS["legal_forms"]
STREETS: list[str] = _LISTS["streets"].split()
CITIES: list[list[str]] = _LISTS["cities"]
MAIL_HOSTS: list[str] = _LISTS["mail_hosts"].split()
KEYBOARD: dict[str, str] = _LISTS["keyboard"]
