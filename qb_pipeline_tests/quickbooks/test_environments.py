"""Only an environment's own addresses are used."""

import pytest

from qb_pipeline.quickbooks.environments import Environment, environment

INTUIT = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer"


def test_production_and_sandbox_have_intuits_addresses():
    assert environment("production") == Environment(
        "production",
        "https://quickbooks.api.intuit.com",
        "https://developer.api.intuit.com/.well-known/openid_configuration/",
    )
    assert environment("sandbox").api_url == "https://sandbox-quickbooks.api.intuit.com"


def test_the_emulator_says_itself_where_it_is():
    assert environment("emulator", api_url="http://127.0.0.1:8000/") == Environment(
        "emulator", "http://127.0.0.1:8000", "http://127.0.0.1:8000/.well-known/openid_configuration"
    )


@pytest.mark.parametrize(
    ("name", "api_url", "discovery_url"),
    [
        ("staging", None, None),
        ("emulator", None, None),
        ("emulator", "https://quickbooks.api.intuit.com", None),
        ("emulator", "http://127.0.0.1:1", "https://developer.api.intuit.com/.well-known/openid_configuration/"),
        ("emulator", "http://10.0.0.1", None),
        ("emulator", "http://0x7f.1", None),
        ("emulator", "http://[::1", None),
        ("production", "http://127.0.0.1:1", None),
        ("production", "https://sandbox-quickbooks.api.intuit.com", None),
        ("sandbox", "https://quickbooks.api.intuit.com", None),
        ("production", "https://quickbooks.api.intuit.com:444", None),
        ("production", None, "https://evil.example"),
        ("production", None, "http://developer.api.intuit.com"),
    ],
)
def test_an_address_of_elsewhere_is_refused(name: str, api_url: str | None, discovery_url: str | None):
    with pytest.raises(ValueError, match="QUICKBOOKS_"):
        environment(name, api_url=api_url, discovery_url=discovery_url)


@pytest.mark.parametrize(
    "loopback", ["http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:9/", "http://127.9.9.9"]
)
def test_the_emulators_secrets_stay_on_this_machine(loopback: str):
    emulator = environment("emulator", api_url="http://127.0.0.1:8000")
    assert emulator.allows_oauth(loopback)
    assert not emulator.allows_oauth(INTUIT)


@pytest.mark.parametrize(
    "url",
    [
        "http://oauth.platform.intuit.com/",
        "https://oauth.platform.intuit.com.evil.example/",
        "https://user@oauth.platform.intuit.com/",
        "https://oauth.platform.intuit.com:444/",
        "https://oauth.platform.intuit.com\\@evil.example/",
        "https://evil.example/?https://oauth.platform.intuit.com/",
        "http://127.0.0.1/",
    ],
)
def test_intuits_secrets_go_to_intuits_exact_hosts(url: str):
    assert environment("production").allows_oauth(INTUIT)
    assert not environment("production").allows_oauth(url)
