"""The query language: what it takes and how it complains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.query import read_query

TODAY = "2026-11-21"


def refused(statement: str) -> FaultError:
    with pytest.raises(FaultError) as caught:
        read_query(statement, TODAY)
    return caught.value


def test_a_whole_statement_is_read() -> None:
    query = read_query(
        "SELECT * FROM invoice WHERE docnumber IN ('a', 'B') AND TxnDate >= CURRENT_DATE AND Balance > '0' "
        "ORDER BY MetaData.LastUpdatedTime DESC, TxnDate STARTPOSITION 11 MAXRESULTS 5",
        TODAY,
    )

    assert (query.entity, query.start, query.limit) == ("Invoice", 11, 5)
    assert [(each.name, each.operator, each.values) for each in query.conditions] == [
        ("DocNumber", "in", ("a", "b")),
        ("TxnDate", ">=", (TODAY,)),
        ("Balance", ">", (0,)),
    ]
    assert query.order == (("MetaData.LastUpdatedTime", True), ("TxnDate", False))


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=30))
def test_any_text_survives_escaping(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")

    found = read_query("select * from Customer where DisplayName = '" + escaped + "'", TODAY)  # noqa: S608

    assert found.conditions[0].values == (text.strip().casefold(),)


@pytest.mark.parametrize(
    ("statement", "code", "part"),
    [
        ("select * from Invoice where DocNumber = 'O'Brien'", "4000", '" <IDENTIFIER> "Brien "" at line 1, column 44'),
        ('select * from Invoice where DocNumber = "x"', "4000", "Lexical error"),
        ("select * from Customer where DisplayName = \u2019x\u2019", "4000", "(8217)"),
        ("select * from Invoice where DocNumber != 'x'", "4000", "Lexical error"),
        ("delete from Invoice", "4000", "Encountered"),
        ("select * from Invoice group by DocNumber", "4000", "Encountered"),
        ("select * from", "4000", "<EOF>"),
        ("select * from Nothing", "4001", "Nothing"),
        ("select * from Invoice where DocNumber = '1' or DocNumber = '2'", "4001", "OR"),
        ("select * from Invoice where PrivateNote = 'x'", "4001", "property 'PrivateNote' is not queryable"),
        ("select * from Invoice where AccountRef = '1'", "4001", "Property AccountRef not found for Entity Invoice"),
        ("select * from Invoice where Id > '1'", "4001", "only = and IN"),
        ("select * from Invoice startposition 0", "4001", "value 0 is too small. Min allowed value is 1"),
        ("select * from Invoice maxresults 1001", "4001", "value 1001 is too large. Max allowed value is 1000"),
        ("select * from Invoice where MetaData.CreateTime > 'yesterday'", "4001", "yesterday"),
        ("select * from Invoice orderby PrivateNote", "4001", "not sortable"),
    ],
)
def test_complaints(statement: str, code: str, part: str) -> None:
    fault = refused(statement)

    assert fault.code == code
    assert part in str(fault.detail)
