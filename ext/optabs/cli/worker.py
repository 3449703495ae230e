"""``optabs worker``: join a Dask cluster and run the examples that builds send."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from optabs.cli.command import Commands, find_interpreter, find_project_folder, select_frameworks
from optabs.errors import OptabsError
from optabs.project import open_project
from optabs.run.cluster.connection import ask_workers
from optabs.run.fingerprint import compute_fingerprint
from optabs.run.targets import Target, find_targets, forget_texts


def add_worker(commands: Commands) -> None:
    """Add the command to the parser."""
    worker = commands.add_parser(
        "worker", help="join a Dask cluster: run the examples that builds elsewhere send"
    )
    worker.add_argument(
        "scheduler",
        nargs="?",
        default=os.environ.get("OPTABS_SCHEDULER"),
        metavar="SCHEDULER",
        help="its address, e.g. tcp://build.example.org:8786; default: $OPTABS_SCHEDULER",
    )
    worker.add_argument(
        "--name", default=platform.node(), help="of this machine (default: %(default)s)"
    )
    worker.add_argument(
        "--framework",
        action="append",
        default=[],
        help="offer only this framework (repeatable); default: $FRAMEWORKS, else all",
    )
    worker.add_argument(
        "--python",
        type=find_interpreter,
        metavar="FILE",
        help="an interpreter to use in place of the environments: a path, or a name on the PATH",
    )
    worker.set_defaults(command=_work)


def _work(arguments: argparse.Namespace) -> int:
    if not arguments.scheduler:
        raise OptabsError("no scheduler is named", "optabs worker tcp://HOST:PORT")
    ask_workers(arguments.scheduler)  # who cannot join wants to hear at once
    # It needs `distributed`, which is there now.
    from optabs.run.cluster.worker import ShareService, find_offers, serve

    project = open_project(find_project_folder())
    python: Path | None = arguments.python
    if python:
        compute_fingerprint(python)

    def find() -> Sequence[Target]:
        forget_texts()
        registry = project.load_registry()
        selected = select_frameworks(registry, arguments)
        targets = find_targets(registry, selected, project.environments, project.cache, python)
        return [target for target in targets if target.framework in selected]

    offers, reasons = find_offers(find())
    for reason in reasons:
        _say(f"not offered: {reason}")
    if not offers:
        raise OptabsError(
            "nothing can be run here, so there is nothing to offer",
            "make environments (optabs envs), or name an interpreter (--python)",
        )
    for offer in offers:
        _say(
            f"offers {offer.framework} {offer.framework_version} on {offer.device} "
            f"({offer.device_name}), Python {offer.python_version}"
        )
    service = ShareService(find, project.list_folders(), _say)
    if serve(arguments.scheduler, arguments.name, offers, service):
        _say(f"{arguments.name} has left {arguments.scheduler}")
        return 0
    print(
        f"optabs: the scheduler {arguments.scheduler} is gone, or has given this machine up\n"
        "once it runs and is reachable from here, start `optabs worker` again",
        file=sys.stderr,
    )
    return 1


def _say(text: str) -> None:
    sys.stdout.write(f"optabs: {text}\n")  # at once: threads say things, too
    sys.stdout.flush()
