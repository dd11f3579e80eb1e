"""Currencies: a customer keeps its currency for ever, and all its transactions are in this currency.

Belongs here: choosing the currency, and refusing another one. Does not belong here: exchange rates; no amount is
converted.
"""

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.company import Change
from qb_pipeline.emulator.books.fields import Body

NAMES = {"USD": "United States Dollar", "EUR": "Euro", "GBP": "British Pound Sterling", "CAD": "Canadian Dollar"}
WEAK = "the wording is weakly sourced"


def choose_currency(change: Change, customer: Body) -> None:
    """Set the currency of a new customer: the currency that it names, or else the home currency.

    Raises:
        FaultError: the currency is not the home currency, and the company does not use several.
    """
    home, several = _settings(change)
    wanted = _wanted(customer) or home
    if wanted != home and not several:
        raise faults.business("Multicurrency is turned off for this company.", hint="Detail is our wording")
    customer["CurrencyRef"] = _reference(wanted)


def set_currency(change: Change, transaction: Body) -> None:
    """Set the currency of a transaction; in a company with several currencies it must be sent.

    Raises:
        FaultError: the currency is missing, or is not the customer's.
    """
    home, several = _settings(change)
    wanted = _wanted(transaction)
    if several and not wanted:
        raise faults.missing("CurrencyRef")
    wanted = wanted or home
    customer = str((transaction.get("CustomerRef") or {}).get("value") or "")
    expected = _wanted(change.company.look("Customer", customer)) if customer else wanted
    if wanted != expected or (wanted != home and not several):
        raise faults.business(f"Change transaction currency to match {expected}.", hint=WEAK)
    transaction["CurrencyRef"] = _reference(wanted)
    if several:
        transaction.setdefault("ExchangeRate", 1)


def _settings(change: Change) -> tuple[str, bool]:
    home = change.company.preference("CurrencyPrefs", "HomeCurrency") or {}
    return str(home.get("value") or "USD"), bool(change.company.preference("CurrencyPrefs", "MultiCurrencyEnabled"))


def _wanted(body: Body) -> str:
    return str((body.get("CurrencyRef") or {}).get("value") or "")


def _reference(currency: str) -> Body:
    return {"value": currency, "name": NAMES.get(currency, currency)}
