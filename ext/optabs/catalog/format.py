"""The records of the format, each with the places where it may stand, as the guide lists them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from optabs.catalog.inputs import FORMS
from optabs.catalog.schema import CASE, OP, Kind, ListOf, MapOf, Maybe, OneOf, Record


@dataclass(frozen=True)
class Chapter:
    """One kind of record, and the keys (record, key) that hold it."""

    record: Record
    places: list[tuple[Record, str]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The name of the record without its article, e.g. ``Case``."""
        name = self.record.bare_name
        return name[:1].upper() + name[1:]


def list_chapters(outermost: Record = OP) -> list[Chapter]:
    """Return a record and every other that it can hold, each once."""
    chapters: dict[str, Chapter] = {}
    _collect(outermost, chapters)
    return [*chapters.values()]


def find_records(record: Record, key: str) -> list[Record]:
    """Return the records that the value of a key is or holds, but not what these hold."""
    # The schema leaves inputs to their own reader: what a mapping means depends on its keys.
    is_inputs = record is CASE and key == "inputs"
    return [*FORMS.values()] if is_inputs else [*_walk(record.keys[key].kind)]


def _walk(kind: Kind) -> Iterator[Record]:
    if isinstance(kind, Record):
        yield kind
    elif isinstance(kind, Maybe):
        yield from _walk(kind.kind)
    elif isinstance(kind, ListOf):
        yield from _walk(kind.item)
    elif isinstance(kind, MapOf):
        yield from _walk(kind.value)
    elif isinstance(kind, OneOf):
        for each in kind.kinds.values():
            yield from _walk(each)


def _collect(record: Record, chapters: dict[str, Chapter]) -> None:
    chapters[record.name] = Chapter(record)
    for key in record.keys:
        for inner in find_records(record, key):
            if inner.name not in chapters:
                _collect(inner, chapters)
            chapters[inner.name].places.append((record, key))
