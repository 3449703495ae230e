"""The JSON Schema, read by a validator of somebody else: it sees what the loader sees."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from optabs.catalog import schema
from optabs.catalog.json_schema import describe, make_schema, write_schema
from optabs.catalog.schema import EXPECTED, OP, MapOf, Maybe, OneOf, Record, Reporter
from optabs.catalog.source import YamlDocument, parse_yaml, read_yaml
from optabs.cli import main

ROOT = Path(__file__).parents[2]
BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
OPS = sorted((ROOT / "ops").glob("*.yaml"))

VALIDATOR = Draft7Validator(make_schema())


def list_errors(data: Any) -> set[tuple[str | int, ...]]:
    """Return where the schema finds something wrong; of unknown keys, where they stand."""
    found: set[tuple[str | int, ...]] = set()
    for error in VALIDATOR.iter_errors(data):
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            found |= {(*path, key) for key in error.instance.keys() - error.schema["properties"]}
        else:
            found.add(path)
    return found


@pytest.fixture
def list_faults(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that returns where the loader finds something wrong with keys, types and words."""
    # Rules between values, which a schema of single values does not have.
    monkeypatch.setitem(EXPECTED.__dict__, "rule", None)

    def find(data: Any) -> set[tuple[str | int, ...]]:
        document = YamlDocument("f.yaml")
        for path, entry in enumerate(data) if isinstance(data, list) else [(None, data)]:
            OP.check(entry, () if path is None else (path,), Reporter(document))
        assert {fault.code for fault in document.faults} <= {
            "unknown-key", "missing-key", "wrong-type", "unknown-word",
        }  # fmt: skip
        return {path for path in document.fault_paths if not is_endless(data, path)}

    return find


def is_endless(data: Any, path: tuple[str | int, ...]) -> bool:
    """Whether a number stands at `path` that JSON does not know: infinite, or no number."""
    for part in path:
        if part not in data and not isinstance(part, int):
            return False
        data = data[part]
    return isinstance(data, int | float) and not abs(data) <= sys.float_info.max


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(make_schema())


def test_the_copy_in_the_repository_is_up_to_date() -> None:
    kept = (ROOT / "ops" / "schema.json").read_text(encoding="utf-8")
    assert kept == write_schema(), "run: optabs schema > ops/schema.json"


def test_editors_are_told_of_it() -> None:
    settings = json.loads((ROOT / ".vscode" / "settings.json").read_text(encoding="utf-8"))
    ((file, pattern),) = settings["yaml.schemas"].items()
    assert (ROOT / file).samefile(ROOT / "ops" / "schema.json")
    assert sorted(ROOT.glob(pattern)) == OPS


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == write_schema()


def test_every_entry_is_valid() -> None:
    assert len(OPS) > 200
    wrong = {file.name: list_errors(read_yaml(file, file.name).data) for file in OPS}
    assert {name: errors for name, errors in wrong.items() if errors} == {}


def test_a_list_of_odl_entries_is_valid() -> None:
    data = read_yaml(Path(__file__).parent / "odl.yaml", "odl.yaml").data
    assert len(data) > 3
    assert list_errors(data) == set()


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_schema_and_loader_agree(file: Path, list_faults: Any) -> None:
    data = read_yaml(file, file.name).data
    if isinstance(data, dict) or (isinstance(data, list) and data):
        assert list_errors(data) == list_faults(data)
    else:
        assert list_errors(data)


def test_the_corpus_has_much_to_agree_on(list_faults: Any) -> None:
    found = [read_yaml(file, file.name).data for file in BAD]
    assert sum(len(list_faults(data)) for data in found if isinstance(data, dict)) > 80


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("operation: 5", ("operation",)),
        ("operation: ' '", ("operation",)),
        ("op_type: klass", ("op_type",)),
        ("cases: [{id: a, time_limit: 0}]", ("cases", 0, "time_limit")),
        ("cases: [{id: a, grad: yes}]", ("cases", 0, "grad")),
        ("cases: [{}]", ("cases", 0)),
        ("tolerance: {rtol: -1, atol: 0, reason: r}", ("tolerance", "rtol")),
        ("std_args: [[x, 5]]", ("std_args", 0, 1)),
        ("std_args: [5]", ("std_args", 0)),
        ("std_args: [{name: x, typ: T}]", ("std_args", 0, "typ")),
        ("variants: {torch: 5}", ("variants", "torch")),
        ("variants: {torch: {required_imports: [{modul: a}]}}", None),
    ],
)
def test_a_wrong_value_is_seen_at_its_place(line: str, path: Any, list_faults: Any) -> None:
    text = "\n".join(
        each for each in ("operation: A", "variants: {}") if each.split()[0] != line.split()[0]
    )
    data = parse_yaml(f"{text}\n{line}\n".encode(), "f.yaml").data
    assert list_errors(data) == list_faults(data)
    assert path is None or list_errors(data) == {path}


def test_every_key_says_what_it_means() -> None:
    def look(part: Any) -> int:
        if not isinstance(part, dict):
            return 0
        count = 0
        for key in part.get("properties", {}).values():
            assert key["description"]
            assert key["examples"]
            count += 1
        return count + sum(
            look(each)
            for name, inner in part.items()
            for each in (inner.values() if name in ("properties", "definitions") else [inner])
        )

    assert look(make_schema()) > 100


def test_what_cannot_be_said_in_the_schema_is_an_error_not_a_hole() -> None:
    unclear = OneOf({list: schema.TEXTS, dict: MapOf(schema.TEXT)}, "")
    assert describe(unclear)["type"] == ["array", "object"]
    with pytest.raises(TypeError, match="several types"):
        describe(
            OneOf(
                {int: schema.TOLERABLE, float: schema.Scalar((float,), "", limits={"minimum": 1})},
                "",
            )
        )
    with pytest.raises(TypeError, match="no schema"):
        describe(object())  # type: ignore[arg-type]
    assert describe(Maybe(Record("a thing", {})))["type"] == ["object", "null"]
