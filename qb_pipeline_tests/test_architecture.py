"""The house: who may import whom, what may hold money, how much one function may decide, how fast the door opens."""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from radon.complexity import cc_visit
from radon.visitors import Class, Function

from qb_pipeline.config import PROJECT

PACKAGE, TESTS = PROJECT / "qb_pipeline", PROJECT / "qb_pipeline_tests"
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


def test_a_test_stands_where_its_module_stands() -> None:
    rooms = [path for path in PACKAGE.rglob("*") if path.is_dir() and (path / "__init__.py").exists()]
    tests = {room: TESTS / room.relative_to(PACKAGE) for room in rooms if room.parent != PACKAGE}
    strangers = [
        str(test.relative_to(TESTS))
        for room, folder in tests.items()
        for test in folder.glob("test_*.py")
        if not (room / test.name.removeprefix("test_")).exists() and test.stem != f"test_{room.name}"
    ]

    assert (len(tests) > 20, strangers) == (True, [])


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


MOST_BRANCHES = 17
"""What one function may have, as radon counts: one, and one for each way in which its course may part."""


def count_branches(source: str) -> set[tuple[str, int]]:
    """The name and the branches of each function and method, of those inside others too."""
    return {(function.fullname, function.complexity) for function in _functions(cc_visit(source))}


def _functions(blocks: Iterable[Function | Class]) -> Iterator[Function]:
    for block in blocks:
        if isinstance(block, Function):
            yield block
            yield from _functions(block.closures)
        else:
            yield from _functions([*block.methods, *block.inner_classes])


def test_no_function_has_more_branches_than_a_reader_can_follow() -> None:
    above = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in MODULES
        for name, branches in count_branches(path.read_text())
        if branches > MOST_BRANCHES
    }

    assert above == set()


def test_branches_are_counted_wherever_a_function_stands() -> None:
    """The check above can fail."""
    source = (
        "def plain():\n    pass\n"
        "async def outer(a, b):\n    def inner(c):\n        return c or a or b\n    return inner if a else b\n"
        "class Room:\n    def door(self):\n        return [key for key in self.keys if key]\n"
        "    class Cupboard:\n        def drawer(self):\n            while self: pass\n"
    )

    assert count_branches(source) == {
        ("plain", 1), ("outer", 2), ("inner", 3), ("Room.door", 3), ("Cupboard.drawer", 2),
    }  # fmt: skip


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


IMPORT_EVERYTHING = """
import importlib, os, pkgutil, sys, traceback, zoneinfo
from pathlib import Path

root, found = Path(sys.argv[1]).resolve(), set()
sys.path.insert(0, str(root.parent))
LIBRARIES = [root, *map(Path, (sys.prefix, sys.base_prefix, *zoneinfo.TZPATH))]

def is_ours():
    for frame in reversed(traceback.extract_stack()[:-2]):
        path = Path(frame.filename)
        if root in path.parents:
            return True
        if frame.name == "<module>" or "site-packages" in path.parts:  # a library that we import reads for itself
            return False
    return False

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = Path(os.path.abspath(os.fsdecode(arguments[0])))
        if not any(library in path.parents for library in LIBRARIES) and is_ours():
            found.add(f"file {path.name}")

class Watched(type(os.environ)):
    def __getitem__(self, name):
        if is_ours():
            found.add(f"variable {name}")
        return super().__getitem__(name)

os.environ.__class__ = Watched
sys.addaudithook(watch)
for module in pkgutil.walk_packages([str(root)], f"{root.name}."):
    importlib.import_module(module.name)
print(sorted(found))
"""


def read_at_import(package: Path) -> list[str]:
    """The variables and the files that the modules of a package read when they are imported.

    A file of the package, such as a query, is part of its code and may be read: so it has the version of the rest.
    """
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, str(package)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = ast.literal_eval(done.stdout)
    return found


def test_nothing_reads_the_environment_or_a_file_when_it_is_imported() -> None:
    assert read_at_import(PACKAGE) == []


def test_a_module_that_reads_at_import_is_found(tmp_path: Path) -> None:
    """The check above can fail."""
    room = tmp_path / "house" / "room"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").touch()
    (room / "__init__.py").write_text("import os\nHOME = os.environ.get('QB_PIPELINE_HOME')\n")
    (room / "door.py").write_text("import os\nURL = os.getenv('QB_PIPELINE_URL')\nBILLING = 'BILLING' in os.environ\n")
    (room / "window.py").write_text(f"from pathlib import Path\nKEY = Path({str(tmp_path / 'key')!r}).read_text()\n")
    (room / "later.py").write_text("def read():\n    return open('/etc/passwd').read()\n")
    (tmp_path / "key").write_text("")

    assert read_at_import(room.parent) == [
        "file key", "variable BILLING", "variable QB_PIPELINE_HOME", "variable QB_PIPELINE_URL",
    ]  # fmt: skip


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


PLANNER = """
from qb_pipeline.sync.session.firm_session import FirmSession


def plan(session: FirmSession) -> None:
    session.quickbooks.read_preferences()
    {writes}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("writes", "refusal"),
    [
        ("session.quickbooks.create('Invoice', b'', request_id='1')", '"QuickBooksClient" has no attribute "create"'),
        ("session.quickbooks.batch(b'', request_id='1', b_ids=[])", '"QuickBooksClient" has no attribute "batch"'),
        ("session.send()", '"FirmSession" has no attribute "send"'),
        ("session.repeats_refused = True", 'Property "repeats_refused" defined in "FirmSession" is read-only'),
        ("session.rules", ""),
    ],
)
def test_mypy_refuses_a_planner_that_writes(tmp_path: Path, writes: str, refusal: str) -> None:
    module = tmp_path / "planner.py"
    module.write_text(PLANNER.format(writes=writes))

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(PROJECT / "pyproject.toml"), str(module)],
        capture_output=True, text=True, check=False, cwd=PROJECT,
    )  # fmt: skip

    assert (done.returncode, refusal in done.stdout) == (1 if refusal else 0, True), done.stdout + done.stderr
