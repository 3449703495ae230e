"""Catalogue files to ops, with every fault reported at its place."""

from __future__ import annotations

import ast
import gc
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from optabs.catalog.code import find_code_faults
from optabs.catalog.gradient import derive_gradient, find_gradient_problem, name_gradient_case
from optabs.catalog.inputs import is_input_name, read_complex, read_input, write_python
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
from optabs.catalog.plot import find_plot_problem
from optabs.catalog.schema import (
    DROPPED,
    EXPECTED_DISTRIBUTIONS,
    NOT_SYNTHESISED,
    OP,
    VARIANT,
    Reporter,
    describe_value,
    shorten,
)
from optabs.catalog.source import KeyPath, YamlDocument, parse_yaml
from optabs.errors import Fault, OptabsError, Place, suggest_name

SUFFIX = ".yaml"
Inspect = Callable[[YamlDocument], Iterable[Fault]]
"""Looks at a whole file for further faults."""

# The keys of a variant that the model has as they are.
_PLAIN_KEYS = VARIANT.keys.keys() & {field.name for field in fields(Variant)} - {
    "required_imports",
    "notes",
}
_RESULT_KEYS = {"values", "expr", "dtype", "up_to"}
_LONGEST_ID = 60
_CASE_ID = re.compile(rf"(?=.{{1,{_LONGEST_ID}}}\Z)[a-z0-9]+(-[a-z0-9]+)*")


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the catalogue files among and below `paths`, sorted.

    Raises:
        OptabsError: a path does not exist.
    """
    files: set[Path] = set()
    for path in paths:
        if path.is_dir():
            files.update(_walk_files(path))
        elif path.is_file():
            files.add(path)
        else:
            raise OptabsError(
                f"there is no catalogue at {path}", "name a folder of entries, or entry files"
            )
    return sorted(files)


def _walk_files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        for name in names:
            if name.endswith(SUFFIX) and not name.startswith((".", "_")):
                yield Path(place, name)


def name_file(path: Path, root: Path) -> str:
    """Return how places name a file: relative to `root`, if it is below."""
    return path.as_posix().removeprefix(f"{root.as_posix().rstrip('/')}/")


def load_file(path: Path, root: Path, inspect: Inspect = lambda document: ()) -> list[Entry]:
    """Read one file: one entry, or a list of entries as ODL exports them.

    `root` is the folder that places are relative to. Bad content gives entries with faults;
    so does what `inspect` finds.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        file = name_file(path, root)
        fault = Fault(
            Place(file),
            "unreadable",
            f"cannot be read: {error.strerror}",
            "check the file and its permissions",
        )
        return [Entry(path, file, None, (fault,))]
    return load_bytes(raw, path, root, inspect)


def load_bytes(
    raw: bytes, path: Path, root: Path, inspect: Inspect = lambda document: ()
) -> list[Entry]:
    """Return the entries that stand in a file with this content; see `load_file`."""
    file = name_file(path, root)
    document = parse_yaml(raw, file)
    if document.faults and document.data is None:
        return [Entry(path, file, None, tuple(document.faults))]
    entries = (
        _load_list(document, path)
        if isinstance(document.data, list)
        else [_load_entry(document, document.data, (), path)]
    )
    if found := tuple(inspect(document)):
        entries[-1] = replace(entries[-1], faults=(*entries[-1].faults, *found))
    return entries


def _load_list(document: YamlDocument, path: Path) -> list[Entry]:
    entries = [
        _load_entry(document, data, (index,), path) for index, data in enumerate(document.data)
    ]
    of_list = [
        fault for fault, at in zip(document.faults, document.fault_paths, strict=True) if not at
    ]
    if not entries:
        place = document.find_place(())
        hint = "write an entry or delete the file"
        of_list.append(Fault(place, "empty-file", "the list is empty", hint))
    if of_list:
        entries.append(Entry(path, document.file, None, tuple(of_list)))
    return entries


