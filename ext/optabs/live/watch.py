"""Which files of a project are saved, told a moment after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path

from watchfiles import Change, DefaultFilter, awatch

from optabs.errors import OptabsError
from optabs.project import Project

# Editors write a file in several steps; changes within `STEP_MS` of each other are told together.
STEP_MS, DEBOUNCE_MS = 20, 200

_LEFT_OUT = (*DefaultFilter.ignore_dirs, "_build", ".ruff_cache")
_TEMPORARY = (
    *DefaultFilter.ignore_entity_patterns,
    r"^4913$",
    r"^\.goutputstream-",
    r"^#.*#$",
    r"^sed\w{6}$",
)

Tell = Callable[[set[str]], None]


class ProjectFilter(DefaultFilter):
    """Lets pass what may be a source: nothing built, installed, hidden or temporary."""

    def __init__(self, project: Project) -> None:
        super().__init__(ignore_dirs=_LEFT_OUT, ignore_entity_patterns=_TEMPORARY)
        self._root = project.root
        self._built = (project.build, project.environments)

    def __call__(self, change: Change, path: str) -> bool:
        """See BaseFilter. Only what lies inside the project counts, not where the project lies."""
        file = Path(path)
        if not file.is_relative_to(self._root) or any(map(file.is_relative_to, self._built)):
            return False
        inside = file.relative_to(self._root)
        if any(part.startswith(".") for part in inside.parts):
            return False
        return super().__call__(change, str(inside))


async def watch_project(project: Project, tell: Tell) -> None:
    """Tell the absolute paths of files that are written, made or removed, for ever.

    The root's folders are watched beside it: environments among them may hold 100,000 files.

    Raises:
        OptabsError: the system does not let us watch so many files.
    """
    wanted = ProjectFilter(project)
    folders = list_folders(project.root, wanted)
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch(folders, wanted, tell))
        async for files in _await_changes([project.root], wanted, recursive=False):
            tell(files)
            known, folders = folders, list_folders(project.root, wanted)
            if added := folders - known:
                group.create_task(_watch(added, wanted, tell))


async def _watch(folders: set[Path], wanted: ProjectFilter, tell: Tell) -> None:
    if folders:
        async for files in _await_changes(folders, wanted, recursive=True):
            tell(files)


async def _await_changes(
    places: Iterable[Path], wanted: ProjectFilter, *, recursive: bool
) -> AsyncIterator[set[str]]:
    try:
        async for changes in awatch(
            *places,
            watch_filter=wanted,
            step=STEP_MS,
            debounce=DEBOUNCE_MS,
            recursive=recursive,
            ignore_permission_denied=True,
        ):
            yield set(_list_changed(changes, wanted))
    except OSError as error:
        raise OptabsError(
            f"the project's files cannot be watched: {error}",
            "on Linux more can be allowed: sysctl fs.inotify.max_user_watches=524288",
        ) from error


def list_folders(root: Path, wanted: ProjectFilter) -> set[Path]:
    """Return the folders in the root that hold sources; a virtual environment does not."""
    return {
        folder
        for folder in root.iterdir()
        if folder.is_dir()
        and not folder.name.startswith(".")
        and wanted(Change.modified, str(folder))
        and not (folder / "pyvenv.cfg").exists()
    }


def _list_changed(changes: Iterable[tuple[Change, str]], wanted: ProjectFilter) -> Iterator[str]:
    for change, name in changes:
        path = Path(name)
        if not path.is_dir():
            yield name
        elif change is Change.added:  # its files came with it
            yield from map(str, _list_files(path, wanted))


def _list_files(folder: Path, wanted: ProjectFilter) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and wanted(Change.added, str(file)):
            yield file
