"""The command line: ``optabs verify``, ``optabs check``, ``optabs schema``, ``optabs envs``."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from optabs.apis import list_api_faults, list_api_notes
from optabs.catalog.json_schema import write_schema
from optabs.catalog.model import Catalog, Entry, Op
from optabs.curation import (
    State,
    Status,
    add_files,
    count_states,
    export_lines,
    judge_lines,
    list_contradictions,
    prune_evidence,
    summarise_current,
)
from optabs.errors import Fault, OptabsError, suggest_name
from optabs.evidence import Evidence, write_lines
from optabs.export import build_export, replace_file, write_export
from optabs.formats import FOR_PROGRAMS, FORMATS, Findings
from optabs.frameworks import Registry
from optabs.ledger import Ledger
from optabs.plan import DEFAULT_TIME_LIMIT, Options, Plan, make_plan
from optabs.project import Project, open_project
from optabs.records import Verdict
from optabs.run.console import RunProgress
from optabs.run.fingerprint import compute_fingerprint
from optabs.run.targets import find_reference, find_targets
from optabs.run.warm import WarmWorkers
from optabs.stability import (
    Stability,
    count_again,
    isolate_examples,
    list_changes,
    repeat_examples,
)
from optabs.verify import (
    Judgement,
    Report,
    Tally,
    combine_verdicts,
    judge_plan,
    list_failures,
    run_plan,
)
from optabs.version import __version__

_CELLS = {
    Verdict.VERIFIED: "ok",
    Verdict.DIFFERS: "DIFFERS",
    Verdict.FAILED: "FAILED",
    Verdict.NOT_RUN: "not run",
    Verdict.UNSUPPORTED: "-",
    Verdict.UNTESTABLE: "untested",
    Verdict.STALE: "stale",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    arguments = _make_parser().parse_args(argv)
    _exit_on_signals()
    try:
        status: int = arguments.command(arguments)
    except OptabsError as error:
        print(f"optabs: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interruption:
        text = str(interruption) or "what had finished is kept"
        print(f"\noptabs: interrupted; {text}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the command as an exception does: its workers end with it."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, leave)


def _read_seconds(text: str) -> float:
    seconds = float(text)
    if not (0 < seconds < math.inf):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _find_interpreter(text: str) -> Path:
    return Path(text if os.path.dirname(text) else shutil.which(text) or text)


def _read_repeats(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs above 1")
    return int(text)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="optabs", description="A catalogue of machine-learning ops, verified by running it."
    )
    parser.add_argument("--version", action="version", version=f"optabs {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

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
        type=_find_interpreter,
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
    verify.add_argument("--json", type=Path, metavar="FILE", help="write the export there")
    verify.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="write the records of this machine there, as evidence for others",
    )
    verify.set_defaults(command=_verify)

    check = commands.add_parser("check", help="check the catalogue without running anything")
    check.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    check.add_argument(
        "--conventions",
        action="store_true",
        help="hold entries to the conventions of the Optabs catalogue, too",
    )
    check.add_argument(
        "--fix",
        action="store_true",
        help="mend what has one right answer, in the files, and report the rest",
    )
    check.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="how faults are written (default: %(default)s)",
    )
    check.set_defaults(command=_check)

    schema = commands.add_parser("schema", help="print the JSON Schema of an entry, for editors")
    schema.set_defaults(command=_print_schema)
    evidence = commands.add_parser("evidence", help="keep what other machines have found")
    actions = evidence.add_subparsers(required=True, metavar="ACTION")
    adding = actions.add_parser("add", help="merge files that `verify --export` has written")
    adding.add_argument("files", nargs="+", type=Path, metavar="FILE")
    adding.set_defaults(command=_add_evidence)
    listing = actions.add_parser("list", help="say what is current, stale or orphaned")
    listing.set_defaults(command=_list_evidence)
    pruning = actions.add_parser("prune", help="remove what is orphaned, superseded or refused")
    pruning.set_defaults(command=_prune_evidence)

    importing = commands.add_parser("import", help="turn an ODL list into one file per op")
    importing.add_argument("file", type=Path, metavar="FILE", help="a YAML or JSON list of entries")
    importing.add_argument("--into", type=Path, required=True, metavar="DIR")
    importing.set_defaults(command=_import)

    envs = commands.add_parser("envs", help="make or update the frameworks' environments")
    envs.add_argument(
        "--framework",
        action="append",
        default=[],
        help="only for this framework (repeatable); default: $FRAMEWORKS, else all",
    )
    envs.add_argument("--jobs", type=int, default=2, help="how many at a time (default: 2)")
    envs.set_defaults(command=_make_environments)
    return parser


def _select(registry: Registry, arguments: argparse.Namespace) -> tuple[str, ...]:
    if arguments.framework:
        return registry.select(" ".join(arguments.framework), "--framework")
    return registry.select(os.environ.get("FRAMEWORKS"))


def _find_working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise OptabsError(
            "the working folder is not there any more", "change to a folder that exists"
        ) from None


def _check_device(registry: Registry, names: Iterable[str]) -> None:
    """Raise OptabsError where no framework knows a device."""
    known = sorted({name for each in registry.frameworks.values() for name in each.devices})
    for name in names:
        if name not in known:
            hint = suggest_name(name, known) or f"known are {', '.join(known)}"
            raise OptabsError(f"no framework has a device {name!r}", hint)


def _check(arguments: argparse.Namespace) -> int:
    project = open_project(_find_working_folder(), arguments.paths)
    registry = project.load_registry()
    rules = {"conventions": arguments.conventions}
    catalog, faults = project.check_catalog(registry, **rules)
    mended = project.mend(catalog, registry, **rules) if arguments.fix else []
    if mended:
        catalog, faults = project.check_catalog(registry, **rules)
    findings = Findings(len(catalog.entries), faults, mended)
    sys.stdout.write(FORMATS[arguments.format](findings))
    print(findings.summarise(), file=sys.stderr if arguments.format in FOR_PROGRAMS else sys.stdout)
    return 1 if faults else 0


def _print_schema(arguments: argparse.Namespace) -> int:
    print(write_schema(), end="")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from optabs.catalog.importing import import_entries

    def show(done: int, total: int) -> None:
        if done % 500 == 0 and done < total:
            print(f"optabs: {done} of {total} entries", file=sys.stderr)

    report = import_entries(arguments.file, arguments.into, show)
    for oddity in report.oddities:
        print(oddity)
    written = len(report.files)
    odd = ", ".join(f"{count} {code}" for code, count in sorted(report.counts.items()))
    print(
        f"optabs: {written} {_plural(written, 'entry', 'entries')} in {arguments.into}; "
        f"oddities: {odd or 'none'}"
    )
    return 0


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


def _make_environments(arguments: argparse.Namespace) -> int:
    from optabs.run.environments import list_specs, make_environments, show_progress

    project = open_project(_find_working_folder())
    registry = project.load_registry()
    specs = list_specs(registry.frameworks, _select(registry, arguments))
    with show_progress(sys.stdout) as report:
        statuses = make_environments(specs, project.environments, report, arguments.jobs)
    failed = [status for status in statuses if not status.ok]
    for status in failed:
        print(
            f"optabs: the environment {status.name!r} could not be made: {status.reason}",
            file=sys.stderr,
        )
    print(f"optabs: {len(statuses) - len(failed)} of {len(statuses)} environments ready")
    # A framework that cannot be installed costs its own tabs, so this is no failure of the build.
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    started = time.monotonic()
    project = open_project(_find_working_folder(), arguments.paths)
    registry = project.load_registry()
    selected = _select(registry, arguments)
    _check_device(registry, arguments.device)
    if arguments.python:
        compute_fingerprint(arguments.python)  # who names an interpreter wants to hear at once
    targets = find_targets(
        registry, selected, project.environments, project.cache, arguments.python
    )
    if arguments.framework:
        targets = [target for target in targets if target.framework in selected]
    reference = find_reference(registry, project.cache)
    fresh = bool(arguments.fresh or arguments.repeat or arguments.isolate)
    options = Options(tuple(arguments.device), arguments.time_limit, fresh)
    evidence = project.read_evidence()
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
    missing = _print_report(shown, registry, report, stabilities)
    if arguments.json:
        pages = {op.place.file: project.find_docname(op.path) for op in shown}
        with _explain_writing(arguments.json):
            write_export(build_export(shown, registry, targets, report, pages), arguments.json)
    if arguments.export:
        lines = export_lines(report, plan, project)
        with _explain_writing(arguments.export):
            replace_file(arguments.export, write_lines(lines))
        exported = f"{len(lines)} {_plural(len(lines), 'record', 'records')}"
        print(f"optabs: {exported} in {arguments.export}", file=sys.stderr)
    bad = report.count()[Verdict.FAILED] + report.count()[Verdict.DIFFERS]
    unstable = any(each.faults for each in stabilities)
    return 1 if bad or faults or missing or unstable else 0


@contextmanager
def _explain_writing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OptabsError(f"cannot write {file}: {error.strerror}", "name another file") from error


def _add_evidence(arguments: argparse.Namespace) -> int:
    project = open_project(_find_working_folder())
    addition = add_files(arguments.files, project, project.load_registry())
    for fault in addition.refused:
        print(fault, file=sys.stderr)
    print(
        f"optabs: {addition.added} added, {addition.kept} kept (as new a line is there already), "
        f"{len(addition.refused)} refused"
    )
    return 1 if addition.refused else 0


def _list_evidence(arguments: argparse.Namespace) -> int:
    evidence, statuses, _ = _judge_evidence(open_project(_find_working_folder()))
    others = [each for each in statuses if each.state is not State.CURRENT]
    for item in [*summarise_current(statuses), *others, *evidence.faults]:
        print(item)
    print(f"optabs: {count_states(statuses)}, {len(evidence.faults)} refused")
    return 1 if evidence.faults else 0


def _prune_evidence(arguments: argparse.Namespace) -> int:
    project = open_project(_find_working_folder())
    evidence, statuses, faults = _judge_evidence(project)
    if faults:
        raise OptabsError(
            "nothing was removed: the catalogue has faults, so it is not known what it claims; "
            f"the first is\n{faults[0]}",
            "all of them: optabs check",
        )
    removed = prune_evidence(statuses, evidence, project)
    for text in removed:
        print(text)
    left = len(evidence.lines) + len(evidence.faults) - len(removed)
    print(f"optabs: {len(removed)} removed, {left} left")
    return 0


def _judge_evidence(project: Project) -> tuple[Evidence, list[Status], list[Fault]]:
    """Return the evidence, the states of its lines, and the faults of the catalogue."""
    registry, evidence = project.load_registry(), project.read_evidence()
    catalog, faults = project.load_catalog(registry)
    targets = find_targets(registry, (), project.environments, project.cache)
    reference = find_reference(registry, project.cache)
    with Ledger(project.ledger) as ledger:
        plan = make_plan(
            catalog.ops, registry, targets, reference, ledger, Options(), evidence=evidence
        )
    return evidence, judge_lines(evidence, plan), faults


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
    ops: Sequence[Op], registry: Registry, report: Report, stabilities: Sequence[Stability]
) -> list[Fault]:
    """Print the table, what failed, and the summary; returns the faults of API names."""
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
    print(report.summarise())
    return missing


def _write_cell(judgements: list[Judgement]) -> str:
    if not judgements:
        return ""
    worst = combine_verdicts(judgements)
    verified = sum(judgement.verdict is Verdict.VERIFIED for judgement in judgements)
    return f"ok {verified}" if worst is Verdict.VERIFIED else _CELLS[worst]