def _load_entry(document: YamlDocument, data: Any, base: KeyPath, path: Path) -> Entry:
    # Each entry of a list gets a document of its own, so that its faults are its own.
    own = document
    if base:
        own = replace(document, faults=[], fault_paths=[])
        for fault, at in zip(document.faults, document.fault_paths, strict=True):
            if at[: len(base)] == base:
                own.note_fault(fault, at)
    report = Reporter(own)
    op = None
    if isinstance(data, dict):
        found = OP.check(data, base, report)
        if found is not DROPPED:
            op = _Builder(own, report, base, path).build_op(found, data)
    else:
        report.note_fault(
            base,
            "wrong-type",
            f"an entry is a mapping, found {describe_value(data)}",
            "begin with `operation: Name`",
        )
    return Entry(path, own.file, op, tuple(sorted(set(own.faults))), data)


def _describe_bad_name(name: str) -> tuple[str, str, str]:
    return (
        "bad-name",
        f"{shorten(repr(name))} is no variable name",
        "use letters, digits and underscores, and no word of Python, nor np, xp or rng",
    )


class _Builder:
    """Builds the model of one entry from data that the schema has let through."""

    def __init__(self, document: YamlDocument, report: Reporter, base: KeyPath, path: Path) -> None:
        self.document = document
        self.report = report
        self.base = base
        self.path = path

    def place(self, path: KeyPath) -> Place:
        return self.document.find_place(path)

    def list_places(self, texts: list[str] | None, path: KeyPath) -> tuple[Place, ...]:
        """Return the places of the items of a list, if each of them is still there."""
        places = tuple(self.place((*path, index)) for index, _ in enumerate(texts or ()))
        return () if self.document.find_faults(path) else places

    def text(self, value: str | None, path: KeyPath) -> Text | None:
        if value is None:
            return None
        place, source = self.place(path), self.document.find_source(path)
        line = place.line if source is None else source.find_row(value, 0)
        return Text(value, place, line, source)

    def code(self, value: str, path: KeyPath, *, expression: bool = False) -> Text:
        """Return code as text, after reporting what is wrong with it as Python."""
        text = self.text(value, path)
        assert text
        for fault in find_code_faults(text, expression=expression):
            self.document.note_fault(fault, path)
        return text

    def build_op(self, found: dict[str, Any], data: dict[str, Any]) -> Op:
        base = self.base
        operation = found["operation"]
        reference = found.get("reference")
        # Those of faulty cases, too: an example for one of them is in order.
        case_ids = [
            name
            for item in found.get("cases", ())
            if item is not DROPPED
            for name in _list_case_ids(item)
        ]
        parameters = self.build_parameters(found.get("std_args", []), (*base, "std_args"))
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
            reference=None if reference is None else self.code(reference, (*base, "reference")),
            cases=self.build_cases(found.get("cases", []), (*base, "cases"), parameters),
            tolerance=build_tolerance(found.get("tolerance")),
            variants={
                key: self.build_variant(
                    key, found["variants"].get(key, {}), (*base, "variants", key), case_ids
                )
                for key in data["variants"]
            },
            see_also=tuple(found.get("see_also", ())),
            see_also_places=self.list_places(found.get("see_also"), (*base, "see_also")),
        )

    def build_parameters(self, items: list[Any], path: KeyPath) -> tuple[Parameter, ...]:
        parameters = []
        for index, item in enumerate(items):
            if isinstance(item, str):
                parameters.append(Parameter(item))
            elif isinstance(item, list):
                if DROPPED in item:
                    continue
                if not 1 <= len(item) <= 2:
                    self.report.note_wrong_type((*path, index), item, "a name and a type")
                    continue
                parameters.append(Parameter(*item))
            elif item is not DROPPED:
                type_name = item.get("type", "")
                default = write_default(item["default"], type_name) if "default" in item else None
                parameters.append(
                    Parameter(
                        item["name"],
                        type_name,
                        default,
                        item.get("kind", "positional_or_keyword"),
                        item.get("is_variadic", False),
                        item.get("doc", ""),
                    )
                )
        return tuple(parameters)

    def build_cases(
        self, items: list[Any], path: KeyPath, parameters: tuple[Parameter, ...]
    ) -> tuple[Case, ...]:
        standard = [parameter.name for parameter in parameters]
        cases: list[Case] = []
        seen: dict[str, Place] = {}
        for index, item in enumerate(items):
            if item is DROPPED:
                continue
            inner = (*path, index)
            name, at = item["id"], (*inner, "id")
            place = self.place(at)
            if not _CASE_ID.fullmatch(name):
                self.report.note_fault(
                    at,
                    "bad-case-id",
                    f"{shorten(repr(name))} is no case id",
                    f"use at most {_LONGEST_ID} of a-z, 0-9 and hyphens, e.g. negative-axis",
                )
            elif name in seen:
                self.report.note_fault(
                    at,
                    "duplicate-case",
                    f"there are two cases {name!r}",
                    f"first in line {seen[name].line}; rename one",
                )
            seen.setdefault(name, place)
            case = self.build_case(item, inner)
            if case is not None and not self.document.find_faults(inner):
                problem = find_plot_problem(case)
                if problem:
                    self.report.note_fault((*inner, "plot"), "no-plot", *problem)
            if case is not None and case.grad and not self.document.find_faults(inner):
                self.check_gradient(case, standard, seen, inner)
            # A case with a fault proves nothing: it is left out, whatever the fault is.
            if case is not None and not self.document.find_faults(inner):
                cases.append(case)
                if case.grad:
                    cases.append(derive_gradient(case, standard))
        return tuple(cases)

    def check_gradient(
        self, case: Case, standard: list[str], seen: dict[str, Place], path: KeyPath
    ) -> None:
        problem = find_gradient_problem(case, standard)
        if problem:
            self.report.note_fault((*path, "grad"), "no-gradient", *problem)
        name = name_gradient_case(case.id)
        if name in seen:
            self.report.note_fault(
                (*path, "grad"),
                "duplicate-case",
                f"its gradient would be a second case {name!r}",
                f"first in line {seen[name].line}; rename that one",
            )
        seen.setdefault(name, case.place)

    def build_case(self, item: dict[str, Any], path: KeyPath) -> Case | None:
        inputs: list[Input] = []
        for position, (name, value) in enumerate(item.get("inputs", {}).items()):
            inner = (*path, "inputs", name)
            if not is_input_name(name):
                self.report.note_key_fault(inner, *_describe_bad_name(name))
                continue
            spec = read_input(value, inner, position, self.report)
            if spec is not None:
                inputs.append(Input(name, spec, self.document.find_key_place(inner)))
        at = (*path, "expect")
        expect = self.build_expect(item.get("expect"), at)
        if not expect and not self.document.find_faults(at):
            self.report.note_fault(
                path,
                "no-oracle",
                f"the case {item['id']!r} has no oracle",
                "`expect` stands among its inputs: indent it as `inputs` is"
                if "expect" in item.get("inputs", {})
                else "add `expect`: the result, or a NumPy expression for it",
            )
        differences = [
            self.build_difference(entry, (*path, "differences", index), expect)
            for index, entry in enumerate(item.get("differences", ()))
            if entry is not DROPPED
        ]
        self.check_freedom(expect, differences, at)
        return Case(
            id=item["id"],
            place=self.place(path),
            title=item.get("title", ""),
            inputs=tuple(inputs),
            expect=expect,
            tolerance=build_tolerance(item.get("tolerance")),
            equal_nan=item.get("equal_nan", False),
            grad=item.get("grad", False),
            plot=item.get("plot"),
            differences=tuple(differences),
            time_limit=item.get("time_limit"),
            source=item.get("source", ""),
        )

    def check_freedom(
        self, expect: tuple[Expected, ...], differences: list[Difference], path: KeyPath
    ) -> None:
        """Report a case of which a framework is held to nothing as it stands."""
        for own in ((), *(each.expect for each in differences)):
            results = {each.name: each for each in (*expect, *own)}
            if results and all(each.up_to for each in results.values()):
                self.report.note_fault(
                    path,
                    "no-invariant",
                    "all results are compared up to their signs",
                    "add one that no sign changes, e.g. the product of the factors",
                )
                return

    def build_difference(
        self, item: dict[str, Any], path: KeyPath, results: tuple[Expected, ...]
    ) -> Difference:
        expect = self.build_expect(item.get("expect"), (*path, "expect"))
        dtypes: dict[str, str] = item.get("dtype", {})
        known = [expected.name for expected in results]
        for key, names in (("dtype", [*dtypes]), ("expect", [each.name for each in expect])):
            for name in names:
                if known and name not in known:
                    self.report.note_key_fault(
                        (*path, key, name),
                        "unknown-result",
                        f"the case has no result {name!r}",
                        suggest_name(name, known) or f"it has {', '.join(known)}",
                    )
        return Difference(
            tuple(item["frameworks"]),
            item["reason"],
            dtypes,
            expect,
            self.list_places(item["frameworks"], (*path, "frameworks")),
        )

    def build_expect(self, value: Any, path: KeyPath) -> tuple[Expected, ...]:
        if value is None:
            return ()
        if not isinstance(value, dict):
            return (self.build_expected(LONE_RESULT, value, path),)
        is_result = value.keys() & {"dtype", "up_to"} and value.keys() <= _RESULT_KEYS
        if is_result or value.get("distribution") in (*EXPECTED_DISTRIBUTIONS,):
            self.report.note_fault(
                path,
                "no-name",
                "the result has no name",
                f"write {{{LONE_RESULT}: {{{', '.join(f'{key}: ...' for key in value)}}}}}",
            )
            return ()
        results = []
        for name, item in value.items():
            if is_input_name(name):
                results.append(self.build_expected(name, item, (*path, name)))
            else:
                self.report.note_key_fault((*path, name), *_describe_bad_name(name))
        return tuple(results)

    def build_expected(self, name: str, value: Any, path: KeyPath) -> Expected:
        place = self.place(path)
        values, expr, dtype, up_to = value, None, None, None
        if isinstance(value, dict):
            if "distribution" in value:
                return self.build_sample(name, value, path)
            values, expr = value.get("values"), value.get("expr")
            dtype, up_to = value.get("dtype"), value.get("up_to")
            path = (*path, "values" if expr is None else "expr")
        elif isinstance(value, str):
            values, expr = None, value
        if expr is not None:
            text = self.code(expr, path, expression=True)
            return Expected(name, place, None, expr, dtype, up_to, text)
        if dtype and dtype.startswith("complex") and not is_complex(values):
            self.report.note_fault(
                path, "bad-values", f"`{name}` holds what is no complex number", "write e.g. '1+2j'"
            )
        return Expected(name, place, values, None, dtype, up_to)

    def build_sample(self, name: str, value: dict[str, Any], path: KeyPath) -> Expected:
        """Return the oracle of random draws: parameters and shape, literal or as one expression."""
        kind, dtype, place = value["distribution"], value.get("dtype"), self.place(path)
        wanted = (*EXPECTED_DISTRIBUTIONS[kind], "shape")
        parameters = {key: value[key] for key in wanted if key in value}
        sources = {
            key: self.code(each, (*path, key), expression=True).text.strip()
            if isinstance(each, str)
            else write_python(each)
            for key, each in parameters.items()
        }
        if not any(isinstance(each, str) for each in parameters.values()):
            return Expected(name, place, parameters, None, dtype, distribution=kind)
        expr = f"{{{', '.join(f'{key!r}: ({source})' for key, source in sources.items())}}}"
        return Expected(name, place, None, expr, dtype, distribution=kind)

    def build_variant(
        self, key: str, item: dict[str, Any] | None, path: KeyPath, case_ids: list[str]
    ) -> Variant:
        place = self.document.find_key_place(path)
        if item is None:
            return Variant(key, place, unsupported="", faults=self.document.find_faults(path))
        example = item.get("example")
        at = (*path, "example")
        examples: dict[str | None, Text] = {}
        if isinstance(example, dict):
            for case, code in example.items():
                examples[case] = self.code(code, (*at, case))
                if case not in case_ids:
                    self.report.note_key_fault(
                        (*at, case),
                        "unknown-case",
                        f"an example is for the case {shorten(repr(case))}, which is not there",
                        suggest_name(case, case_ids)
                        or ("there are " + ", ".join(case_ids) if case_ids else "add the case"),
                    )
        elif example is not None:
            examples[None] = self.code(example, at)
        if examples and "unsupported" in item:
            self.report.note_key_fault(
                (*path, "unsupported"),
                "contradiction",
                f"{key!r} is unsupported and has an example",
                "keep one",
            )
        plain = {name: item[name] for name in _PLAIN_KEYS & item.keys()}
        if "required_imports" in item:
            plain["required_imports"] = tuple(map(write_import, item["required_imports"]))
        if "notes" in item:
            plain["notes"] = self.text(item["notes"], (*path, "notes"))
        for name, field in (("api", "api_place"), ("macro_template", "macro_place")):
            if name in item:
                plain[field] = self.place((*path, name))
        return Variant(
            framework=key,
            place=place,
            argument_places={
                **{name: self.place((*path, "args", name)) for name in item.get("args", {})},
                **{
                    name: self.document.find_key_place((*path, "inject_args", name))
                    for name in item.get("inject_args", {})
                },
            },
            not_synthesised=tuple(key for key, _, _ in NOT_SYNTHESISED if item.get(key)),
            examples=examples,
            faults=self.document.find_faults(path),
            **plain,
        )


