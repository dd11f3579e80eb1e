"""The tags of a run in Dagster's list of runs: its firm, its trigger, its actor and its result.

Belongs here: the tags ``firm``, ``trigger``, ``actor`` and ``result``, and their words. The program that asks for a run
may give it ``trigger`` and ``actor``. The run itself writes the other tags, firm by firm. ``orphans`` writes them for a
run that could not: its process died, it was canceled, or it never began.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.storage.tags import BACKFILL_ID_TAG

from qb_pipeline.core.states import DOCUMENTS, ENTRIES, Operation, State
from qb_pipeline.defs.partitions import firms_between
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.failures import in_words
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.pull.received_payments import PullReport
from qb_pipeline.sync.stages import LOADING, Stage
from qb_pipeline.sync.verify.reconcile import FirmReconciliation

FIRM, TRIGGER, ACTOR, RESULT = "firm", "trigger", "actor", "result"
SEVERAL = "several"
"""The value of the tag ``firm`` for a run of several firms. Each of them has a tag ``firm/KEY`` with its own result."""

PAGE, BACKFILL = "page", "backfill"
"""The triggers of runs that a person launched on Dagster's page. The person is not known, so the actor is ``page``."""

UNDER_WAY, CANCELED, FAILED = "under way", "canceled", "failed: "

SIGNED = ".dagster/qb_pipeline/signed"
"""The tag with the id of the run that wrote the tags: a repeated run inherits the tags of the first. Dagster hides tags
with this beginning."""

LONGEST = 120
"""The greatest number of characters of a result, because the list of runs shows one line."""

ONE = {
    "need a person": "needs a person",
    "differences explained": "difference explained",
    "differences not explained": "difference not explained",
    "measures do not add up": "measure does not add up",
}
"""The words for a count of one, keyed by the words for any other count."""

KINDS = (*DOCUMENTS, *ENTRIES)
SENT = ("created", "adopted", "updated")


@dataclass
class Results:
    """The results of a run's firms. Each is written to the run's tags as soon as it is known."""

    run: Run
    firm_ids: Sequence[str]
    instance: dg.DagsterInstance
    _found: dict[str, "Counter[str] | str"] = field(default_factory=dict)
    _nothing: str = ""

    def done(self, firm_id: str, counts: Mapping[str, int], nothing: str) -> None:
        """Record that a firm is done, with its counts (``{"sent": 13}``). ``nothing``: the result when all counts are
        0."""
        self._nothing = nothing
        self._found[firm_id] = Counter({word: number for word, number in counts.items() if number})
        self._tell(firm_id)

    def failed(self, firm_id: str, error: BaseException) -> None:
        """Record that a firm failed with one of ``FIRM_ERRORS``."""
        self._found[firm_id] = in_words(error, firm_id)
        self._tell(firm_id)

    def _tell(self, firm_id: str) -> None:
        tags = {} if len(self.firm_ids) == 1 else {f"{FIRM}/{firm_id}": self._say(self._found[firm_id])}
        if len(self._found) == len(self.firm_ids):
            tags[RESULT] = self._say(self._total())
        if tags:
            self.instance.add_run_tags(self.run.run_id, tags)

    def _total(self) -> "Counter[str] | str":
        """Return the sum of the counts of all firms; after a failure the reasons, with the number of firms that
        failed."""
        reasons = [found for found in self._found.values() if isinstance(found, str)]
        if not reasons:
            return sum((found for found in self._found.values() if isinstance(found, Counter)), Counter[str]())
        said = "; ".join(sorted(set(reasons)))
        if len(self.firm_ids) == 1:
            return said
        where = f" ({len(reasons)} of {len(self.firm_ids)} firms)"
        return _cut(said, LONGEST - len(FAILED) - len(where)) + where

    def _say(self, found: "Counter[str] | str") -> str:
        if isinstance(found, str):
            return _cut(FAILED + found)
        said = (f"{number:,} {ONE.get(word, word) if number == 1 else word}" for word, number in found.items())
        return ", ".join(said) or self._nothing


def begin(run: dg.DagsterRun, instance: dg.DagsterInstance, firm_ids: Sequence[str]) -> Results:
    """Write the tags of a run that begins to work on these firms, and return its results, which are still empty.

    A repeated run replaces the tags that it inherited.
    """
    trigger, actor = why(run)
    instance.add_run_tags(run.run_id, _signature(run, firm_ids, UNDER_WAY))
    return Results(Run(run.run_id, trigger, actor), firm_ids, instance)


def go_on(run: dg.DagsterRun, instance: dg.DagsterInstance, firm_ids: Sequence[str]) -> Results:
    """Return the results of a run whose tags an earlier step has written.

    A run that repeats another from a later step has only inherited tags: its own are written here.
    """
    now = instance.get_run_by_id(run.run_id)
    if now is None or not is_signed(now):
        return begin(run, instance, firm_ids)
    return Results(Run(run.run_id, *why(run)), firm_ids, instance)


def why(run: dg.DagsterRun) -> tuple[str, str]:
    """Return the trigger and the actor of a run.

    A repeated run inherits the tags of the first. They do not count: a person repeated the run on Dagster's page,
    whoever asked for the first.
    """
    if TRIGGER in run.tags and run.parent_run_id is None:
        return run.tags[TRIGGER], run.tags.get(ACTOR, PAGE)
    return BACKFILL if BACKFILL_ID_TAG in run.tags else PAGE, PAGE


