"""The reasons for which a document is not sent (error codes). Each has a stable code, one sentence and one remedy.

Belongs here: the codes, and the words for an accountant. Does not belong here: choosing the reason of a document.
"""

from dataclasses import dataclass
from enum import StrEnum

from qb_pipeline.core.states import State


class Problem(StrEnum):
    """A reason code. Dashboards and scripts rely on the codes: add codes, never rename one."""

    # Payers and customers
    AMBIGUOUS_NAME = "AMBIGUOUS_NAME"
    INACTIVE_CUSTOMER = "INACTIVE_CUSTOMER"
    MISSING_NAME = "MISSING_NAME"
    SUB_CUSTOMER_ONLY = "SUB_CUSTOMER_ONLY"
    NAME_SHARED = "NAME_SHARED"
    LINKED_TO_OTHER = "LINKED_TO_OTHER"
    UNMATCHED_PAYER = "UNMATCHED_PAYER"
    NO_BILLING_PERSON = "NO_BILLING_PERSON"
    CUSTOMER_GONE = "CUSTOMER_GONE"
    BAD_NAME = "BAD_NAME"
    NAME_TOO_LONG = "NAME_TOO_LONG"
    UNKNOWN_PAYER = "UNKNOWN_PAYER"
    NAME_TAKEN = "NAME_TAKEN"
    LIKE_CUSTOMER = "LIKE_CUSTOMER"
    CUSTOMER_CURRENCY = "CUSTOMER_CURRENCY"
    IDENTITY_NUMBER = "IDENTITY_NUMBER"
    # Fee items and items
    UNMAPPED_FEE_ITEM = "UNMAPPED_FEE_ITEM"
    AMBIGUOUS_ITEM = "AMBIGUOUS_ITEM"
    NO_INCOME_ACCOUNT = "NO_INCOME_ACCOUNT"
    INACTIVE_ITEM = "INACTIVE_ITEM"
    MAPPING_INACTIVE = "MAPPING_INACTIVE"
    UNKNOWN_FEE_ITEM = "UNKNOWN_FEE_ITEM"
    # The document itself
    NO_LINES = "NO_LINES"
    TOTAL_MISMATCH = "TOTAL_MISMATCH"
    NEGATIVE_TOTAL = "NEGATIVE_TOTAL"
    BAD_AMOUNT = "BAD_AMOUNT"
    NUMBER_MISSING = "NUMBER_MISSING"
    NUMBER_TOO_LONG = "NUMBER_TOO_LONG"
    BAD_NUMBER = "BAD_NUMBER"
    NUMBER_TAKEN = "NUMBER_TAKEN"
    DATE_OUT_OF_RANGE = "DATE_OUT_OF_RANGE"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    TAX_NOT_ALLOWED = "TAX_NOT_ALLOWED"
    TOO_MANY_LINES = "TOO_MANY_LINES"
    DISCOUNTS_OFF = "DISCOUNTS_OFF"
    # Documents in QuickBooks
    DRIFT = "DRIFT"
    TOTAL_DIFFERS = "TOTAL_DIFFERS"
    PERIOD_CLOSED = "PERIOD_CLOSED"
    REMOTE_DELETED = "REMOTE_DELETED"
    REMOTE_VOIDED = "REMOTE_VOIDED"
    COPIED = "COPIED"
    CONFLICT = "CONFLICT"
    MAYBE_THERE = "MAYBE_THERE"
    # Changes in billing
    SOURCE_GONE = "SOURCE_GONE"
    WITHDRAWN = "WITHDRAWN"
    PAID_BELOW = "PAID_BELOW"
    PAYMENTS_APPLIED = "PAYMENTS_APPLIED"
    PAYER_CHANGED = "PAYER_CHANGED"
    # Payments
    EXCEEDS_BALANCE = "EXCEEDS_BALANCE"
    OTHER_CUSTOMER = "OTHER_CUSTOMER"
    UNAPPLIED = "UNAPPLIED"
    TWO_CUSTOMERS = "TWO_CUSTOMERS"
    INVOICE_VOID = "INVOICE_VOID"
    INVOICE_INELIGIBLE = "INVOICE_INELIGIBLE"
    REJECTION_OPEN = "REJECTION_OPEN"
    MODEL_2_PAYMENT = "MODEL_2_PAYMENT"
    DEPOSITED = "DEPOSITED"
    TRUST_ACCOUNT = "TRUST_ACCOUNT"
    CREDIT_HALF = "CREDIT_HALF"
    # Answers
    REFUSED = "REFUSED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    # Waiting: clears by itself later
    DATED_AHEAD = "DATED_AHEAD"
    INVOICE_NOT_SENT = "INVOICE_NOT_SENT"
    OTHER_STILL_APPLIED = "OTHER_STILL_APPLIED"
    INVOICE_DRAFT = "INVOICE_DRAFT"
    # Closed: never sent, listed in views of their own
    NOTHING_TO_BILL = "NOTHING_TO_BILL"
    NOTHING_TO_PAY = "NOTHING_TO_PAY"
    CREDIT_DEPOSIT = "CREDIT_DEPOSIT"
    REFUND = "REFUND"
    REJECTION = "REJECTION"
    REVERSAL = "REVERSAL"
    FROM_QUICKBOOKS = "FROM_QUICKBOOKS"
    VOID_BEFORE_SENT = "VOID_BEFORE_SENT"
    INELIGIBLE = "INELIGIBLE"


