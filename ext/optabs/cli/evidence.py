"""``optabs evidence``: keep what other machines have found."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from optabs.cli.command import Commands, find_project_folder
from optabs.curation import (
    State,
    Status,
    add_files,
    count_states,
    judge_lines,
    prune_evidence,
    summarise_current,
)
from optabs.errors import Fault, OptabsError
from optabs.evidence import Evidence
from optabs.ledger import Ledger
from optabs.plan import Options, make_plan
from optabs.project import Project, open_project
from optabs.run.targets import find_reference, find_targets


def add_evidence(commands: Commands) -> None:
    """Add the command and its actions to the parser."""
    evidence = commands.add_parser("evidence", help="keep what other machines have found")
    actions = evidence.add_subparsers(required=True, metavar="ACTION")
    adding = actions.add_parser("add", help="merge files that `verify --export` has written")
    adding.add_argument("files", nargs="+", type=Path, metavar="FILE")
    adding.set_defaults(command=_add_evidence)
    listing = actions.add_parser("list", help="say what is current, stale or orphaned")
    listing.set_defaults(command=_list_evidence)
    pruning = actions.add_parser("prune", help="remove what is orphaned, superseded or refused")
    pruning.set_defaults(command=_prune_evidence)


def _add_evidence(arguments: argparse.Namespace) -> int:
    project = open_project(find_project_folder())
    addition = add_files(arguments.files, project, project.load_registry())
    for fault in addition.refused:
        print(fault, file=sys.stderr)
    print(
        f"optabs: {addition.added} added, {addition.kept} kept (as new a line is there already), "
        f"{len(addition.refused)} refused"
    )
    return 1 if addition.refused else 0


def _list_evidence(arguments: argparse.Namespace) -> int:
    evidence, statuses, _ = _judge_evidence(open_project(find_project_folder()))
    others = [each for each in statuses if each.state is not State.CURRENT]
    for item in [*summarise_current(statuses), *others, *evidence.faults]:
        print(item)
    print(f"optabs: {count_states(statuses)}, {len(evidence.faults)} refused")
    return 1 if evidence.faults else 0


def _prune_evidence(arguments: argparse.Namespace) -> int:
    project = open_project(find_project_folder())
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
    registry = project.load_registry()
    evidence = project.read_evidence(registry)
    catalog, faults = project.load_catalog(registry)
    targets = find_targets(registry, (), project.environments, project.cache)
    reference = find_reference(registry, project.cache)
    with Ledger(project.ledger) as ledger:
        plan = make_plan(
            catalog.ops, registry, targets, reference, ledger, Options(), evidence=evidence
        )
    return evidence, judge_lines(evidence, plan), faults
