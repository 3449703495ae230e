"""Entries as they were read, so that a file that has not changed is not read again."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import yaml

import optabs.errors
from optabs.catalog.load import Inspect, load_bytes, load_file
from optabs.catalog.model import Entry
from optabs.catalog.names import check_names


@dataclass(frozen=True)
class EntryCache:
    """A folder with a file for each catalogue file: a key, and the pickled entries.

    What is there is trusted as Sphinx trusts its doctrees: it is ours, beside what was built.
    """

    folder: Path
    rules: str
    """What entries depend on besides their file and our own code."""

    def load_files(self, files: list[Path], root: Path, inspect: Inspect) -> Iterator[Entry]:
        """Yield the entries of some files, their names checked; see `load_file`."""
        stamp = _hash(self.rules.encode(), str(root).encode(), *_list_code())
        for file in files:
            yield from self._load(file, root, inspect, stamp)

    def _load(self, file: Path, root: Path, inspect: Inspect, stamp: bytes) -> list[Entry]:
        try:
            raw = file.read_bytes()
        except OSError:
            return load_file(file, root, inspect)
        name = os.fsencode(file)
        key, kept = _hash(stamp, name, raw), self.folder / _hash(name).hex()
        # Whatever is wrong with what was kept, it can be made again.
        with suppress(Exception):
            content = kept.read_bytes()
            if content.startswith(key):
                entries: list[Entry] = pickle.loads(content[len(key) :])  # noqa: S301
                return entries
        entries = [check_names(each) for each in load_bytes(raw, file, root, inspect)]
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            new = kept.with_suffix(f".{os.getpid()}")
            new.write_bytes(key + pickle.dumps(entries, pickle.HIGHEST_PROTOCOL))
            new.replace(kept)
        return entries


class EntryMemory:
    """Entries as this process has read them: of a file that is the same, the very same objects."""

    def __init__(self) -> None:
        self._entries: dict[Path, tuple[bytes, list[Entry]]] = {}

    def load_files(self, files: Iterable[Path], root: Path) -> Iterator[Entry]:
        """Yield the entries of some files, and forget all others; see `load_file`."""
        known, self._entries = self._entries, {}
        for file in files:
            try:
                raw = file.read_bytes()
            except OSError:
                yield from load_file(file, root)
                continue
            found = known.get(file)
            if found is None or found[0] != raw:
                found = (raw, load_bytes(raw, file, root))
            self._entries[file] = found
            yield from found[1]


def _list_code() -> Iterator[bytes]:
    """Yield what entries are made by: our modules, the YAML library and Python."""
    yield f"{sys.version} {yaml.__version__}".encode()
    for file in [Path(optabs.errors.__file__), *sorted(Path(__file__).parent.glob("*.py"))]:
        yield file.read_bytes()


def _hash(*parts: bytes) -> bytes:
    """Return a hash that tells apart where one part ends and the next begins."""
    found = blake2b(digest_size=16)
    for part in parts:
        found.update(len(part).to_bytes(8) + part)
    return found.digest()
