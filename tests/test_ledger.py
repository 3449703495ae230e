"""Tests of the ledger: what was added is there, what was tampered with is not believed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import optabs
from optabs.errors import LedgerError
from optabs.ledger import Ledger
from optabs.records import Error, Outcome, Record

SOURCE = str(Path(optabs.__file__).parents[1])

RECORD = Record(
    key="key",
    claim="claim",
    operation="Softmax",
    case="one",
    framework="torch",
    device="cpu",
    outcome=Outcome.OK,
    results={"result": {"text": "x"}},
    stdout="",
    stderr="",
    error=None,
    seconds=0.5,
    time_limit=60.0,
    framework_version="2",
    python_version="3",
    device_name="",
    precision="highest",
    ran_at="2026-01-01T00:00:00Z",
)


def make(number: int, **changes: str) -> Record:
    return replace(RECORD, **{"key": f"key{number}", "claim": f"claim{number}", **changes})  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger") as opened:
        yield opened


def execute(ledger: Ledger, query: str, *values: str) -> int:
    """Change the file behind the ledger's back."""
    with closing(sqlite3.connect(ledger.file)) as connection, connection:
        return connection.execute(query, values).rowcount


# --- round trips ----------------------------------------------------------------------------------


def test_the_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    with Ledger(tmp_path / "one" / "two") as ledger:
        assert ledger.file == tmp_path / "one" / "two" / "ledger.sqlite"
        assert ledger.file.exists()


def test_records_are_found_by_key(ledger: Ledger) -> None:
    failed = replace(make(2), outcome=Outcome.RAISED, error=Error("E", "é \ud800", "t"), results={})
    ledger.add(make(1))
    ledger.add(failed)
    assert ledger.find(["key1", "key2", "key3"]) == {"key1": make(1), "key2": failed}
    assert ledger.find([]) == {}


def test_a_record_takes_the_place_of_one_with_its_key(ledger: Ledger) -> None:
    ledger.add(make(1))
    ledger.add(make(1, stdout="again"))
    assert ledger.find(["key1"])["key1"].stdout == "again"


def test_what_was_added_is_there_after_closing(tmp_path: Path) -> None:
    with Ledger(tmp_path) as first:
        first.add(make(1))
        first.add_fact("fact", "body")
    with Ledger(tmp_path) as second:
        assert second.find(["key1"]) == {"key1": make(1)}
        assert second.find_facts(["fact"]) == {"fact": "body"}
        assert second.notice == ""


def test_many_records_are_found_at_once(ledger: Ledger) -> None:
    for number in range(1_200):
        ledger.add(make(number))
        ledger.add_fact(f"fact{number}", str(number))
    wanted = [f"key{number}" for number in range(0, 3_000, 2)]
    assert len(ledger.find(wanted)) == 600
    assert len(ledger.find_latest(f"claim{number}" for number in range(3_000))) == 1_200
    assert len(ledger.find_facts(f"fact{number}" for number in range(3_000))) == 1_200


def test_the_newest_record_of_a_claim_is_found(ledger: Ledger) -> None:
    days = ["2026-01-03", "2026-01-01", "2026-02-01", "2025-12-31"]
    for number, day in enumerate(days):
        ledger.add(make(number, claim="claim", ran_at=f"{day}T00:00:00Z"))
    ledger.add(make(9, claim="other"))
    assert ledger.find_latest(["claim", "nothing"]) == {
        "claim": make(2, claim="claim", ran_at="2026-02-01T00:00:00Z")
    }


def test_of_two_records_of_one_second_the_same_one_is_found(tmp_path: Path) -> None:
    found = []
    for order in ([1, 2], [2, 1]):
        with Ledger(tmp_path / str(order[0])) as ledger:
            for number in order:
                ledger.add(make(number, claim="claim"))
            found.append(ledger.find_latest(["claim"])["claim"].key)
    assert found[0] == found[1]


def test_the_newest_record_with_each_version_is_found(ledger: Ledger) -> None:
    for number, (version, day) in enumerate(
        [("1", "2026-01-03"), ("1", "2026-01-01"), ("2", "2026-02-01"), ("3", "2025-12-31")]
    ):
        day += "T00:00:00Z"
        ledger.add(make(number, claim="claim", framework_version=version, ran_at=day))
    ledger.add(make(9, claim="other"))
    found = ledger.find_versions(["claim", "nothing"], {"key2": RECORD})
    assert {claim: [each.key for each in records] for claim, records in found.items()} == {
        "claim": ["key0", "key3"]
    }


def test_facts_are_found_and_changed(ledger: Ledger) -> None:
    ledger.add_fact("a", "1")
    ledger.add_fact("b", "é \udc80")
    ledger.add_fact("a", "2")
    assert ledger.find_facts(["a", "c"]) == {"a": "2"}
    assert ledger.find_facts(["b"]) == {"b": "é \\udc80"}


