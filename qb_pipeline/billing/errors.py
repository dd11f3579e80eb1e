"""What can go wrong between us and the billing database.

BillingError
├── BillingUnavailableError    the same read may work later: a lock, a time-out, a server that is down or a standby
└── ContractBrokenError        billing does not look as agreed: a person must act
"""


class BillingError(Exception):
    """The billing database could not be read; the message says why and what to do."""


class BillingUnavailableError(BillingError):
    """The same read may work later."""


class ContractBrokenError(BillingError):
    """Billing does not look as agreed; nothing may be sent before a person has put it right."""
