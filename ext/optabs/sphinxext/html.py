"""Op pages in HTML: contexts and rendered slots through the Jinja templates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from docutils import nodes
from markupsafe import Markup, escape

from optabs.render import split_code
from optabs.sphinxext.domain import get_build

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
    return jinja


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
    _write(self, "signature", op=get_build(self.builder.env).get_op_context(node["op"]))


def visit_op_parameters(self: HTML5Translator, node: nodes.Element) -> None:
    """Write the table of parameters."""
    _write(self, "parameters", op=get_build(self.builder.env).get_op_context(node["op"]))


def visit_op_notice(self: HTML5Translator, node: nodes.Element) -> None:
    """Write what is wrong with an entry."""
    _write(self, "notice", title=node["title"], lines=node["lines"])


def visit_op_tabs(self: HTML5Translator, node: nodes.Element) -> None:
    """Write all tabs of a page."""
    from optabs.sphinxext.nodes import op_case, op_notes

    build = get_build(self.builder.env)
    tabs = []
    self.section_level += 1
    for section in node.findall(nodes.section):
        context = dict(build.get_tab_context(node["op"], section["framework"]))
        code = {
            each["case"]: "".join(render_node(self, child) for child in each.children)
            for each in section.findall(op_case)
        }
        context["heading"] = render_node(self, section[0])
        context["notes"] = Markup("").join(
            render_node(self, child)
            for each in section.findall(op_notes)
            for child in each.children
        )
        context["cases"] = [
            {**case, "code": Markup(code.get(case["id"], ""))} for case in context["cases"]
        ]
        tabs.append(context)
    self.section_level -= 1
    _write(self, "tabs", op=build.get_op_context(node["op"]), tabs=tabs)
