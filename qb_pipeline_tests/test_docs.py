"""README and ``docs/``: every command that they show exists, with its options; every link leads somewhere."""

import os
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.contract import install
from qb_pipeline.config import DAGSTER_SWITCHES, PROJECT
from qb_pipeline.core.states import MOVES, State
from qb_pipeline_tests.click_paths import Step, every_path, passages, read_steps, unreadable
from qb_pipeline_tests.commands.typed import app, typer_main

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
TARGETS = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def shown(page: Path) -> Iterator[str]:
    """What a page shows as a command: lines of sh fences, and code in the text, cut at pipes and comments."""
    text = page.read_text().split("\n## Not there yet\n")[0]
    for fence in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from fence.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def commands(page: Path, program: str) -> list[list[str]]:
    """The arguments of each use of a program."""
    found = []
    for line in shown(page):
        for part in re.split(r"\s+(?:\||&&|;)\s+", line.split(" #")[0]):
            words = part.split()
            while words and (re.fullmatch(r"[A-Z_]+=.*", words[0]) or words[0] in ("sudo", "exec", "$")):
                words = words[1:]
            if words and words[0].rsplit("/", 1)[-1] == program:
                found.append(words[1:])
    return found


EVERY = [(page.name, words) for page in PAGES for words in commands(page, "qb-pipeline") if words]


@pytest.mark.parametrize(
    ("page", "words"), EVERY, ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_every_command_that_a_page_shows_exists_with_its_options(page: str, words: list[str]) -> None:
    command = typer_main.get_command(app)
    rest = list(words)
    while rest and isinstance(command, typer_main.TyperGroup) and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"{page}: qb-pipeline {' '.join(words)}: there is no {rest[0]}"
        command = command.commands[rest.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in known | {"--help"}, f"{page}: qb-pipeline {' '.join(words)}: no option {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_shows_exists(page: Path) -> None:
    asked = {word for words in commands(page, "make") for word in words[:1] if re.fullmatch("[a-z]+", word)}

    assert asked <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_commands_of_the_pages_are_found() -> None:
    """The tests above can fail: the pages do show commands."""
    assert len(EVERY) > 40
    assert "README.md" in {page for page, _ in EVERY}


# What is clicked; ``journeys/test_pages.py`` walks each path in a browser


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_shows_a_way_through_the_screen_that_no_test_walks(page: Path) -> None:
    assert [unreadable(passage) for passage in passages(page) if unreadable(passage)] == []


@pytest.mark.parametrize(
    "passage",
    [
        "Jobs → `sync` → *Launchpad*: any date of the firm",
        "*Jobs* → `sync` → dates and firms → *Launch*",
        "*Jobs* → click `sync`",
        "look for it under Runs",
        "the job's tab *Launchpad*",
    ],
)
def test_a_way_that_cannot_be_walked_is_noticed(passage: str) -> None:
    assert unreadable(passage)


def test_a_click_path_is_read_as_a_person_takes_it() -> None:
    assert read_steps(
        r"*Jobs* → `sync` → caret beside *Materialize all…* → tick *A box* → *Partition* `2026-10-31\|one` → tick a run"
    ) == [
        Step("click", "Jobs"),
        Step("click", "sync"),
        Step("caret", "Materialize all…"),
        Step("tick", "A box"),
        Step("write", "Partition", "2026-10-31|one"),
        Step("tick a run"),
    ]


def test_the_click_paths_of_the_pages_are_found() -> None:
    assert len(every_path()) > 20
    assert unreadable("Assets `work_list` → `sync_plan`, in this order") == []


# What deploy/ brings


def variables(path: Path) -> set[str]:
    return set(re.findall(r"^((?:QB_PIPELINE|QUICKBOOKS)_[A-Z_]+)=", path.read_text(), re.MULTILINE))


def test_the_environment_of_a_deployment_names_settings_that_exist() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (PROJECT / "docs" / "interfaces.md").read_text(), re.MULTILINE))

    assert variables(PROJECT / "deploy" / "environment.example")
    assert variables(PROJECT / "deploy" / "environment.example") <= documented


@pytest.mark.parametrize("name", ["environment.example", "qb-pipeline.service"])
def test_a_deployment_sets_dagsters_switches(name: str) -> None:
    words = (PROJECT / "deploy" / name).read_text().replace("Environment=", "").split()

    assert {f"{switch}={value}" for switch, value in DAGSTER_SWITCHES.items()} <= set(words)


def test_the_proxy_rewrites_host_and_origin_as_the_guard_wants_them() -> None:
    text = (PROJECT / "deploy" / "nginx.conf").read_text()

    assert re.search(r"proxy_set_header +Host +127\.0\.0\.1:3000;", text)
    assert re.search(r"proxy_set_header +Origin +\$guarded_origin;", text)
    assert re.search(r'"https://sync\.example\.com" +"http://127\.0\.0\.1:3000";\s+default +"null";', text)
    assert text.count("{") == text.count("}")


