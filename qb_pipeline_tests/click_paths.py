"""The click paths of README and ``docs/``: how they are written, and how a person follows them.

A path begins with an entry of Dagster's navigation and goes on in steps, with an arrow between them::

    *Jobs* → `sync` → caret beside *Materialize all…* → *Open launchpad* → *Partition* `2026-10-31|rivera-law`

Words in italics and names in code are clicked where they stand on the page; ``caret beside`` is the small button
behind them, ``tick`` the box in front, ``tick a run`` that of the first run in a list. With a value in code behind its
name, a field is filled in. Belongs here: reading and walking. Does not belong here: what came of it (the journeys).
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Error, Locator, Page

from qb_pipeline.config import PROJECT

PATIENCE_SECONDS = 180
"""A machine that runs other things too is slow, not broken."""

NAVIGATION = ("Overview", "Runs", "Catalog", "Jobs", "Automation", "Lineage", "Deployment")
NAVIGATION_PIXELS = 240
"""So far to the right reaches the navigation; the page's own tabs, of which one is called *Runs* too, are beyond."""

POPOVER, DIALOG = ".dagster-popover:visible", "[role=dialog][aria-modal=true]:visible"
CLICK_MS = 15_000

OFFER_SECONDS = 10
"""So long a list may take to offer what was typed; a page that came together meanwhile has forgotten the typing."""

WORDS = r"(?:\*[^*`\n]+\*|`[^`\n]+`)"
STEP = rf"(?:tick a run|(?:(?:caret beside|tick) )?{WORDS}(?: `[^`\n]+`)?)"
PATH = re.compile(rf"\*(?:{'|'.join(NAVIGATION)})\*(?: → {STEP})*")
CODE_ONLY = re.compile(r"`[^`\n]+`(?: → `[^`\n]+`)+")
"""Names with arrows between them are no path: assets in their order, keys of a file."""


class NotThereError(AssertionError):
    """A step names what is not on the screen, or what cannot be clicked."""


@dataclass(frozen=True)
class Step:
    """One thing that a person does; ``how`` is click, caret, tick, tick a run, or write, which has a ``value``."""

    how: str
    words: str = ""
    value: str = ""


