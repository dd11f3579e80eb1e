"""Texts as people and programs write them, for laws about one text."""

from hypothesis import strategies as st

# Texts in which an identity number, or nearly one, is likely.
PIECES = st.sampled_from(
    ["A", "a", "-", " ", "#", "1", "12", "345", "6789", "123456789", "EAC", "IOE", "passport ", "no. ", "SSN", "x",
     "social security number ", "[removed]", "é", "\n"]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=14).map("".join))
