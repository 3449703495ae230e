"""``optabs changed``: the entries that a branch has changed."""

from __future__ import annotations

import argparse
from pathlib import Path

import optabs
from optabs.cli.command import Commands, find_project_folder
from optabs.project import open_project
from optabs.repository import list_changed_entries


def add_changed(commands: Commands) -> None:
    """Add the command to the parser."""
    changed = commands.add_parser(
        "changed",
        help="list the entries that have changed since a commit",
        description="List the entries that are new or changed since a commit, a line for each; "
        "the catalogue's folder where a framework, evidence or Optabs itself has changed.",
    )
    changed.add_argument("commit", metavar="COMMIT", help="a commit or branch, e.g. origin/main")
    changed.set_defaults(command=_list_changed)


def _list_changed(arguments: argparse.Namespace) -> int:
    project = open_project(find_project_folder())
    code = [Path(optabs.__file__).resolve().parent]
    for path in list_changed_entries(project, arguments.commit, code):
        print(path.relative_to(project.root))
    return 0