# --- what is not believed -------------------------------------------------------------------------


def test_an_edited_record_is_not_believed(ledger: Ledger) -> None:
    ledger.add(make(1))
    ledger.add(make(2))
    assert execute(
        ledger, "UPDATE records SET body = replace(body, '\"ok\"', '\"raised\"') WHERE key = 'key1'"
    )
    assert ledger.find(["key1", "key2"]) == {"key2": make(2)}
    assert ledger.find_latest(["claim1", "claim2"]) == {"claim2": make(2)}


def test_a_record_under_another_key_is_not_believed(ledger: Ledger) -> None:
    ledger.add(make(1))
    assert execute(ledger, "UPDATE records SET key = 'key2' WHERE key = 'key1'")
    assert ledger.find(["key1", "key2"]) == {}
    assert ledger.find_latest(["claim1"]) == {}


def test_a_record_under_another_claim_is_not_believed(ledger: Ledger) -> None:
    ledger.add(make(1))
    assert execute(ledger, "UPDATE records SET claim = 'claim2'")
    assert ledger.find_latest(["claim2"]) == {}


def test_a_later_time_in_the_table_alone_is_not_believed(ledger: Ledger) -> None:
    ledger.add(make(1, claim="claim", ran_at="2026-01-01T00:00:00Z"))
    ledger.add(make(2, claim="claim", ran_at="2026-01-02T00:00:00Z"))
    assert execute(ledger, "UPDATE records SET ran_at = '2030' WHERE key = 'key1'")
    assert ledger.find_latest(["claim"])["claim"].key == "key2"


@pytest.mark.parametrize(
    "body", ["", "{", "null", "[]", '{"key":"key1"}', replace(RECORD, key="key2").to_json()]
)
def test_text_that_is_no_record_is_not_believed(ledger: Ledger, body: str) -> None:
    digest = hashlib.sha256(f"key1\n{body}".encode()).hexdigest()
    ledger.add(make(1))
    assert execute(ledger, "UPDATE records SET body = ?, digest = ?", body, digest)
    assert ledger.find(["key1"]) == {}


def test_a_digest_is_of_the_key_too(ledger: Ledger) -> None:
    """A whole row copied under another key is not what was stored there."""
    ledger.add(make(1))
    body = make(1).to_json().replace('"key1"', '"key2"')
    assert execute(ledger, "UPDATE records SET key = 'key2', body = ?", body)
    assert ledger.find(["key2"]) == {}


def test_bytes_that_are_no_text_are_not_believed(ledger: Ledger) -> None:
    ledger.add(make(1))
    ledger.add(make(2))
    assert execute(ledger, "UPDATE records SET body = CAST(x'ff7b7d' AS TEXT) WHERE key = 'key1'")
    assert ledger.find(["key1", "key2"]) == {"key2": make(2)}


def test_an_edited_fact_is_not_believed(ledger: Ledger) -> None:
    ledger.add_fact("a", "1")
    ledger.add_fact("b", "1")
    assert execute(ledger, "UPDATE facts SET body = '2' WHERE key = 'a'")
    assert execute(ledger, "UPDATE facts SET key = 'c' WHERE key = 'b'")
    assert ledger.find_facts(["a", "b", "c"]) == {}


# --- damage ---------------------------------------------------------------------------------------


def fill(folder: Path) -> Path:
    with Ledger(folder) as ledger:
        for number in range(200):
            ledger.add(make(number, stdout="x" * 500))
        return ledger.file


@pytest.mark.parametrize(
    "content", [b"this is no database", b"SQLite format 3\0" + b"\xff" * 5000, b"\0" * 5000]
)
def test_a_file_that_is_no_ledger_is_kept_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(content)
    with Ledger(tmp_path) as ledger:
        assert ledger.notice == (
            "the ledger was damaged (file is not a database); it was kept as ledger.damaged"
        )
        ledger.add(make(1))
        assert ledger.find(["key1"]) == {"key1": make(1)}
    assert (tmp_path / "ledger.damaged").read_bytes() == content


def damage_within(file: Path) -> None:
    """Overwrite all but what opening reads."""
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))


def test_damage_that_opening_did_not_meet_is_kept_aside(tmp_path: Path) -> None:
    damage_within(fill(tmp_path))
    with Ledger(tmp_path) as ledger:
        assert ledger.notice == ""
        assert ledger.find([f"key{number}" for number in range(200)]) == {}
        assert ledger.notice == (
            "the ledger was damaged (database disk image is malformed); "
            "it was kept as ledger.damaged"
        )
        ledger.add(make(1))
        assert ledger.find(["key1"]) == {"key1": make(1)}