def _list_case_ids(item: Mapping[str, Any]) -> list[str]:
    """Return the ids that an item of `cases` stands for: its own, and its gradient's."""
    name = item["id"]
    return [name, name_gradient_case(name)] if item.get("grad") else [name]


def build_tolerance(found: Mapping[str, Any] | None) -> Tolerance | None:
    """Return the tolerance of a checked mapping."""
    return Tolerance(found["rtol"], found["atol"], found["reason"]) if found else None


def is_complex(values: Any) -> bool:
    """Whether nested lists hold complex numbers only, which YAML has as text."""
    if isinstance(values, list):
        return all(is_complex(item) for item in values)
    return read_complex(values) is not None


def write_default(value: Any, type_name: str) -> str:
    """Return a default as Python source. ODL keeps many as text, e.g. ``"1e-05"``, ``"()"``."""
    if not isinstance(value, str):
        return write_python(value)
    if type_name in ("str", "Str", "string"):
        return repr(value)
    try:
        ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return repr(value) if "str" in type_name.lower() else value
    return value


def write_import(required: Mapping[str, Any] | str) -> str:
    """Return an ODL import requirement as an import statement."""
    if isinstance(required, str):
        is_statement = required.startswith(("import ", "from "))
        return required if is_statement else f"import {required}"
    alias = required.get("alias")
    return f"import {required['module']}" + (f" as {alias}" if alias else "")


def load_catalog(paths: Iterable[Path], root: Path) -> Catalog:
    """Read all catalogue files among and below `paths`.

    Raises:
        OptabsError: a path does not exist.
    """
    return make_catalog(entry for file in find_files(paths) for entry in load_file(file, root))


def make_catalog(entries: Iterable[Entry]) -> Catalog:
    """Return the catalogue of some entries, with the faults of all of them."""
    # What is made here stays: looking for garbage in it would take a third of the time.
    collects = gc.isenabled()
    gc.disable()
    try:
        found = tuple(entries)
    finally:
        if collects:
            gc.enable()
    return Catalog(found, tuple(sorted(fault for entry in found for fault in entry.faults)))
