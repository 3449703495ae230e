"""Tests of turning ODL lists into a catalogue: nothing lost, nothing overwritten, all told."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from optabs.catalog.check import RESERVED_PAGES
from optabs.catalog.importing import choose_pages, dump_entry, import_entries
from optabs.catalog.load import load_file
from optabs.catalog.source import read_yaml
from optabs.errors import CatalogError, OptabsError

ODL = Path(__file__).parent / "odl.yaml"

TRAPS = [
    "1e-05",
    "1E5",
    "-.5e+3",
    "yes",
    "No",
    "on",
    "null",
    "~",
    "",
    "010",
    "0o17",
    "0x1F",
    "0b101",
    "1_000",
    "190:20:30",
    "2026-11-20",
    "2026-11-20 10:00:00",
    ".inf",
    "-.INF",
    ".NaN",
    "=",
    "<<",
    "!tag",
    "&anchor",
    "*alias",
    "- item",
    "key: value",
    "# no comment",
    "a # b",
    "{flow}",
    "[flow]",
    "%directive",
    "@at",
    "`backquote`",
    "'single'",
    '"double"',
    "back\\slash",
    "---",
    "...",
    "|",
    ">",
    " leading",
    "trailing ",
    "\ttab",
    "two\nlines",
    "two\nlines\n",
    "many\n\n\nblank\n\n",
    "\nfirst line empty",
    "  indented\nfirst line",
    "trailing blanks \nin the middle",
    "tab\tinside\nof lines",
    "windows\r\nline ends",
    "old mac\rline ends",
    "next\x85line",
    "line\u2028separator",
    "bell\x07",
    "null\x00byte",
    "escape\x1b[31m",
    "delete\x7f",
    "byte order\ufeffmark",
    "no-break\xa0space",
    "naïve – ∑ 日本語",
    "astral 😀",
    "word " * 60,
    "x" * 300,
    "lambda x: {'a': x}[\"a\"]",
]

# Values of every type, and keys that look like something else.
ODD = {
    "operation": "Odd",
    "description": "It has all that YAML may trip over.",
    "op_type": "function",
    "std_args": [
        "x",
        ["y", "Tensor"],
        {"name": "eps", "type": "float", "default": "(1, 2)", "is_variadic": False},
        {"name": "big", "default": 10**30},
        {"name": "tiny", "default": 5e-324},
        {"name": "sum", "default": 0.1 + 0.2},
        {"name": "limit", "default": float("inf")},
        {"name": "low", "default": float("-inf")},
        {"name": "fill", "default": float("nan")},
        {"name": "whole", "default": 1e22},
        {"name": "none", "default": None},
        {"name": "no", "default": "no"},
    ],
    "return_type": None,
    "variants": {
        "torch": None,
        "jax": {"api": "jax.odd", "args": {"y": None, "x": "no"}, "inject_args": {"null": None}},
        "mlx": {"macro_template": "lambda x: {'a': x}", "inject_args": {"a": {"b": [1, [2.0]]}}},
        "numpy": {},
    },
}


def write_list(folder: Path, entries: Any, name: str = "list.yaml") -> Path:
    """Write a list by PyYAML's own dumper, or as JSON."""
    file = folder / name
    if name.endswith(".json"):
        file.write_text(json.dumps(entries), encoding="utf-8")
    else:
        file.write_text(
            yaml.safe_dump(entries, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
    return file


def entry(name: str, **more: Any) -> dict[str, Any]:
    return {
        "operation": name,
        "description": f"It is {name}.",
        "std_args": ["x"],
        "variants": {"torch": {"api": "torch.abs"}},
        **more,
    }


def describe(value: Any) -> Any:
    """Return data in a form that is equal only where types, order and NaNs agree."""
    if isinstance(value, dict):
        return [(describe(key), describe(item)) for key, item in value.items()]
    if isinstance(value, list):
        return ["list", *map(describe, value)]
    return type(value).__name__, repr(value)


def read_back(file: Path) -> Any:
    """Return the data of a file as the loader sees them."""
    document = read_yaml(file, file.name)
    assert document.faults == []
    return document.data


# --- nothing lost ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["list.yaml", "list.json"])
def test_values_of_every_kind_survive(tmp_path: Path, name: str) -> None:
    before = copy.deepcopy(ODD)
    report = import_entries(write_list(tmp_path, [ODD], name), tmp_path / "ops")
    assert before.keys() == ODD.keys()
    (file,) = report.files
    assert describe(read_back(file)) == describe(before)


@pytest.mark.parametrize("text", TRAPS, ids=[repr(text)[:20] for text in TRAPS])
def test_text_stays_the_text_it_is(tmp_path: Path, text: str) -> None:
    odd = entry(
        "Trap",
        description=text,
        std_args=[{"name": "x", "default": text}],
        variants={"torch": {"api": "torch.abs", "inject_args": {text or "empty": [text]}}},
    )
    file = tmp_path / "trap.yaml"
    file.write_text(dump_entry(odd), encoding="utf-8")
    assert describe(read_back(file)) == describe(odd)
    # And so it is to readers of YAML 1.1, of which PyYAML is one.
    assert describe(yaml.safe_load(file.read_bytes())) == describe(odd)


def test_all_keys_of_odl_survive(tmp_path: Path) -> None:
    data = read_back(ODL)
    entries = data if isinstance(data, list) else [data]
    names = {each["operation"] for each in entries}
    report = import_entries(ODL, tmp_path / "ops")
    assert [describe(read_back(file)) for file in report.files] == [describe(e) for e in entries]
    loaded = [load_file(file, tmp_path / "ops")[0] for file in report.files]
    assert {each.op.operation for each in loaded if each.op} == names
    assert [describe(each.data) for each in loaded] == [describe(each) for each in entries]


def test_files_are_for_people(tmp_path: Path) -> None:
    text = dump_entry(entry("Long", description="One line.\nAnother – with ∑.\n"))
    assert text.splitlines()[:4] == [
        "operation: Long",
        "description: |",
        "  One line.",
        "  Another – with ∑.",
    ]
    shared = ["x"]
    text = dump_entry(entry("Shared", std_args=shared, aliases=shared))
    assert "&" not in text
    assert "*" not in text


# --- names ----------------------------------------------------------------------------------------


def test_names_that_differ_in_case_get_numbers_in_their_order(tmp_path: Path) -> None:
    names = ["glu", "GLU", "Glu", "Abs"]
    expected = {"GLU": "glu", "Glu": "glu-2", "glu": "glu-3", "Abs": "abs"}
    for order in (names, names[::-1], sorted(names)):
        folder = tmp_path / "-".join(order)
        folder.mkdir()
        report = import_entries(write_list(folder, [entry(each) for each in order]), folder / "ops")
        found = {read_back(file)["operation"]: file.stem for file in report.files}
        assert found == expected
        assert report.counts["same-name"] == 2


def test_a_number_that_is_a_name_is_left_to_it() -> None:
    pages = choose_pages(dict(enumerate(["a", "A", "A-2", "a-2"])))
    assert len(set(pages.values())) == 4
    assert pages[1] == "a"


def test_a_name_that_ends_in_a_number_collides_with_nothing(tmp_path: Path) -> None:
    report = import_entries(write_list(tmp_path, [entry("Conv 2"), entry("Index")]), tmp_path / "o")
    assert [file.stem for file in report.files] == ["conv-2", "op-index"]
    assert report.counts["same-name"] == 0


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("/absolute", "absolute"),
        (".hidden", "hidden"),
        ("a b:c*?", "a-b-c"),
        ("C:\\windows", "c-windows"),
        ("__init__", "__init__"),
        ("日本", "op"),
        ("", "op"),
        ("...", "op"),
        ("x" * 300, "x" * 100),
        ("new\nline", "new-line"),
    ],
)
def test_unsafe_names_are_no_paths(tmp_path: Path, name: str, page: str) -> None:
    folder = tmp_path / "deep" / "ops"
    report = import_entries(write_list(tmp_path, [entry(name)]), folder)
    assert report.files == [folder / f"{page}.yaml"]
    assert [file.name for file in folder.iterdir()] == [f"{page}.yaml"]
    assert read_back(report.files[0])["operation"] == name


