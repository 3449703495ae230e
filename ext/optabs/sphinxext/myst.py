"""MyST text inside an entry, with the line numbers of the YAML file."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any

from docutils import nodes
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from myst_parser.mdit_to_docutils.sphinx_ import SphinxRenderer
from myst_parser.parsers.mdit import create_md_parser

_EXTENSIONS = frozenset({"dollarmath"})
# The first would define the document's word count anew for every text. In the texts of ops, what
# looks like HTML is a type: `List<Tensor>`.
_DISABLED = ["wordcount", "html_block", "html_inline"]


def render_myst(text: str, line: int, document: nodes.document) -> list[nodes.Node]:
    """Return the nodes of `text`, which begins in `line` of the document's source."""
    parser = _make_parser(document)
    # MyST adds what it makes to the document's root; take it from there again.
    before = len(document.children)
    parser.render("\n" * (line - 1) + text)
    made = document.children[before:]
    del document.children[before:]
    for node in made:
        node.parent = None
    return made


class _Renderer(SphinxRenderer):
    """Renders all texts of a page, set up as a whole but once.

    That costs more than most texts do: it makes a document with all settings, as a default.
    """

    def setup_render(self, options: dict[str, Any], env: MutableMapping[str, Any]) -> None:
        """See DocutilsRenderer."""
        if "document" not in self.__dict__:
            super().setup_render(options, env)
        self.md_env = env
        self.current_node = self.document
        self._heading_offset = 0
        self._level_to_section = {0: self.document}
        self._heading_slugs = {}


@lru_cache(maxsize=1)
def _make_parser(document: nodes.document) -> MarkdownIt:
    config = document.settings.env.myst_config
    config = config.copy(enable_extensions=set(config.enable_extensions) | _EXTENSIONS)
    parser = create_md_parser(config, _Renderer)
    parser.options["document"] = document
    parser.disable(_DISABLED, ignoreInvalid=True)
    parser.core.ruler.push("optabs_headings", _raise_headings)
    return parser


def _raise_headings(state: StateCore) -> None:
    """Let the headings of a text begin at the first level, which is below that of the page."""
    headings = [token for token in state.tokens if token.type in ("heading_open", "heading_close")]
    highest = min((int(token.tag[1]) for token in headings), default=1)
    for token in headings:
        token.tag = f"h{int(token.tag[1]) - highest + 1}"
