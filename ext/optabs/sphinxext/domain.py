"""The `op` domain: names of ops, and where their pages are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from sphinx.domains import Domain, ObjType
from sphinx.roles import XRefRole
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment

    from optabs.sphinxext.build import Build


class OpRole(XRefRole):
    """``{op}`Softmax```: a link to an op's page, without naming the domain."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """See XRefRole."""
        self.name = "op:op"
        return super().run()


class OpDomain(Domain):
    """Ops by name and alias."""

    name = "op"
    label = "Op"
    object_types: ClassVar[dict[str, ObjType]] = {"op": ObjType("op", "op")}
    roles: ClassVar[dict[str, Any]] = {"op": XRefRole()}
    initial_data: ClassVar[dict[str, Any]] = {"ops": {}, "digests": {}, "listings": {}}
    data_version = 1

    build: Build | None = None
    """What this build knows of the catalogue; set at `builder-inited`, never pickled."""

    def note_op(self, docname: str, names: Iterable[str], digest: str) -> None:
        """Remember the names of the op that a document holds, and what its claims hash to."""
        self.data["ops"].update(dict.fromkeys(names, docname))
        self.data["digests"][docname] = digest

    def note_listing(self, docname: str) -> None:
        """Remember that a document lists the whole catalogue, and what it found there."""
        self.data["listings"][docname] = get_build(self.env).hash_listing()

    def clear_doc(self, docname: str) -> None:
        """See Domain."""
        self.data["digests"].pop(docname, None)
        self.data["listings"].pop(docname, None)
        for name in [name for name, place in self.data["ops"].items() if place == docname]:
            del self.data["ops"][name]

    def merge_domaindata(self, docnames: AbstractSet[str], otherdata: dict[str, Any]) -> None:
        """See Domain."""
        self.data["ops"].update(
            {name: place for name, place in otherdata["ops"].items() if place in docnames}
        )
        for kind in ("digests", "listings"):
            self.data[kind].update(
                {place: value for place, value in otherdata[kind].items() if place in docnames}
            )

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        """See Domain."""
        docname = self.data["ops"].get(target)
        if docname is None:
            return None
        return make_refnode(builder, fromdocname, docname, "", contnode, target)

    def resolve_any_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        target: str,
        node: pending_xref,
        contnode: nodes.Element,
    ) -> list[tuple[str, nodes.reference]]:
        """See Domain."""
        found = self.resolve_xref(env, fromdocname, builder, "op", target, node, contnode)
        return [("op:op", found)] if found is not None else []

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """See Domain."""
        for name, docname in self.data["ops"].items():
            yield name, name, "op", docname, "", 1


def get_build(env: BuildEnvironment) -> Build:
    """Return what this build knows of the catalogue."""
    domain = env.domains["op"]
    assert isinstance(domain, OpDomain) and domain.build is not None
    return domain.build


def find_docname(env: BuildEnvironment, path: Path) -> str:
    """Return the document that an entry's file is."""
    return env.path2doc(path) or path.stem
