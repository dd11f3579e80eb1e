"""The operators' page says of every reason what the code says."""

from qb_pipeline.config import PROJECT
from qb_pipeline.core.problems import PROBLEMS


def test_the_page_has_every_reason_code_with_its_sentence_and_its_remedy() -> None:
    page = (PROJECT / "docs" / "operations.md").read_text()
    rows = {line for line in page.splitlines() if line.startswith("| `")}

    assert rows == {f"| `{code}` | {a.state} | {a.sentence} | {a.remedy} |" for code, a in PROBLEMS.items()}
