"""The `op` domain: names of ops, and where their pages are.

The names come from the catalogue, which every build reads whole. The environment keeps what has to
be compared with it: what each page claimed, and what it referred to, when it was last read.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.domains import Domain, ObjType
from sphinx.roles import XRefRole
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment

    from optabs.sphinxext.build import Build


class OpRole(XRefRole):
    """``{op}`Softmax```: a link to an op's page, without naming the domain."""

    def __init__(self) -> None:
        super().__init__(warn_dangling=True)

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """See XRefRole."""
        self.name = "op:op"
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
        domain.note_link(env.docname, target)
        return title, target


class OpDomain(Domain):
    """Ops by name and alias."""

    name = "op"
    label = "Op"
    object_types: ClassVar[dict[str, ObjType]] = {"op": ObjType("op", "op")}
    roles: ClassVar[dict[str, Any]] = {"op": OpRole()}
    dangling_warnings: ClassVar[dict[str, str]] = {"op": "there is no op %(target)r"}
    initial_data: ClassVar[dict[str, Any]] = {
        "claims": {},
        "listings": {},
        "links": {},
        "overviews": {},
    }
    data_version = 4

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

    def note_link(self, docname: str, target: str) -> None:
        """Remember that a document refers to an op."""
        self.data["links"].setdefault(docname, {})[target] = None

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

    def find_page(self, name: str) -> str | None:
        """Return the document of an op, by its name or alias."""
        op = get_build(self.env).find_op(name)
        docname = find_docname(self.env, op.path) if op else None
        return docname if docname in self.env.found_docs else None

    def list_links(self, docname: str) -> list[tuple[str, str | None]]:
        """Return what a document refers to, and where that is now."""
        return [
            (name, self.find_page(name)) for name in sorted(self.data["links"].get(docname, ()))
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
        docname = self.find_page(target)
        if docname is None:
            return None
        return make_refnode(builder, fromdocname, docname, "", contnode, target)

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
        found = self.resolve_xref(env, fromdocname, builder, "op", target, node, contnode)
        return [("op:op", found)] if found is not None else []

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """See Domain."""
        for name in get_build(self.env).list_names():
            docname = self.find_page(name)
            if docname is not None:
                yield name, name, "op", docname, "", 1


def get_build(env: BuildEnvironment) -> Build:
    """Return what this build knows of the catalogue."""
    domain = env.domains["op"]
    assert isinstance(domain, OpDomain) and domain.build is not None
    return domain.build


def refer_to_op(env: BuildEnvironment, name: str, text: nodes.Node) -> addnodes.pending_xref:
    """Return a reference to an op from the document that is being read."""
    domain = env.domains["op"]
    assert isinstance(domain, OpDomain)
    domain.note_link(env.docname, name)
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
