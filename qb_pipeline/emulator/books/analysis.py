"""The parts of a sales form beside the money: classes and custom fields.

Belongs here: checking whether the company uses them. Does not belong here: amounts.
"""

import re
from typing import Literal

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.company import Change, Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.fields import Body

LONGEST_VALUE = 31
"""The longest value of a custom field. The number is recalled, no source was found.

The refusal of a longer value is our guess.
"""

_NAME = re.compile(r"SalesFormsPrefs\.(UseSalesCustom|SalesCustomName)(\d+)")


def set_class(
    change: Change, part: Body, preference: Literal["ClassTrackingPerTxn", "ClassTrackingPerTxnLine"]
) -> None:
    """Check the class of a form or of one of its lines.

    The form and the lines have a preference each, which allows a class. Where the company uses no class, the switch
    ``untracked_class`` drops the class or refuses it.

    Raises:
        FaultError: there is no such class, or the switch refuses it.
    """
    if not part.get("ClassRef"):
        return
    if change.company.preference("AccountingInfoPrefs", preference):
        part["ClassRef"] = change.refer("Class", part["ClassRef"])
    elif change.company.switches.untracked_class == "dropped":
        del part["ClassRef"]
    else:
        raise faults.business("Class tracking is turned off.", hint="Preferences; our guess and our wording")


def set_custom_fields(change: Change, form: Body) -> None:
    """Set the names of a form's custom fields as they are in the preferences.

    The switch ``unknown_custom_field`` drops a field whose definition is not in use, or refuses it.

    Raises:
        FaultError: a value is too long, or the switch refuses a field.
    """
    labels = _labels(change.company)
    kept = []
    for field in form.get("CustomField") or ():
        definition, text = str(field.get("DefinitionId") or ""), str(field.get("StringValue") or "")
        if len(text) > LONGEST_VALUE:
            raise faults.wrong_length("StringValue", LONGEST_VALUE, len(text))
        if definition in labels:
            kept.append({**field, "Name": labels[definition], "Type": "StringType"})
        elif change.company.switches.unknown_custom_field == "refused":
            raise FaultError("3000", "Invalid Custom Field", "Invalid Custom Field", element="CustomField")
    if "CustomField" in form:
        form["CustomField"] = kept


def _labels(company: Company) -> dict[str, str]:
    """Return the labels of the custom fields in use, keyed by the Id of their definition."""
    used, labels = set(), {}
    for group in company.preference("SalesFormsPrefs", "CustomField") or ():
        for each in group.get("CustomField") or ():
            found = _NAME.fullmatch(str(each.get("Name") or ""))
            if found and found[1] == "SalesCustomName":
                labels[found[2]] = str(each.get("StringValue") or "")
            elif found and each.get("BooleanValue"):
                used.add(found[2])
    return {definition: label for definition, label in labels.items() if definition in used and label}
