"""Envelopes of refusals."""

from qb_pipeline.emulator.books import faults


def test_an_accounting_fault_and_a_gateway_fault_differ_in_case() -> None:
    assert faults.missing("Line").envelope() == {
        "Error": [
            {
                "Message": "Required param missing, need to supply the required value for the API",
                "Detail": "Required parameter Line is missing in the request",
                "code": "2020",
                "element": "Line",
            }
        ],
        "type": "ValidationFault",
    }
    gateway = faults.gateway(403, "3100", "ApplicationAuthorizationFailed", None, "SERVICE")
    assert gateway["fault"]["error"][0] == {
        "message": "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403",
        "detail": None,
        "code": "3100",
        "element": None,
    }


def test_hints_never_reach_the_wire() -> None:
    assert "hint" not in str(faults.business("No.", hint="our wording").envelope())
