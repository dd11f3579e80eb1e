"""The seam at which tests kill: silent in production, one name per place."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from qb_pipeline import crash_points
from qb_pipeline.config import PROJECT


def places() -> list[tuple[str, int, str]]:
    """File, line and name of every crash point in the code; what is filled in later stands as ``{}``."""
    return [
        (str(path.relative_to(PROJECT)), node.lineno, _name(node.args[0]))
        for path in sorted((PROJECT / "qb_pipeline").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "crash_point"
    ]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    assert isinstance(node, ast.Constant)
    return str(node.value)


def test_nobody_listens_in_production() -> None:
    assert crash_points.on_reach is None


def test_who_listens_hears_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(crash_points, "on_reach", heard.append)

    crash_points.crash_point("reserve: committed")

    assert heard == ["reserve: committed"]


def test_a_name_stands_once_in_the_code() -> None:
    names = Counter(name for _, _, name in places())

    assert names
    assert set(names.values()) == {1}


def test_the_seam_imports_nothing_of_ours() -> None:
    source = Path(crash_points.__file__).read_text()

    assert "import qb_pipeline" not in source
    assert "from qb_pipeline" not in source
