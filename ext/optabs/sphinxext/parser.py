"""The source parser: one catalogue entry to one doctree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx import addnodes
from sphinx.parsers import Parser

from optabs.catalog.model import Case, Entry, Op, Text, Variant
from optabs.render import make_anchor
from optabs.snippet import NoSnippet, build_snippet
from optabs.sphinxext.domain import OpDomain, get_build
from optabs.sphinxext.myst import render_myst
from optabs.sphinxext.nodes import op_case, op_notes, op_notice, op_parameters, op_signature

if TYPE_CHECKING:
    from docutils.transforms import Transform
    from sphinx.environment import BuildEnvironment

    from optabs.sphinxext.build import Build


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
        self.setup_parse(inputstring, document)
        env: BuildEnvironment = document.settings.env
        build = get_build(env)
        entry = build.find_entry(Path(document["source"]))
        domain = env.domains["op"]
        assert isinstance(domain, OpDomain)
        if entry.op is None:
            document += _make_faulty_page(entry)
            domain.note_op(env.docname, (), build.hash_claims(entry))
        else:
            document += _PageMaker(entry.op, entry, build, document).make_page()
            domain.note_op(
                env.docname, (*entry.op.aliases, entry.op.operation), build.hash_claims(entry)
            )
            env.metadata[env.docname]["category"] = entry.op.category
        self.finish_parse()


def _make_faulty_page(entry: Entry) -> nodes.section:
    title = (
        str(entry.data["operation"])
        if isinstance(entry.data, dict) and "operation" in entry.data
        else entry.path.stem
    )
    section = nodes.section(
        "",
        nodes.title("", title),
        ids=[make_anchor(title)],
        names=[nodes.fully_normalize_name(title)],
    )
    section += op_notice(
        title="This entry has errors and cannot be shown",
        lines=[str(fault) for fault in entry.faults],
    )
    return section


class _PageMaker:
    """Builds the doctree of one op: what it claims, with places for the evidence."""

    def __init__(self, op: Op, entry: Entry, build: Build, document: nodes.document) -> None:
        self.op = op
        self.entry = entry
        self.build = build
        self.document = document

    def make_page(self) -> nodes.section:
        op = self.op
        page = self.make_section(op.operation, f"op-{make_anchor(op.operation)}", op.place.line)
        faults = [str(fault) for fault in self.entry.faults]
        if faults:
            page += op_notice(title="This entry has errors", lines=faults)
        page += op_signature(op=op.operation)
        if op.description:
            page += self.render(op.description)
        if op.parameters or op.return_type:
            page += op_parameters(op=op.operation)
        for key in self.build.registry.sort_keys(op.variants):
            page += self.make_variant(op.variants[key])
        if op.see_also:
            page += self.make_see_also()
        return page

    def make_section(self, title: str, anchor: str, line: int) -> nodes.section:
        section = nodes.section("", nodes.title("", title), ids=[anchor])
        section.source, section.line = self.document["source"], line
        section[0].source, section[0].line = self.document["source"], line
        return section

    def render(self, text: Text) -> list[nodes.Node]:
        return render_myst(text.text, text.line, self.document)

    def make_variant(self, variant: Variant) -> nodes.section:
        key = variant.framework
        section = self.make_section(
            self.build.registry.find_label(key), make_anchor(key), variant.place.line
        )
        section["framework"] = key
        section["op"] = self.op.operation
        if variant.notes:
            section += op_notes("", *self.render(variant.notes))
        if variant.unsupported is None:
            for case in self.op.cases:
                section += self.make_case(variant, case)
        return section

    def make_case(self, variant: Variant, case: Case) -> op_case:
        node = op_case(case=case.id)
        framework = self.build.registry.frameworks.get(variant.framework)
        if framework is None:
            return node
        try:
            snippet = build_snippet(self.op, case, variant, framework)
        except NoSnippet:
            return node
        code = snippet.code.rstrip("\n")
        block = nodes.literal_block(code, code, language="python")
        block.source, block.line = self.document["source"], variant.place.line
        node += block
        return node

    def make_see_also(self) -> addnodes.seealso:
        paragraph = nodes.paragraph()
        for number, name in enumerate(self.op.see_also):
            if number:
                paragraph += nodes.Text(", ")
            paragraph += addnodes.pending_xref(
                "",
                nodes.literal(name, name),
                refdomain="op",
                reftype="op",
                reftarget=name,
                refexplicit=False,
                refwarn=True,
                refdoc=self.document.settings.env.docname,
            )
        paragraph.source, paragraph.line = self.document["source"], self.op.place.line
        return addnodes.seealso("", paragraph)