@pytest.mark.skipif(
    shutil.which("nginx") is None and not os.environ.get("QB_PIPELINE_REQUIRE_NGINX"), reason="nginx is not installed"
)
def test_nginx_accepts_the_proxy(tmp_path: Path) -> None:
    """With a certificate and a password file of this test's own."""
    key, certificate, passwords = tmp_path / "key", tmp_path / "pem", tmp_path / "passwords"
    passwords.write_text("")
    subprocess.run(
        [shutil.which("openssl") or "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=sync.example.com", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    text = (PROJECT / "deploy" / "nginx.conf").read_text()
    for path, mine in (
        ("/etc/ssl/sync.example.com.pem", certificate),
        ("/etc/ssl/sync.example.com.key", key),
        ("/etc/nginx/qb_pipeline.passwords", passwords),
    ):
        text = text.replace(path, str(mine))
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {text} }}")

    done = subprocess.run(
        [str(shutil.which("nginx")), "-t", "-c", str(whole)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


WRITER = runpy.run_path(str(PROJECT / "docs" / "write_pages.py"))


def test_the_pages_that_code_says_are_written_from_it(ledger_engine: sa.Engine) -> None:
    """After a change: ``python docs/write_pages.py``."""
    install(ledger_engine)

    pages = WRITER["pages"](ledger_engine)

    assert pages == {name: (PROJECT / "docs" / name).read_text() for name in pages}
    assert set(State) <= set(re.findall(r"`([a-z_]+)`", pages["states.md"]))
    assert pages["states.md"].count(" --> ") == len({(move.before, move.after) for move in MOVES})


def test_a_name_that_would_vanish_from_a_page_is_found() -> None:
    """Names are promises: the writer refuses until a person has taken the row out."""
    text = (PROJECT / "docs" / "views.md").read_text()
    renamed = text.replace("| `run_page` |", "| `page_of_run` |").replace("| [`drift`]", "| [`drifted`]")
    find = WRITER["broken_promises"]

    assert list(find({"views.md": text}, {"views.md": text})) == []
    assert list(find({"views.md": text}, {"views.md": renamed})) == [
        "views.md: Reporting views: `drift`",
        "views.md: `reporting.sync_log`: `run_page`",
    ]


NO_SUBJECT = re.compile(r"(?:What|When|Whether|Which|Who|How|Since|By|Under|Of)\b")


def fault_of(column: str, type_: str, comment: str) -> str:
    """What a comment in SQL lacks for a reader who knows the column by it alone; empty when that is nothing."""
    if not comment:
        return "has no comment"
    if NO_SUBJECT.match(comment):
        return "does not begin with its subject"
    if type_.startswith("numeric") and column != "quantity" and "dollars" not in comment:
        return "does not say dollars"
    if column.endswith("_cents") and "cents" not in comment:
        return "does not say cents"
    if type_ == "timestamptz" and "in UTC" not in comment:
        return "does not say UTC"
    return ""


def test_every_column_that_people_read_or_offer_says_what_it_is(ledger_engine: sa.Engine) -> None:
    """The views of analysts, and the relations of the billing contract (docs/developers.md)."""
    install(ledger_engine)
    rows = [
        (f"{schema}.{relation}.{row.column}", fault_of(row.column, row.type, row.meaning))
        for schema in ("billing", "reporting")
        for relation, columns in WRITER["described"](ledger_engine, schema).items()
        for row in columns
    ]

    assert (len(rows) > 300, [row for row in rows if row[1]]) == (True, [])


@pytest.mark.parametrize(
    ("column", "type_", "comment", "fault"),
    [
        ("firm_id", "text", "", "has no comment"),
        ("since", "timestamptz", "Since when it is held, in UTC", "does not begin with its subject"),
        ("amount", "numeric(15,2)", "Amount in billing", "does not say dollars"),
        ("amount_cents", "bigint", "Amount in billing", "does not say cents"),
        ("at", "timestamptz", "Moment of the activity", "does not say UTC"),
        ("at", "timestamptz", "Moment of the activity, in UTC", ""),
    ],
)
def test_a_comment_that_leaves_its_reader_alone_is_noticed(column: str, type_: str, comment: str, fault: str) -> None:
    assert fault_of(column, type_, comment) == fault


def test_the_glossary_says_each_word_once_and_where_it_lives() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| [^|]+ \| [^|]+ \| `([^`]+)` \|$", (PROJECT / "docs" / "glossary.md").read_text(), re.M
    )
    words, places = [word for word, _ in rows], [place for _, place in rows if "/" in place]

    assert (len(words) > 30, [word for word in words if words.count(word) > 1]) == (True, [])
    assert [place for place in places if not (PROJECT / "qb_pipeline" / place).exists()] == []


PROSE = [
    *PAGES,
    *(PROJECT / "sql").rglob("*.sql"),
    *(path for path in (PROJECT / "qb_pipeline").rglob("*") if path.suffix in (".py", ".sql")),
]
NOTHING_SAID = re.compile(r"(?<!there )(?<!There )\b(?:is|are|was|were) none\b")


def test_no_sentence_says_of_its_subject_that_it_is_none() -> None:
    """``a database URL is none`` takes two readings; ``is not a valid URL`` takes one (docs/developers.md)."""
    found = {
        f"{path.relative_to(PROJECT)}: {line.strip()}"
        for path in PROSE
        for line in path.read_text().splitlines()
        if NOTHING_SAID.search(line)
    }
    assert (len(PROSE) > 200, found) == (True, set())


@pytest.mark.parametrize(
    ("sentence", "is_refused"),
    [("the plan is none", True), ("whose dates were none", True), ("empty when there is none", False)],
)
def test_a_sentence_that_says_nothing_is_noticed(sentence: str, is_refused: bool) -> None:
    assert bool(NOTHING_SAID.search(sentence)) is is_refused
