"""The source parser: one catalogue entry to one doctree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.parsers import Parser

from optabs.catalog.model import Case, Entry, Op, Text, Variant
from optabs.render import make_anchor
from optabs.sphinxext.domain import OpDomain, get_build, make_index_node, refer_to_op
from optabs.sphinxext.myst import render_myst
from optabs.sphinxext.nodes import (
    op_case,
    op_crosscheck,
    op_notes,
    op_notice,
    op_parameters,
    op_pictures,
    op_signature,
)
from optabs.symbols import list_symbols

if TYPE_CHECKING:
    from docutils.transforms import Transform
    from sphinx.environment import BuildEnvironment

    from optabs.sphinxext.build import Build

UNREADABLE = "This entry has errors and cannot be shown"
_TRANSLATED = ":<translated>"


class OpParser(Parser):
    """Parses `.yaml` documents of the catalogue's folder."""

    supported = ("optabs",)

    def get_transforms(self) -> list[type[Transform]]:
        """Return docutils' transforms and those that MyST text needs."""
        from myst_parser.parsers.sphinx_ import MystParser

        transforms: list[type[Transform]] = MystParser().get_transforms()  # type: ignore[no-untyped-call]
        return transforms

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Fill `document`. What is wrong with the entry is shown; other pages go on."""
        source = document["source"]
        if source.endswith(_TRANSLATED):
            # Sphinx's own way to have one paragraph's translation parsed.
            document += render_myst(inputstring, 1, document)
            return
        self.setup_parse(inputstring, document)
        # MyST's transforms want the settings that rendering leaves, even where there is no text.
        render_myst("", 1, document)
        env: BuildEnvironment = document.settings.env
        build = get_build(env)
        entry = build.find_entry(Path(source))
        document += _PageMaker(entry, build, document).make_page()
        domain = env.domains["op"]
        assert isinstance(domain, OpDomain)
        domain.note_claims(env.docname, build.hash_claims(entry))
        if entry.op:
            env.metadata[env.docname]["category"] = entry.op.category
        self.finish_parse()


class _PageMaker:
    """Builds the doctree of one entry: what it claims, with places for the evidence."""

    def __init__(self, entry: Entry, build: Build, document: nodes.document) -> None:
        self.entry = entry
        self.build = build
        self.document = document

    def make_page(self) -> nodes.section:
        op = self.entry.op
        faults = [str(fault) for fault in self.build.list_faults(self.entry)]
        if op is None:
            page = self.make_section(_find_title(self.entry), "op-", 1)
            page += op_notice(title=UNREADABLE, lines=faults)
            return page
        page = self.make_section(op.operation, "op-", op.place.line)
        # Their ids are known before any text is read whose headings may want the same.
        variants = [
            self.make_variant_section(op, op.variants[key])
            for key in self.build.registry.sort_keys(op.variants)
        ]
        index = make_index_node(op, list_symbols(op, self.build.registry))
        index.source, index.line = self.document["source"], op.place.line
        page += index
        if faults:
            page += op_notice(title="This entry has errors", lines=faults)
        page += op_signature(file=op.place.file)
        if op.description:
            page += self.render(op.description)
        if any(case.plot for case in op.cases):
            page += op_pictures(file=op.place.file)
        if op.parameters or op.return_type:
            page += op_parameters(file=op.place.file)
        for section in variants:
            self.fill_variant(section, op, op.variants[section["framework"]])
            page += section
        if op.cases and len(op.variants) > 1:
            crosscheck = self.make_section("Cross-check", f"{page['ids'][0]}-", op.place.line)
            crosscheck += op_crosscheck(file=op.place.file)
            page += crosscheck
        if op.see_also:
            page += self.make_see_also(op)
        return page

    def make_section(self, title: str, prefix: str, line: int) -> nodes.section:
        section = nodes.section("", nodes.title("", title), ids=[prefix + make_anchor(title)])
        # As MyST does: MathJax is to look for formulas in nodes of math alone.
        section["classes"] += ["tex2jax_ignore", "mathjax_ignore"]
        return self.place(section, line)

    def make_variant_section(self, op: Op, variant: Variant) -> nodes.section:
        key = variant.framework
        title = nodes.title("", self.build.registry.find_label(key))
        section = nodes.section("", title, ids=[make_anchor(key)], framework=key)
        section["file"] = op.place.file
        for case in op.cases:
            self.document.ids[make_anchor(key, case.id)] = section
        return self.place(section, variant.place.line)

    def place(self, section: nodes.section, line: int) -> nodes.section:
        for node in (section, section[0]):
            node.source, node.line = self.document["source"], line
        for anchor in section["ids"]:
            self.document.ids[anchor] = section
        return section

    def render(self, text: Text) -> list[nodes.Node]:
        return render_myst(text.text, text.line, self.document)

    def fill_variant(self, section: nodes.section, op: Op, variant: Variant) -> None:
        if variant.notes:
            section += op_notes("", *self.render(variant.notes))
        if variant.unsupported is None:
            for case in op.cases:
                section += self.make_case(op, variant, case)

    def make_case(self, op: Op, variant: Variant, case: Case) -> op_case:
        node = op_case(case=case.id)
        found = self.build.find_code(op, case, variant)
        if found is not None:
            code = found.rstrip("\n")
            block = nodes.literal_block(code, code, language="python", force=True)
            block.source, block.line = self.document["source"], variant.place.line
            node += block
        return node

    def make_see_also(self, op: Op) -> addnodes.seealso:
        paragraph = nodes.paragraph()
        for number, name in enumerate(op.see_also):
            if number:
                paragraph += nodes.Text(", ")
            text = nodes.literal(name, name)
            # A name that is not there is a fault of the entry, and reported as one.
            is_known = self.build.find_op(name) is not None
            paragraph += refer_to_op(self.document.settings.env, name, text) if is_known else text
        paragraph.source, paragraph.line = self.document["source"], op.place.line
        return addnodes.seealso("", paragraph)


def _find_title(entry: Entry) -> str:
    """Return the name of an op that could not be read: its own, if that much is known."""
    name = entry.data.get("operation") if isinstance(entry.data, dict) else None
    return name if isinstance(name, str) and name.strip() else entry.path.stem
