"""The house: who may import whom, what may hold money, how fast the door opens."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from qb_pipeline.config import PROJECT

PACKAGE = PROJECT / "qb_pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))
MONEY = ("cents", "amount", "total", "balance", "money", "price", "dollars")


def test_every_room_imports_only_what_it_may() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_float_holds_money(path: Path) -> None:
    """A float is never annotated as, or made from, something that is called money."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            found += [ast.unparse(node)] if _is_money(ast.unparse(node)) else []
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            name = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
            if "float" in ast.unparse(node.annotation) and _is_money(name):
                found.append(ast.unparse(node))

    assert found == []


def test_the_float_ban_sees_a_float() -> None:
    """The check above can fail."""
    assert _is_money("float(invoice.amount)")
    assert not _is_money("float(seconds)")


def _is_money(text: str) -> bool:
    return any(word in text.lower() for word in MONEY)


DANGEROUS_NAMES = frozenset({"eval", "exec", "__import__"})
DANGEROUS_MODULES = frozenset({"pickle", "cPickle", "marshal", "shelve", "dill", "yaml"})
DANGEROUS_ATTRIBUTES = frozenset({"CERT_NONE", "_create_unverified_context", "system", "popen"})
SQL_CALLS = frozenset({"text", "exec_driver_sql"})


def find_dangers(source: str) -> list[str]:
    """Code run from text, objects made from bytes, a shell, TLS that trusts anybody, SQL put together from strings."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
            found += [ast.unparse(node)] if {name.partition(".")[0] for name in names} & DANGEROUS_MODULES else []
        elif isinstance(node, ast.Attribute) and node.attr in DANGEROUS_ATTRIBUTES:
            found.append(ast.unparse(node))
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            flags = {word.arg: ast.unparse(word.value) for word in node.keywords}
            built = bool(node.args) and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
            if (
                (isinstance(node.func, ast.Name) and called in DANGEROUS_NAMES)
                or flags.get("shell") == "True"
                or flags.get("verify") == "False"
                or (called in SQL_CALLS and built)
            ):
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_runs_text_trusts_anybody_or_builds_sql(path: Path) -> None:
    assert find_dangers(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "eval(text)", "import pickle", "from yaml import load", "run(command, shell=True)", "get(url, verify=False)",
        "context.verify_mode = ssl.CERT_NONE", "os.system(command)", "sa.text(f'select {name}')",
        "connection.exec_driver_sql('drop table ' + name)",
    ],
)  # fmt: skip
def test_the_scan_for_dangers_sees_each_of_them(source: str) -> None:
    """The check above can fail."""
    assert len(find_dangers(source)) == 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_lives_in_it(path: Path) -> None:
    if path.name == "__init__.py" and not path.read_text():
        return

    assert ast.get_docstring(ast.parse(path.read_text()))


def test_definitions_load_without_a_database_or_a_network() -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = refuse\n"
        "from qb_pipeline.definitions import defs\n"
        "print(sorted(job.name for job in defs().resolve_all_job_defs() if not job.name.startswith('__')))\n"
        "assert 'apprise' not in sys.modules, 'its 173 services are for those who send'\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "['pull_payments', 'reconcile', 'sync']\n"), done.stderr


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, contextlib\n"
        "sys.argv = ['qb-pipeline', '--help']\n"
        "from qb_pipeline import cli\n"
        "with contextlib.suppress(SystemExit): cli.main()\n"
        "print([name for name in ('dagster', 'pandas', 'sqlalchemy', 'requests', 'pandera') if name in sys.modules])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
