"""What parts of a run learn adds up."""

from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind
from qb_pipeline.sync.session.learned import NOTHING, Learned

WORDS = st.text("abc", min_size=1, max_size=2)
NEEDED = st.tuples(st.sampled_from([Kind.CUSTOMER, Kind.ITEM]), WORDS)
LEARNED = st.builds(
    Learned,
    try_again=st.booleans(),
    stale=st.frozensets(st.integers(1, 5)),
    followed=st.dictionaries(WORDS, WORDS),
    foreseen=st.dictionaries(WORDS, WORDS),
    would_create=st.frozensets(NEEDED),
    not_created=st.dictionaries(NEEDED, st.sampled_from(list(Problem))),
    notices=st.lists(WORDS, unique=True).map(tuple),
)


@given(LEARNED, LEARNED, LEARNED)
def test_adding_up_is_associative_and_nothing_adds_nothing(one: Learned, two: Learned, three: Learned) -> None:
    assert (one | two) | three == one | (two | three)
    assert one | NOTHING == NOTHING | one == one == one | one


def test_the_later_fact_counts_and_a_sentence_is_said_once() -> None:
    first = Learned(followed={"1": "2"}, notices=("a", "b"))
    later = Learned(try_again=True, followed={"1": "3"}, notices=("b", "c"))
    assert first | later == Learned(try_again=True, followed={"1": "3"}, notices=("a", "b", "c"))
