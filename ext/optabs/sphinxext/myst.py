"""MyST text inside an entry, with the line numbers of the YAML file."""

from __future__ import annotations

from docutils import nodes
from myst_parser.mdit_to_docutils.sphinx_ import SphinxRenderer
from myst_parser.parsers.mdit import create_md_parser

_EXTENSIONS = frozenset({"dollarmath"})


def render_myst(text: str, line: int, document: nodes.document) -> list[nodes.Node]:
    """Return the nodes of `text`, which begins in `line` of the document's source."""
    config = document.settings.env.myst_config
    config = config.copy(enable_extensions=set(config.enable_extensions) | _EXTENSIONS)
    parser = create_md_parser(config, SphinxRenderer)
    parser.options["document"] = document
    # It would define the document's word count anew for every text.
    parser.disable("wordcount", ignoreInvalid=True)
    # MyST adds what it makes to the document's root; take it from there again.
    before = len(document.children)
    parser.render("\n" * (line - 1) + text)
    made = document.children[before:]
    del document.children[before:]
    for node in made:
        node.parent = None
    return made
