"""Whether verdicts stand when examples are run again, or each in a process of its own.

What these runs give is compared with the ordinary records and then forgotten: the ledger keeps the
ordinary ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from optabs.errors import Fault
from optabs.plan import Check, Plan
from optabs.records import Record, Verdict
from optabs.run.cluster.runner import run_batches
from optabs.run.pool import Batch, Event, Finished, Unavailable
from optabs.run.targets import REFERENCE
from optabs.run.warm import WarmWorkers
from optabs.verify import Judgement, Report, find_example_place, judge_record, name_check

Watch = Callable[[Event], None]


@dataclass
class Stability:
    """What came of running again."""

    summary: str
    faults: list[Fault] = field(default_factory=list)
    """Verdicts that do not stand."""
    notes: list[Fault] = field(default_factory=list)
    """What is worth knowing though all verdicts stand."""


def count_again(plan: Plan) -> int:
    """Return how many examples `repeat_examples` and `isolate_examples` run at a time."""
    return sum(len(batch.jobs) for batch in _list_batches(plan))


def repeat_examples(plan: Plan, report: Report, times: int, watch: Watch) -> Stability:
    """Run all that a plan has run again, so that each example has run `times` times.

    The plan must have run everything afresh. All examples run in turn, round after round, in a
    worker that they share.
    """
    batches = [replace(each, jobs=each.jobs * (times - 1)) for each in _list_batches(plan)]
    again = _run(batches, WarmWorkers(), watch)
    faults, notes = [], []
    for judgement, records in _join(report, again):
        runs = [judgement, *(judge_record(judgement.check, plan, each) for each in records)]
        verdicts = Counter(each.verdict for each in runs)
        if len(verdicts) > 1:
            counts = ", ".join(
                f"{verdicts[each]} {each.words}" for each in Verdict if each in verdicts
            )
            text = f"{len(runs)} runs gave {counts}{_explain(runs)}"
            faults.append(_make_fault(judgement.check, "flaky", text))
        elif names := _list_unequal([each.record for each in runs if each.record]):
            text = f"{judgement.verdict.words} in all {len(runs)} runs, with other bytes in {names}"
            notes.append(_make_fault(judgement.check, "note other-bytes", text))
    summary = f"each example ran {times} times: {len(faults)} flaky, {len(notes)} with other bytes"
    return Stability(summary + _name_missing(report, again, times - 1), faults, notes)


def isolate_examples(plan: Plan, report: Report, watch: Watch) -> Stability:
    """Run each example that a plan has run again, in a process of its own.

    A verdict that is another there rests on what examples before it have left behind.
    """
    batches = [replace(each, jobs=(job,)) for each in _list_batches(plan) for job in each.jobs]
    again = _run(batches, WarmWorkers(), watch)
    faults = []
    for judgement, records in _join(report, again):
        alone = judge_record(judgement.check, plan, records[0])
        if alone.verdict is not judgement.verdict:
            text = (
                f"{judgement.verdict.words} in the shared worker, "
                f"{alone.verdict.words} in a process of its own{_explain([judgement, alone])}"
            )
            faults.append(_make_fault(judgement.check, "leaked-state", text))
    summary = f"each example ran in a process of its own: {len(faults)} with another verdict"
    return Stability(summary + _name_missing(report, again, 1), faults)


def list_changes(report: Report) -> list[Fault]:
    """Return a note for each example that changes global state; it is put back, so no failure."""
    return [
        _make_fault(judgement.check, "note changes-state", ", ".join(judgement.record.changes))
        for judgement in report.judgements
        if judgement.record and judgement.record.changes and judgement.verdict is not Verdict.STALE
    ]


def _list_batches(plan: Plan) -> list[Batch]:
    """Return what a plan runs, without oracles, API names, and what has turned out unavailable."""
    return [
        replace(batch, apis=())
        for batch in plan.batches
        if batch.jobs
        and batch.framework != REFERENCE
        and (batch.framework, batch.device) not in plan.unavailable
    ]


def _run(batches: Sequence[Batch], warm: WarmWorkers, watch: Watch) -> dict[str, list[Record]]:
    """Run batches; returns the records by key."""
    found: dict[str, list[Record]] = {}
    unavailable = set[tuple[str, str, str]]()
    events = run_batches(batches, warm)
    try:
        for event in events:
            if isinstance(event, Finished):
                found.setdefault(event.record.key, []).append(event.record)
            elif isinstance(event, Unavailable):
                reason = (event.batch.framework, event.batch.device, event.reason)
                if reason in unavailable:
                    continue  # with a batch for each example it is said once
                unavailable.add(reason)
            watch(event)
    finally:
        events.close()
    return found


def _join(
    report: Report, again: dict[str, list[Record]]
) -> Iterator[tuple[Judgement, list[Record]]]:
    """Yield the ordinary judgements with the further records of the same example."""
    for judgement in report.judgements:
        if judgement.record and judgement.check.key in again:
            yield judgement, again[judgement.check.key]


def _name_missing(report: Report, again: dict[str, list[Record]], times: int) -> str:
    ran = [each.check.key for each in report.judgements if each.record]
    missing = sum(len(again.get(key, ())) < times for key in ran if key)
    return f"; {missing} could not be run again" if missing else ""


def _explain(runs: Sequence[Judgement]) -> str:
    """Return the first reason that a run gives for its verdict."""
    return next((f": {each.reason}" for each in runs if each.reason), "")


def _list_unequal(records: Sequence[Record]) -> str:
    """Return the names of results that are not the same, bit for bit, in all records."""
    first, *others = records
    unequal = {
        name
        for other in others
        for name in {*first.results, *other.results}
        if first.results.get(name) != other.results.get(name)
    }
    return ", ".join(f"`{name}`" for name in sorted(unequal))


def _make_fault(check: Check, code: str, text: str) -> Fault:
    assert check.case
    return Fault(
        find_example_place(check.variant, check.case), code, f"{name_check(check)}: {text}"
    )
