"""The ledger: records under their keys, in one SQLite file that survives interruption.

A record is stored with a digest of its text; one that does not match it any more is not believed.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from optabs.errors import LedgerError
from optabs.records import Record

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY, claim TEXT NOT NULL, ran_at TEXT NOT NULL,
    body TEXT NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_by_claim ON records (claim, ran_at);
CREATE TABLE IF NOT EXISTS facts (
    key TEXT PRIMARY KEY, body TEXT NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
"""
_FORMAT = 1
_CHUNK = 500


class Ledger:
    """Records, and small facts about environments (which API names exist), by key."""

    def __init__(self, folder: Path) -> None:
        """Open the ledger in `folder`, making it if need be.

        A damaged file is moved aside (its name is in `notice`), so that a build goes on.

        Raises:
            LedgerError: the folder cannot be written.
        """
        self.file = folder / "ledger.sqlite"
        self.notice = ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise LedgerError(
                    f"cannot open the ledger {self.file}: {error}",
                    "check that its folder can be written",
                ) from error
            damaged = self.file.with_suffix(".damaged")
            self.file.replace(damaged)
            self.notice = f"the ledger was damaged ({error}); it was kept as {damaged.name}"
            self._connection = self._open()
        except OSError as error:
            raise LedgerError(
                f"cannot open the ledger {self.file}: {error.strerror}",
                "check that its folder can be written",
            ) from error

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=60, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            # A killed process loses nothing so; only a power cut may lose the last records.
            connection.execute("PRAGMA synchronous=NORMAL")
            if connection.execute("PRAGMA user_version").fetchone()[0] not in (0, _FORMAT):
                connection.executescript("DROP TABLE IF EXISTS records; DROP TABLE IF EXISTS facts")
            connection.executescript(f"{_SCHEMA} PRAGMA user_version={_FORMAT}")
        except BaseException:
            connection.close()
            raise
        return connection

    def add(self, record: Record) -> None:
        """Store a record; it is safe from then on."""
        body = record.to_json()
        self._connection.execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)",
            (record.key, record.claim, record.ran_at, body, _digest(record.key, body)),
        )

    def find(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return the believable records under `keys`, by key."""
        found = {}
        for key, body, digest in self._select(
            "SELECT key, body, digest FROM records WHERE key IN", keys
        ):
            record = _read_record(key, body, digest)
            if record is not None:
                found[key] = record
        return found

    def find_latest(self, claims: Iterable[str]) -> dict[str, Record]:
        """Return the newest believable record of each claim, by claim."""
        found: dict[str, Record] = {}
        for key, body, digest in self._select(
            "SELECT key, body, digest FROM records WHERE claim IN", claims
        ):
            record = _read_record(key, body, digest)
            if record is not None:
                known = found.get(record.claim)
                if known is None or known.ran_at < record.ran_at:
                    found[record.claim] = record
        return found

    def add_fact(self, key: str, body: str) -> None:
        """Store a fact under its key."""
        self._connection.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (key, body, _digest(key, body))
        )

    def find_facts(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the believable facts under `keys`."""
        return {
            key: body
            for key, body, digest in self._select(
                "SELECT key, body, digest FROM facts WHERE key IN", keys
            )
            if digest == _digest(key, body)
        }

    def _select(self, query: str, values: Iterable[str]) -> Iterable[tuple[str, str, str]]:
        wanted = list(values)
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            yield from self._connection.execute(f"{query} ({marks})", chunk)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _digest(key: str, body: str) -> str:
    return hashlib.sha256(f"{key}\n{body}".encode("utf-8", "surrogatepass")).hexdigest()


def _read_record(key: str, body: str, digest: str) -> Record | None:
    """Return a stored record, or None if it is not what was stored under that key."""
    if digest != _digest(key, body):
        return None
    try:
        record = Record.from_json(body)
    except (ValueError, KeyError, TypeError):
        return None
    return record if record.key == key else None
