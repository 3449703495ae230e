"""Formulas as MathML, which browsers render by themselves: no script, no network.

An extension of its own: a project that lists `optabs.sphinxext.mathml` writes all its formulas so.
Builders other than HTML's keep theirs. Of the packages that convert LaTeX, latex2mathml 3.81 left
`aligned` unconverted and spaces around operators; math-core 0.9 converts all formulas of our ops.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from docutils import nodes
from markupsafe import escape
from math_core import LatexError, LatexToMathML
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

_CONVERTER = LatexToMathML(fancy_error=False)
_NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'


@cache
def convert_formula(latex: str, *, block: bool) -> str:
    """Return a formula as a `math` element.

    Raises:
        LatexError: the formula cannot be converted.
    """
    # With rows and no environment around them, Sphinx means that they are aligned.
    if block and r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    html = _CONVERTER.convert_with_local_state(latex, displaystyle=block)
    # The one named character that it writes is unknown to XML, and so to EPUB.
    return html.replace("&ApplyFunction;", "&#8289;")


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    self.body.append(_write(self, node, block=False))
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own, with its number if it has one."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append(_write(self, node, block=True) + "</div>\n")
    raise nodes.SkipNode


def _write(translator: HTML5Translator, node: nodes.Element, *, block: bool) -> str:
    latex = node.astext()
    try:
        html = convert_formula(latex, block=block)
    except LatexError as error:
        place, _colon, said = str(error).strip().partition(": ")
        logger.warning(
            "%s is no formula that can be shown: at character %s: %s",
            *(latex, place, said),
            location=node,
            type="optabs",
            subtype="math",
        )
        return f"<code>{escape(latex)}</code>"
    is_xml = translator.builder.name == "epub"
    return html.replace("<math", f"<math{_NAMESPACE}", 1) if is_xml else html


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer. Sphinx prefers it to MathJax, its own."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
