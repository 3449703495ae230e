"""Mends what is wrong in entries where there is one right answer.

A change is kept only if the entry, read again, is what it was, and what it was meant to be.
"""

from __future__ import annotations

import json
import shutil
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from optabs.catalog.conventions import (
    Conventions,
    list_entries,
    list_kinds,
    list_orders,
)
from optabs.catalog.edits import (
    Edit,
    apply_edits,
    order_keys,
    rename_key,
    select_disjoint,
    strip_lines,
)
from optabs.catalog.load import name_file
from optabs.catalog.schema import (
    OP,
    SAID,
    Choice,
    Kind,
    ListOf,
    Record,
    Reporter,
    Scalar,
    describe_value,
)
from optabs.catalog.source import KeyPath, YamlDocument, parse_yaml
from optabs.errors import Fault, OptabsError, Place

_NEAR = 0.75
"""How alike a key and the one that was meant must be."""

_UNFIT = {"wrong-type", "unknown-word"}
"""Faults of a value that show that its key was meant to be another one."""


@dataclass(frozen=True)
class Fix:
    """A change to the text of a file that mends a fault."""

    edit: Edit
    fault: Fault
    renamed: tuple[KeyPath, str] | None = None
    """The key that the change renames, and its name."""
    written: tuple[KeyPath, Any] | None = None
    """The value that the change writes otherwise; all other changes leave the data as it is."""


Fixes = dict[Edit, list[Fix]]
"""Fixes by their edit: what an alias brings in again is written once."""


def mend_file(path: Path, root: Path, conventions: Conventions | None) -> list[Fault]:
    """Mend a file in place; returns what was mended, at the places where it stood.

    Without `conventions`, nothing is mended that breaks only these. A file that cannot be read, or
    has nothing that can be mended, is not touched. The file is replaced in one step.

    Raises:
        OptabsError: the file cannot be written.
    """
    try:
        raw = path.read_bytes()
    except OSError:
        return []  # the check says so
    mended, faults = mend_yaml(raw, name_file(path, root), conventions)
    if mended != raw:
        _replace_file(path.resolve(), raw, mended)
    return faults


def mend_yaml(raw: bytes, file: str, conventions: Conventions | None) -> tuple[bytes, list[Fault]]:
    """Return the bytes of a file after mending, and what was mended."""
    document = parse_yaml(raw, file)
    mark = BOM_UTF8 if raw.startswith(BOM_UTF8) else b""
    mended: list[Fault] = []
    refused: set[Edit] = set()
    while fixes := _group_fixes(document, conventions, refused):
        edits = select_disjoint(fixes)
        good = _select_good(document, fixes, edits)
        refused.update({*edits} - {*good})
        # What is good on its own need not be so together; then it is one after the other.
        for some in (good, good[:1]):
            changed = _try_fixes(document, fixes, some) if some else None
            if changed is not None:
                mended += [fixes[edit][0].fault for edit in some]
                document, refused = changed, set()
                break
        else:
            refused.update(good[:1])
    return (mark + document.text.encode() if mended else raw), sorted(mended)


def _group_fixes(
    document: YamlDocument, conventions: Conventions | None, refused: set[Edit]
) -> Fixes:
    """Return the fixes that are left to try."""
    fixes: Fixes = {}
    for fix in find_fixes(document, conventions):
        if fix.edit not in refused:
            fixes.setdefault(fix.edit, []).append(fix)
    return fixes


def _select_good(document: YamlDocument, fixes: Fixes, edits: Sequence[Edit]) -> Sequence[Edit]:
    """Return the edits that do what they should and no more."""
    if _try_fixes(document, fixes, edits) is not None:
        return edits
    if len(edits) == 1:
        return []
    half = len(edits) // 2
    return [
        *_select_good(document, fixes, edits[:half]),
        *_select_good(document, fixes, edits[half:]),
    ]


def find_fixes(document: YamlDocument, conventions: Conventions | None) -> Iterator[Fix]:
    """Yield a fix for each fault that has one right answer."""
    for path, entry in list_entries(document.data):
        for at, kind, value in list_kinds(OP, entry, path):
            if isinstance(kind, Record) and isinstance(value, dict):
                yield from _find_spelling(document, at, kind, value)
            else:
                yield from _find_writing(document, at, kind, value)
        if conventions is None:
            continue
        for at, code, keys, wanted in list_orders(path, entry, conventions.order):
            if keys != wanted and (edit := order_keys(document, at, wanted)):
                message = f"the order is now {', '.join(wanted)}"
                yield Fix(edit, Fault(document.find_place(at), code, message))
    if conventions is not None and document.data is not None:
        for edit in strip_lines(document):
            line = document.text.count("\n", 0, edit.start) + 1
            column = edit.start - document.text.rfind("\n", 0, edit.start)
            place = Place(document.file, line, column)
            yield Fix(edit, Fault(place, "trailing-space", "the line ended in space"))


