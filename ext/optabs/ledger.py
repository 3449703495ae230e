"""The ledger: records under their keys, in one SQLite file that survives interruption.

A record is stored with a digest of its text; one that does not match it any more is not believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from optabs.errors import LedgerError
from optabs.records import Record

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY, claim TEXT NOT NULL, version TEXT NOT NULL, ran_at TEXT NOT NULL,
    body TEXT NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS records_by_claim ON records (claim, version, ran_at);
CREATE TABLE IF NOT EXISTS facts (
    key TEXT PRIMARY KEY, body TEXT NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;
"""
_FORMAT = 3
_CHUNK = 500
# SQLite answers "locked" at once, whatever the timeout, while another process switches to WAL.
_OPEN_SECONDS = 60.0
_PAUSE_SECONDS = 0.02
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


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
        except OSError as error:
            raise self._explain(f"{error.strerror}: {error.filename}", "open") from error
        self._connection = self._open()

    def _explain(self, reason: object, attempt: str = "use") -> LedgerError:
        return LedgerError(
            f"cannot {attempt} the ledger {self.file}: {reason}",
            "check that its folder can be written and that the disk is not full",
        )

    def _open(self) -> sqlite3.Connection:
        deadline = time.monotonic() + _OPEN_SECONDS
        while True:
            try:
                return _connect(self.file)
            except sqlite3.Error as error:
                if _has_code(error, *_DAMAGED):
                    self._set_aside(error)
                elif _has_code(error, *_BUSY) and time.monotonic() < deadline:
                    time.sleep(_PAUSE_SECONDS)
                else:
                    raise self._explain(error, "open") from error

    def _set_aside(self, error: sqlite3.Error) -> None:
        """Keep a damaged file under another name; `_open` makes a new one."""
        kept = _find_free_name(self.file)
        try:
            self.file.replace(kept)
            for ending in ("-wal", "-shm"):  # they belong to the damaged file
                with contextlib.suppress(FileNotFoundError):
                    self.file.with_name(self.file.name + ending).replace(
                        kept.with_name(kept.name + ending)
                    )
        except FileNotFoundError:
            return  # another process was faster
        except OSError as problem:
            raise self._explain(f"it is damaged ({error}), and {problem.strerror}") from problem
        self.notice = f"the ledger was damaged ({error}); it was kept as {kept.name}"

    def add(self, record: Record) -> None:
        """Store a record; it is safe from then on.

        Raises:
            LedgerError: it cannot be written.
        """
        body = record.to_json()
        self._execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)",
            (
                record.key,
                record.claim,
                record.framework_version,
                record.ran_at,
                body,
                _digest(record.key, body),
            ),
        )

    def find(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return the believable records under `keys`, by key.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        found = {}
        for key, body, digest in self._select(
            "SELECT key, body, digest FROM records WHERE key IN", keys
        ):
            record = _read_record(key, body, digest)
            if record is not None:
                found[key] = record
        return found

    def find_latest(self, claims: Iterable[str]) -> dict[str, Record]:
        """Return the newest believable record of each claim, by claim.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        wanted = set(claims)
        found: dict[str, Record] = {}
        for key, body, digest in self._select(
            "SELECT key, body, digest FROM records WHERE claim IN", wanted
        ):
            record = _read_record(key, body, digest)
            if record is None or record.claim not in wanted:
                continue
            known = found.get(record.claim)
            if known is None or (known.ran_at, known.key) < (record.ran_at, record.key):
                found[record.claim] = record
        return found

    def find_versions(
        self, claims: Iterable[str], known: Mapping[str, Record]
    ) -> dict[str, list[Record]]:
        """Return the newest record of each claim with each version of its framework, newest first.

        Versions whose newest record is among the `known` ones, by key, are left out.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        rows = self._select(
            "SELECT key, max(ran_at), claim FROM records WHERE claim IN",
            claims,
            "GROUP BY claim, version",
        )
        older = self.find(key for key, _, _ in rows if key not in known)
        found: dict[str, list[Record]] = {}
        for record in sorted(older.values(), key=lambda each: each.ran_at, reverse=True):
            found.setdefault(record.claim, []).append(record)
        return found

    def add_fact(self, key: str, body: str) -> None:
        """Store a fact under its key.

        Raises:
            LedgerError: it cannot be written.
        """
        body = body.encode("utf-8", "backslashreplace").decode("utf-8")
        self._execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", (key, body, _digest(key, body))
        )

    def find_facts(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the believable facts under `keys`.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        return {
            key: body
            for key, body, digest in self._select(
                "SELECT key, body, digest FROM facts WHERE key IN", keys
            )
            if digest == _digest(key, body)
        }

    def _select(
        self, query: str, values: Iterable[str], ending: str = ""
    ) -> list[tuple[str, str, str]]:
        wanted = list(values)
        found = []
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            found += self._execute(f"{query} ({marks}) {ending}", chunk)
        return found

    def _execute(self, query: str, values: Sequence[str]) -> list[tuple[str, str, str]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            if not _has_code(error, *_DAMAGED):
                raise self._explain(error) from error
            # Damage may lie in a page that opening the file did not read.
            self._connection.close()
            self._set_aside(error)
            self._connection = self._open()
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._explain(error) from error

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


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=_OPEN_SECONDS, isolation_level=None)
    try:
        # Text that is damaged fails its digest; it must not fail the query.
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        connection.execute("PRAGMA journal_mode=WAL")
        # A killed process loses nothing so; only a power cut may lose the last records.
        connection.execute("PRAGMA synchronous=NORMAL")
        if _read_format(connection) == _FORMAT:
            connection.executescript(_SCHEMA)
            return connection
        connection.execute("BEGIN IMMEDIATE")
        if _read_format(connection) not in (0, _FORMAT):
            connection.execute("DROP TABLE IF EXISTS records")
            connection.execute("DROP TABLE IF EXISTS facts")
        # `executescript` commits first, so these go one by one.
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={_FORMAT}")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _read_format(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def _has_code(error: sqlite3.Error, *codes: int) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in codes


def _find_free_name(file: Path) -> Path:
    """Return a name for a damaged file that keeps those of earlier damage."""
    kept = file.with_suffix(".damaged")
    number = 2
    while kept.exists():
        kept = file.with_suffix(f".damaged-{number}")
        number += 1
    return kept


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
