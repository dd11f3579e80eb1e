"""The pages that a bookkeeper looks at."""

import requests

from qb_pipeline.emulator.serving.pages import dollars_text
from qb_pipeline_tests.emulator.conftest import Client


def test_a_company_shows_invoices_payments_and_customers(books: Client) -> None:
    customer = books.customer("O'Brien <b>& Co</b>")["Id"]
    paid, open_, gone = (books.invoice(customer, 1234.5, DocNumber=f"N-{n}", PrivateNote="a note") for n in range(3))
    books.payment(customer, 1300, (paid["Id"], 1234.5))
    books.admin("POST", "bookkeeper/void", {"entity": "Invoice", "id": gone["Id"]})
    text = requests.get(f"{books.base}/company/{books.realm}", timeout=5).text

    assert "O&#x27;Brien &lt;b&gt;&amp; Co&lt;/b&gt;" in text
    assert "<b>& Co" not in text
    for words in ("N-0", "1,234.50", "Paid", "Open", "Voided", "a note", "N-0: 1,234.50", "65.50"):
        assert words in text
    assert f"/company/{books.realm}" in requests.get(books.base, timeout=5).text
    assert open_["DocNumber"] in text


def test_there_is_no_such_company(books: Client) -> None:
    assert requests.get(f"{books.base}/company/0", timeout=5).status_code == 404


def test_dollars_for_readers() -> None:
    assert [dollars_text(cents) for cents in (0, 5, -123456, 100000000)] == [
        "0.00",
        "0.05",
        "-1,234.56",
        "1,000,000.00",
    ]
