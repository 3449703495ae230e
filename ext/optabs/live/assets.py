"""Whether a site's style sheets, scripts and pictures have changed: all pages show them."""

from __future__ import annotations

import hashlib
from pathlib import Path


class Assets:
    """The files in a folder, as they were when last looked at."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = self._look({})

    def have_changed(self) -> bool:
        """Whether their bytes are others than at the last look. Builds write the same anew."""
        before, self._known = self._known, self._look(self._known)
        return {name: seen[1] for name, seen in before.items()} != {
            name: seen[1] for name, seen in self._known.items()
        }

    def _look(
        self, known: dict[Path, tuple[tuple[int, int], str]]
    ) -> dict[Path, tuple[tuple[int, int], str]]:
        found = {}
        for file in self._folder.rglob("*"):
            if not file.is_file():
                continue
            status = file.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            seen = known.get(file)
            if seen is None or seen[0] != stamp:
                seen = (stamp, hashlib.sha256(file.read_bytes()).hexdigest())
            found[file] = seen
        return found
