"""Keeping the folder of evidence: exporting, adding, judging and removing its lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from pathlib import Path

from optabs.errors import Fault, OptabsError, Place
from optabs.evidence import (
    SUFFIX,
    Evidence,
    Line,
    hide_folders,
    read_file,
    refuse_lines,
    write_lines,
)
from optabs.export import replace_file
from optabs.frameworks import Registry
from optabs.plan import Plan
from optabs.project import Project
from optabs.run.targets import Target
from optabs.verify import Report, find_line, judge_record


class State(StrEnum):
    """What a line of evidence is worth to today's catalogue."""

    CURRENT = "current"
    STALE = "stale"
    SUPERSEDED = "superseded"
    ORPHANED = "orphaned"


def export_lines(report: Report, plan: Plan, project: Project) -> list[Line]:
    """Return the records that this machine has made for today's catalogue, as evidence."""
    folders = project.list_folders()
    lines = []
    for judgement in report.judgements:
        check, record = judgement.check, judgement.record
        if record and check.target and record is plan.known.get(check.key or ""):
            if spec := check.target.local_spec:
                folders[spec.python.absolute().parent.parent] = "<python>"
            lines.append(Line(hide_folders(record, folders), check.target.method))
    return lines


@dataclass
class Addition:
    """What came of adding files."""

    added: int = 0
    kept: int = 0
    """Lines that were left out since one as new is there."""
    refused: list[Fault] = field(default_factory=list)


def add_files(files: Iterable[Path], project: Project, registry: Registry) -> Addition:
    """Merge files into the folder of evidence, keeping the newest line of each key.

    Raises:
        OptabsError: the folder has lines that are not believed, or cannot be written.
    """
    present = project.read_evidence(registry)
    if present.faults:
        faults = "\n".join(map(str, present.faults))
        raise OptabsError(
            f"nothing was added, for lines that are there already are refused:\n{faults}",
            "restore them, or remove them: optabs evidence prune",
        )
    newest: dict[tuple[str, ...], Line] = {}
    for line in present.lines:
        _take_newer(newest, line)
    before, believed = dict(newest), 0
    addition = Addition()
    for file in files:
        found = refuse_lines(read_file(file, project.root), registry)
        addition.refused += found.faults
        if found == Evidence():
            hint = "the device may not have been there: see what `optabs verify` said of it"
            addition.refused.append(Fault(Place(str(file)), "empty", "holds no line", hint))
        believed += len(found.lines)
        for line in found.lines:
            _take_newer(newest, line)
    addition.added = sum(line is not before.get(key) for key, line in newest.items())
    addition.kept = believed - addition.added
    if addition.added:
        _write_folder(project.evidence, newest.values())
    return addition


def _take_newer(newest: dict[tuple[str, ...], Line], line: Line) -> None:
    known = newest.get(line.key)
    if known is None or known.record.ran_at < line.record.ran_at:
        newest[line.key] = line


def _write_folder(folder: Path, lines: Iterable[Line]) -> None:
    """Give the folder these lines and no others."""

    def find_name(line: Line) -> str:
        return line.file_name

    kept = set()
    try:
        for name, group in groupby(sorted(lines, key=find_name), key=find_name):
            kept.add(name)
            replace_file(folder / name, write_lines(group))
        for file in folder.glob(f"*{SUFFIX}"):
            if file.name not in kept:
                file.unlink()
    except OSError as error:
        raise OptabsError(
            f"cannot write {error.filename}: {error.strerror}", "check that it can be written"
        ) from error


@dataclass(frozen=True)
class Status:
    """A line of evidence with its state, and why that is none better."""

    line: Line
    state: State
    reason: str = ""

    def __str__(self) -> str:
        record = self.line.record
        made = f"version {record.framework_version}, {record.device_name}, {record.ran_at}"
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.line.place}: {self.state} {self.line.name} ({made}){reason}"


def judge_lines(evidence: Evidence, plan: Plan) -> list[Status]:
    """Return the state of each line, in the order of the files.

    `plan` is that of the whole catalogue.
    """
    targets = {
        (check.job.claim, check.target.framework, check.target.device): check.target
        for check in plan.checks
        if check.job and check.target
    }
    return [_judge_line(line, evidence, targets.get(line.subject)) for line in evidence.lines]


def _judge_line(line: Line, evidence: Evidence, target: Target | None) -> Status:
    if target is None:
        reason = "no example of the catalogue has this code on this device any more"
        return Status(line, State.ORPHANED, reason)
    newest_first = evidence.list_lines(line.record.claim, target)
    best = next((each for each in newest_first if not each.explain_age(target)), newest_first[0])
    reason = line.explain_age(target)
    if line is not best:
        return Status(line, State.SUPERSEDED, reason or "a newer line has its place")
    return Status(line, State.STALE if reason else State.CURRENT, reason)


def prune_evidence(statuses: Sequence[Status], evidence: Evidence, project: Project) -> list[str]:
    """Remove what is orphaned, superseded or refused; returns what was removed, and why.

    What is stale stays where nothing newer says more.

    Raises:
        OptabsError: the folder cannot be written.
    """
    for fault in evidence.faults:
        if fault.code == "unreadable":  # to leave a line out, the others must be known
            raise OptabsError(f"nothing was removed: {fault}")
    kept = [each.line for each in statuses if each.state in (State.CURRENT, State.STALE)]
    removed = [str(each) for each in statuses if each.state in (State.ORPHANED, State.SUPERSEDED)]
    removed += map(str, evidence.faults)
    if removed:
        _write_folder(project.evidence, kept)
    return removed


def summarise_current(statuses: Iterable[Status]) -> list[str]:
    """Return a text per file, version and machine on the lines that are current."""
    dates: dict[str, dict[str, list[str]]] = {}
    for each in statuses:
        record, file = each.line.record, each.line.place.file
        if each.state is State.CURRENT:
            made = f"version {record.framework_version}, {record.device_name}"
            dates.setdefault(file, {}).setdefault(made, []).append(record.ran_at[:10])
    return [
        f"{file}: {len(days)} current ({made}, {' to '.join(sorted({min(days), max(days)}))})"
        for file, found in dates.items()
        for made, days in found.items()
    ]


def count_states(statuses: Iterable[Status]) -> str:
    """Return how many lines there are in each state, for people."""
    counts = Counter(each.state for each in statuses)
    return ", ".join(f"{counts[state]} {state}" for state in State)


def list_contradictions(report: Report, plan: Plan) -> list[Fault]:
    """Return the lines of evidence whose verdict is another than that of a run on this machine."""
    faults = []
    for own in report.judgements:
        if own.record is None or own.line or not own.check.job or own.check.key not in plan.known:
            continue
        line = find_line(own.check, plan)
        if line is None:
            continue
        theirs = judge_record(own.check, plan, line.record).verdict
        if theirs is not own.verdict:
            text = f"{line.name}: {theirs.words} by the evidence, {own.verdict.words} here"
            hint = "find out why; if the line is wrong, replace it by an export of this machine"
            faults.append(Fault(line.place, "contradicted", text, hint))
    return faults
