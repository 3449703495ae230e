"""Catalogue files to ops, with every fault reported at its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from optabs.catalog.inputs import is_input_name, read_input
from optabs.catalog.model import (
    LONE_RESULT,
    Case,
    Catalog,
    Difference,
    Entry,
    Expected,
    Input,
    Op,
    Parameter,
    Text,
    Tolerance,
    Variant,
)
from optabs.catalog.schema import DROPPED, NOT_SYNTHESISED, OP, Reporter, describe_type
from optabs.catalog.source import KeyPath, YamlDocument, read_yaml
from optabs.errors import Fault, OptabsError, Place

SUFFIX = ".yaml"
_CASE_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the catalogue files among and below `paths`, sorted.

    Raises:
        OptabsError: a path does not exist.
    """
    files: set[Path] = set()
    for path in paths:
        if path.is_dir():
            files.update(
                file
                for file in path.rglob(f"*{SUFFIX}")
                if not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
            )
        elif path.is_file():
            files.add(path)
        else:
            raise OptabsError(
                f"there is no catalogue at {path}", "name a folder of entries, or entry files"
            )
    return sorted(files)


def load_file(path: Path, root: Path) -> list[Entry]:
    """Read one file: one entry, or a list of entries as ODL exports them.

    `root` is the folder that places are relative to. Bad content gives entries with faults.
    """
    file = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    try:
        document = read_yaml(path, file)
    except OSError as error:
        fault = Fault(
            Place(file), "unreadable", f"cannot be read: {error.strerror}", "check its permissions"
        )
        return [Entry(path, file, None, (fault,))]
    if document.faults and document.data is None:
        return [Entry(path, file, None, tuple(document.faults))]
    if isinstance(document.data, list):
        return _load_list(document, path)
    return [_load_entry(document, document.data, (), path)]


def _load_list(document: YamlDocument, path: Path) -> list[Entry]:
    earlier = document.faults
    entries = []
    for index, data in enumerate(document.data):
        document.faults = []
        entries.append(_load_entry(document, data, (index,), path))
    if earlier or not entries:
        faults = earlier or [
            Fault(
                Place(document.file),
                "empty-file",
                "the list is empty",
                "write an entry or delete the file",
            )
        ]
        entries.insert(0, Entry(path, document.file, None, tuple(faults)))
    return entries


def _load_entry(document: YamlDocument, data: Any, base: KeyPath, path: Path) -> Entry:
    report = Reporter(document)
    if not isinstance(data, dict):
        report.note_fault(
            base,
            "wrong-type",
            f"an entry is a mapping, found {describe_type(data)}",
            "begin with `operation: Name`",
        )
        return Entry(path, document.file, None, tuple(document.faults), data)
    found = OP.check(data, base, report)
    if found is DROPPED:
        return Entry(path, document.file, None, tuple(document.faults), data)
    op = _Builder(document, report, base, path).build_op(found)
    # Faults within a variant cost that tab alone, so they travel with it, too.
    return Entry(path, document.file, op, tuple(sorted(document.faults)), data)


