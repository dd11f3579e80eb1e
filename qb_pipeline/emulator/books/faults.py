"""QuickBooks' Faults: their codes, texts and envelopes.

Belongs here: the form of a refusal on the wire, with the recorded words where a recording exists
(``docs/quickbooks.md`` states which words are ours). Does not belong here: the decision to refuse.
"""

from typing import Any

INACTIVE = (
    "Something you're trying to use has been made inactive. "
    "Check the fields with accounts, customers, items, vendors or employees."
)
UNEXPECTED = (
    "An unexpected error occurred while accessing or saving your data. Please wait a few minutes and try again. "
    "If the problem persists, contact customer support."
)


COMPANY_MESSAGES = {
    "130": "Accessing Wrong Cluster",
    "140": "Company Locked Out",
    "150": "Company Under Maintenance",
    "5020": "Permission Denied Error",
    "5030": "Feature Not Supported Error",
}
"""The names of codes in Intuit's table of errors; no recording of an answer was found."""


class FaultError(Exception):
    """QuickBooks refuses a request, or one item of a batch."""

    def __init__(
        self,
        code: str,
        message: str,
        detail: str | None,
        *,
        element: str = "",
        status: int = 400,
        kind: str = "ValidationFault",
        hint: str = "",
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.detail = detail
        self.element = element
        self.status = status
        self.kind = kind
        self.hint = hint
        """An explanation for developers that QuickBooks does not give. Only the admin API shows it."""

    def envelope(self) -> dict[str, Any]:
        """Return the ``Fault`` object as it is in an accounting answer."""
        error = {"Message": self.message, "Detail": self.detail, "code": self.code, "element": self.element}
        return {"Error": [error], "type": self.kind}


def business(text: str, *, hint: str = "") -> FaultError:
    """Build fault 6000: a rule of accounting is broken.

    QuickBooks gives the same code for a temporary failure of its own.
    """
    message = "A business validation error has occurred while processing your request"
    return FaultError("6000", message, f"Business Validation Error: {text}", hint=hint)


def missing(name: str) -> FaultError:
    """Build fault 2020: a required field is absent."""
    message = "Required param missing, need to supply the required value for the API"
    return FaultError("2020", message, f"Required parameter {name} is missing in the request", element=name)


def unknown_property(name: str) -> FaultError:
    """Build fault 2010: the object has no such field, or its type cannot hold the value."""
    detail = "Property Name:failed to parse json object; a property specified is unsupported or invalid"
    message = "Request has invalid or unsupported property"
    return FaultError("2010", message, detail, hint=f"the property is {name}")


def wrong_length(name: str, maximum: int, supplied: int) -> FaultError:
    """Build fault 2050: a text is too long. The recorded Detail does not name the field; ``element`` does."""
    message = "String length is either shorter or longer than supported by specification"
    detail = (
        f"String length specified does not match the supported length. "
        f"Min:0 Max:{maximum} supported. Supplied length:{supplied}"
    )
    return FaultError("2050", message, detail, element=name)


def invalid_number(name: str, value: object) -> FaultError:
    """Build fault 2090: a value is not a number."""
    return FaultError("2090", "Invalid Number", f"Invalid Number : {value}", element=name)


def invalid_id(value: object) -> FaultError:
    """Build fault 2030: an id is not a number."""
    return FaultError("2030", "Invalid ID", f"Id should be a valid number. Supplied value:{value}", element="Id")


def invalid_enumeration(name: str, value: object) -> FaultError:
    """Build fault 2170: a word is not in its enumeration."""
    return FaultError("2170", "Invalid Enumeration", f"Invalid Enumeration : {value}", element=name)


def invalid_email(value: str) -> FaultError:
    """Build fault 2210: a text is not an e-mail address."""
    detail = f"Email Address does not conform to the syntax rules of RFC 822. Supplied value:{value}"
    return FaultError("2210", "Invalid Email Address format", detail)


def invalid_reference(kind: str, reference: str) -> FaultError:
    """Build fault 2500: a reference names an id that never existed."""
    detail = f"Invalid Reference Id : {kind} element id {reference} not found"
    return FaultError("2500", "Invalid Reference Id", detail)


def inactive_reference(code: str) -> FaultError:
    """Build fault 610 or 2500: a reference names an inactive object. Intuit documents the same cause for both codes."""
    if code == "2500":
        return FaultError("2500", "Invalid Reference Id", f"Invalid Reference Id : {INACTIVE}")
    return FaultError("610", "Object Not Found", f"Object Not Found : {INACTIVE}")


def deleted() -> FaultError:
    """Build fault 610: the transaction was deleted."""
    return FaultError("610", "Object Not Found", "Object Not Found : Another user has deleted this transaction.")


def cannot_link() -> FaultError:
    """Build fault 620: the linked transaction belongs to another customer, or does not exist."""
    detail = f"TxnID Cannot Be Linked : Cannot validate linked transactions: {INACTIVE}"
    return FaultError("620", "TxnID Cannot Be Linked", detail)


def stale(user: str) -> FaultError:
    """Build fault 5010: the SyncToken is not the current one."""
    detail = (
        f"Stale Object Error : You and {user} were working on this at the same time. "
        f"{user} finished before you did, so your work was not saved."
    )
    return FaultError("5010", "Stale Object Error", detail)


def duplicate_name(taken_by: str | None) -> FaultError:
    """Build fault 6240: a customer, a vendor or an employee has the name already.

    The Detail names the id ``taken_by``, unless it is None.
    """
    detail = (
        "The name supplied already exists. : Another customer, vendor or employee is already using this name. "
        "Please use a different name."
    )
    suffix = f" Id={taken_by}" if taken_by else ""
    return FaultError("6240", "Duplicate Name Exists Error", detail + suffix)


def duplicate_number(number: str, kind: str, taken_by: str) -> FaultError:
    """Build fault 6140: the document with the id ``taken_by`` has the number already."""
    detail = (
        "Duplicate Document Number Error : You must specify a different number. This number has already been used. "
        f"DocNumber={number} is assigned to TxnType={kind} with TxnId={taken_by}"
    )
    return FaultError("6140", "Duplicate Document Number Error", detail)


def wrong_amount(supplied: str) -> FaultError:
    """Build fault 6070: Amount is not UnitPrice × Qty."""
    detail = f"Amount is not equal to UnitPrice * Qty. Supplied value:{supplied}"
    return FaultError("6070", "Amount calculation incorrect in the request", detail, element="Line.Amount")


def deposited() -> FaultError:
    """Build fault 6540: the payment is part of a deposit."""
    detail = (
        "This transaction has been deposited. If you want to change or delete it, "
        "you must edit the deposit it appears on and remove it first"
    )
    return FaultError("6540", "Deposited Transaction cannot be changed", detail)


def closed_books() -> FaultError:
    """Build fault 6210: the date is in a closed period."""
    detail = (
        "The account period has closed and the account books cannot be updated through the QBO Services API. "
        "Please use the QBO website to make these changes."
    )
    return FaultError("6210", "Account Period Closed, Cannot Update Through Services API", detail)


def unsupported(operation: str) -> FaultError:
    """Build fault 500: QuickBooks has no such operation for this object."""
    return FaultError("500", "Unsupported Operation", f"Operation {operation} is not supported.")


def subscription_ended() -> FaultError:
    """Build fault 6190: the subscription has ended, so nothing can be added."""
    message = "Subscription period has ended or canceled or there was a billing problem"
    detail = (
        f"{message} : You can't add data to QuickBooks Online Plus because your trial or subscription period ended, "
        "you cancelled your subscription, or there was a billing problem. To update your subscription, "
        "click the gear icon and view your account information."
    )
    return FaultError("6190", message, detail)


def of_company(code: str) -> FaultError:
    """Build a fault of the whole company: 130, 140, 150, 5020, 5030 or 6190.

    The codes are documented. The Details are our wording, except that of 6190.
    """
    if code == "6190":
        return subscription_ended()
    message = COMPANY_MESSAGES[code]
    return FaultError(code, message, f"{message} : the company cannot be used.", hint="Detail is our wording")


def scripted(code: str, detail: str = "") -> FaultError:
    """Build the fault that a plan of mishaps names by its code."""
    if detail:
        return FaultError(code, "Refused", detail, hint="scripted")
    if code == "6190" or code in COMPANY_MESSAGES:
        return of_company(code)
    return FaultError(code, "Refused", f"Refused : as the plan says, with fault {code}.", hint="scripted")


def bad_query(text: str) -> FaultError:
    """Build fault 4000: the statement does not parse."""
    return FaultError("4000", "Error parsing query", f"QueryParserError: {text}")


def wrong_query(text: str) -> FaultError:
    """Build fault 4001: the statement parses, but QuickBooks cannot answer it."""
    return FaultError("4001", "Invalid query", f"QueryValidationError: {text}")


def gateway(status: int, code: str, reason: str, detail: str | None, kind: str) -> dict[str, Any]:
    """Build the body of a refusal by the gateway, with lower-case names and many nulls.

    ``time`` is 0 here; the caller sets it, in milliseconds.
    """
    message = f"message={reason}; errorCode=00{code}; statusCode={status}"
    return {
        "warnings": None,
        "intuitObject": None,
        "fault": {"error": [{"message": message, "detail": detail, "code": code, "element": None}], "type": kind},
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": 0,
        "status": None,
        "cdcresponse": [],
    }


THROTTLED_XML = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<IntuitResponse time="{time}" xmlns="http://schema.intuit.com/finance/v3">\n'
    '  <Fault type="SERVICE">\n    <Error code="3001">\n'
    "      <Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message>\n"
    "      <Detail>The request limit was reached.  Try again later</Detail>\n"
    "    </Error>\n  </Fault>\n</IntuitResponse>\n"
)
"""A throttle answer as recorded in December 2016. It is XML, whatever format was asked for."""
