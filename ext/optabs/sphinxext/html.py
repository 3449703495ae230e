"""Op pages in HTML: contexts and rendered slots through the Jinja templates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from docutils import nodes
from markupsafe import Markup, escape

from optabs.records import hash_parts
from optabs.render import begin_sentence, split_code
from optabs.sphinxext.browse import visit_op_listing, visit_op_summary
from optabs.sphinxext.domain import get_build
from optabs.sphinxext.nodes import (
    op_case,
    op_crosscheck,
    op_listing,
    op_notes,
    op_notice,
    op_parameters,
    op_signature,
    op_summary,
    op_tabs,
)

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

PACKAGE = Path(__file__).parent.parent


def find_assets(name: str) -> Path:
    """Return the folder `_templates` or `_static`: in the wheel, else in the source checkout."""
    packaged = PACKAGE / name
    return packaged if packaged.is_dir() else PACKAGE.parent.parent / name


def make_jinja(app: Sphinx) -> jinja2.Environment:
    """Return the templates: a project's own `_templates/` come before ours."""
    folders = [Path(app.confdir) / folder for folder in app.config.templates_path]
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, find_assets("_templates")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    jinja.filters["code_spans"] = _write_code_spans
    jinja.filters["sentence"] = begin_sentence
    return jinja


def hash_templates(jinja: jinja2.Environment) -> str:
    """Return a hash of the templates in force."""
    assert jinja.loader is not None
    names = jinja.list_templates(filter_func=lambda name: name.startswith("optabs/"))
    return hash_parts([[name, jinja.loader.get_source(jinja, name)[0]] for name in names])


def _write_code_spans(text: str) -> Markup:
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if is_code else escape(part)
        for part, is_code in split_code(text)
    )


def render_node(translator: HTML5Translator, node: nodes.Node) -> Markup:
    """Return the HTML that the writer makes of a node."""
    body, translator.body = translator.body, []
    try:
        node.walkabout(translator)
        return Markup("".join(translator.body))
    finally:
        translator.body = body


def _write(translator: HTML5Translator, template: str, **context: Any) -> None:
    build = get_build(translator.builder.env)
    translator.body.append(build.jinja.get_template(f"optabs/{template}.html").render(context))
    raise nodes.SkipNode


def visit_op_signature(self: HTML5Translator, node: nodes.Element) -> None:
    """Write the signature."""
    _write(self, "signature", op=get_build(self.builder.env).get_op_context(node["file"]))


def visit_op_parameters(self: HTML5Translator, node: nodes.Element) -> None:
    """Write the table of parameters."""
    _write(self, "parameters", op=get_build(self.builder.env).get_op_context(node["file"]))


def visit_op_crosscheck(self: HTML5Translator, node: nodes.Element) -> None:
    """Write how far the frameworks are apart."""
    _write(self, "crosscheck", rows=get_build(self.builder.env).get_crosscheck(node["file"]))


def visit_op_notice(self: HTML5Translator, node: nodes.Element) -> None:
    """Write what is wrong with an entry."""
    _write(self, "notice", title=node["title"], lines=node["lines"])


def visit_op_tabs(self: HTML5Translator, node: nodes.Element) -> None:
    """Write all tabs of a page."""
    build = get_build(self.builder.env)
    self.section_level += 1
    tabs = [_fill_tab(self, section, node["prefix"]) for section in node.children]
    self.section_level -= 1
    _write(self, "tabs", op=build.get_op_context(node["file"]), tabs=tabs)


def _fill_tab(translator: HTML5Translator, section: nodes.Node, prefix: str) -> dict[str, Any]:
    """Return what a tab shows, with the parts of its section that Sphinx renders."""
    assert isinstance(section, nodes.section)
    build = get_build(translator.builder.env)
    tab = dict(build.get_tab_context(section["file"], section["framework"]))
    parts: dict[object, Markup] = {}
    for child in section.children[1:]:
        assert isinstance(child, op_case | op_notes)
        name = child["case"] if isinstance(child, op_case) else op_notes
        parts[name] = Markup("").join(render_node(translator, each) for each in child.children)
    tab["anchor"] = prefix + tab["anchor"]
    tab["heading"] = render_node(translator, section[0])
    tab["notes"] = parts.get(op_notes, Markup(""))
    tab["cases"] = [
        {**case, "anchor": prefix + case["anchor"], "code": parts.get(case["id"], Markup(""))}
        for case in tab["cases"]
    ]
    return tab


def add_nodes(app: Sphinx) -> None:
    """Register the nodes. Other builders never see them: `WritePlain` replaces them."""
    app.add_node(op_signature, html=(visit_op_signature, None))
    app.add_node(op_crosscheck, html=(visit_op_crosscheck, None))
    app.add_node(op_parameters, html=(visit_op_parameters, None))
    app.add_node(op_notice, html=(visit_op_notice, None))
    app.add_node(op_tabs, html=(visit_op_tabs, None))
    app.add_node(op_listing, html=(visit_op_listing, None))
    app.add_node(op_summary, html=(visit_op_summary, None))
    app.add_node(op_case)
    app.add_node(op_notes)
