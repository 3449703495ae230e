"""Op pages in HTML: contexts and rendered slots through the Jinja templates."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
from docutils import nodes
from jinja2.ext import Extension
from markupsafe import Markup, escape
from pygments.lexers.python import PythonLexer
from pygments.token import STANDARD_TYPES, Comment, Keyword, String
from sphinx.util.osutil import relative_uri

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
PUBLISHING_BUILDERS = ("html", "dirhtml")
"""Those that write each op's page in other forms, too."""


def find_assets(name: str) -> Path:
    """Return the folder `_templates` or `_static`: in the wheel, else in the source checkout."""
    packaged = PACKAGE / name
    return packaged if packaged.is_dir() else PACKAGE.parent.parent / name


class _Unindent(Extension):
    """Takes the indentation of templates out of pages, which it would make heavier by a tenth."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)


def make_jinja(app: Sphinx) -> jinja2.Environment:
    """Return the templates: a project's own `_templates/` come before ours."""
    folders = [Path(app.confdir) / folder for folder in app.config.templates_path]
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, find_assets("_templates")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        extensions=[_Unindent],
    )
    jinja.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
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


def highlight_code(code: str) -> Markup:
    """Return Python code in HTML: keywords, texts and comments in the classes of Pygments.

    Names, numbers and signs stay plain: marking each of them makes a page some five times as heavy.
    """
    parts = Markup("")
    tokens = PythonLexer(stripnl=False, ensurenl=False).get_tokens(code)
    for name, group in groupby(tokens, key=lambda token: _choose_class(token[0])):
        text = escape("".join(part for _, part in group))
        parts += Markup('<span class="{}">{}</span>').format(name, text) if name else text
    return Markup('<pre class="highlight" translate="no">{}\n</pre>').format(parts)


def _choose_class(kind: Any) -> str:
    marked = any(kind in each for each in (Keyword, String, Comment))
    return STANDARD_TYPES.get(kind, "") if marked else ""


_LITERAL = re.compile(r'<code class="docutils literal notranslate">(.*?)</code>', re.DOTALL)


def render_node(translator: HTML5Translator, node: nodes.Node) -> Markup:
    """Return the HTML that the writer makes of a node, without the frames of words in code."""
    body, translator.body = translator.body, []
    try:
        node.walkabout(translator)
        return Markup(_LITERAL.sub(_unframe, "".join(translator.body)))
    finally:
        translator.body = body


def _unframe(found: re.Match[str]) -> str:
    words = re.sub(r'<span class="pre">|</span>', "", found[1])
    return f'<code class="literal" translate="no">{words}</code>'


def _write(translator: HTML5Translator, template: str, **context: Any) -> None:
    build = get_build(translator.builder.env)
    translator.body.append(build.jinja.get_template(f"optabs/{template}.html").render(context))
    raise nodes.SkipNode


def visit_op_signature(self: HTML5Translator, node: nodes.Element) -> None:
    """Write the signature, the verdicts at a glance and the links."""
    op = get_build(self.builder.env).get_op_context(node["file"])
    _write(self, "signature", op=op, links=_list_links(self, node["file"], op["name"]))


def _list_links(translator: HTML5Translator, file: str, name: str) -> list[dict[str, str]]:
    """Return the links of a page: its other forms, and where to edit or to report it."""
    config, links = translator.config, []
    if translator.builder.name in PUBLISHING_BUILDERS:
        docname = translator.docnames[0]
        here = translator.builder.get_target_uri(docname)
        links = [
            {"text": form, "url": relative_uri(here, f"{docname}.{ending}")}
            for form, ending in [("Markdown", "md"), ("JSON", "json"), ("YAML", "yaml")]
        ]
    for text, pattern in [
        ("Edit", config.optabs_edit_url),
        ("Report a mismatch", config.optabs_report_url),
    ]:
        if pattern:
            url = pattern.replace("{path}", quote(file)).replace("{op}", quote(name, safe=""))
            links.append({"text": text, "url": url})
    return links


def visit_op_parameters(self: HTML5Translator, node: nodes.Element) -> None:
    """Write the table of parameters."""
    _write(self, "parameters", op=get_build(self.builder.env).get_op_context(node["file"]))


def visit_op_crosscheck(self: HTML5Translator, node: nodes.Element) -> None:
    """Write how far the frameworks are apart."""
    _write(self, "crosscheck", op=get_build(self.builder.env).get_op_context(node["file"]))


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
        if isinstance(child, op_case):
            parts[child["case"]] = Markup("").join(
                highlight_code(each.astext()) for each in child.children
            )
        else:
            parts[op_notes] = Markup("").join(render_node(translator, each) for each in child)
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