@pytest.mark.parametrize("name", sorted(RESERVED_PAGES))
def test_reserved_pages_are_not_taken(tmp_path: Path, name: str) -> None:
    report = import_entries(write_list(tmp_path, [entry(name.upper())]), tmp_path / "ops")
    assert [file.stem for file in report.files] == [f"op-{name}"]


# --- oddities -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        (None, "missing"),
        ("", "missing"),
        ("  \n", "missing"),
        ("Definition for Abs", "generated"),
        ("Auto-generated from keras.ops.abs", "generated"),
        ("The absolute value.", ""),
        ("Definition for people: the absolute value. " + "It is long. " * 9, ""),
    ],
)
def test_descriptions_that_say_nothing_are_marked(
    tmp_path: Path, description: str | None, kind: str
) -> None:
    one = entry("Abs", description=description)
    report = import_entries(write_list(tmp_path, [one]), tmp_path / "ops")
    text = report.files[0].read_text(encoding="utf-8")
    assert text.startswith(f"# The description is {kind}") == bool(kind)
    assert report.counts == ({f"{kind}-description": 1} if kind else {})
    assert read_back(report.files[0])["description"] == description


def test_arguments_that_the_op_lacks_are_told_with_their_place(tmp_path: Path) -> None:
    odd = entry("Abs", variants={"torch": {"api": "torch.abs", "args": {"x": "input", "dim": "d"}}})
    file = write_list(tmp_path, [entry("Before"), odd])
    report = import_entries(file, tmp_path / "ops")
    (fault,) = [each for each in report.oddities if each.code == "unknown-argument"]
    assert "'Abs', torch: `args` maps dim," in fault.message
    assert (fault.place.file, fault.place.line) == (str(file), 8)


