"""The directive `format`: the catalogue's format key by key, from what the checks know of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

import optabs.catalog.inputs
import optabs.catalog.schema
import optabs.frameworks
from optabs.catalog.format import Chapter, find_records, list_chapters
from optabs.catalog.schema import (
    OP,
    Anything,
    Choice,
    Key,
    Kind,
    ListOf,
    MapOf,
    Maybe,
    Record,
    write_line,
)
from optabs.frameworks import FRAMEWORK
from optabs.render import make_anchor, split_code

if TYPE_CHECKING:
    from sphinx.environment import BuildEnvironment


_MARK = "optabs-format"
_RECORDS = {"entry": OP, "framework": FRAMEWORK}


def is_format(env: BuildEnvironment, docname: str) -> bool:
    """Whether a document holds the directive."""
    return _MARK in env.metadata.get(docname, {})


class FormatDirective(SphinxDirective):
    """A section for each kind of record, with its keys: of an entry, or of a `framework`.

    Each section and each key is a label: ``{ref}`format-case``` and ``{ref}`format-case-grad```.
    """

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """See Directive."""
        name = self.arguments[0] if self.arguments else "entry"
        if name not in _RECORDS:
            raise self.error(f"`format` takes {' or '.join(_RECORDS)}, not {name!r}")
        self.env.metadata[self.env.docname][_MARK] = "1"
        for module in (optabs.catalog.schema, optabs.catalog.inputs, optabs.frameworks):
            self.env.note_dependency(str(module.__file__))
        return [self._make_section(chapter) for chapter in list_chapters(_RECORDS[name])]

    def _make_section(self, chapter: Chapter) -> nodes.section:
        record = chapter.record
        title = nodes.title("", chapter.title)
        section = nodes.section("", title, ids=[_name_anchor(record)])
        section += nodes.paragraph("", "", *_say(record.doc))
        if chapter.places:
            section += nodes.paragraph("", "", *_list_places(chapter))
        section += [self._make_key(record, name, key) for name, key in record.keys.items()]
        for node in section.findall(nodes.Element):
            self.set_source_info(node)
        self.state.document.note_explicit_target(section)
        self._note_label(_name_anchor(record), chapter.title)
        return section

    def _make_key(self, record: Record, name: str, key: Key) -> addnodes.desc:
        anchor = _name_anchor(record, name)
        signature = addnodes.desc_signature(
            "", "", addnodes.desc_name(name, name), ids=[anchor], first=False
        )
        if key.required:
            signature += addnodes.desc_annotation("", " required")
        fields = [("Type", _describe_type(record, name))]
        if key.default:
            fields.append(("Without it", _say(key.default)))
        line = write_line(name, key.example)
        fields.append(("Example", [nodes.literal(line, line)]))
        content = addnodes.desc_content(
            "",
            nodes.paragraph("", "", *_say(key.description)),
            nodes.field_list("", *(_make_field(*each) for each in fields)),
        )
        description = addnodes.desc(
            "",
            signature,
            content,
            domain="op",
            objtype="key",
            desctype="key",
            classes=["optabs-key", "simple"],
        )
        self.state.document.note_explicit_target(signature)
        self._note_label(anchor, name)
        return description

    def _note_label(self, name: str, title: str) -> None:
        labels = self.env.domains.standard_domain
        labels.anonlabels[name] = self.env.docname, name
        labels.labels[name] = self.env.docname, name, title


def _name_anchor(record: Record, *key: str) -> str:
    """Return the id, and label, of a section or of a key."""
    return make_anchor("format", record.bare_name, *key)


def _refer(anchor: str, text: nodes.Node) -> nodes.reference:
    return nodes.reference("", "", text, internal=True, refid=anchor)


def _list_places(chapter: Chapter) -> Iterable[nodes.Node]:
    yield nodes.Text("It stands under ")
    for number, (record, key) in enumerate(chapter.places):
        if number:
            yield nodes.Text(" and ")
        yield _refer(_name_anchor(record, key), nodes.literal(key, key))
        yield nodes.Text(f" of {record.name}")
    yield nodes.Text(".")


def _describe_type(record: Record, name: str) -> list[nodes.Node]:
    """Return what a key may hold, with links to the records in it."""
    found = _describe_kind(record.keys[name].kind)
    links = [
        _refer(_name_anchor(each), nodes.Text(each.name)) for each in find_records(record, name)
    ]
    return [*found, nodes.Text("; see "), *_separate(links)] if links else found


def _describe_kind(kind: Kind) -> list[nodes.Node]:
    if isinstance(kind, Maybe):
        return [*_describe_kind(kind.kind), nodes.Text(" or null")]
    if isinstance(kind, Choice):
        return [nodes.Text("one of "), *_separate(nodes.literal(word, word) for word in kind.words)]
    if kind.wanted == "a list" and isinstance(kind, ListOf):
        return [nodes.Text("a list"), *_describe_inner("item", kind.item)]
    if isinstance(kind, MapOf):
        return [nodes.Text("a mapping"), *_describe_inner("value", kind.value)]
    return [nodes.Text("a mapping" if isinstance(kind, Record) else kind.wanted)]


def _describe_inner(name: str, kind: Kind) -> list[nodes.Node]:
    if isinstance(kind, Anything | Record):
        return []
    return [nodes.Text(f", each {name} "), *_describe_kind(kind)]


def _make_field(name: str, body: list[nodes.Node]) -> nodes.field:
    return nodes.field(
        "", nodes.field_name("", name), nodes.field_body("", nodes.paragraph("", "", *body))
    )


def _say(text: str) -> list[nodes.Node]:
    return [
        nodes.literal(part, part) if is_code else nodes.Text(part)
        for part, is_code in split_code(text)
    ]


def _separate(found: Iterable[nodes.Node]) -> list[nodes.Node]:
    return [part for node in found for part in (nodes.Text(", "), node)][1:]
