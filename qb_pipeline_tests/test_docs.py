"""README and ``docs/``: every command that they show exists, with its options; every link leads somewhere."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from qb_pipeline.config import PROJECT
from qb_pipeline_tests.commands.terminal import app, typer_main

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


# What deploy/ brings


def variables(path: Path) -> set[str]:
    return set(re.findall(r"^((?:QB_PIPELINE|QUICKBOOKS)_[A-Z_]+)=", path.read_text(), re.MULTILINE))


def test_the_environment_of_a_deployment_names_settings_that_exist() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", (PROJECT / "docs" / "interfaces.md").read_text(), re.MULTILINE))

    assert variables(PROJECT / "deploy" / "environment.example")
    assert variables(PROJECT / "deploy" / "environment.example") <= documented


def test_the_proxy_rewrites_host_and_origin_as_the_guard_wants_them() -> None:
    text = (PROJECT / "deploy" / "nginx.conf").read_text()

    assert re.search(r"proxy_set_header +Host +127\.0\.0\.1:3000;", text)
    assert re.search(r"proxy_set_header +Origin +\$guarded_origin;", text)
    assert re.search(r'"https://sync\.example\.com" +"http://127\.0\.0\.1:3000";\s+default +"null";', text)
    assert text.count("{") == text.count("}")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
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