@dataclass(frozen=True)
class Advice:
    """The meaning of a problem, the one action that clears it, and the state of a document that has it."""

    sentence: str
    remedy: str
    state: State = State.HELD


PROBLEMS: dict[Problem, Advice] = {
    Problem.AMBIGUOUS_NAME: Advice(
        "Several active QuickBooks customers carry this payer's name.",
        "Map the payer to one of them: `mapping suggest` shows what tells them apart, `mapping import` takes its Id.",
    ),
    Problem.INACTIVE_CUSTOMER: Advice(
        "The only QuickBooks customer with this payer's name is inactive.",
        "Make the customer active in QuickBooks, or map the payer to another customer.",
    ),
    Problem.MISSING_NAME: Advice(
        "The payer lacks a first name, a last name or, as a corporation, its name; a placeholder (FNU) does not count.",
        "Complete the payer's name in billing, or set single_names=accept for people with one name.",
    ),
    Problem.SUB_CUSTOMER_ONLY: Advice(
        "Only a sub-customer in QuickBooks carries this payer's name.",
        "Map the payer to the customer that is meant.",
    ),
    Problem.NAME_SHARED: Advice(
        "Several payers in billing share the name of one QuickBooks customer.",
        "Map the payer that this customer belongs to.",
    ),
    Problem.LINKED_TO_OTHER: Advice(
        "The QuickBooks customer with this name already belongs to another payer.",
        "Map this payer to a customer of its own, or correct the other payer's mapping.",
    ),
    Problem.UNMATCHED_PAYER: Advice(
        "No QuickBooks customer carries this payer's name, and the firm does not create customers by itself.",
        "Map the payer, or set unmatched_payer=create.",
    ),
    Problem.NO_BILLING_PERSON: Advice(
        "The corporation has no billing person, so no QuickBooks customer can be created for it.",
        "Enter the corporation's billing person in billing.",
    ),
    Problem.CUSTOMER_GONE: Advice(
        "The payer's QuickBooks customer is not there any more: it was merged, and nothing shows into which one.",
        "Map the payer to the customer that is meant (`mapping import`, kind payer).",
    ),
    Problem.BAD_NAME: Advice(
        "The name holds a colon, a tab, a line break or a control character, which QuickBooks refuses.",
        "Correct the name in billing.",
    ),
    Problem.NAME_TOO_LONG: Advice(
        "The name is longer than QuickBooks takes.",
        "Shorten the name in billing.",
    ),
    Problem.UNKNOWN_PAYER: Advice(
        "The payer of this document is not in billing.",
        "Restore the payer in billing, or choose another payer on the document.",
    ),
    Problem.NAME_TAKEN: Advice(
        "Others in QuickBooks have the payer's name, with the payer's id too: no customer can be created for it.",
        "Rename that customer, vendor or employee in QuickBooks, or map the payer to a customer.",
    ),
    Problem.IDENTITY_NUMBER: Advice(
        "A name, a code or an e-mail address carries an identity number, and these never leave the firm.",
        "Take the number out of the payer's name or e-mail address, or the fee item's name or code, in billing.",
    ),
    Problem.LIKE_CUSTOMER: Advice(
        "The payer may be a customer that QuickBooks has under another name.",
        "Compare (`show`), then `resolve KEY customer:PAYER_ID`: `--same ID` links that customer, `--new` creates one.",
    ),
    Problem.CUSTOMER_CURRENCY: Advice(
        "The QuickBooks customer has another currency than the firm, for ever.",
        "Map the payer to a customer in the firm's currency (`mapping import`, kind payer).",
    ),
    Problem.UNMAPPED_FEE_ITEM: Advice(
        "A fee item has no QuickBooks item.",
        "Map the fee item (`mapping import`, kind fee_item), or set unmapped_fee_item=create with an income account.",
    ),
    Problem.AMBIGUOUS_ITEM: Advice(
        "Several QuickBooks items, or several fee items, carry this name or code.",
        "Map the fee item to one QuickBooks item.",
    ),
    Problem.NO_INCOME_ACCOUNT: Advice(
        "A QuickBooks item must be created, and the firm has no income account for it that can be used.",
        "Set income_account, or that of the fee's kind (income_account_expense …); `firm set` lists what fits.",
    ),
    Problem.INACTIVE_ITEM: Advice(
        "The only QuickBooks item with this name or code is inactive.",
        "Make the item active in QuickBooks, or map the fee item to another one.",
    ),
    Problem.MAPPING_INACTIVE: Advice(
        "What the document is mapped to in QuickBooks is inactive, gone, or of another type.",
        "Make it active in QuickBooks, or change the mapping.",
    ),
    Problem.UNKNOWN_FEE_ITEM: Advice(
        "A line names no fee item, or one that is not in billing.",
        "Choose a fee item for the line in billing.",
    ),
    Problem.NO_LINES: Advice(
        "The invoice has no lines, or none that bills work or expenses.",
        "Add its lines in billing, or void it there.",
    ),
    Problem.TOTAL_MISMATCH: Advice(
        "The parts of the document do not add up to its total.",
        "Correct the lines, the applications or the total in billing.",
    ),
    Problem.NEGATIVE_TOTAL: Advice(
        "The new items of the invoice are less than zero; QuickBooks has no negative invoice.",
        "Void the invoice in billing and enter a credit memo in QuickBooks by hand.",
    ),
    Problem.BAD_AMOUNT: Advice(
        "An amount, quantity or unit price is missing its sign, is not a number, or is too large.",
        "Correct the amount in billing.",
    ),
    Problem.NUMBER_MISSING: Advice(
        "The invoice has no number.",
        "Give the invoice a number in billing.",
    ),
    Problem.NUMBER_TOO_LONG: Advice(
        "The invoice number is longer than the 21 characters that QuickBooks takes.",
        "Shorten the invoice number in billing.",
    ),
    Problem.BAD_NUMBER: Advice(
        "The invoice number holds a control character.",
        "Correct the invoice number in billing.",
    ),
    Problem.NUMBER_TAKEN: Advice(
        "Another invoice, in billing or in QuickBooks, already has this number.",
        "Renumber one of the two.",
    ),
    Problem.DATE_OUT_OF_RANGE: Advice(
        "The document is dated before the first date of this installation.",
        "Correct the date in billing, or move QB_PIPELINE_FIRST_DATE to an earlier date.",
    ),
    Problem.CURRENCY_MISMATCH: Advice(
        "The document is not in the firm's home currency.",
        "Correct the currency in billing, or enter the document in QuickBooks by hand.",
    ),
    Problem.TAX_NOT_ALLOWED: Advice(
        "The invoice has tax, and the firm's tax policy is `none`.",
        "Set tax_policy=total, or remove the tax in billing.",
    ),
    Problem.TOO_MANY_LINES: Advice(
        "The invoice has more lines than QuickBooks takes.",
        "Split the invoice in billing.",
    ),
    Problem.DISCOUNTS_OFF: Advice(
        "The invoice has a discount, and discounts are off in the QuickBooks company.",
        "Turn discounts on in QuickBooks (Account and settings, Sales), or bill without one.",
    ),
    Problem.DRIFT: Advice(
        "A person changed in QuickBooks what billing owns and has changed too, or what a payment of ours pays.",
        "Compare both (`show`); then `resolve --retry` sends billing's version, `--keep` leaves QuickBooks as it is.",
    ),
    Problem.TOTAL_DIFFERS: Advice(
        "QuickBooks computed another total than billing.",
        "Look at tax and discount of the document in QuickBooks, correct the cause, then `resolve --retry`.",
    ),
    Problem.PERIOD_CLOSED: Advice(
        "The books of this period are closed in QuickBooks.",
        "Reopen the period in QuickBooks, or date the document later in billing.",
    ),
    Problem.REMOTE_DELETED: Advice(
        "A person deleted the document in QuickBooks.",
        "Decide: `resolve --recreate` sends it again, `resolve --keep` leaves it deleted.",
    ),
    Problem.REMOTE_VOIDED: Advice(
        "A person voided the document in QuickBooks.",
        "Decide: `resolve --recreate` sends it again, `resolve --keep` leaves it void.",
    ),
    Problem.COPIED: Advice(
        "A second QuickBooks document carries the mark of this one: a person copied it.",
        "Delete the copy in QuickBooks, or remove the mark from its note; then `resolve --retry`.",
    ),
    Problem.CONFLICT: Advice(
        "QuickBooks holds something else under this document's identity.",
        "Compare both (`show`), correct the QuickBooks document, then `resolve --retry`.",
    ),
    Problem.MAYBE_THERE: Advice(
        "QuickBooks may hold this document already: one that somebody else entered is like it.",
        "Compare both (`show`): `resolve --same ID` links it, `resolve --new` says that it is another one.",
    ),
    Problem.SOURCE_GONE: Advice(
        "The document stands in QuickBooks, but billing no longer has it.",
        "Restore it in billing, or `resolve --void` to void it in QuickBooks.",
    ),
    Problem.WITHDRAWN: Advice(
        "Billing has made the invoice a draft again, but it stands in QuickBooks.",
        "Issue it again in billing, or decide: `resolve --void` voids it in QuickBooks, `--keep` leaves it there.",
    ),
    Problem.PAID_BELOW: Advice(
        "The invoice was revised to less than what is already paid on it in QuickBooks.",
        "Move or reduce the payments first, then `resolve --retry`.",
    ),
    Problem.PAYMENTS_APPLIED: Advice(
        "The invoice is void or withdrawn in billing, but payments are applied to it in QuickBooks.",
        "Unapply or void the payments, then `resolve --retry`.",
    ),
    Problem.PAYER_CHANGED: Advice(
        "The payer changed, and what pays the invoice in QuickBooks cannot go along; the detail names what and why.",
        "Clear what the detail names, or unapply it in QuickBooks: the next sync moves the invoice and its payments.",
    ),
    Problem.EXCEEDS_BALANCE: Advice(
        "The payment is more than what its invoices have open in QuickBooks; the detail names what else pays them.",
        "Unapply it in QuickBooks, or apply less in billing; or name the forwarded invoice on its line.",
    ),
    Problem.OTHER_CUSTOMER: Advice(
        "An invoice of this payment is under another customer in QuickBooks; the detail names both.",
        "Move the invoice back in QuickBooks, or give it that client: in billing, or by mapping its payer.",
    ),
    Problem.UNAPPLIED: Advice(
        "The payment, or a part of it, is not applied to an invoice.",
        "Apply it in billing, or set keep_overpayments=on.",
    ),
    Problem.TWO_CUSTOMERS: Advice(
        "The payment covers invoices of different QuickBooks customers.",
        "Split the payment in billing, one per customer.",
    ),
    Problem.INVOICE_VOID: Advice(
        "The payment is applied to an invoice that is void.",
        "Apply the payment to another invoice in billing, or void it there.",
    ),
    Problem.INVOICE_INELIGIBLE: Advice(
        "The payment covers an invoice from before the firm's eligible_since.",
        "Split the payment in billing, or move eligible_since to an earlier time.",
    ),
    Problem.REJECTION_OPEN: Advice(
        "An earlier payment of this invoice was rejected, but still fills it in QuickBooks.",
        "Enter the rejection in QuickBooks (see enter_by_hand), and take that payment off; this one then goes.",
    ),
    Problem.MODEL_2_PAYMENT: Advice(
        "Under Model 2 payments are received in QuickBooks; this one was taken in billing.",
        "Enter the payment in QuickBooks by hand and void it in billing.",
    ),
    Problem.DEPOSITED: Advice(
        "The payment is part of a bank deposit in QuickBooks and cannot be changed.",
        "Remove it from the deposit in QuickBooks.",
    ),
    Problem.TRUST_ACCOUNT: Advice(
        "The payment's method is mapped to an account that holds client money (a trust account).",
        "Map the method to the operating account (`mapping import`, kind deposit_account).",
    ),
    Problem.CREDIT_HALF: Advice(
        "Of this payment from credit one half stands in QuickBooks alone: the payment, or its journal entry.",
        "Correct what the log names, then sync. If a person deleted the entry: `resolve --retry` makes it anew, "
        "`--keep` leaves it.",
    ),
    Problem.REFUSED: Advice(
        "QuickBooks refused the document.",
        "Read the fault in the log and correct its cause: a change is noticed. Else `resolve --retry`.",
        State.REFUSED,
    ),
    Problem.OUTCOME_UNKNOWN: Advice(
        "The document was sent, but QuickBooks' answer was lost.",
        "Nothing yet: the next run asks QuickBooks and settles it.",
        State.UNKNOWN,
    ),
    Problem.DATED_AHEAD: Advice(
        "The document is dated more than 31 days ahead.",
        "Nothing: it goes when its date is near. Correct the date in billing if it is wrong.",
        State.WAITING,
    ),
    Problem.INVOICE_NOT_SENT: Advice(
        "An invoice of this payment is not in QuickBooks yet.",
        "Nothing, or clear what holds the invoice: the payment follows it.",
        State.WAITING,
    ),
    Problem.OTHER_STILL_APPLIED: Advice(
        "Another payment, which the detail names, still fills this payment's invoices in QuickBooks.",
        "Nothing, or clear what holds the other payment: this one follows. `resolve --keep` of the other one frees it.",
        State.WAITING,
    ),
    Problem.INVOICE_DRAFT: Advice(
        "The document is, or pays, a draft invoice.",
        "Issue the invoice in billing.",
        State.WAITING,
    ),
    Problem.NOTHING_TO_BILL: Advice(
        "The invoice has no new items, or they come to zero.",
        "Nothing: there is no amount for QuickBooks.",
        State.CLOSED,
    ),
    Problem.NOTHING_TO_PAY: Advice(
        "The payment is of 0.00.",
        "Nothing: there is no amount for QuickBooks.",
        State.CLOSED,
    ),
    Problem.CREDIT_DEPOSIT: Advice(
        "A deposit into the client's credit is not sent.",
        "Enter it in QuickBooks by hand; what is paid from the credit is sent.",
        State.CLOSED,
    ),
    Problem.REFUND: Advice(
        "A refund is not sent.",
        "Enter the refund in QuickBooks by hand.",
        State.CLOSED,
    ),
    Problem.REJECTION: Advice(
        "A rejected payment is not sent.",
        "Enter the rejection in QuickBooks by hand, and take the original payment off its invoice there.",
        State.CLOSED,
    ),
    Problem.REVERSAL: Advice(
        "A reversal is not sent.",
        "Enter the reversal in QuickBooks by hand.",
        State.CLOSED,
    ),
    Problem.FROM_QUICKBOOKS: Advice(
        "The payment came from QuickBooks.",
        "Nothing: it is already there.",
        State.CLOSED,
    ),
    Problem.VOID_BEFORE_SENT: Advice(
        "The document was void before it was ever sent.",
        "Nothing: QuickBooks never had it.",
        State.CLOSED,
    ),
    Problem.INELIGIBLE: Advice(
        "The document was created before the firm's eligible_since.",
        "Nothing, or move eligible_since to an earlier time.",
        State.CLOSED,
    ),
}
