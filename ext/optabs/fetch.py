"""Fetching a few small files from the network, beside the process that wants them.

A process and no threads, since Sphinx forks meanwhile. This file is also what that process runs.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SECONDS = 5.0
"""How long a build waits for the answers."""
MAX_BYTES = 20_000_000
MISSED = ".missed"


class Fetch:
    """Files that are being fetched. A file that cannot be had gets a companion ending in MISSED."""

    def __init__(self, addresses: Mapping[Path, str]) -> None:
        """Begin to fetch files, each from its address, into folders that exist."""
        for file in addresses:
            file.with_suffix(MISSED).touch()  # until it is there
        self._deadline = time.monotonic() + SECONDS
        wanted = {str(file): address for file, address in addresses.items()}
        self._process = subprocess.Popen(
            [sys.executable, "-I", Path(__file__), json.dumps(wanted)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self) -> None:
        """Wait until all is there, or the time is over."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, self._deadline - time.monotonic()))
        self.stop()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def _download(address: str, file: Path) -> None:
    request = urllib.request.Request(address, headers={"User-Agent": "optabs"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        data = answer.read(MAX_BYTES)
    if not data.startswith(b"# Sphinx inventory version"):
        return  # a page that says something else
    new = file.with_suffix(".new")
    new.write_bytes(data)
    new.replace(file)
    file.with_suffix(MISSED).unlink()


def main(wanted: Mapping[str, str]) -> None:
    """Fetch all files side by side; what fails stays marked as missed."""
    with ThreadPoolExecutor(max(1, len(wanted))) as pool:
        for file, address in wanted.items():
            pool.submit(_download, address, Path(file))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
