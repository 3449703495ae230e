"""Tests of the format's description: each kind keeps what is good and reports the rest."""

from __future__ import annotations

import math
from typing import Any

import pytest

from optabs.catalog import schema
from optabs.catalog.schema import (
    ANY,
    BOOL,
    CASE,
    DROPPED,
    DTYPE,
    DTYPES,
    NATURAL,
    NUMBER,
    OP,
    SECONDS,
    TEXT,
    TOLERABLE,
    TOLERANCE,
    VARIANT,
    WHOLE,
    WORDS,
    Choice,
    Key,
    Kind,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    Record,
    Reporter,
    describe_value,
)
from optabs.catalog.source import YamlDocument, parse_yaml
from optabs.errors import suggest_name


def check(kind: Kind, value: Any) -> tuple[Any, list[str]]:
    """Return what a kind keeps of a value, and the texts of the faults."""
    document = YamlDocument("f.yaml")
    kept = kind.check(value, ("key",), Reporter(document))
    return kept, [fault.text for fault in document.faults]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (TEXT, ""),
        (WORDS, "a"),
        (BOOL, False),
        (NUMBER, -1),
        (NUMBER, 1.5),
        (TOLERABLE, 0),
        (TOLERABLE, 0.0),
        (SECONDS, 0.1),
        (WHOLE, -1),
        (NATURAL, 0),
        (DTYPE, "bfloat16"),
        (Maybe(TEXT), "a"),
        (ANY, {"a": [None]}),
    ],
)
def test_a_good_value_is_kept(kind: Kind, value: Any) -> None:
    assert check(kind, value) == (value, [])


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (TEXT, 5, "`key` wants text, found the number 5 (put quotes around it)"),
        (TEXT, True, "`key` wants text, found `true` (put quotes around it)"),
        (TEXT, None, "`key` wants text, found nothing"),
        (TEXT, [], "`key` wants text, found a list"),
        (TEXT, {}, "`key` wants text, found a mapping"),
        (WORDS, " ", "`key` wants text that is not empty, found the text ' '"),
        (BOOL, 1, "`key` wants true or false, found the number 1"),
        (BOOL, "on", "`key` wants true or false, found the text 'on' (write true)"),
        (BOOL, "No", "`key` wants true or false, found the text 'No' (write false)"),
        (NUMBER, True, "`key` wants a finite number, found `true`"),
        (NUMBER, "1e-5", "`key` wants a finite number, found the text '1e-5' (write 1e-05)"),
        (NUMBER, math.nan, "`key` wants a finite number, found the number nan"),
        (NUMBER, 10**400, "`key` wants a finite number, found the number 1000"),
        (TOLERABLE, -1e-9, "`key` wants a finite number from 0, found the number -1e-09"),
        (TOLERABLE, math.inf, "`key` wants a finite number from 0, found the number inf"),
        (SECONDS, 0, "`key` wants a number of seconds above 0, found the number 0"),
        (WHOLE, 1.0, "`key` wants a whole number, found the number 1.0"),
        (NATURAL, -1, "`key` wants a whole number from 0, found the number -1"),
        (DTYPE, "float", "unknown-word `key` does not know 'float' (did you mean 'float64'?)"),
        (DTYPE, 32, "`key` wants one of bool, int8"),
        (Choice(("a", "b")), "zzz", "`key` does not know 'zzz' (write one of a, b)"),
        (ListOf(TEXT), "a", "`key` wants a list, found the text 'a' (write [a])"),
        (ListOf(TEXT), "(2, 3)", "`key` wants a list, found the text '(2, 3)' (write [2, 3])"),
        # what is left of `{shape: (2, 3)}`
        (
            ListOf(TEXT),
            "(2",
            "`key` wants a list, found the text '(2' (write square brackets: [2, 3])",
        ),
        (MapOf(TEXT), ["a"], "`key` wants a mapping, found a list"),
        (OneOf({str: TEXT}, "text alone"), 1, "`key` wants text alone, found the number 1"),
        (Maybe(TEXT), 1, "`key` wants text, found the number 1"),
    ],
)
def test_a_bad_value_is_dropped_and_told(kind: Kind, value: Any, text: str) -> None:
    kept, faults = check(kind, value)
    assert kept is DROPPED
    (fault,) = faults
    assert text in fault
    assert len(fault) < 300


def test_long_values_are_shown_in_short() -> None:
    assert describe_value("x" * 500) == f"the text '{'x' * 59}...'"
    assert len(describe_value(10**300)) < 100


