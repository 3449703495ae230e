"""``optabs envs``: make or update the frameworks' environments."""

from __future__ import annotations

import argparse
import os
import sys

from optabs.cli.command import Commands, find_project_folder, select_frameworks
from optabs.errors import OptabsError
from optabs.project import open_project


def add_envs(commands: Commands) -> None:
    """Add the command to the parser."""
    envs = commands.add_parser("envs", help="make or update the frameworks' environments")
    envs.add_argument(
        "--framework",
        action="append",
        default=[],
        help="only for this framework (repeatable); default: $FRAMEWORKS, else all",
    )
    envs.add_argument("--jobs", type=int, default=2, help="how many at a time (default: 2)")
    envs.add_argument(
        "--newest",
        action="store_true",
        help="install the newest releases in place of the pinned ones, always anew, in the folder "
        "that $OPTABS_ENVIRONMENTS names",
    )
    envs.set_defaults(command=_make_environments)


def _make_environments(arguments: argparse.Namespace) -> int:
    from optabs.run.environments import list_specs, make_environments, show_progress

    if arguments.newest and not os.environ.get("OPTABS_ENVIRONMENTS"):
        raise OptabsError(
            "the newest releases would take the place of the pinned ones",
            "name another folder: OPTABS_ENVIRONMENTS=.environments-newest optabs envs --newest",
        )
    project = open_project(find_project_folder())
    registry = project.load_registry()
    selected = select_frameworks(registry, arguments)
    specs = list_specs(registry.frameworks, selected, newest=arguments.newest)
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