def test_the_log_of_a_damaged_file_is_kept_with_it(tmp_path: Path) -> None:
    """While another process has the file open, SQLite leaves its log there."""
    damage_within(fill(tmp_path))
    with Ledger(tmp_path), Ledger(tmp_path) as ledger:
        ledger.find(f"key{number}" for number in range(200))
        kept = sorted(file.name for file in tmp_path.glob("ledger.damaged*"))
    assert kept == ["ledger.damaged", "ledger.damaged-shm", "ledger.damaged-wal"]


def test_damage_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    damage_within(fill(tmp_path))
    (tmp_path / "ledger.damaged-wal").mkdir()
    with Ledger(tmp_path), Ledger(tmp_path) as ledger, pytest.raises(LedgerError) as caught:
        ledger.find(f"key{number}" for number in range(200))
    assert caught.value.message == (
        f"cannot use the ledger {tmp_path / 'ledger.sqlite'}: "
        "it is damaged (database disk image is malformed), and Is a directory"
    )


def test_every_damaged_file_is_kept(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "ledger.sqlite").write_bytes(b"damage %d" % number)
        Ledger(tmp_path).close()
    kept = [tmp_path / f"ledger.damaged{ending}" for ending in ("", "-2", "-3")]
    assert [file.read_bytes() for file in kept] == [b"damage 0", b"damage 1", b"damage 2"]


def test_an_empty_file_is_a_new_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").touch()
    with Ledger(tmp_path) as ledger:
        assert ledger.notice == ""
        ledger.add(make(1))
        assert ledger.find(["key1"])


def test_damage_within_the_file_costs_what_it_hits(tmp_path: Path) -> None:
    """Wherever bytes are overwritten: the ledger goes on, and what it gives is what was stored."""
    original = fill(tmp_path / "original").read_bytes()
    keys = [f"key{number}" for number in range(200)]
    numbers = random.Random(1)
    kept_aside = 0
    for round_number in range(30):
        folder = tmp_path / str(round_number)
        folder.mkdir()
        damaged = bytearray(original)
        start = numbers.randrange(0, len(damaged) - 600)
        damaged[start : start + 600] = numbers.randbytes(600)
        (folder / "ledger.sqlite").write_bytes(damaged)
        with Ledger(folder) as ledger:
            found = {**ledger.find(keys), **ledger.find(keys)}
            assert all(
                record == make(int(key[3:]), stdout="x" * 500) for key, record in found.items()
            )
            ledger.add(make(500))
            assert ledger.find(["key500"]) == {"key500": make(500)}
            if ledger.notice:
                kept_aside += 1
                assert list(folder.glob("ledger.damaged*"))
    assert 0 < kept_aside < 30


def test_a_truncated_file_is_kept_aside(tmp_path: Path) -> None:
    file = fill(tmp_path)
    size = file.stat().st_size
    os.truncate(file, size // 2)
    with Ledger(tmp_path) as ledger:
        ledger.find([f"key{number}" for number in range(200)])
        ledger.add(make(1))
        assert ledger.find(["key1"]) == {"key1": make(1)}
        assert ledger.notice
    assert (tmp_path / "ledger.damaged").stat().st_size == size // 2


def test_a_damaged_log_costs_no_more_than_what_it_holds(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "ledger.sqlite-wal").write_bytes(random.Random(2).randbytes(5000))
    with Ledger(tmp_path) as ledger:
        assert len(ledger.find(f"key{number}" for number in range(200))) == 200


# --- formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 99])
def test_a_ledger_of_another_format_begins_anew(tmp_path: Path, version: int) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as old, old:
        old.execute("CREATE TABLE records (key TEXT, body TEXT)")
        old.execute("INSERT INTO records VALUES ('key1', 'x')")
        old.execute(f"PRAGMA user_version={version}")
    with Ledger(tmp_path) as ledger:
        assert ledger.find(["key1"]) == {}
        ledger.add(make(1))
        assert ledger.find(["key1"]) == {"key1": make(1)}
        assert ledger.notice == ""


def test_a_ledger_without_its_tables_gets_them_back(ledger: Ledger, tmp_path: Path) -> None:
    execute(ledger, "DROP TABLE records")
    with Ledger(ledger.file.parent) as again:
        assert again.find(["key1"]) == {}


# --- what a person is told ------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folders = {
        tmp_path / "file": f"File exists: {tmp_path / 'file'}",
        tmp_path / "file" / "ledger": f"Not a directory: {tmp_path / 'file' / 'ledger'}",
    }
    for folder, reason in folders.items():
        with pytest.raises(LedgerError) as caught:
            Ledger(folder)
        message = f"cannot open the ledger {folder / 'ledger.sqlite'}: {reason}"
        assert caught.value.message == message
        assert caught.value.hint == (
            "check that its folder can be written and that the disk is not full"
        )


