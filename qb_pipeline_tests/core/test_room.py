"""The room is pure, and money in it is never a float."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

import qb_pipeline.core

FILES = sorted(Path(qb_pipeline.core.__file__).parent.rglob("*.py"))
ALLOWED = {
    "ast", "collections", "contextlib", "dataclasses", "datetime", "decimal", "enum", "functools", "hashlib",
    "itertools", "json", "operator", "re", "types", "typing", "unicodedata", "urllib", "uuid", "zoneinfo",
    "pandas", "pandera", "msgspec", "rapidfuzz", "cleanco", "nameparser", "nicknames",
}  # fmt: skip
CLOCK_AND_CHANCE = {"now", "utcnow", "today", "uuid1", "uuid4"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_file_of_the_room_knows_floats(path: Path) -> None:
    tokens = list(tokenize.generate_tokens(io.StringIO(path.read_text()).readline))
    names = {token.string for token in tokens if token.type == tokenize.NAME}
    numbers = [token.string for token in tokens if token.type == tokenize.NUMBER]

    assert not {name for name in names if name.lower().startswith("float")}
    assert not [number for number in numbers if isinstance(ast.literal_eval(number), float)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_file_of_the_room_reaches_outside(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCK_AND_CHANCE

    assert not {
        name for name in imported if name.split(".")[0] not in ALLOWED and not name.startswith("qb_pipeline.core")
    }
