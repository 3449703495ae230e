"""Links to the frameworks' own documentation: by their Sphinx inventories, else by a pattern.

An inventory is fetched where there is a network, in the background, and kept for a week. Without it
the pattern serves; nothing waits and nothing fails.
"""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from posixpath import dirname

from sphinx.util.inventory import InventoryFile

from optabs.frameworks import Framework, Registry

KEPT_SECONDS = 7 * 86_400
RETRY_SECONDS = 86_400
FETCH_SECONDS = 8.0
MAX_BYTES = 20_000_000


class Links:
    """Addresses of API names."""

    def __init__(self, registry: Registry, folder: Path, *, fetch: bool) -> None:
        self._registry = registry
        self._folder = folder
        self._fetch = fetch
        self._found: dict[str, dict[str, str]] = {}
        self._threads: list[threading.Thread] = []

    def start(self, keys: Iterable[str]) -> None:
        """Begin to fetch the inventories that are missing or old."""
        if not self._fetch:
            return
        for key in keys:
            framework = self._registry.frameworks.get(key)
            if framework and framework.inventory and self._is_due(framework):
                thread = threading.Thread(target=self._download, args=(framework,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def wait(self) -> None:
        """Wait for what is being fetched, and read all inventories."""
        deadline = time.monotonic() + FETCH_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for framework in self._registry.frameworks.values():
            if framework.inventory:
                self._found[framework.key] = self._read(framework)

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
        file, missed = self._file(framework), self._file(framework).with_suffix(".missed")
        now = time.time()
        if file.exists() and now - file.stat().st_mtime < KEPT_SECONDS:
            return False
        return not (missed.exists() and now - missed.stat().st_mtime < RETRY_SECONDS)

    def _download(self, framework: Framework) -> None:
        file = self._file(framework)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            request = urllib.request.Request(
                framework.inventory or "", headers={"User-Agent": "optabs"}
            )
            with urllib.request.urlopen(request, timeout=FETCH_SECONDS) as answer:
                data = answer.read(MAX_BYTES)
            InventoryFile.loads(data, uri="")
            new = file.with_suffix(".new")
            new.write_bytes(data)
            new.replace(file)
            file.with_suffix(".missed").unlink(missing_ok=True)
        except Exception:  # no network, no such page, no inventory: all the same
            with contextlib.suppress(OSError):
                file.with_suffix(".missed").touch()

    def _read(self, framework: Framework) -> dict[str, str]:
        try:
            data = self._file(framework).read_bytes()
            inventory = InventoryFile.loads(data, uri=dirname(framework.inventory or ""))
        except (OSError, ValueError):
            return {}
        return {
            name: item.uri
            for kind, items in inventory.data.items()
            if kind.startswith("py:")
            for name, item in items.items()
        }