class _Builder:
    """Builds the model of one entry from data that the schema has let through."""

    def __init__(self, document: YamlDocument, report: Reporter, base: KeyPath, path: Path) -> None:
        self.document = document
        self.report = report
        self.base = base
        self.path = path

    def place(self, path: KeyPath) -> Place:
        return self.document.find_place(path)

    def text(self, value: str | None, path: KeyPath) -> Text | None:
        if value is None:
            return None
        place = self.place(path)
        return Text(value, place, self.document.text_lines.get(path, place.line))

    def build_op(self, found: dict[str, Any]) -> Op:
        base = self.base
        operation = found["operation"]
        parameters = self.build_parameters(found.get("std_args", []))
        return Op(
            operation=operation,
            place=self.place((*base, "operation")),
            path=self.path,
            description=self.text(found.get("description"), (*base, "description")),
            op_type=found.get("op_type", "function"),
            parameters=parameters,
            return_type=found.get("return_type"),
            category=found.get("category", ""),
            aliases=tuple(found.get("aliases", ())),
            reference=self.text(found.get("reference"), (*base, "reference")),
            cases=self.build_cases(found.get("cases", []), (*base, "cases")),
            tolerance=build_tolerance(found.get("tolerance")),
            variants={
                key: self.build_variant(key, item, (*base, "variants", key))
                for key, item in found["variants"].items()
            },
            see_also=tuple(found.get("see_also", ())),
        )

    def build_parameters(self, items: list[Any]) -> tuple[Parameter, ...]:
        parameters = []
        for item in items:
            if isinstance(item, str):
                parameters.append(Parameter(item))
            elif isinstance(item, list):
                parameters.append(Parameter(item[0], item[1] if len(item) > 1 else ""))
            else:
                default = (
                    write_default(item["default"], item.get("type", ""))
                    if "default" in item
                    else None
                )
                parameters.append(
                    Parameter(
                        item["name"],
                        item.get("type", ""),
                        default,
                        item.get("kind", "positional_or_keyword"),
                        item.get("is_variadic", False),
                        item.get("doc", ""),
                    )
                )
        return tuple(parameters)

    def build_cases(self, items: list[Any], path: KeyPath) -> tuple[Case, ...]:
        cases: list[Case] = []
        # The schema dropped what it could not use, so find each case's own position again.
        positions = [
            index
            for index, raw in enumerate(self.raw(path) if items else [])
            if isinstance(raw, dict)
        ]
        for item in items:
            while self.raw((*path, positions[0])).get("id") != item["id"]:
                positions.pop(0)
            inner = (*path, positions.pop(0))
            if not _CASE_ID.fullmatch(item["id"]):
                self.report.note_fault(
                    (*inner, "id"),
                    "bad-case-id",
                    f"{item['id']!r} is no case id",
                    "use a-z, 0-9 and hyphens, e.g. negative-axis",
                )
                continue
            if any(case.id == item["id"] for case in cases):
                self.report.note_fault(
                    (*inner, "id"),
                    "duplicate-case",
                    f"there are two cases {item['id']!r}",
                    "rename one",
                )
                continue
            case = self.build_case(item, inner)
            if case is not None:
                cases.append(case)
        return tuple(cases)

    def raw(self, path: KeyPath) -> Any:
        value = self.document.data
        for part in path:
            value = value[part]
        return value

    def build_case(self, item: dict[str, Any], path: KeyPath) -> Case | None:
        inputs: list[Input] = []
        faults_before = len(self.document.faults)
        for position, (name, value) in enumerate(item.get("inputs", {}).items()):
            inner = (*path, "inputs", name)
            if not is_input_name(name):
                self.report.note_key_fault(
                    inner,
                    "bad-name",
                    f"{name!r} is no variable name",
                    "use letters, digits and underscores",
                )
                continue
            spec = read_input(value, inner, position, self.report)
            if spec is not None:
                inputs.append(Input(name, spec, self.document.key_places[inner]))
        if "expect" not in item and "expect" not in self.raw(path):
            self.report.note_fault(
                path,
                "no-oracle",
                f"the case {item['id']!r} has no oracle",
                "add `expect`: the result, or a NumPy expression for it",
            )
        expect = self.build_expect(item.get("expect"), (*path, "expect"))
        differences = tuple(
            Difference(
                tuple(entry["frameworks"]),
                entry["reason"],
                entry.get("dtype", {}),
                self.build_expect(entry.get("expect"), (*path, "differences", index, "expect")),
            )
            for index, entry in enumerate(item.get("differences", ()))
        )
        if len(self.document.faults) > faults_before or not expect:
            return None
        names = {expected.name for expected in expect}
        for index, difference in enumerate(differences):
            others = {*difference.dtype, *(each.name for each in difference.expect)} - names
            if others:
                self.report.note_fault(
                    (*path, "differences", index),
                    "unknown-result",
                    f"the case has no result {', '.join(sorted(others))}",
                    f"it has {', '.join(sorted(names))}",
                )
        return Case(
            id=item["id"],
            place=self.place(path),
            title=item.get("title", ""),
            inputs=tuple(inputs),
            expect=expect,
            tolerance=build_tolerance(item.get("tolerance")),
            equal_nan=item.get("equal_nan", False),
            grad=item.get("grad", False),
            differences=differences,
            time_limit=item.get("time_limit"),
            source=item.get("source", ""),
        )

    def build_expect(self, value: Any, path: KeyPath) -> tuple[Expected, ...]:
        if value is None:
            return ()
        if not isinstance(value, dict):
            return (self.build_expected(LONE_RESULT, value, path),)
        results = []
        for name, item in value.items():
            if is_input_name(name):
                results.append(self.build_expected(name, item, (*path, name)))
            else:
                self.report.note_key_fault(
                    (*path, name),
                    "bad-name",
                    f"{name!r} is no variable name",
                    "use letters, digits and underscores",
                )
        return tuple(results)

    def build_expected(self, name: str, value: Any, path: KeyPath) -> Expected:
        place = self.place(path)
        if isinstance(value, dict):
            return Expected(name, place, value.get("values"), value.get("expr"), value.get("dtype"))
        if isinstance(value, str):
            return Expected(name, place, expr=value)
        return Expected(name, place, values=value)

    def build_variant(self, key: str, item: dict[str, Any] | None, path: KeyPath) -> Variant:
        place = self.document.key_places.get(path) or self.place(path)
        inside = tuple(
            fault for fault in self.document.faults if self.lies_within(fault.place, path)
        )
        if item is None:
            return Variant(key, place, unsupported="", faults=inside)
        example = item.get("example")
        at = (*path, "example")
        examples: dict[str | None, Text | None]
        if isinstance(example, dict):
            examples = {case: self.text(code, (*at, case)) for case, code in example.items()}
        else:
            examples = {None: self.text(example, at)} if example is not None else {}
        return Variant(
            framework=key,
            place=place,
            api=item.get("api"),
            api_place=self.place((*path, "api")),
            args=item.get("args", {}),
            inject_args=item.get("inject_args", {}),
            pack_to_tuple=item.get("pack_to_tuple"),
            pack_as=item.get("pack_as", "Tuple"),
            output_select_index=item.get("output_select_index"),
            macro_template=item.get("macro_template"),
            transformation_type=item.get("transformation_type"),
            operator=item.get("operator"),
            requires_plugin=item.get("requires_plugin"),
            required_imports=tuple(write_import(each) for each in item.get("required_imports", ())),
            op_type=item.get("op_type"),
            not_synthesised=tuple(key for key, _, _ in NOT_SYNTHESISED if item.get(key)),
            examples={case: text for case, text in examples.items() if text is not None},
            unsupported=item.get("unsupported"),
            untestable=item.get("untestable"),
            notes=self.text(item.get("notes"), (*path, "notes")),
            faults=inside,
        )

    def lies_within(self, place: Place, path: KeyPath) -> bool:
        """Whether `place` lies between the key at `path` and the next variant's key."""
        start = self.document.key_places.get(path)
        if start is None:
            return False
        following = [
            other
            for candidate, other in self.document.key_places.items()
            if len(candidate) <= len(path)
            and other > start
            and candidate[: len(self.base)] == self.base
        ]
        return start <= place and (not following or place < min(following))


def build_tolerance(found: Mapping[str, Any] | None) -> Tolerance | None:
    """Return the tolerance of a checked mapping."""
    return Tolerance(found["rtol"], found["atol"], found["reason"]) if found else None


def write_default(value: Any, type_name: str) -> str:
    """Return a default as Python source. ODL keeps many as text, e.g. ``"1e-05"``, ``"()"``."""
    if isinstance(value, str) and type_name not in ("str", "Str", "string"):
        return value
    return repr(value)


def write_import(required: Any) -> str:
    """Return an ODL import requirement as an import statement."""
    if isinstance(required, dict):
        alias = required.get("alias")
        return f"import {required.get('module')}" + (f" as {alias}" if alias else "")
    return str(required)


def load_catalog(paths: Iterable[Path], root: Path) -> Catalog:
    """Read all catalogue files among and below `paths`.

    Raises:
        OptabsError: a path does not exist.
    """
    return make_catalog(entry for file in find_files(paths) for entry in load_file(file, root))


def make_catalog(entries: Iterable[Entry]) -> Catalog:
    """Return the catalogue of some entries, with the faults of all of them."""
    found = tuple(entries)
    return Catalog(found, tuple(sorted(fault for entry in found for fault in entry.faults)))
