"""XML for whoever does not ask for JSON."""

from qb_pipeline.emulator.serving.wire import Reply, as_xml, html


def test_json_becomes_xml() -> None:
    reply = as_xml(
        Reply(200, b'{"Invoice":{"Line":[{"Amount":1.5},{"Amount":2}],"A":true,"B":null,"C":"a<b"},"time":"t"}')
    )

    assert reply.body.decode().split("?>")[1] == (
        '<IntuitResponse xmlns="http://schema.intuit.com/finance/v3" time="t"><Invoice>'
        "<Line><Amount>1.5</Amount></Line><Line><Amount>2</Amount></Line><A>true</A><B></B><C>a&lt;b</C></Invoice></IntuitResponse>"
    )
    assert reply.content_type.startswith("application/xml")


def test_a_load_balancer_answers_in_html() -> None:
    assert (html(502).content_type, b"502 Bad Gateway" in html(502).body) == ("text/html", True)
