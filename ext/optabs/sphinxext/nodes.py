"""Doctree nodes of an op's page: claims only; evidence is joined when they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes

from optabs.sphinxext import html

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class op_signature(nodes.General, nodes.Element):  # noqa: N801 - docutils writes nodes so
    """The signature, aliases and category of an op."""


class op_parameters(nodes.General, nodes.Element):  # noqa: N801
    """The table of an op's standard arguments."""


class op_notice(nodes.General, nodes.Element):  # noqa: N801
    """What is wrong with an entry. Attributes: `title`, `lines`."""


class op_case(nodes.General, nodes.Element):  # noqa: N801
    """One case in one framework, with its code as a literal block. Attribute: `case`."""


class op_notes(nodes.General, nodes.Element):  # noqa: N801
    """How a framework differs, in the entry's own words."""


class op_tabs(nodes.General, nodes.Element):  # noqa: N801
    """The frameworks' sections of a page, grouped for HTML."""


def add_nodes(app: Sphinx) -> None:
    """Register the nodes. Other builders never see them: `WritePlain` replaces them."""
    for node in (op_signature, op_parameters, op_notice, op_tabs):
        app.add_node(node, html=(getattr(html, f"visit_{node.__name__}"), None))
    app.add_node(op_case)
    app.add_node(op_notes)
