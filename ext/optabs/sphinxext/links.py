"""Links to the frameworks' own documentation: by their Sphinx inventories, else by a pattern.

An inventory is fetched where there is a network, in the background, and kept for a week. Without it
the pattern serves; nothing fails.
"""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Iterable
from pathlib import Path
from posixpath import dirname

from sphinx.util.inventory import InventoryFile

from optabs.fetch import MISSED, Fetch
from optabs.frameworks import Framework, Registry

KEPT_SECONDS = 7 * 86_400
RETRY_SECONDS = 86_400


class Links:
    """Addresses of API names."""

    def __init__(self, registry: Registry, folder: Path, *, fetch: bool) -> None:
        self._registry = registry
        self._folder = folder
        self._enabled = fetch
        self._fetch: Fetch | None = None
        self._found: dict[str, dict[str, str]] = {}

    def start(self, keys: Iterable[str]) -> None:
        """Begin to fetch the inventories that are missing or old."""
        due = {}
        for key in sorted(keys) if self._enabled else ():
            framework = self._registry.frameworks.get(key)
            if framework and framework.inventory and self._is_due(framework):
                due[self._file(framework)] = framework.inventory
        if not due:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._fetch = Fetch(due)
        except OSError:
            return  # nowhere to keep them: the patterns serve

    def wait(self) -> None:
        """Wait for what is being fetched, and read all inventories."""
        if self._fetch:
            self._fetch.wait()
            self._fetch = None
        for framework in self._registry.frameworks.values():
            if framework.inventory and self._enabled:
                self._found[framework.key] = self._read(framework)

    def stop(self) -> None:
        """End what is being fetched."""
        if self._fetch:
            self._fetch.stop()
            self._fetch = None

    def find(self, key: str, api: str) -> str | None:
        """Return the address of an API's documentation, or None where nothing is known of it."""
        framework = self._registry.frameworks.get(key)
        if framework is None:
            return None
        full = framework.expand_api(api)
        # Frameworks use each other: what Flax takes from JAX is in JAX's documentation.
        root = full.partition(".")[0]
        owners = [each for each in self._registry.frameworks.values() if root in each.distributions]
        for each in (framework, *owners):
            if full in self._found.get(each.key, {}):
                return self._found[each.key][full]
        return (owners[0] if owners else framework).write_link(full)

    def _file(self, framework: Framework) -> Path:
        return self._folder / f"{framework.key}.inv"

    def _is_due(self, framework: Framework) -> bool:
        file, now = self._file(framework), time.time()
        return (
            _read_time(file) + KEPT_SECONDS < now
            and _read_time(file.with_suffix(MISSED)) + RETRY_SECONDS < now
        )

    def _read(self, framework: Framework) -> dict[str, str]:
        file = self._file(framework)
        try:
            data = file.read_bytes()
            inventory = InventoryFile.loads(data, uri=dirname(framework.inventory or ""))
        except OSError:
            return {}
        except (ValueError, zlib.error):
            with contextlib.suppress(OSError):
                file.replace(file.with_suffix(MISSED))  # damaged: fetched again another day
            return {}
        return {
            name: item.uri
            for kind, items in inventory.data.items()
            if kind.startswith("py:")
            for name, item in items.items()
        }


def _read_time(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
