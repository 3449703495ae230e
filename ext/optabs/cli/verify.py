"""``optabs verify``: run the examples and say what held."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from optabs.apis import list_api_faults, list_api_notes
from optabs.catalog.model import Catalog, Entry, Op
from optabs.cli.command import (
    Commands,
    choose_form,
    explain_writing,
    find_interpreter,
    find_project_folder,
    select_frameworks,
)
from optabs.curation import export_lines, list_contradictions
from optabs.errors import Fault, OptabsError, suggest_name
from optabs.evidence import write_lines
from optabs.export import build_export, replace_file, write_export
from optabs.frameworks import Registry
from optabs.ledger import Ledger
from optabs.plan import DEFAULT_TIME_LIMIT, Options, Plan, make_plan
from optabs.project import open_project
from optabs.records import Verdict
from optabs.run.cluster.connection import join_cluster
from optabs.run.console import RunProgress
from optabs.run.fingerprint import compute_fingerprint
from optabs.run.targets import find_reference, find_targets
from optabs.run.warm import WarmWorkers
from optabs.stability import Stability, count_again, isolate_examples, list_changes, repeat_examples
from optabs.verify import (
    Judgement,
    Report,
    Tally,
    combine_verdicts,
    judge_plan,
    list_failures,
    run_plan,
)

_CELLS = {
    Verdict.VERIFIED: "ok",
    Verdict.DIFFERS: "DIFFERS",
    Verdict.FAILED: "FAILED",
    Verdict.NOT_RUN: "not run",
    Verdict.UNSUPPORTED: "-",
    Verdict.UNTESTABLE: "untested",
    Verdict.STALE: "stale",
}


def add_verify(commands: Commands) -> None:
    """Add the command to the parser."""
    verify = commands.add_parser("verify", help="run the examples and say what held")
    verify.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="catalogue folders or files (default: ops/)",
    )
    verify.add_argument("--op", action="append", default=[], help="only this op (repeatable)")
    verify.add_argument(
        "--framework",
        action="append",
        default=[],
        help="only this framework (repeatable); default: $FRAMEWORKS, else all",
    )
    verify.add_argument(
        "--device", action="append", default=[], help="only this device (repeatable)"
    )
    verify.add_argument(
        "--python",
        type=find_interpreter,
        metavar="FILE",
        help="an interpreter to use in place of the environments: a path, or a name on the PATH",
    )
    verify.add_argument(
        "--time-limit",
        type=_read_seconds,
        default=DEFAULT_TIME_LIMIT,
        metavar="SECONDS",
        help="for each example (default: %(default)g)",
    )
    verify.add_argument(
        "--fresh", action="store_true", help="run everything again, whatever the ledger knows"
    )
    verify.add_argument(
        "--repeat",
        type=_read_repeats,
        metavar="N",
        help="run each example N times, and say where verdicts or results differ",
    )
    verify.add_argument(
        "--isolate",
        action="store_true",
        help="run each example in a process of its own, too, and say where verdicts differ (slow)",
    )
    verify.add_argument(
        "--scheduler",
        default=os.environ.get("OPTABS_SCHEDULER"),
        metavar="ADDRESS",
        help="also use the machines of this Dask cluster; default: $OPTABS_SCHEDULER, else none",
    )
    verify.add_argument("--json", type=Path, metavar="FILE", help="write the export there")
    verify.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="write the records of this machine there, as evidence for others",
    )
    verify.set_defaults(command=_verify)


def _read_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (0 < seconds < math.inf):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _read_repeats(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs above 1")
    return int(text)


def _check_device(registry: Registry, names: Iterable[str]) -> None:
    """Raise OptabsError where no framework knows a device."""
    known = sorted({name for each in registry.frameworks.values() for name in each.devices})
    for name in names:
        if name not in known:
            hint = suggest_name(name, known) or f"known are {', '.join(known)}"
            raise OptabsError(f"no framework has a device {name!r}", hint)


def _verify(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    project = open_project(find_project_folder(), arguments.paths)
    registry = project.load_registry()
    selected = select_frameworks(registry, arguments)
    _check_device(registry, arguments.device)
    if arguments.python:
        compute_fingerprint(arguments.python)  # who names an interpreter wants to hear at once
    targets = find_targets(
        registry, selected, project.environments, project.cache, arguments.python
    )
    if arguments.framework:
        targets = [target for target in targets if target.framework in selected]
    if arguments.scheduler:
        targets, notices = join_cluster(arguments.scheduler, targets, selected)
        for notice in notices:
            print(f"optabs: {notice}", file=sys.stderr)
    reference = find_reference(registry, project.cache)
    fresh = bool(arguments.fresh or arguments.repeat or arguments.isolate)
    options = Options(tuple(arguments.device), arguments.time_limit, fresh)
    evidence = project.read_evidence(registry)
    narrowing = _Narrowing(arguments.op, selected if arguments.framework else None)
    entries: list[Entry] = []
    with Ledger(project.ledger) as ledger, WarmWorkers() as warm:
        if ledger.notice:
            print(f"optabs: {ledger.notice}", file=sys.stderr)
        ops = narrowing.filter(_keep(project.read_entries(), entries))
        plan = make_plan(ops, registry, targets, reference, ledger, options, warm.start, evidence)
        catalog, faults = project.check(entries, registry)
        narrowing.check(catalog)
        faults = [*narrowing.filter_faults(faults, catalog), *evidence.faults]
        for fault in faults:
            print(fault, file=sys.stderr)
        tally = Tally(reused=plan.count_known())
        with RunProgress(plan.size, sys.stderr) as progress:
            run_plan(plan, registry, ledger, progress.watch, warm)
        tally.executed = progress.executed
        tally.seconds = time.monotonic() - started
        report = judge_plan(plan, ledger, tally)
        stabilities = list(_run_again(plan, report, arguments))
    contradictions = list_contradictions(report, plan)
    for fault in contradictions:
        print(fault, file=sys.stderr)
    faults += contradictions
    shown = list(narrowing.filter(catalog.ops))
    here = {target.device for target in targets} | {each.device for each in report.judgements}
    absent = [device for device in arguments.device if device not in here]
    missing = _print_report(shown, registry, report, stabilities, len(faults), absent)
    if arguments.json:
        pages = {op.place.file: project.find_docname(op.path) for op in shown}
        with explain_writing(arguments.json):
            write_export(build_export(shown, registry, targets, report, pages), arguments.json)
    if arguments.export:
        lines = export_lines(report, plan, project)
        with explain_writing(arguments.export):
            replace_file(arguments.export, write_lines(lines))
        exported = f"{len(lines)} {choose_form(len(lines), 'record', 'records')}"
        print(f"optabs: {exported} in {arguments.export}", file=sys.stderr)
    bad = report.count()[Verdict.FAILED] + report.count()[Verdict.DIFFERS]
    unstable = any(each.faults for each in stabilities)
    return 1 if bad or faults or missing or unstable else 0


def _run_again(plan: Plan, report: Report, arguments: argparse.Namespace) -> Iterator[Stability]:
    """Run the examples again in the ways that the command line asks for."""
    count = count_again(plan)
    if times := arguments.repeat:
        print(f"optabs: running each example {times} times", file=sys.stderr)
        with RunProgress(count * (times - 1), sys.stderr) as progress:
            yield repeat_examples(plan, report, times, progress.watch)
    if arguments.isolate:
        print("optabs: running each example in a process of its own", file=sys.stderr)
        with RunProgress(count, sys.stderr) as progress:
            yield isolate_examples(plan, report, progress.watch)


def _keep(entries: Iterable[Entry], kept: list[Entry]) -> Iterator[Op]:
    for entry in entries:
        kept.append(entry)
        if entry.op is not None:
            yield entry.op


@dataclass(frozen=True)
class _Narrowing:
    """The ops and frameworks that the command line names; all, where it names none."""

    names: Sequence[str]
    frameworks: Sequence[str] | None

    def filter(self, ops: Iterable[Op]) -> Iterator[Op]:
        for op in ops:
            if self.names and not {op.operation, *op.aliases} & set(self.names):
                continue
            if self.frameworks is None:
                yield op
                continue
            yield replace(
                op,
                variants={
                    key: variant for key, variant in op.variants.items() if key in self.frameworks
                },
            )

    def filter_faults(self, faults: list[Fault], catalog: Catalog) -> list[Fault]:
        """Return the faults in the files of the ops that are named."""
        files = {op.place.file for op in self.filter(catalog.ops)}
        return [fault for fault in faults if not self.names or fault.place.file in files]

    def check(self, catalog: Catalog) -> None:
        """Raise OptabsError where there is nothing of the name."""
        if not catalog.entries:
            raise OptabsError("the catalogue is empty", "name a folder of entries, or entry files")
        for name in self.names:
            if name not in catalog.by_name:
                raise OptabsError(f"there is no op {name!r}", suggest_name(name, catalog.by_name))


def _print_report(
    ops: Sequence[Op],
    registry: Registry,
    report: Report,
    stabilities: Sequence[Stability],
    told: int,
    absent: Sequence[str],
) -> list[Fault]:
    """Print the table, what failed, and the summary; returns the faults of API names.

    `told` is how many faults of entries have been printed; `absent` are devices that were asked
    for, of which nothing is known.
    """
    keys = registry.sort_keys({key for op in ops for key in op.variants})
    rows = [["op", *keys]]
    for op in ops:
        rows.append([op.operation, *(_write_cell(report.list_variant(op, key)) for key in keys)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    failures = list_failures(report, (Verdict.FAILED, Verdict.DIFFERS))
    missing = list_api_faults(report.apis, registry, ops)
    notes = [*list_api_notes(report.apis, registry, ops), *list_changes(report)]
    for fault in [*failures, *missing, *notes]:
        print(fault)
    for stability in stabilities:
        for fault in [*stability.faults, *stability.notes]:
            print(fault)
        print(f"optabs: {stability.summary}")
    for reason in report.list_reasons():
        print(f"optabs: not run: {reason}")
    for device in absent:
        print(f"optabs: not run: no framework that is installed here has a {device} device")
    if told:
        count = f"{told} {choose_form(told, 'fault is', 'faults are')}"
        print(f"optabs: {count} told above; what cannot be run for it is not counted here:")
    print(report.summarise())
    return missing


def _write_cell(judgements: list[Judgement]) -> str:
    if not judgements:
        return ""
    worst = combine_verdicts(judgements)
    verified = sum(judgement.verdict is Verdict.VERIFIED for judgement in judgements)
    return f"ok {verified}" if worst is Verdict.VERIFIED else _CELLS[worst]
