"""Tokens: rotation, expiry, revocation."""

from typing import Any

import pytest

from qb_pipeline.emulator.books.clock import Clock
from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.switches import change_switches
from qb_pipeline.emulator.steering.oauth import Authorizations, GrantError
from qb_pipeline_tests.emulator.conftest import NOON


class Bench:
    def __init__(self, **switches: Any) -> None:
        self.clock = Clock(source=lambda: NOON)
        self.company = Company("7", "Law Firm", self.clock)
        self.company.switches = change_switches(self.company.switches, switches)
        self.authorizations = Authorizations(self.clock, keep=lambda _vault: None)
        self.first = self.authorizations.grant(self.company)

    def company_of(self, realm: str) -> Company | None:
        return self.company if realm == "7" else None

    def refresh(self, token: str, **options: Any) -> Any:
        return self.authorizations.refresh(self.company_of, token, **options)

    def works(self, token: str) -> bool:
        try:
            self.refresh(token)
        except GrantError:
            return False
        return True

    def problem(self, token: str, realm: str = "7") -> tuple[int, str]:
        return self.authorizations.find_problem(f"Bearer {token}", realm)


def test_a_grant_has_intuits_shape() -> None:
    first = Bench().first

    assert set(first) == {"token_type", "access_token", "refresh_token", "expires_in", "x_refresh_token_expires_in"}
    assert (first["token_type"], first["expires_in"], first["x_refresh_token_expires_in"]) == (
        "bearer",
        3600,
        8_640_000,
    )
    assert (first["access_token"][:3], first["refresh_token"][:4]) == ("eyJ", "AB11")


def test_strict_rotation_kills_the_old_token_at_once() -> None:
    bench = Bench()
    second = bench.refresh(bench.first["refresh_token"])

    assert second["refresh_token"] != bench.first["refresh_token"]
    assert not bench.works(bench.first["refresh_token"])
    assert bench.works(second["refresh_token"])


def test_daily_rotation_gives_a_day_of_grace() -> None:
    bench = Bench(refresh_rotation="daily")
    old = bench.first["refresh_token"]
    assert bench.refresh(old)["refresh_token"] == old
    bench.clock.advance(86_401)
    new = bench.refresh(old)["refresh_token"]
    assert new != old
    assert bench.works(old)
    bench.clock.advance(86_401)
    assert not bench.works(old)


def test_tokens_expire() -> None:
    bench = Bench(refresh_rotation="never")
    access = bench.first["access_token"]
    assert bench.problem(access) == (200, "")
    bench.clock.advance(3601)
    assert bench.problem(access) == (401, "Token expired: eyJ" + access[3] + "xxxxxxxx")
    bench.clock.advance(8_640_000)
    assert not bench.works(bench.first["refresh_token"])


def test_the_five_years_are_told_when_asked_for() -> None:
    bench = Bench()

    answer = bench.refresh(bench.first["refresh_token"], show_hard_expiry=True)
    assert answer["x_refresh_token_hard_expires_in"] == 157_680_000


def test_revoking_either_token_ends_the_connection() -> None:
    for name in ("access_token", "refresh_token"):
        bench = Bench()
        assert bench.authorizations.revoke(bench.first[name])
        assert bench.problem(bench.first["access_token"])[1].startswith("Token revoked")
        assert not bench.works(bench.first["refresh_token"])
    assert not bench.authorizations.revoke("nonsense")


def test_a_code_works_once_at_one_address_for_ten_minutes() -> None:
    bench = Bench()
    give, exchange = bench.authorizations.give_code, bench.authorizations.exchange
    good = give("7", "http://localhost/a")
    assert exchange(bench.company_of, good, "http://localhost/a")["token_type"] == "bearer"
    elsewhere, late = give("7", "http://localhost/a"), give("7", "http://localhost/a")
    bench.clock.advance(0 if elsewhere else 1)
    for code, address in ((good, "http://localhost/a"), (elsewhere, "http://localhost/b")):
        with pytest.raises(GrantError):
            exchange(bench.company_of, code, address)
    bench.clock.advance(601)
    with pytest.raises(GrantError):
        exchange(bench.company_of, late, "http://localhost/a")


def test_a_user_who_left_the_company_gets_no_tokens() -> None:
    bench = Bench(user_access="lost")
    with pytest.raises(GrantError) as caught:
        bench.refresh(bench.first["refresh_token"])

    assert "not a member of the specified Realm" in caught.value.body["error_description"]


@pytest.mark.parametrize(("header", "status"), [("", 401), ("Basic x", 401), ("Bearer", 401), ("Bearer nonsense", 401)])
def test_headers_that_are_no_use(header: str, status: int) -> None:
    assert Bench().authorizations.find_problem(header, "7")[0] == status


def test_a_token_is_for_one_company() -> None:
    bench = Bench()

    assert bench.problem(bench.first["access_token"], "8") == (403, "")