def test_items_that_are_no_entries_are_left_out_and_told(tmp_path: Path) -> None:
    items = ["text", 7, None, {"description": "no name"}, {"operation": 3}, entry("Good")]
    report = import_entries(write_list(tmp_path, items), tmp_path / "ops")
    assert [file.stem for file in report.files] == ["good"]
    assert report.counts["no-entry"] == 5


def test_faults_of_the_entries_are_told(tmp_path: Path) -> None:
    report = import_entries(write_list(tmp_path, [entry("Abs", std_argz=["x"])]), tmp_path / "ops")
    assert report.counts["unknown-key"] == 1
    assert read_back(report.files[0])["std_argz"] == ["x"]


# --- files that are there, lists that are none ----------------------------------------------------


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    file = write_list(tmp_path, [entry("Abs"), entry("Sin")])
    first = import_entries(file, tmp_path / "ops")
    times = [each.stat().st_mtime_ns for each in first.files]
    second = import_entries(file, tmp_path / "ops")
    assert second.files == first.files
    assert [each.stat().st_mtime_ns for each in first.files] == times


def test_what_somebody_has_written_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ops").mkdir()
    mine = tmp_path / "ops" / "abs.yaml"
    mine.write_text("operation: Mine\n")
    with pytest.raises(OptabsError, match="there already, with other content"):
        import_entries(write_list(tmp_path, [entry("Abs")]), tmp_path / "ops")
    assert mine.read_text() == "operation: Mine\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"- operation: [Abs\n", r"list\.yaml:\d+:\d+: "),
        (b"- operation: \xff\n", r"list\.yaml:1:14: "),
        (b"", r"list\.yaml"),
        (b"# nothing\n", r"list\.yaml"),
    ],
)
def test_a_list_that_is_no_yaml_is_refused_with_its_place(
    tmp_path: Path, text: bytes, message: str
) -> None:
    file = tmp_path / "list.yaml"
    file.write_bytes(text)
    with pytest.raises(CatalogError, match=message):
        import_entries(file, tmp_path / "ops")
    assert not (tmp_path / "ops").exists()


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptabsError, match="cannot read"):
        import_entries(tmp_path / "nowhere.yaml", tmp_path / "ops")


def test_a_single_entry_is_a_list_of_one(tmp_path: Path) -> None:
    report = import_entries(write_list(tmp_path, entry("Abs")), tmp_path / "ops")
    assert [file.stem for file in report.files] == ["abs"]


