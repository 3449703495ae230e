"""``optabs report``: what an export says, and what has changed since an older one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from optabs.bulletin import FORMATS
from optabs.cli.command import Commands
from optabs.news import compare_exports
from optabs.published import read_export


def add_report(commands: Commands) -> None:
    """Add the command to the parser."""
    report = commands.add_parser(
        "report",
        help="say what an export holds, and what has changed since another",
        epilog="The exit status is 1 where something got worse since OLD: newly failed or "
        "differs, verified no longer, or an API name that is gone.",
    )
    report.add_argument("new", type=Path, metavar="NEW", help="what `verify --json` has written")
    report.add_argument("--since", type=Path, metavar="OLD", help="an older one to compare with")
    report.add_argument(
        "--narrowed",
        action="store_true",
        help="NEW is of some ops or frameworks only: what it lacks is not called removed",
    )
    report.add_argument("--format", choices=FORMATS, default="text", help="default: %(default)s")
    report.set_defaults(command=_report)


def _report(arguments: argparse.Namespace) -> int:
    new = read_export(arguments.new)
    old = read_export(arguments.since) if arguments.since else None
    news = compare_exports(new, old, narrowed=arguments.narrowed)
    sys.stdout.write(FORMATS[arguments.format](news))
    return 1 if news.worse else 0
