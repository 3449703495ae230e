"""``optabs new``: draft the entry of an op from what the frameworks have of that name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from optabs.catalog.conventions import CATEGORIES
from optabs.catalog.load import SUFFIX, name_file
from optabs.catalog.model import Catalog, Entry
from optabs.cli.command import (
    Commands,
    explain_writing,
    find_project_folder,
    name_program,
    select_frameworks,
)
from optabs.draft.entry import Request, make_draft
from optabs.draft.lookup import Findings, Machine, look_up
from optabs.draft.names import find_taken, fold_name, name_operation
from optabs.draft.report import describe_draft
from optabs.errors import OptabsError, suggest_name
from optabs.export import replace_file
from optabs.ledger import Ledger
from optabs.plan import Plan
from optabs.project import open_project
from optabs.run.console import RunProgress
from optabs.run.pool import Event, Resolved, Unavailable
from optabs.run.targets import Target, find_reference, find_targets
from optabs.run.warm import WarmWorkers

_SCHEMA = "schema.json"


def add_new(commands: Commands) -> None:
    """Add the command to the parser."""
    new = commands.add_parser("new", help="draft the entry of an op, from what the frameworks have")
    new.add_argument("op", metavar="OP", help="the op's name, e.g. LogAddExp")
    new.add_argument(
        "--like",
        metavar="OTHER",
        help="take category, standard arguments and inputs from this op of the catalogue",
    )
    new.add_argument("--category", metavar="C", help="where it stands (default: guessed)")
    new.add_argument(
        "--into", type=Path, metavar="DIR", help="the folder of the entry (default: ops/)"
    )
    new.add_argument(
        "--framework",
        action="append",
        default=[],
        help="look into this framework only (repeatable); default: $FRAMEWORKS, else all",
    )
    new.set_defaults(command=_draft)


def _draft(arguments: argparse.Namespace) -> int:
    root = find_project_folder().resolve()
    into = (arguments.into or root / "ops").resolve()
    folders = _find_folders(root, into, is_named=arguments.into is not None)
    project = open_project(root, folders)
    registry = project.load_registry()
    selected = select_frameworks(registry, arguments)
    catalog = project.check_catalog(registry)[0] if folders else Catalog(())
    operation = name_operation(arguments.op)
    file = into / f"{operation.lower()}{SUFFIX}"
    _refuse_taken(operation, file, root, catalog)
    like = _find_like(arguments.like, catalog)
    _check_category(arguments.category, catalog)
    targets = find_targets(registry, selected, project.environments, project.cache)
    usable = [target for target in targets if target.spec and target.device == "cpu"]
    _report_missing(targets, selected)
    if not usable:
        raise OptabsError(
            "no framework can be looked into, so nothing was written",
            "make their environments: make envs (or: optabs envs)",
        )
    try:
        with Ledger(project.ledger) as ledger, WarmWorkers(keeps=True) as warm:
            reference = find_reference(registry, project.cache)
            machine = Machine(registry, usable, reference, ledger, warm)
            _say(f"looking {operation} up in {', '.join(each.framework for each in usable)}")
            findings = look_up(arguments.op, machine, _watch_look_up)
            if not any(findings.apis.values()) and like is None:
                raise OptabsError(*_explain_nothing(arguments.op, findings))
            request = Request(
                operation,
                file,
                root,
                arguments.category,
                like,
                _SCHEMA if (into / _SCHEMA).is_file() else None,
            )
            _say("trying calls")
            draft = make_draft(request, catalog, findings, machine, _watch_run)
        if file.exists():  # made by another while this one was busy
            _refuse_taken(operation, file, root, catalog)
        with explain_writing(file):
            replace_file(file, draft.text.encode())
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{name_file(file, root)} was not written") from None
    print(describe_draft(draft, registry, catalog, name_program(), name_file(file, root)), end="")
    return 0


def _find_folders(root: Path, into: Path, *, is_named: bool) -> list[Path]:
    """Return the folders of the catalogue, that of the entry too, as far as they exist.

    Raises:
        OptabsError: there is none, and none was named.
    """
    if into.exists() and not into.is_dir():
        raise OptabsError(f"{into} is no folder", "name a folder: --into DIR")
    folders = [*dict.fromkeys(path for path in (root / "ops", into) if path.is_dir())]
    if not folders and not is_named:
        raise OptabsError(
            f"there is no catalogue at {into}",
            "run it beside `ops/`, or name the folder of the entry: --into DIR",
        )
    return folders


def _refuse_taken(operation: str, file: Path, root: Path, catalog: Catalog) -> None:
    """Raise OptabsError where the op is there already, or its file."""
    taken = find_taken(operation, catalog)
    if taken:
        op, known = taken
        alias = "" if known == op.operation else f", another name of {op.operation},"
        raise OptabsError(
            f"the catalogue has {known!r}{alias} already, at {op.place}", "edit that entry instead"
        )
    if file.exists():
        raise OptabsError(
            f"{name_file(file, root)} is there already, so nothing was written",
            "edit it, remove it, or write into another folder: --into DIR",
        )


def _find_like(name: str | None, catalog: Catalog) -> Entry | None:
    """Return the entry of the op that the new one is like.

    Raises:
        OptabsError: there is none, or it has faults.
    """
    if name is None:
        return None
    by_folded = {fold_name(known): op for known, op in catalog.by_name.items()}
    op = by_folded.get(fold_name(name))
    if op is None:
        hint = suggest_name(name, catalog.by_name) or "name an op of the catalogue"
        raise OptabsError(f"--like: there is no op {name!r}", hint)
    entry = next(entry for entry in catalog.entries if entry.op is op)
    if entry.faults:
        raise OptabsError(f"--like: {entry.file} has faults", f"{entry.faults[0]}\nmend it first")
    return entry


def _check_category(name: str | None, catalog: Catalog) -> None:
    """Raise OptabsError where a category seems misspelt; say where it is new."""
    known = {op.category for op in catalog.ops if op.category}.union(CATEGORIES)
    if name is None or name in known:
        return
    if hint := suggest_name(name, known):
        raise OptabsError(f"--category: there is no category {name!r}", hint)
    _say(f"the category {name!r} is new; there are {', '.join(sorted(known))}")


def _report_missing(targets: Iterable[Target], selected: Iterable[str]) -> None:
    for target in targets:
        if not target.spec and target.device == "cpu" and target.framework in selected:
            _say(f"{target.framework} is not looked into: {target.reason}; or: make envs")


def _explain_nothing(name: str, findings: Findings) -> tuple[str, str]:
    """Return what to say where no framework has the name, and what may help."""
    near = [each for listed in findings.near.values() for each in listed]
    names = dict.fromkeys(each.rpartition(".")[2] for each in near)
    meant = f"did you mean {', '.join(map(repr, [*names][:4]))}? " if names else ""
    broken = "".join(f"\n{key}: {reason}" for key, reason in findings.unavailable.items())
    return (
        f"no framework has anything called {name!r}, so nothing was written{broken}",
        f"{meant}To write an entry all the same, name an op that it is like: --like OTHER",
    )


@contextmanager
def _watch_look_up(plan: Plan) -> Iterator[Callable[[Event], None]]:
    def tell(event: Event) -> None:
        if isinstance(event, Resolved):
            found = [api for api, fact in event.found.items() if fact["exists"]]
            _say(f"{event.batch.framework}: {', '.join(found) or 'nothing'}")
        elif isinstance(event, Unavailable):
            _say(f"{event.batch.framework}: {event.reason}")

    yield tell


@contextmanager
def _watch_run(plan: Plan) -> Iterator[Callable[[Event], None]]:
    with RunProgress(plan.size, sys.stderr) as progress:
        yield progress.watch


def _say(text: str) -> None:
    print(f"optabs: {text}", file=sys.stderr, flush=True)