def test_json_is_read_with_its_escapes(tmp_path: Path) -> None:
    one = entry("Abs", description='∑ 😀 "quoted" \\ / \t end')
    file = tmp_path / "list.json"
    for text in (json.dumps([one]), json.dumps([one], ensure_ascii=False, indent="\t")):
        file.write_text(text, encoding="utf-8")
        folder = tmp_path / str(len(text))
        report = import_entries(file, folder)
        assert describe(read_back(report.files[0])) == describe(one)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'[{"operation": "Abs",}]', r"list\.json:1:2\d: invalid-json "),
        (b"[\n- operation: Abs\n]", r"list\.json:2:1: invalid-json "),
        (b'["\xff"]', r"list\.json:1:3: "),
        (b"[" * 100_000, r"list\.json:"),
        (b"null", r"list\.json:"),
        (b"", r"list\.json:"),
    ],
)
def test_a_list_that_is_no_json_is_refused_with_its_place(
    tmp_path: Path, text: bytes, message: str
) -> None:
    file = tmp_path / "list.json"
    file.write_bytes(text)
    with pytest.raises(CatalogError, match=message):
        import_entries(file, tmp_path / "ops")


def test_what_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text('[{"operation": "Abs", "description": "half \\ud800"}]')
    with pytest.raises(OptabsError, match="cannot be written as YAML without loss"):
        import_entries(file, tmp_path / "ops")
    assert list((tmp_path / "ops").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "ops").mkdir(mode=0o500)
    with pytest.raises(OptabsError, match="cannot write"):
        import_entries(write_list(tmp_path, [entry("Abs")]), tmp_path / "ops")


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "ops").write_text("")
    with pytest.raises(OptabsError, match="cannot write"):
        import_entries(write_list(tmp_path, [entry("Abs")]), tmp_path / "ops")


# --- the command ----------------------------------------------------------------------------------


def test_two_thousand_entries_show_progress(project: Callable[..., Any], tmp_path: Path) -> None:
    site = project(tmp_path)
    total = 2100
    write_list(tmp_path, [entry(f"Op{number}") for number in range(total)])
    done = site.run("import", "list.yaml", "--into", "imported")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        f"optabs: {number} of {total} entries" for number in (500, 1000, 1500, 2000)
    ]
    assert done.stdout == f"optabs: {total} entries in imported; oddities: none\n"
    assert len(list((tmp_path / "imported").glob("*.yaml"))) == total


def test_what_is_wrong_with_a_list_is_a_message(
    project: Callable[..., Any], tmp_path: Path
) -> None:
    site = project(tmp_path)
    (tmp_path / "list.yaml").write_text("- operation: [\n")
    for name in ("list.yaml", "nowhere.yaml", "ops"):
        done = site.run("import", name, "--into", "imported")
        assert done.returncode == 2
        assert done.stderr.startswith("optabs: ")
        assert "Traceback" not in done.stderr


def test_an_imported_catalogue_is_a_site(project: Callable[..., Any], tmp_path: Path) -> None:
    """Pages, tabs and API names are there at once; what has no case is no pass."""
    site = project(tmp_path)
    write_list(
        tmp_path,
        [
            entry(
                "GLU",
                variants={
                    "fake": {"api": "ff.sin"},
                    "fake_two": {"api": "faketwo.sinee"},
                    "stablehlo": {"api": "stablehlo.sine"},
                    "torch": None,
                },
            ),
            entry("Glu", description="Definition for Glu", variants={"fake": {"api": "ff.cos"}}),
        ],
    )
    assert site.run("import", "list.yaml", "--into", "ops").returncode == 0
    checked = site.run("check")
    assert checked.returncode == 0, checked.stdout

    done = site.run("verify", "--json", "export.json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "'faketwo.sinee' does not exist" in done.stdout
    assert "no case yet" in done.stdout
    assert re.search(r"optabs: 0 verified, 0 differs, 0 failed, 3 not run, 1 unsup", done.stdout)
    ops = json.loads((tmp_path / "export.json").read_text())["ops"]
    first, second = sorted(ops, key=lambda op: op["operation"])
    assert [first["docname"], second["docname"]] == ["ops/glu", "ops/glu-2"]
    found = {
        key: (each["api_exists"], each["verdicts"][0]["verdict"], each["verdicts"][0]["reason"])
        for key, each in first["variants"].items()
    }
    assert found["fake"] == (True, "not_run", "no case yet")
    assert found["fake_two"] == (False, "not_run", "no case yet")
    assert found["torch"][:2] == (None, "unsupported")
    assert found["stablehlo"][:2] == (None, "untestable")
    assert second["variants"]["fake"]["api_exists"] is True
