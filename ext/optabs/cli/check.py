"""``optabs check`` and ``optabs schema``: what can be said of a catalogue without running it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from optabs.catalog.json_schema import write_schema
from optabs.cli.command import Commands, find_project_folder
from optabs.formats import FOR_PROGRAMS, FORMATS, Findings
from optabs.project import open_project


def add_check(commands: Commands) -> None:
    """Add the commands to the parser."""
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


def _check(arguments: argparse.Namespace) -> int:
    project = open_project(find_project_folder(), arguments.paths)
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
