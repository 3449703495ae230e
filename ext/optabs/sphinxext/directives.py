"""The `ops` directive: all ops of the catalogue, by category."""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

from optabs.catalog.model import Op
from optabs.sphinxext.domain import OpDomain, find_docname, get_build


class OpsDirective(SphinxDirective):
    """Lists the ops by category and puts them into the navigation. No arguments, no content."""

    def run(self) -> list[nodes.Node]:
        """See Directive."""
        catalog = get_build(self.env).catalog
        domain = self.env.domains["op"]
        assert isinstance(domain, OpDomain)
        domain.note_listing(self.env.docname)
        ops = sorted(catalog.ops, key=lambda op: op.operation.casefold())
        found: list[nodes.Node] = [self._make_toctree(ops)]
        for category in sorted({op.category for op in ops}):
            found.append(nodes.rubric("", category or "Without a category"))
            items = [self._make_item(op) for op in ops if op.category == category]
            found.append(nodes.bullet_list("", *items))
        return found

    def _make_toctree(self, ops: list[Op]) -> nodes.Element:
        names = [find_docname(self.env, op.path) for op in ops]
        toctree = addnodes.toctree(
            parent=self.env.docname,
            entries=[(None, name) for name in names if name in self.env.found_docs],
            includefiles=[name for name in names if name in self.env.found_docs],
            maxdepth=1,
            glob=False,
            hidden=True,
            includehidden=False,
            numbered=0,
            titlesonly=True,
            caption=None,
        )
        self.set_source_info(toctree)
        return nodes.compound("", toctree, classes=["toctree-wrapper"])

    def _make_item(self, op: Op) -> nodes.list_item:
        reference = addnodes.pending_xref(
            "",
            nodes.literal(op.operation, op.operation),
            refdomain="op",
            reftype="op",
            reftarget=op.operation,
            refexplicit=False,
            refwarn=True,
            refdoc=self.env.docname,
        )
        paragraph = nodes.paragraph("", "", reference, nodes.Text(_describe_briefly(op)))
        self.set_source_info(paragraph)
        return nodes.list_item("", paragraph)


def _describe_briefly(op: Op) -> str:
    labels = len([variant for variant in op.variants.values() if variant.unsupported is None])
    return f" in {labels} frameworks" if labels != 1 else " in 1 framework"