def test_null_stands_for_the_lack_of_a_value() -> None:
    assert check(Maybe(TEXT), None) == (DROPPED, [])


def test_a_list_loses_its_bad_items_alone() -> None:
    assert check(ListOf(TEXT), ["a", 1, "b"])[0] == ["a", "b"]
    assert check(ListOf(TEXT, gaps=True), ["a", 1, "b"])[0] == ["a", DROPPED, "b"]


def test_a_mapping_loses_its_bad_values_alone() -> None:
    assert check(MapOf(WHOLE), {"a": 1, "b": "x"})[0] == {"a": 1}


def test_a_record_loses_its_bad_keys_alone() -> None:
    record = Record("a thing", {"a": Key(WHOLE, "", 1), "b": Key(TEXT, "", "x")})
    kept, faults = check(record, {"a": "x", "b": "y", "bb": 1, "zzz": 2})
    assert kept == {"b": "y"}
    assert faults == [
        "wrong-type `a` wants a whole number, found the text 'x'",
        "unknown-key a thing has no key 'bb' (did you mean 'b'?)",
        "unknown-key a thing has no key 'zzz' (it may have a, b)",
    ]


def test_a_record_without_a_required_key_is_dropped() -> None:
    kept, faults = check(TOLERANCE, {"rtol": 0.1})
    assert kept is DROPPED
    assert faults == [
        "missing-key a tolerance has no `atol` (add it, e.g. `atol: 1.0e-06`)",
        "missing-key a tolerance has no `reason` "
        "(add it, e.g. `reason: the sum runs over 10,000 terms`)",
    ]
    assert check(TOLERANCE, {"rtol": 0.1, "atol": 0, "reason": ""})[0] is DROPPED


def test_what_is_known_to_be_faulty_is_told_once() -> None:
    document = parse_yaml(b"key: !!python/tuple [1]\n", "f.yaml")
    kept = MapOf(TEXT).check(document.data, (), Reporter(document))
    assert kept == {}
    assert [fault.code for fault in document.faults] == ["unsafe-tag"]


def list_records(kind: Any, seen: list[Record]) -> list[Record]:
    """Return a record and all records within it."""
    if isinstance(kind, Record):
        if kind not in seen:
            seen.append(kind)
            for key in kind.keys.values():
                list_records(key.kind, seen)
    elif isinstance(kind, ListOf):
        list_records(kind.item, seen)
    elif isinstance(kind, MapOf):
        list_records(kind.value, seen)
    elif isinstance(kind, Maybe):
        list_records(kind.kind, seen)
    elif isinstance(kind, OneOf):
        for each in kind.kinds.values():
            list_records(each, seen)
    return seen


RECORDS = list_records(OP, [])


def test_all_records_are_reached() -> None:
    assert all(record in RECORDS for record in (OP, CASE, VARIANT, TOLERANCE))
    assert len(RECORDS) == 8


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_every_key_is_described_by_an_example_that_it_accepts(record: Record) -> None:
    for name, key in record.keys.items():
        assert key.description.endswith((".", ")")), name
        document = YamlDocument("f.yaml")
        kept = key.kind.check(key.example, (name,), Reporter(document))
        if name not in ("cases", "differences"):  # their examples show the outline alone
            assert (kept, document.faults) == (key.example, []), name


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_every_key_is_found_from_a_slip(record: Record) -> None:
    for name in record.keys:
        slip = name[:-1] if len(name) > 3 else name + "s"
        if slip in record.keys:
            continue
        _, faults = check(record, {slip: None})
        (fault,) = (fault for fault in faults if "unknown-key" in fault)
        assert "did you mean" in fault, name


def test_dtypes_are_those_that_arrays_have() -> None:
    assert len(set(DTYPES)) == 15
    assert {"bool", "bfloat16", "complex128", "uint64"} < set(DTYPES)


def test_suggestions_ignore_case_and_need_a_resemblance() -> None:
    assert suggest_name("SOFTMAX", ["softmax", "sort"]) == "did you mean 'softmax'?"
    assert suggest_name("xyz", ["softmax", "sort"]) == ""
    assert suggest_name("x", []) == ""
    assert suggest_name("x" * 100_000, ["y" * 10]) == ""


def test_the_schema_holds_no_value_of_its_own() -> None:
    """`DROPPED` must not be mistaken for any value that YAML can hold."""
    assert schema.DROPPED not in (None, "", 0, False, [], {})
