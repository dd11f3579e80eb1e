"""What a run says of itself in Dagster's list of runs: whose it is, why it ran, for whom, and what came of it.

Belongs here: the tags ``firm``, ``trigger``, ``actor`` and ``result``, and their words. Whoever asks for a run may give
it ``trigger`` and ``actor``; the rest is signed by the run itself, firm by firm. A run that could not (its process
died, it was canceled, it never began) is signed by ``orphans``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.storage.tags import BACKFILL_ID_TAG

from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.defs.partitions import firms_between
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.failures import in_words
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.pull.received_payments import PullReport
from qb_pipeline.sync.stages import LOADING, Stage
from qb_pipeline.sync.verify.reconcile import FirmReconciliation

FIRM, TRIGGER, ACTOR, RESULT = "firm", "trigger", "actor", "result"
SEVERAL = "several"
"""The tag ``firm`` of a run of several firms; each has a tag ``firm/KEY`` with its own result."""

PAGE, BACKFILL = "page", "backfill"
"""Triggers of runs that a person launched on the page. Who that is is not known: the actor is ``page``."""

UNDER_WAY, CANCELED, FAILED = "under way", "canceled", "failed: "

SIGNED = ".dagster/qb_pipeline/signed"
"""The run that signed these tags: a repeated run inherits those of the first. Dagster hides what begins like this."""

LONGEST = 120
"""Characters of a result: the list shows one line."""

ONE = {
    "need a person": "needs a person",
    "differences explained": "difference explained",
    "differences not explained": "difference not explained",
    "measures do not add up": "measure does not add up",
}
"""What reads otherwise of one."""

KINDS = (Kind.INVOICE, Kind.PAYMENT, Kind.REFUND)
SENT = ("created", "adopted", "updated")


@dataclass
class Results:
    """What became of each firm of a run, told to Dagster's list as it becomes known."""

    run: Run
    firm_ids: Sequence[str]
    instance: dg.DagsterInstance
    _found: dict[str, "Counter[str] | str"] = field(default_factory=dict)
    _nothing: str = ""

    def done(self, firm_id: str, counts: Mapping[str, int], nothing: str) -> None:
        """A firm is done: how many of what (``{"sent": 13}``); ``nothing`` says it where all of them are 0."""
        self._nothing = nothing
        self._found[firm_id] = Counter({word: number for word, number in counts.items() if number})
        self._tell(firm_id)

    def failed(self, firm_id: str, error: BaseException) -> None:
        """A firm failed over one of ``FIRM_ERRORS``."""
        self._found[firm_id] = in_words(error, firm_id)
        self._tell(firm_id)

    def _tell(self, firm_id: str) -> None:
        tags = {} if len(self.firm_ids) == 1 else {f"{FIRM}/{firm_id}": self._say(self._found[firm_id])}
        if len(self._found) == len(self.firm_ids):
            tags[RESULT] = self._say(self._total())
        if tags:
            self.instance.add_run_tags(self.run.run_id, tags)

    def _total(self) -> "Counter[str] | str":
        """The sum over all firms; where one failed, the reasons, and how many firms have them."""
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
    """Sign a run that begins to work on these firms. Tags that a repeated run inherited are written anew."""
    trigger, actor = why(run)
    instance.add_run_tags(run.run_id, _signature(run, firm_ids, UNDER_WAY))
    return Results(Run(run.run_id, trigger, actor), firm_ids, instance)


def go_on(run: dg.DagsterRun, instance: dg.DagsterInstance, firm_ids: Sequence[str]) -> Results:
    """Go on with a run that an earlier step has signed; a run that repeats another from a step is signed anew."""
    now = instance.get_run_by_id(run.run_id)
    if now is None or not is_signed(now):
        return begin(run, instance, firm_ids)
    return Results(Run(run.run_id, *why(run)), firm_ids, instance)


def why(run: dg.DagsterRun) -> tuple[str, str]:
    """What started a run, and for whom.

    A repeated run has the tags of the first: a person repeated it on the page, whoever asked for the first.
    """
    if TRIGGER in run.tags and run.parent_run_id is None:
        return run.tags[TRIGGER], run.tags.get(ACTOR, PAGE)
    return BACKFILL if BACKFILL_ID_TAG in run.tags else PAGE, PAGE


def conclude(run: dg.DagsterRun, instance: dg.DagsterInstance, result: str) -> None:
    """Sign a run that could not say itself how it ended; firms that were done keep their own results."""
    tags = _signature(run, firms_of_run(run, instance), result)
    told = {
        name: value for name, value in run.tags.items()
        if is_signed(run) and name.startswith(f"{FIRM}/") and value != UNDER_WAY
    }  # fmt: skip
    instance.add_run_tags(run.run_id, tags | told)


def is_signed(run: dg.DagsterRun) -> bool:
    """Whether the run's tags are its own."""
    return run.tags.get(SIGNED) == run.run_id


def says_its_end(run: dg.DagsterRun) -> bool:
    """Whether the list shows of a run that failed or was canceled that it did."""
    return is_signed(run) and run.tags[RESULT].startswith((FAILED, CANCELED))


@dg.failure_hook(name="failed_run_says_why")
def failed_run_says_why(context: dg.HookContext) -> None:
    """Sign a step that failed over what is no firm's error: an error of a library by its class, a failed check."""
    run = context.instance.get_run_by_id(context.run_id)
    error = context.op_exception
    if run is not None and not says_its_end(run):
        conclude(run, context.instance, FAILED + (in_words(error) if error else "see the run"))


def firms_of_run(run: dg.DagsterRun, instance: dg.DagsterInstance) -> list[str]:
    """The firms that a run is for, by its partitions."""
    first, last = _ends(run.tags)
    return firms_between(first, last, instance) if first or last else []


def failed_firms(tags: Mapping[str, str]) -> list[str]:
    """The firms that a failed run failed for: of several those that are not done; where it died, all that tags name."""
    each = {name.removeprefix(f"{FIRM}/"): value for name, value in tags.items() if name.startswith(f"{FIRM}/")}
    if tags.get(FIRM) == SEVERAL and each:
        failed = [key for key, value in each.items() if value == UNDER_WAY or value.startswith(FAILED)]
        return sorted(failed or each)
    if tags.get(FIRM):
        return [tags[FIRM]]
    return sorted({firm_id for firm_id in _ends(tags) if firm_id})


def of_sync(report: FirmReport, steps: Sequence[str]) -> dict[str, int]:
    """How many documents a sync sent, voided, and leaves to people; of a dry run what a sync would do with them."""
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
    """How many postings billing got, how many were taken back, how many payments need a person."""
    taken_back = report.posted.get("reversal", 0)
    return {
        "posted": sum(report.posted.values()) - taken_back,
        "taken back": taken_back,
        "need a person": len(report.troubles),
    }


def of_reconciliation(report: FirmReconciliation) -> dict[str, int]:
    """How many differences have a class, how many have none, and how many measures do not add up all the same."""
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
    """The first and the last firm of a run's partitions, in the order of the partitions; "" where it has none."""
    one = tags.get("dagster/partition", "")
    keys = (tags.get(f"dagster/asset_partition_range_{end}", one) for end in ("start", "end"))
    first, last = (key.split("|", 1)[-1] for key in keys)
    return first, last


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