def passages(page: Path) -> Iterator[str]:
    """The running text of a page, each paragraph and each row of a table on one line; no headings, no fences."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if any(line.startswith("|") for line in lines):
            yield from lines
        else:
            yield " ".join(line.strip() for line in lines)


def paths(page: Path) -> list[str]:
    """Every click path of a page, as it is written there."""
    return [match.group() for passage in passages(page) for match in PATH.finditer(passage)]


def every_path() -> list[str]:
    """The click paths of all pages, each once."""
    pages = [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]
    return sorted({path for page in pages for path in paths(page)})


def unreadable(passage: str) -> list[str]:
    """What looks like a click path and cannot be walked: an arrow that leads on, a place in plain words."""
    rest = CODE_ONLY.sub("", PATH.sub("", passage))
    arrows = [rest[max(0, found.start() - 30) : found.end() + 30] for found in re.finditer("→", rest)]
    plain = re.findall(rf"\b(?:under|tab|page) \**(?:{'|'.join(NAVIGATION)}|Launchpad)\b\**", rest, re.IGNORECASE)
    return arrows + plain


def read_steps(path: str) -> list[Step]:
    """Read what is written as a path; in a row of a table its ``|`` stands behind a backslash."""
    steps = []
    for text in path.replace("\\|", "|").split(" → "):
        words = [found[1:-1] for found in re.findall(WORDS, text)]
        if text == "tick a run":
            steps.append(Step("tick a run"))
        elif text.startswith("caret beside "):
            steps.append(Step("caret", words[0]))
        elif text.startswith("tick "):
            steps.append(Step("tick", words[0]))
        elif len(words) == 2:
            steps.append(Step("write", *words))
        else:
            steps.append(Step("click", words[0]))
    return steps


def walk(tab: Page, url: str, path: str) -> None:
    """Follow a path from the start page, by what stands on the screen alone.

    Raises:
        NotThereError: a step names what is not there, or what cannot be clicked.
    """
    tab.goto(url)
    entry, _, rest = path.partition(" → ")
    words = read_steps(entry)[0].words
    _patiently(lambda: _click(_visible(tab.get_by_text(words, exact=True))), f"{path}: {words}")
    if rest:
        go_on(tab, rest)


def go_on(tab: Page, path: str) -> None:
    """Take further steps from where the tab is; raises what ``walk`` raises."""
    for step in read_steps(path):
        try:
            _patiently(lambda step=step: _take(tab, step), f"{path}: {step}")  # type: ignore[misc]
        except NotThereError as error:
            raise NotThereError(f"{error}\nOn the screen: {tab.locator('body').inner_text()}") from error


def _patiently(act: Callable[[], None], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Try until it works: a page comes together by and by, and draws a list anew while one looks at it."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except (Error, LookupError, NotThereError) as error:
            if time.monotonic() > deadline:
                raise NotThereError(f"{what}: {error}") from error
            time.sleep(0.2)


def _take(tab: Page, step: Step) -> None:
    """Take a step, now.

    Raises:
        LookupError: what the step names is not on the screen yet.
    """
    if step.how == "write":
        FIELDS[step.words](tab, step.value)
        return
    where = _foreground(tab)
    if step.how == "tick a run":
        _click(_visible(where.locator("tbody label, tr label, [data-index] label")))
        return
    found = _visible(where.get_by_text(step.words, exact=True), beyond=0 if where != tab else NAVIGATION_PIXELS)
    if step.how == "caret":
        found = found.locator("xpath=following::button[1]")
    elif step.how == "tick":
        around = found.locator("xpath=ancestor-or-self::label[1]")
        found = around if around.count() else found.locator("xpath=preceding::label[1]")
    _click(found)


def _foreground(tab: Page) -> Locator | Page:
    """Where a person can click: an open menu, else an open dialog, else the page."""
    for layer in (POPOVER, DIALOG):
        found = tab.locator(layer)
        if found.count():
            return found.last
    return tab


def _visible(found: Locator, *, beyond: int = 0) -> Locator:
    """The first that a person sees.

    Raises:
        LookupError: nobody sees one.
    """
    for each in found.all():
        box = each.bounding_box() if each.is_visible() else None
        if box and box["x"] >= beyond:
            return each
    raise LookupError(f"not on the screen: {found}")


def _click(found: Locator) -> None:
    """Click; what is switched off is not clicked, and what lies behind something else is not either."""
    button = found.locator("xpath=ancestor-or-self::button[1]")
    if button.count() and button.first.is_disabled():
        raise LookupError(f"switched off: {found}")
    found.click(timeout=CLICK_MS)


def _write_dates(tab: Page, dates: str) -> None:
    """The dates of a backfill: one, several with commas, or a range in brackets."""
    field = tab.locator(DIALOG).last.get_by_placeholder("ex: 2")
    field.fill(dates, timeout=CLICK_MS)
    tab.keyboard.press("Tab")


def _choose_firm(tab: Page, firm_id: str) -> None:
    """The firm of a backfill, from the list; then close the list, which hides the button below."""
    offered = tab.locator(POPOVER).get_by_text(firm_id, exact=True)
    if not offered.count():
        _click(_visible(tab.locator(DIALOG).last.get_by_text("Select a partition or create one")))
    _patiently(lambda: _click(_visible(offered)), firm_id)
    tab.keyboard.press("Escape")


def _choose_partition(tab: Page, key: str) -> None:
    """The launchpad's partition, from what it offers when one types; typed anew where the page came together since."""
    field = _visible(tab.get_by_placeholder("Partition"))
    field.click(timeout=CLICK_MS)
    field.fill("", timeout=CLICK_MS)
    field.press_sequentially(key, timeout=CLICK_MS)
    offered = tab.locator(POPOVER).get_by_text(key, exact=True)
    _patiently(lambda: _click(_visible(offered)), key, seconds=OFFER_SECONDS)


def _filter_dates(tab: Page, text: str) -> None:
    """Shorten the list of dates of an asset to one that can be seen without scrolling."""
    _visible(tab.get_by_placeholder("Filter by date…")).fill(text, timeout=CLICK_MS)


def _write_config(name: str) -> Callable[[Page, str], None]:
    """A value of the run configuration, between the brackets or quotes that stand there."""

    def write(tab: Page, value: str) -> None:
        _click(_visible(tab.locator(".CodeMirror-line", has_text=f"{name}:")))
        tab.keyboard.press("End")
        tab.keyboard.press("ArrowLeft")
        tab.keyboard.type(value)

    return write


FIELDS: dict[str, Callable[[Page, str], None]] = {
    "date": _write_dates,
    "firm": _choose_firm,
    "Partition": _choose_partition,
    "Filter by date…": _filter_dates,
    **{name: _write_config(name) for name in ("invoice_ids", "payment_ids", "plan_id")},
}
"""What can be filled in, by the name that stands beside it."""
