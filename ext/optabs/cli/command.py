"""What several commands need: their options, their folder, their words."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from optabs.errors import OptabsError
from optabs.frameworks import Registry

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def select_frameworks(registry: Registry, arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the frameworks of ``--framework``, else of ``$FRAMEWORKS``, else all."""
    if arguments.framework:
        return registry.select(" ".join(arguments.framework), "--framework")
    return registry.select(os.environ.get("FRAMEWORKS"))


def find_project_folder() -> Path:
    """Return the folder of the project: the working folder, or one above it that has a `conf.py`.

    Raises:
        OptabsError: the working folder was removed.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise OptabsError(
            "the working folder is not there any more", "change to a folder that exists"
        ) from None
    if (here / "ops").is_dir():
        return here
    return next((each for each in (here, *here.parents) if (each / "conf.py").is_file()), here)


def find_interpreter(text: str) -> Path:
    """Return the interpreter of ``--python``: a path, or a name that is looked for on the PATH."""
    return Path(text if os.path.dirname(text) else shutil.which(text) or text)


@contextmanager
def explain_writing(file: Path) -> Iterator[None]:
    """Raise OptabsError where the file cannot be written inside the `with` statement."""
    try:
        yield
    except OSError as error:
        raise OptabsError(f"cannot write {file}: {error.strerror}", "name another file") from error


def choose_form(count: int, one: str, many: str) -> str:
    """Return the form of a word that goes with a number."""
    return one if count == 1 else many


def name_program() -> str:
    """Return how the user calls this program: by its name, or by its path from where they are."""
    program = Path(sys.argv[0])
    if shutil.which(program.name) or program.name != "optabs":
        return "optabs"
    return os.path.relpath(program)