def conclude(run: dg.DagsterRun, instance: dg.DagsterInstance, result: str) -> None:
    """Write the tags of a run that could not record its own end. Firms that were done keep their own results."""
    tags = _signature(run, firms_of_run(run, instance), result)
    told = {
        name: value for name, value in run.tags.items()
        if is_signed(run) and name.startswith(f"{FIRM}/") and value != UNDER_WAY
    }  # fmt: skip
    instance.add_run_tags(run.run_id, tags | told)


def is_signed(run: dg.DagsterRun) -> bool:
    """Whether the run's tags were written for this run, and not inherited from the run that it repeats."""
    return run.tags.get(SIGNED) == run.run_id


def says_its_end(run: dg.DagsterRun) -> bool:
    """Whether the tag ``result`` already says that the run failed or was canceled."""
    return is_signed(run) and run.tags[RESULT].startswith((FAILED, CANCELED))


@dg.failure_hook(name="failed_run_says_why")
def failed_run_says_why(context: dg.HookContext) -> None:
    """Write the result of a run in which a step failed with an error that no firm's result contains.

    An error of a library is given by its class. A failure without an error, such as a failed check, refers to the run.
    """
    run = context.instance.get_run_by_id(context.run_id)
    error = context.op_exception
    if run is not None and not says_its_end(run):
        conclude(run, context.instance, FAILED + (in_words(error) if error else "see the run"))


def firms_of_run(run: dg.DagsterRun, instance: dg.DagsterInstance) -> list[str]:
    """Return the firms that a run is for, from the tags of its partitions."""
    first, last = _ends(run.tags)
    return firms_between(first, last, instance) if first or last else []


def failed_firms(tags: Mapping[str, str]) -> list[str]:
    """Return the firms for which a failed run failed, from its tags.

    Of several firms, these are the firms that failed or were not done; all of them when the tags name no such firm. A
    run that died before it wrote its tags failed for the first and the last firm of its partitions.
    """
    each = {name.removeprefix(f"{FIRM}/"): value for name, value in tags.items() if name.startswith(f"{FIRM}/")}
    if tags.get(FIRM) == SEVERAL and each:
        failed = [key for key, value in each.items() if value == UNDER_WAY or value.startswith(FAILED)]
        return sorted(failed or each)
    if tags.get(FIRM):
        return [tags[FIRM]]
    return sorted({firm_id for firm_id in _ends(tags) if firm_id})


def of_sync(report: FirmReport, steps: Sequence[str]) -> dict[str, int]:
    """Return the numbers of documents that a sync sent, voided, held, and that QuickBooks refused, keyed by word.

    For a dry run, return the numbers that a sync would send, void and hold.
    """
    if not set(LOADING) & set(steps):
        planned = report.planned.documents
        words = {
            Operation.CREATE: "to send",
            Operation.UPDATE: "to send",
            Operation.VOID: "to void",
            Operation.HOLD: "to hold",
        }
        counts: Counter[str] = Counter()
        for (_kind, operation), number in planned.items():
            if operation in words:
                counts[words[operation]] += number
        return counts if Stage.SYNC_PLAN in steps else {"new or changed": report.scanned.get("changed", 0)}
    return {
        "sent": sum(report.documents(kind, *SENT) for kind in KINDS),
        "voided": sum(report.documents(kind, "voided") for kind in KINDS),
        "held": sum(row.state == State.HELD for row in report.held_documents),
        "refused": sum(row.state == State.REFUSED for row in report.held_documents),
    }


def of_pull(report: PullReport) -> dict[str, int]:
    """Return, keyed by word, the numbers of postings made, of postings taken back, and of payments that need a
    person."""
    taken_back = report.posted.get("reversal", 0)
    return {
        "posted": sum(report.posted.values()) - taken_back,
        "taken back": taken_back,
        "need a person": len(report.troubles),
    }


def of_reconciliation(report: FirmReconciliation) -> dict[str, int]:
    """Return, keyed by word, the numbers of differences with a class, of those without, and of measures with a
    residual."""
    differences = sum(int(row.differences) for row in report.measures)
    return {
        "differences explained": differences - report.unexplained,
        "differences not explained": report.unexplained,
        "measures do not add up": sum(bool(row.residual) for row in report.measures),
    }


def _signature(run: dg.DagsterRun, firm_ids: Sequence[str], result: str) -> dict[str, str]:
    trigger, actor = why(run)
    each = {f"{FIRM}/{firm_id}": result for firm_id in firm_ids} if len(firm_ids) > 1 else {}
    firm = SEVERAL if each else "".join(firm_ids)
    return {FIRM: firm, TRIGGER: trigger, ACTOR: actor, RESULT: _cut(result), SIGNED: run.run_id, **each}


def _ends(tags: Mapping[str, str]) -> tuple[str, str]:
    """Return the first and the last firm of a run's partitions, in the partitions' order; "" for a run without
    partitions."""
    one = tags.get("dagster/partition", "")
    keys = (tags.get(f"dagster/asset_partition_range_{end}", one) for end in ("start", "end"))
    first, last = (key.split("|", 1)[-1] for key in keys)
    return first, last


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