def _find_spelling(
    document: YamlDocument, path: KeyPath, record: Record, data: dict[str, Any]
) -> Iterator[Fix]:
    """Yield a fix for each key that is nearly one that the record has and this mapping lacks.

    Of two such keys that are near the same one it cannot be known which was meant.
    """
    near = {
        key: get_close_matches(key.casefold(), record.keys, n=2, cutoff=_NEAR)
        for key in data
        if key not in record.keys
    }
    meant = Counter(name for names in near.values() for name in names)
    for key, names in near.items():
        if len(names) != 1 or names[0] in data or meant[names[0]] > 1:
            continue
        (name,) = names
        fits = not _UNFIT & _list_faults(record.keys[name].kind, data[key], (name,))
        if fits and (edit := rename_key(document, (*path, key), name)):
            message = f"the key {key!r} of {record.name} is now `{name}`"
            place = document.find_key_place((*path, key))
            yield Fix(edit, Fault(place, "unknown-key", message), ((*path, key), name))


def _find_writing(document: YamlDocument, path: KeyPath, kind: Kind, value: Any) -> Iterator[Fix]:
    """Yield a fix for a single value that would be right if it were written otherwise."""
    source = document.find_source(path)
    if source is None or not _list_faults(kind, value, path):
        return
    text = _write_otherwise(kind, value, source.raw)
    if not text:
        return
    edit = Edit(source.start, source.start + len(source.raw), text)
    written = parse_yaml(text.encode(), document.file).data
    if not _list_faults(kind, written, path):
        names = [part for part in path if isinstance(part, str)]
        message = f"`{names[-1]}` is now {describe_value(written)}"
        code = "unknown-word" if isinstance(kind, Choice) else "wrong-type"
        yield Fix(edit, Fault(document.find_place(path), code, message), written=(path, written))


def _write_otherwise(kind: Kind, value: Any, raw: str) -> str | None:
    """Return how a value was meant to be written, `raw` being how it is; None if that is open."""
    match kind, value:
        case Scalar(types=types, is_reason=False), bool() | int() | float() if str in types:
            return json.dumps(raw)  # quotes around what stands there: 1.10 has two decimals
        case Scalar(), str():
            return SAID.get(value.lower(), value.strip())
        case Choice(words=words), str():
            near = get_close_matches(value.casefold(), words, n=2, cutoff=_NEAR)
            same = [word for word in near if word == value.casefold()] or near
            return same[0] if len(same) == 1 else None
        case ListOf(), bool() | int() | float() | str() if "," not in raw:
            return f"[{raw}]"
    return None


def _list_faults(kind: Kind, value: Any, path: KeyPath) -> set[str]:
    """Return the codes of what is wrong with a value."""
    report = Reporter(YamlDocument(""))
    kind.check(value, path, report)
    return {fault.code for fault in report.document.faults}


def _try_fixes(document: YamlDocument, fixes: Fixes, edits: Sequence[Edit]) -> YamlDocument | None:
    """Return the document after some edits, or None if it is not what it should be then."""
    text = apply_edits(document.text, edits)
    changed = parse_yaml(text.encode(), document.file)
    wanted = document.data
    chosen = [fix for edit in edits for fix in fixes[edit]]
    writings = [fix.written for fix in chosen if fix.written]
    renames = [fix.renamed for fix in chosen if fix.renamed]
    if writings or renames:
        wanted = deepcopy(wanted)
        for path, value in writings:
            _find_around(wanted, path)[path[-1]] = value
        # Names last and from the inside out, so that paths hold.
        for path, name in sorted(renames, key=lambda rename: -len(rename[0])):
            around = _find_around(wanted, path)
            around[name] = around.pop(path[-1])
    is_same = _write_data(changed.data) == _write_data(wanted)
    return changed if is_same and len(changed.faults) <= len(document.faults) else None


def _find_around(data: Any, path: KeyPath) -> Any:
    """Return the mapping or list that holds what stands at `path`."""
    for part in path[:-1]:
        data = data[part]
    return data


def _write_data(data: Any) -> str:
    """Return data as text that tells 1, 1.0 and true apart, and has NaN equal to NaN."""
    return json.dumps(data, sort_keys=True)


def _replace_file(file: Path, before: bytes, content: bytes) -> None:
    """Give a file its new content in one step, unless somebody else has changed it by now."""
    new = file.with_name(f".{file.name}.new")
    try:
        new.write_bytes(content)
        shutil.copymode(file, new)
        if file.read_bytes() == before:
            new.replace(file)
    except OSError as error:
        reason = f"cannot write {error.filename or file}: {error.strerror}"
        raise OptabsError(reason, "check the permissions, or mend it by hand") from error
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)
