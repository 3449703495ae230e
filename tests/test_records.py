"""Tests of records: to JSON and back, and what is none."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from optabs.records import Error, Outcome, Record, Verdict, dump_json, hash_parts

RECORD = Record(
    key="k" * 64,
    claim="c" * 64,
    operation="Softmax",
    case="last-axis",
    framework="torch",
    device="cpu",
    outcome=Outcome.OK,
    results={"result": {"dtype": "float32", "shape": [], "stored": "float32", "data": "AACAPw=="}},
    stdout="1.0\n",
    stderr="",
    error=None,
    seconds=0.125,
    time_limit=60.0,
    framework_version="2.9.0",
    python_version="3.13.0",
    device_name="a processor",
    precision="highest",
    ran_at="2026-01-02T03:04:05Z",
)

STRANGE = 'é 😀 \0 \x1b[31m \udfff \ud800 \udc80 \u2028 " \\ \n'


@pytest.mark.parametrize(
    "record",
    [
        RECORD,
        replace(RECORD, outcome=Outcome.RAISED, error=Error("E", "m", "t"), results={}),
        replace(RECORD, outcome=Outcome.CRASHED, error=Error("E", "m"), seconds=None),
        replace(RECORD, outcome=Outcome.TIMED_OUT, seconds=60),
        replace(RECORD, outcome=Outcome.UNAVAILABLE),
        replace(RECORD, drivers="driver 1, CUDA 2", elsewhere={"result": "cpu"}),
        replace(RECORD, stdout=STRANGE, error=Error(STRANGE, STRANGE, STRANGE)),
        replace(RECORD, results={STRANGE: {"entries": {STRANGE: {"text": STRANGE}}}}),
    ],
)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    text = record.to_json()
    assert Record.from_json(text) == record
    assert "\n" not in text, "one line"
    text.encode()  # can be written to a file


def test_a_record_of_before_there_were_drivers_is_read() -> None:
    assert Record.from_json(change(drivers=..., elsewhere=...)) == RECORD


def test_records_are_written_the_same_way_each_time() -> None:
    text = RECORD.to_json()
    assert Record.from_json(text).to_json() == text
    keys = list(json.loads(text))
    assert keys == sorted(keys)
    assert " " not in text.replace("a processor", "")


def test_text_stays_readable() -> None:
    assert "é 😀" in replace(RECORD, stdout="é 😀").to_json()


def change(**values: Any) -> str:
    data = json.loads(RECORD.to_json())
    for key, value in values.items():
        if value is ...:
            del data[key]
        else:
            data[key] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "5",
        '"text"',
        "[]",
        "{}",
        change(key=...),
        change(outcome=...),
        change(error=...),
        change(outcome="fine"),
        change(outcome=None),
        change(further=1),
        change(key=5),
        change(stdout=None),
        change(results=[]),
        change(results="x"),
        change(seconds="1"),
        change(seconds=True),
        change(seconds=-1),
        change(seconds=math.inf),
        change(seconds=10**400),
        change(time_limit=math.nan),
        change(time_limit=None),
        change(error="text"),
        change(error={"type": "E"}),
        change(error={"type": "E", "message": 5, "traceback": ""}),
        change(error=[1]),
        change(drivers=None),
        change(elsewhere=["cpu"]),
        change(elsewhere={"result": 5}),
    ],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Record.from_json(text)


def test_json_is_canonical() -> None:
    assert dump_json({"b": [1, 2.5, None, True], "a": "é"}) == '{"a":"é","b":[1,2.5,null,true]}'
    assert dump_json({"x": {"b": 1, "a": 2}}) == dump_json({"x": {"a": 2, "b": 1}})


@pytest.mark.parametrize("text", ["\ud800", "a\udc80b", "\udfff\ud800"])
def test_lone_surrogates_survive(text: str) -> None:
    written = dump_json({text: text})
    written.encode()
    assert json.loads(written) == {text: text}


def test_a_key_depends_on_every_part() -> None:
    keys = {
        hash_parts(),
        hash_parts(""),
        hash_parts("", ""),
        hash_parts("a", "b"),
        hash_parts("ab"),
        hash_parts("a,b"),
        hash_parts(["a", "b"]),
        hash_parts("b", "a"),
        hash_parts("a", None),
        hash_parts("a", 1),
        hash_parts("a", "1"),
        hash_parts("\ud800"),
        hash_parts("\udc00"),
    }
    assert len(keys) == 13
    assert all(len(key) == 64 for key in keys)


def test_keys_are_the_same_in_every_version() -> None:
    """Ledgers and evidence hold them: a change makes all of them worthless."""
    assert hash_parts("torch", "result = x\n", ["result"], "cpu") == (
        "3fc7c146f89092bffb1a41b70e825b65993f4b43c7fa3303bad8d5c3a6aa685b"
    )
    assert hash_parts(("a",)) == hash_parts(["a"])


def test_verdicts_are_named_in_order() -> None:
    assert [verdict.words for verdict in Verdict] == [
        "verified",
        "differs",
        "failed",
        "not run",
        "unsupported",
        "untestable",
        "stale",
    ]
