"""ODL lists to a catalogue: one file per op, nothing lost, every oddity reported."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from optabs.catalog.check import RESERVED_PAGES
from optabs.catalog.load import SUFFIX, load_file
from optabs.catalog.source import YamlDocument, parse_yaml, read_yaml
from optabs.errors import CatalogError, Fault, OptabsError, Place

_GENERATED = re.compile(
    r"(Definition (for|of)|Auto-?(generated|discovered)) .{0,60}", re.IGNORECASE
)
_MARK = "# The description is {}: write one.\n"


class EntryDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Quotes what YAML 1.1 or YAML 1.2 would take for anything but text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: an entry is read by people."""
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    # Block style cannot hold trailing blanks; the emitter falls back for control characters.
    fits = "\n" in text and all(line == line.rstrip() for line in text.split("\n"))
    style = "|" if fits else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


EntryDumper.add_representer(str, _represent_text)
EntryDumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]*\.?[0-9]*[eE][-+]?[0-9]+|0o[0-7]+"),
    list("-+.0123456789"),
)


@dataclass
class ImportReport:
    """What an import did: the files in the order of the list, and what was odd."""

    files: list[Path] = field(default_factory=list)
    oddities: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """How many entries have each kind of oddity, by its code."""

    def note(self, place: Place, code: str, message: str, hint: str = "") -> None:
        """Record an oddity."""
        self.oddities.append(Fault(place, code, message, hint))
        self.counts[code] += 1


def import_entries(
    file: Path, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> ImportReport:
    """Write each entry of an ODL list (YAML or JSON) as a file of its own into `folder`.

    A file is named after its op in lower case; names that differ only in case get a number, in
    the order of the names. Files that are there already stay as they are.

    Raises:
        CatalogError: the list cannot be parsed.
        OptabsError: it is no list of entries, or the folder cannot be written, or holds a file
            of the same name with other content.
    """
    document = _read_list(file)
    data = document.data if isinstance(document.data, list) else [document.data]
    report = ImportReport(oddities=list(document.faults))
    entries: dict[int, dict[str, Any]] = {}
    for index, entry in enumerate(data):
        place = document.find_place((index,) if isinstance(document.data, list) else ())
        if isinstance(entry, dict) and isinstance(entry.get("operation"), str):
            entries[index] = entry
        else:
            report.note(
                place, "no-entry", "an item is no entry: it names no `operation`", "it was left out"
            )
    pages = choose_pages({index: entry["operation"] for index, entry in entries.items()})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for done, (index, entry) in enumerate(entries.items(), 1):
            place = document.find_place((index, "operation"))
            target = folder / f"{pages[index]}{SUFFIX}"
            _write_entry(entry, target)
            report.files.append(target)
            _note_oddities(entry, pages[index], target, place, report)
            progress(done, len(entries))
    except OSError as error:
        raise OptabsError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    return report


def _read_list(file: Path) -> YamlDocument:
    try:
        document = read_yaml(file, str(file))
        if file.suffix.lower() == ".json":
            # JSON is no YAML where it comes to escapes, NaN and infinities; places are the same.
            document.data = json.loads(file.read_bytes())
            document.faults = [each for each in document.faults if document.root is not None]
    except OSError as error:
        raise OptabsError(f"cannot read {file}: {error.strerror}") from error
    except json.JSONDecodeError as error:
        place = Place(str(file), error.lineno, error.colno)
        raise CatalogError([Fault(place, "invalid-json", error.msg, "check it there")]) from error
    except (UnicodeDecodeError, RecursionError):
        document.data = None
    if document.data is None:
        nothing = Fault(Place(str(file)), "empty-file", "there is no entry in it", "name a list")
        raise CatalogError(document.faults or [nothing])
    return document


def choose_pages(names: Mapping[int, str]) -> dict[int, str]:
    """Return a page name for each op: its name in lower case, with a number where that is taken.

    The numbers follow the order of the names (and of the list, for equal names), so that they do
    not depend on what else is imported.
    """
    pages: dict[int, str] = {}
    taken: set[str] = set()
    for index, name in sorted(names.items(), key=lambda item: (item[1], item[0])):
        wanted = make_page(name)
        page, number = wanted, 2
        while page in taken:
            page, number = f"{wanted}-{number}", number + 1
        taken.add(page)
        pages[index] = page
    return pages


def make_page(name: str) -> str:
    """Return the page name of an op, where it is free."""
    page = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:100] or "op"
    return f"op-{page}" if page in RESERVED_PAGES else page


def describe_description(entry: Mapping[str, Any]) -> str:
    """Return ``missing`` or ``generated`` for a description that says nothing, else ````."""
    text = str(entry.get("description") or "").strip()
    if not text:
        return "missing"
    return "generated" if _GENERATED.fullmatch(text.rstrip(".")) else ""


def dump_entry(entry: Mapping[str, Any]) -> str:
    """Return an entry as YAML."""
    mark = describe_description(entry)
    text = yaml.dump(
        dict(entry), Dumper=EntryDumper, sort_keys=False, allow_unicode=True, width=100
    )
    return (_MARK.format(mark) if mark else "") + str(text)


def _write_entry(entry: Mapping[str, Any], target: Path) -> None:
    try:
        text = dump_entry(entry)
        kept = _is_same(parse_yaml(text.encode(), target.name).data, entry)
    except UnicodeEncodeError:  # half a character, as JSON can have it
        kept = False
    if not kept:
        raise OptabsError(
            f"the entry {entry['operation']!r} cannot be written as YAML without loss",
            "report this, with the entry",
        )
    if target.exists():
        if target.read_text(encoding="utf-8") != text:
            raise OptabsError(
                f"{target} is there already, with other content",
                "import into an empty folder, or remove the file",
            )
        return
    target.write_text(text, encoding="utf-8")


def _is_same(one: Any, other: Any) -> bool:
    """Whether two data are equal, types and order included; NaN equals NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other) or (one != one and other != other)


def _note_oddities(
    entry: Mapping[str, Any], page: str, target: Path, place: Place, report: ImportReport
) -> None:
    name = entry["operation"]
    if page != make_page(name):
        report.note(
            place,
            "same-name",
            f"{name!r} differs from another name in case or signs only",
            f"its page is {page!r}",
        )
    mark = describe_description(entry)
    if mark:
        report.note(
            place, f"{mark}-description", f"the description of {name!r} is {mark}", "write one"
        )
    known = {
        argument["name"] if isinstance(argument, dict) else argument
        for argument in entry.get("std_args") or ()
        if isinstance(argument, str) or (isinstance(argument, dict) and "name" in argument)
    }
    variants = entry.get("variants")
    for key, variant in variants.items() if isinstance(variants, dict) else ():
        args = variant.get("args") if isinstance(variant, dict) else None
        others = [each for each in args or () if each not in known]
        if others:
            report.note(
                place,
                "unknown-argument",
                f"{name!r}, {key}: `args` maps "
                f"{', '.join(map(str, others))}, which `std_args` does not name",
            )
    for fault in load_file(target, target.parent)[0].faults:
        report.oddities.append(fault)
        report.counts[fault.code] += 1
