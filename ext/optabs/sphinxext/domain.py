"""The `op` domain: names of ops and of the frameworks' APIs, and where they are shown.

The names come from the catalogue, which every build reads whole. The environment keeps what has to
be compared with it: what each page claimed, and what it referred to, when it was last read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.domains import Domain, Index, IndexEntry, ObjType
from sphinx.roles import XRefRole
from sphinx.util.nodes import make_refnode

from optabs.render import make_anchor

if TYPE_CHECKING:
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment

    from optabs.catalog.model import Op
    from optabs.sphinxext.build import Build
    from optabs.symbols import Symbol

# How far up the search shows an object (see `Domain.get_objects`).
_IMPORTANT, _DEFAULT = 0, 1


class OpRole(XRefRole):
    """``{op}`Softmax```: a link to an op's page; ``{op:api}`jax.vjp```: to a framework's tab."""

    def __init__(self) -> None:
        super().__init__(warn_dangling=True)

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """See XRefRole."""
        if self.name == "op":
            self.name = "op:op"  # that role may be used without naming the domain
        return super().run()

    def process_link(
        self,
        env: BuildEnvironment,
        refnode: nodes.Element,
        has_explicit_title: bool,
        title: str,
        target: str,
    ) -> tuple[str, str]:
        """See XRefRole. The page is written again when the target comes, goes or moves."""
        title, target = super().process_link(env, refnode, has_explicit_title, title, target)
        domain = env.domains["op"]
        assert isinstance(domain, OpDomain)
        domain.note_link(env.docname, refnode["reftype"], target)
        return title, target


class OpIndex(Index):
    """All ops by name and alias, from A to Z."""

    name = "index"
    localname = "Index of ops"

    def generate(
        self, docnames: Iterable[str] | None = None
    ) -> tuple[list[tuple[str, list[IndexEntry]]], bool]:
        """See Index."""
        assert isinstance(self.domain, OpDomain)
        build = get_build(self.domain.env)
        letters: dict[str, list[IndexEntry]] = {}
        for name in sorted(build.list_names(), key=lambda name: (name.casefold(), name)):
            op, target = build.find_op(name), self.domain.find_target("op", name)
            if op and target and (docnames is None or target[0] in docnames):
                about = op.category if name == op.operation else f"see {op.operation}"
                entry = IndexEntry(name, 0, target[0], make_page_anchor(op), "", "", about)
                letters.setdefault(name[0].upper(), []).append(entry)
        return list(letters.items()), False


class OpDomain(Domain):
    """Ops by name and alias, APIs by each of their spellings."""

    name = "op"
    label = "Op"
    object_types: ClassVar[dict[str, ObjType]] = {
        "op": ObjType("op", "op"),
        "api": ObjType("API", "api"),
    }
    roles: ClassVar[dict[str, Any]] = {"op": OpRole(), "api": OpRole()}
    indices: ClassVar[list[type[Index]]] = [OpIndex]
    dangling_warnings: ClassVar[dict[str, str]] = {
        "op": "there is no op %(target)r",
        "api": "no op has the API %(target)r",
    }
    initial_data: ClassVar[dict[str, Any]] = {
        "claims": {},
        "listings": {},
        "links": {},
        "overviews": {},
    }
    data_version = 5

    build: Build | None = None
    """What this build knows of the catalogue; set at `builder-inited`, never pickled."""

    def note_claims(self, docname: str, digest: str) -> None:
        """Remember what the claims of a page hash to."""
        self.data["claims"][docname] = digest

    def note_listing(self, docname: str) -> None:
        """Remember that a document lists the whole catalogue, and what it found there."""
        self.data["listings"][docname] = get_build(self.env).hash_listing()

    def note_overview(self, docname: str, name: str) -> None:
        """Remember that a document shows what `Build.get_overview` returns of that name."""
        self.data["overviews"].setdefault(docname, {})[name] = None

    def note_link(self, docname: str, typ: str, target: str) -> None:
        """Remember that a document refers to an op or an API."""
        self.data["links"].setdefault(docname, {})[typ, target] = None

    def clear_doc(self, docname: str) -> None:
        """See Domain."""
        for kind in self.initial_data:
            self.data[kind].pop(docname, None)

    def merge_domaindata(self, docnames: AbstractSet[str], otherdata: dict[str, Any]) -> None:
        """See Domain."""
        for kind in self.initial_data:
            self.data[kind].update(
                {place: value for place, value in otherdata[kind].items() if place in docnames}
            )

    def get_type_name(self, type: ObjType, primary: bool = False) -> str:  # noqa: A002
        """See Domain. The name of a type says enough without that of the domain."""
        return str(type.lname)

    def find_target(self, typ: str, name: str) -> tuple[str, str] | None:
        """Return the document and the anchor of an op or an API; no anchor is a whole page."""
        build = get_build(self.env)
        if typ == "api":
            symbol = build.find_symbol(name)
            op, anchor = (symbol.op, make_anchor(symbol.framework)) if symbol else (None, "")
        else:
            op, anchor = build.find_op(name), ""
        docname = find_docname(self.env, op.path) if op else None
        return (docname, anchor) if docname in self.env.found_docs and docname else None

    def list_links(self, docname: str) -> list[tuple[str, str, tuple[str, str] | None]]:
        """Return what a document refers to, and where that is now."""
        return [
            (typ, name, self.find_target(typ, name))
            for typ, name in sorted(self.data["links"].get(docname, ()))
        ]

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: addnodes.pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        """See Domain."""
        found = self.find_target(typ, target)
        if found is None:
            return None
        docname, anchor = found
        if anchor and builder.name == "singlehtml":
            # One page of all ops: a tab's id begins with that of its op.
            symbol = get_build(env).find_symbol(target)
            assert symbol
            place = f"{make_page_anchor(symbol.op)}-{anchor}"
            return nodes.reference("", "", contnode, internal=True, refid=place)
        return make_refnode(builder, fromdocname, docname, anchor, contnode, target)

    def resolve_any_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: addnodes.pending_xref,
        contnode: nodes.Element,
    ) -> list[tuple[str, nodes.reference]]:
        """See Domain."""
        for typ in self.object_types:
            found = self.resolve_xref(env, fromdocname, builder, typ, target, node, contnode)
            if found is not None:
                return [(f"op:{typ}", found)]
        return []

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """See Domain."""
        build = get_build(self.env)
        for name in build.list_names():
            op, target = build.find_op(name), self.find_target("op", name)
            if op and target:
                yield name, name, "op", target[0], make_page_anchor(op), _IMPORTANT
        for name, symbols in build.symbols.items():
            for number, symbol in enumerate(symbols):
                # An inventory has one place for a name; the search shows all of them.
                full = symbol.qualified_name if number else name
                target = self.find_target("api", full)
                if target:
                    yield full, name, "api", *target, _DEFAULT


def get_build(env: BuildEnvironment) -> Build:
    """Return what this build knows of the catalogue."""
    domain = env.domains["op"]
    assert isinstance(domain, OpDomain) and domain.build is not None
    return domain.build


def refer_to_op(env: BuildEnvironment, name: str, text: nodes.Node) -> addnodes.pending_xref:
    """Return a reference to an op from the document that is being read."""
    domain = env.domains["op"]
    assert isinstance(domain, OpDomain)
    domain.note_link(env.docname, "op", name)
    return addnodes.pending_xref(
        "",
        text,
        refdomain="op",
        reftype="op",
        reftarget=name,
        refexplicit=False,
        refwarn=True,
        refdoc=env.docname,
    )


def find_docname(env: BuildEnvironment, path: Path) -> str:
    """Return the document that an entry's file is."""
    return env.path2doc(path) or path.stem


def make_page_anchor(op: Op) -> str:
    """Return the id of the section that is an op's page."""
    return f"op-{make_anchor(op.operation)}"


def make_index_node(op: Op, symbols: Iterable[Symbol]) -> addnodes.index:
    """Return the general index's entries of an op: its names, and its APIs as it spells them."""
    places = dict.fromkeys((op.operation, *op.aliases), make_page_anchor(op))
    for symbol in symbols:
        if not symbol.is_alternate:
            places[symbol.name] = make_anchor(symbol.framework)
    # A semicolon would divide an entry.
    entries = [
        ("single", name, anchor, "", None) for name, anchor in places.items() if ";" not in name
    ]
    return addnodes.index(entries=entries)
