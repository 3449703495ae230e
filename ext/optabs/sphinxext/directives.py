"""The directives: all ops of the catalogue by category, and what has been proved of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from optabs.catalog.model import Entry, Op
from optabs.categories import sort_ops
from optabs.sphinxext.domain import OpDomain, find_docname, get_build
from optabs.sphinxext.nodes import op_listing, op_summary

logger = logging.getLogger(__name__)


class OpsDirective(SphinxDirective):
    """Lists the ops by category and puts them into the navigation. No arguments, no content."""

    def run(self) -> list[nodes.Node]:
        """See Directive."""
        build = get_build(self.env)
        domain = self.env.domains["op"]
        assert isinstance(domain, OpDomain)
        domain.note_listing(self.env.docname)
        ops = sort_ops(entry.op for entry in build.pages.values() if entry.op)
        faulty = [entry for entry in build.pages.values() if entry.op is None]
        listing = op_listing()
        for category in build.categories:
            listing += nodes.rubric("", category.label)
            listing += nodes.bullet_list("", *map(self._make_item, category.ops))
        found: list[nodes.Node] = [
            self._make_toctree([*(op.path for op in ops), *(entry.path for entry in faulty)]),
            listing,
        ]
        if faulty:
            found.append(nodes.rubric("", "Entries with errors"))
            found.append(nodes.bullet_list("", *map(self._make_faulty_item, faulty)))
        return found

    def _make_toctree(self, paths: list[Path]) -> nodes.Element:
        found = self.env.found_docs
        names = [name for name in (find_docname(self.env, path) for path in paths) if name in found]
        toctree = addnodes.toctree(
            parent=self.env.docname,
            entries=[(None, name) for name in names],
            includefiles=names,
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
        count = sum(variant.unsupported is None for variant in op.variants.values())
        text = f" in {count} frameworks" if count != 1 else " in 1 framework"
        return self._make_line(op.operation, op.path, text)

    def _make_faulty_item(self, entry: Entry) -> nodes.list_item:
        return self._make_line(entry.path.stem, entry.path, "")

    def _make_line(self, name: str, path: Path, text: str) -> nodes.list_item:
        title: nodes.Node = nodes.literal(name, name)
        docname = find_docname(self.env, path)
        if docname in self.env.found_docs:
            # By its document, since faulty entries may have one name.
            title = addnodes.pending_xref(
                "",
                title,
                refdomain="std",
                reftype="doc",
                reftarget=f"/{docname}",
                refexplicit=True,
                refwarn=True,
                refdoc=self.env.docname,
            )
        paragraph = nodes.paragraph("", "", title, nodes.Text(text))
        self.set_source_info(paragraph)
        return nodes.list_item("", paragraph)


class SummaryDirective(SphinxDirective):
    """Shows what has been proved, and leads to the ops. Option `ops`: names to lead to at once."""

    option_spec: ClassVar[dict[str, Callable[[str], Any]] | None] = {"ops": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """See Directive."""
        domain = self.env.domains["op"]
        assert isinstance(domain, OpDomain)
        domain.note_listing(self.env.docname)
        names = str(self.options.get("ops", "")).split()
        for name in names:
            domain.note_link(self.env.docname, "op", name)
            if get_build(self.env).find_op(name) is None:
                warning = "there is no op %r; `:ops:` takes the names of ops"
                logger.warning(
                    warning, name, location=self.get_location(), type="optabs", subtype="op"
                )
        return [op_summary(names=names)]
