"""Tests of reading YAML: values, places, and all that a file may hold against us."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from optabs.catalog import source
from optabs.catalog.source import MAX_DEPTH, YamlDocument, parse_yaml, read_yaml


def parse(text: str) -> YamlDocument:
    return parse_yaml(text.encode(), "file.yaml")


def read(text: str) -> Any:
    document = parse(text)
    assert document.faults == []
    return document.data


def list_faults(text: str | bytes) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return [f"{f.place.line}:{f.place.column} {f.code}" for f in parse_yaml(raw, "f").faults]


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5),
        ("1E5", 1e5),
        ("1.", 1.0),
        (".5", 0.5),
        ("+.5", 0.5),
        ("-1.5e+3", -1500.0),
        ("+1", 1),
        ("-0", 0),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.Inf", math.inf),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("''", ""),
        ("|\n  1", "1"),
        # What YAML 1.1 reads otherwise stays text.
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("2020-01-01", "2020-01-01"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("NaN", "NaN"),
        ("inf", "inf"),
        ("nULL", "nULL"),
        ("1e", "1e"),
        (".", "."),
        ("-", [None]),
        ("+-1", "+-1"),
        ("0x", "0x"),
        ("=", "="),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!int '1'", 1),
        ("!!float 1", 1.0),
        ("!!bool 'true'", True),
        ("!!null ''", None),
    ],
)
def test_a_scalar_is_read_as_yaml_1_2_does(text: str, value: object) -> None:
    found = read(f"key: {text}")["key"] if text != "-" else read("key:\n-")["key"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_read() -> None:
    assert all(math.isnan(value) for value in read("[.nan, .NaN, .NAN]"))


def test_whole_numbers_are_exact() -> None:
    assert read("[9223372036854775807, 18446744073709551615]") == [2**63 - 1, 2**64 - 1]
    assert read("9" * 400) == int("9" * 400)


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1e-999", "0.001e-400", "9" * 5000])
def test_a_number_beyond_all_floats_is_a_fault(text: str) -> None:
    assert list_faults(f"a: 1\nb: {text}") == ["2:4 bad-number"]


@pytest.mark.parametrize("text", ["0e999", "0.0e-999", "-0.0", "1e308", "5e-324"])
def test_a_number_at_the_edge_is_none(text: str) -> None:
    assert read(text) == float(text)


def test_keys_are_text() -> None:
    assert read("1: a\n1.5: b\ntrue: c\nnull: d\n~: e\non: f\n") == {
        "1": "a",
        "1.5": "b",
        "true": "c",
        "null": "d",
        "~": "e",
        "on": "f",
    }


def test_aliases_are_followed() -> None:
    document = parse("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]\n*y : 1\n".replace("*y : 1\n", ""))
    assert document.faults == []
    assert document.data == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": [{"b": [1, 2]}] * 2}
    place = document.find_place(("d", 1, "b", 0))
    assert (place.line, place.column) == (1, 12), "where the value is written"


def test_an_alias_may_be_a_key() -> None:
    assert read("&k a: 1\nb: {*k : 2}\n") == {"a": 1, "b": {"a": 2}}


def test_an_anchor_may_be_given_again() -> None:
    assert read("[&x 1, *x, &x 2, *x]") == [1, 1, 2, 2]


def test_line_ends_and_byte_order_marks_do_not_matter() -> None:
    text = "a: |\n  x\n  y\nb: 'z'\n"
    assert read(text) == read(text.replace("\n", "\r\n")) == read("\ufeff" + text)


def test_one_document_may_have_its_marks() -> None:
    assert read("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


# --- places ---------------------------------------------------------------------------------------


def test_places_are_those_of_the_file() -> None:
    document = parse("a: 1\nö:\n  - {b: x, c: [y, z]}\n  - d\n")
    for path, line, column in [
        ((), 1, 1),
        (("a",), 1, 4),
        (("ö",), 3, 3),
        (("ö", 0, "b"), 3, 9),
        (("ö", 0, "c", 1), 3, 19),
        (("ö", 1), 4, 5),
        (("ö", 7, "b"), 3, 3),
        (("nowhere", "at", "all"), 1, 1),
    ]:
        place = document.find_place(path)
        assert (place.file, place.line, place.column) == ("file.yaml", line, column), path
    assert document.find_key_place(("ö", 0, "c")).column == 12
    assert document.find_key_place(("ö",)).line == 2
    assert document.find_key_place(("ö", 1)) == document.find_place(("ö", 1))
    assert document.find_key_place(("ö", 0, "nothing")) == document.find_place(("ö", 0))


def test_places_do_not_depend_on_line_ends() -> None:
    text = "a: |\n  x\nb:\n  - c: 1\n"
    for raw in (text, text.replace("\n", "\r\n"), "\ufeff" + text):
        place = parse(raw).find_place(("b", 0, "c"))
        assert (place.line, place.column) == (4, 8)


def test_faults_know_what_they_are_about() -> None:
    document = parse("a: {b: 1, b: 2}\nc: {d: !x 1}\n")
    assert document.fault_paths == [("a", "b"), ("c", "d")]
    assert [fault.code for fault in document.find_faults(("a",))] == ["duplicate-key"]
    assert [fault.code for fault in document.find_faults(("c", "d"))] == ["unsafe-tag"]
    assert len(document.find_faults(())) == 2
    assert document.find_faults(("e",)) == ()


# --- faults ---------------------------------------------------------------------------------------


def test_all_faults_come_at_once() -> None:
    text = "a: !x 1\na: 2\nb: *none\nc: {[d]: 1e999}\n<<: {}\n"
    assert list_faults(text) == [
        "1:4 unsafe-tag",
        "2:1 duplicate-key",
        "3:4 bad-alias",
        "4:5 wrong-type",
        "4:10 bad-number",
        "5:1 merge-key",
    ]


def test_a_file_with_a_bad_alias_has_no_data() -> None:
    assert parse("a: *none\nb: 1\n").data is None


@pytest.mark.parametrize(
    "text",
    ["a: &x [*x]", "&x {a: *x}", "a: &x {b: {c: [1, *x]}}", "&x [&y [*x, *y]]"],
)
def test_what_holds_itself_is_a_fault(text: str) -> None:
    assert {fault.split()[1] for fault in list_faults(text)} == {"bad-alias"}


def test_an_alias_bomb_costs_nothing() -> None:
    names = "abcdefghijklmnop"
    rows = ["a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    for before, name in itertools.pairwise(names):
        rows.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    started = time.perf_counter()
    assert [fault.split()[1] for fault in list_faults("\n".join(rows))] == ["too-large"]
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 1_000 + "]" * 1_000,
        "{a: " * 1_000 + "}" * 1_000,
        "- " * 30_000 + "1",
        "? " * 5_000 + "1",
        "\n".join(" " * depth + "a:" for depth in range(1_000)),
    ],
)
def test_deep_nesting_is_a_fault_and_no_crash(text: str) -> None:
    # In a process of its own: a parser that recurses would take the tests with it.
    code = (
        "import sys; from optabs.catalog.source import parse_yaml;"
        "print([f.code for f in parse_yaml(sys.stdin.buffer.read(), 'f').faults])"
    )
    path = str(Path(source.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r}); {code}"],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"['too-deep']\n"), done.stderr


def test_the_depth_limit_is_exact() -> None:
    assert list_faults("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []
    assert list_faults("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == ["1:61 too-deep"]


def test_aliases_cannot_pass_the_depth_limit() -> None:
    half = MAX_DEPTH - 10
    text = f"a: &x {'[' * half}{']' * half}\nb: {'[' * half}*x{']' * half}\n"
    assert [fault.split()[1] for fault in list_faults(text)] == ["too-deep"]


def test_tags_are_refused_and_nothing_is_made(tmp_path: Path) -> None:
    target = tmp_path / "made"
    text = f"a: !!python/object/apply:os.mkdir ['{target}']\n!!python/name:os.system b: 1\n"
    assert list_faults(text) == ["1:4 unsafe-tag", "2:1 unsafe-tag"]
    assert not target.exists()


@pytest.mark.parametrize(
    ("raw", "fault", "word"),
    [
        (b"a: \xff", "1:4 not-utf8", "byte 0xff is not UTF-8"),
        ("ä: 1\nb: ö".encode() + b"\xe9", "2:5 not-utf8", "byte 0xe9 is not UTF-8"),
        (b"a: \xe9\nb: \xe9\n", "1:4 not-utf8", "byte 0xe9 is not UTF-8 (and 1 more)"),
        ("a: 1".encode("utf-16"), "1:1 not-utf8", "byte 0xff"),
        (b"\xed\xa0\x80", "1:1 not-utf8", "byte 0xed"),
        ("ä: \x00".encode(), "1:4 control-character", "U+0000"),
        ("a: \ud7ff\ufffe".encode("utf-8", "surrogatepass"), "1:5 control-character", "U+FFFE"),
    ],
)
def test_bytes_that_are_no_text_are_told(raw: bytes, fault: str, word: str) -> None:
    (found,) = parse_yaml(raw, "f").faults
    assert f"{found.place.line}:{found.place.column} {found.code}" == fault
    assert word in found.message


def test_all_control_characters_come_at_once() -> None:
    assert list_faults("a: \x01\nb: \x02\x7f\n") == [
        "1:4 control-character",
        "2:4 control-character",
        "2:5 control-character",
    ]
    assert len(list_faults("\x01" * 1_000)) == 20


@pytest.mark.parametrize("text", ["", "\n\n", "# words\n", "   ", "\ufeff"])
def test_nothing_is_a_fault(text: str) -> None:
    assert list_faults(text) == ["1:1 empty-file"]


def test_a_null_is_no_empty_file() -> None:
    document = parse("---\n")
    assert document.faults == []
    assert document.data is None


@pytest.mark.parametrize(
    ("text", "fault", "message"),
    [
        ("a: 'x\nb: 1\n", "1:4 invalid-yaml", "the quoted text that begins here never ends"),
        ('a:\n  b: "x\n', "2:6 invalid-yaml", "the quoted text that begins here never ends"),
        ("a: [1, 2\nb: 3\n", "1:4 invalid-yaml", "'[' is not closed"),
        ("a: b: c\n", "1:5 invalid-yaml", "mapping values are not allowed"),
        ("a: @x\n", "1:4 invalid-yaml", "'@' cannot begin a value"),
        ("a: `x`\n", "1:4 invalid-yaml", "'`' cannot begin a value"),
        ("a:\n\tb: 1\n", "2:1 tab", "a tab stands where only spaces can"),
        ("a:\n  b: 1\n\tc: 2\n", "3:1 tab", "a tab stands where only spaces can"),
        ("a:\n  - b\n \t- c\n", "3:2 tab", "a tab stands where only spaces can"),
        ("a:\n\u00a0 b: 1\n  c: 2\n", "2:1 invalid-yaml", "no-break space"),
        ("a:\n  b:\u00a0x\n  c: 2\n", "2:5 invalid-yaml", "no-break space"),
        ("a:\n  b： x\n  c: 2\n", "2:4 invalid-yaml", "the colon '：' is none"),
        ("a:\n  -b: 1\n    c: 2\n", "2:3 invalid-yaml", "missing after the dash"),
        ("a: 1\n<<<<<<< HEAD\nb: 2\n=======\n", "2:1 invalid-yaml", "mark of a conflict"),
        ("{a: 1,, b: 2}\n", "1:7 invalid-yaml", "nothing stands before ','"),
        ("a: 1\n---\nb: 1\n", "2:1 invalid-yaml", "a second document begins"),
        ("a: 1\n...\nb: 1\n", "3:1 invalid-yaml", "a second document begins"),
    ],
)
def test_what_is_no_yaml_is_told_at_its_place(text: str, fault: str, message: str) -> None:
    (found, *_) = parse(text).faults
    assert f"{found.place.line}:{found.place.column} {found.code}" == fault
    assert message in found.message
    assert found.hint


def test_a_tab_inside_a_text_is_not_blamed() -> None:
    assert list_faults("a: 'x\ty' z\n")[0].endswith("invalid-yaml")
    assert read("a: 'x\ty'\nb: |\n  x\ty\n") == {"a": "x\ty", "b": "x\ty\n"}


def test_a_file_that_is_not_there_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        read_yaml(tmp_path / "none.yaml", "none.yaml")


def test_plain_python_parses_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML without libyaml gives the same data and places."""
    texts = [file.read_bytes() for file in (Path(__file__).parent / "bad").glob("*.yaml")]
    fast = [parse_yaml(raw, "f") for raw in texts]
    monkeypatch.setattr(source, "_Loader", yaml.SafeLoader)
    slow = [parse_yaml(raw, "f") for raw in texts]
    compared = 0
    for one, other in zip(fast, slow, strict=True):
        codes = [fault.code for fault in one.faults]
        assert [fault.code for fault in other.faults] == codes
        if "invalid-yaml" not in codes and "tab" not in codes:
            compared += 1
            assert [fault.place for fault in other.faults] == [f.place for f in one.faults]
            assert repr(one.data) == repr(other.data)
    assert compared > 20
