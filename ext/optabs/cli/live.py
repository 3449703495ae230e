"""``optabs live``: serve the site and build what is saved."""

from __future__ import annotations

import argparse
import sys

from optabs.cli.command import Commands, find_project_folder
from optabs.errors import OptabsError
from optabs.project import open_project


def add_live(commands: Commands) -> None:
    """Add the command to the parser."""
    live = commands.add_parser(
        "live", help="serve the site on this machine, building and verifying what is saved"
    )
    live.add_argument(
        "--port", type=int, default=8000, help="where; 0 is any free port (default: %(default)s)"
    )
    live.add_argument("--open", action="store_true", help="open it in a browser")
    live.set_defaults(command=_serve)


def _serve(arguments: argparse.Namespace) -> int:
    try:
        from optabs.live.serve import serve_project
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "optabs":
            raise
        raise OptabsError(
            f"{package} is not installed for {sys.executable}",
            "install what the live site needs: pip install 'optabs[live]'",
        ) from None
    project = open_project(find_project_folder())
    if not (project.root / "conf.py").is_file():
        raise OptabsError(
            f"there is no conf.py in {project.root}", "run it in the folder of a Sphinx project"
        )
    serve_project(project, arguments.port, open_browser=arguments.open)
    return 0
