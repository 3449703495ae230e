"""``optabs import``: turn an ODL list into one file per op."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from optabs.cli.command import Commands, choose_form


def add_import(commands: Commands) -> None:
    """Add the command to the parser."""
    importing = commands.add_parser("import", help="turn an ODL list into one file per op")
    importing.add_argument("file", type=Path, metavar="FILE", help="a YAML or JSON list of entries")
    importing.add_argument("--into", type=Path, required=True, metavar="DIR")
    importing.set_defaults(command=_import)


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
        f"optabs: {written} {choose_form(written, 'entry', 'entries')} in {arguments.into}; "
        f"oddities: {odd or 'none'}"
    )
    return 0