def test_a_folder_in_the_files_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(LedgerError) as caught:
        Ledger(tmp_path)
    assert caught.value.message == (
        f"cannot open the ledger {tmp_path / 'ledger.sqlite'}: unable to open database file"
    )
    assert (tmp_path / "ledger.sqlite").is_dir()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    tmp_path.chmod(0o500)
    (tmp_path / "ledger.sqlite").chmod(0o400)
    try:
        with pytest.raises(LedgerError, match=r"cannot .* the ledger"), Ledger(tmp_path) as ledger:
            ledger.add(make(1))
    finally:
        tmp_path.chmod(0o700)


def test_a_ledger_that_cannot_grow_is_told(ledger: Ledger) -> None:
    ledger.add(make(1))
    ledger._connection.execute("PRAGMA max_page_count=1")  # as a disk that is full
    with pytest.raises(LedgerError, match=r"cannot use the ledger .* is full"):
        ledger.add(make(2, stdout="x" * 1_000_000))
    assert ledger.notice == ""


def test_a_closed_ledger_is_no_damaged_one(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(make(1))
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.find(["key1"])
    assert not list(tmp_path.glob("*.damaged"))


# --- several processes ----------------------------------------------------------------------------

WRITER = textwrap.dedent(
    """
    import sys
    from dataclasses import replace
    from pathlib import Path
    from optabs.ledger import Ledger
    from optabs.records import Record

    folder, name, count, record = sys.argv[1:]
    record = Record.from_json(record)
    with Ledger(Path(folder)) as ledger:
        print("open", flush=True)
        for number in range(int(count)):
            ledger.add(replace(record, key=f"{name}-{number}", claim=name))
            print(number, flush=True)
    """
)


def start_writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, folder, name, str(count), RECORD.to_json()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
    )


def test_processes_that_begin_and_write_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path / "ledger", f"w{number}", 60) for number in range(4)]
    for writer in writers:
        _, errors = writer.communicate(timeout=100)
        assert (writer.returncode, errors) == (0, "")
    with Ledger(tmp_path / "ledger") as ledger:
        keys = [f"w{writer}-{number}" for writer in range(4) for number in range(60)]
        assert sorted(ledger.find(keys)) == sorted(keys)
        assert ledger.notice == ""


def test_processes_that_meet_another_format_lose_nothing(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as old, old:
        old.execute("PRAGMA user_version=99")
    writers = [start_writer(tmp_path, f"w{number}", 20) for number in range(3)]
    for writer in writers:
        assert writer.communicate(timeout=100)[1] == ""
    with Ledger(tmp_path) as ledger:
        keys = [f"w{writer}-{number}" for writer in range(3) for number in range(20)]
        assert len(ledger.find(keys)) == 60


def test_a_killed_writer_loses_nothing_that_it_said_was_stored(tmp_path: Path) -> None:
    stored: list[str] = []
    for round_number in range(4):
        writer = start_writer(tmp_path, f"w{round_number}", 1_000_000)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        last = int(writer.stdout.readline())
        timer = threading.Timer(0.05 + 0.1 * round_number, writer.send_signal, [signal.SIGKILL])
        timer.start()
        for line in writer.stdout:
            if line.endswith("\n"):
                last = int(line)
        assert writer.wait() == -signal.SIGKILL
        writer.communicate()
        stored += [f"w{round_number}-{number}" for number in range(last + 1)]
    with Ledger(tmp_path) as ledger:
        assert len(ledger.find(stored)) == len(stored)
        assert ledger.notice == ""
        ledger.add(make(1))


def test_a_file_that_is_locked_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", check_same_thread=False)) as other:
        other.execute("CREATE TABLE t (a)")
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(0.3, other.rollback)
        timer.start()
        with Ledger(tmp_path) as ledger:
            ledger.add(make(1))
            assert ledger.find(["key1"]) == {"key1": make(1)}
        timer.join()


def test_a_reader_is_not_held_up_by_a_writer(tmp_path: Path) -> None:
    with Ledger(tmp_path) as writer, Ledger(tmp_path) as reader:
        writer.add(make(1))
        writer._connection.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert reader.find(["key1"]) == {"key1": make(1)}
        assert time.monotonic() - started < 5
        writer._connection.execute("ROLLBACK")


def test_what_is_stored_is_plain_json(ledger: Ledger) -> None:
    ledger.add(make(1))
    with closing(sqlite3.connect(ledger.file)) as connection:
        ((body,),) = connection.execute("SELECT body FROM records").fetchall()
    assert json.loads(body)["operation"] == "Softmax"
