"""In HTML: the home page's summary, a page per category, an A-Z, and the navigation among ops.

The navigation of an op's page holds the categories and the ops of its own: its weight does not grow
with the catalogue, and it is not made anew of all toctrees for every page.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from markupsafe import Markup, escape
from sphinx.transforms.post_transforms import SphinxPostTransform

from optabs.catalog.model import Op
from optabs.categories import Category, group_by_letter
from optabs.render import Context
from optabs.sphinxext.domain import OpDomain, find_docname, get_build
from optabs.sphinxext.nodes import op_listing, op_summary
from optabs.sphinxext.overviews import is_site

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment
    from sphinx.writers.html5 import HTML5Translator

NAVIGATION = "optabs/navigation.html"
# The sidebar of pydata-sphinx-theme that lists a section's pages.
_REPLACED = {"sidebar-nav-bs", "sidebar-nav-bs.html"}


def has_lists(builder: Builder) -> bool:
    """Return whether a builder writes pages that no document stands behind."""
    return is_site(builder) and builder.name != "singlehtml"


def has_navigation(builder: Builder) -> bool:
    """Return whether some sidebar is our navigation, or one that it replaces."""
    theme = getattr(builder, "theme", None)
    sidebars = [theme.sidebar_templates if theme else (), *builder.config.html_sidebars.values()]
    named = {name for names in sidebars for name in names or ()}
    return has_lists(builder) and bool(named & {NAVIGATION, *_REPLACED})


class WriteLists(SphinxPostTransform):
    """Elsewhere, replaces our nodes by those that every builder knows."""

    default_priority = 890

    def run(self, **kwargs: Any) -> None:
        """See SphinxPostTransform."""
        builder = self.app.builder
        if has_lists(builder) or builder.name == "gettext":
            return
        for listing in list(self.document.findall(op_listing)):
            listing.replace_self(listing.children)
        for summary in list(self.document.findall(op_summary)):
            summary.replace_self(_describe(get_build(self.env).get_summary_context()))


def _describe(summary: Context) -> list[nodes.Node]:
    """Return the facts of the home page as a paragraph and a list."""
    verified = summary["counts"].get("verified", 0)
    when = f"; last run on {summary['ran_at']}" if summary["ran_at"] else ""
    items = [
        nodes.list_item(
            "",
            nodes.paragraph(
                "",
                f"{' '.join([each['label'], *each['versions'][:1]])}: "
                f"{each['ops']} ops, {each['verified']} verified examples",
            ),
        )
        for each in summary["frameworks"]
    ]
    return [
        nodes.paragraph("", f"{summary['ops']} ops, {verified} verified examples{when}."),
        nodes.bullet_list("", *items),
    ]


# --- pages ----------------------------------------------------------------------------------------


class _Browser:
    """Where the pages are, as seen from one of them."""

    def __init__(self, app: Sphinx, page: str) -> None:
        self.env = app.env
        self.build = get_build(app.env)
        self._builder = app.builder
        self._page = page
        self._folder = find_folder(app)

    def find_op(self, op: Op) -> str:
        return self._find(find_docname(self.env, op.path))

    def find_category(self, category: Category) -> str:
        return self._find(name_page(self._folder, category))

    def find_letters(self) -> str:
        return self._find(name_page(self._folder))

    def find_list(self) -> str | None:
        """Return the address of the document that lists the ops."""
        name = find_list(self.env)
        return self._find(name) if name else None

    def find_search(self) -> str:
        return self._find("search")

    def _find(self, docname: str) -> str:
        return escape(self._builder.get_relative_uri(self._page, docname))

    def render(self, template: str, **context: Any) -> Markup:
        html = self.build.jinja.get_template(f"optabs/{template}.html")
        return Markup(html.render(link=self, categories=self.build.categories, **context))


def find_folder(app: Sphinx) -> str:
    """Return the folder of the catalogue, which is that of the categories' pages."""
    return posixpath.normpath(str(app.config.optabs_catalog).replace("\\", "/"))


def name_page(folder: str, category: Category | None = None) -> str:
    """Return the name of a category's page, or of the A-Z."""
    name = f"category/{category.anchor}" if category else "a-z"
    return posixpath.normpath(f"{folder}/{name}")


def find_list(env: BuildEnvironment) -> str | None:
    """Return the document with the list of all ops; of several, the first."""
    domain = env.domains["op"]
    assert isinstance(domain, OpDomain)
    lists = [
        docname
        for docname, includes in sorted(env.toctree_includes.items())
        if docname in domain.data["listings"]
        and any(each in domain.data["claims"] for each in includes)
    ]
    return lists[0] if lists else None


def visit_op_listing(self: HTML5Translator, node: nodes.Element) -> None:
    """Write the categories with their ops."""
    self.body.append(_Browser(self.builder.app, self.docnames[0]).render("ops"))
    raise nodes.SkipNode


def visit_op_summary(self: HTML5Translator, node: nodes.Element) -> None:
    """Write what has been proved."""
    browser = _Browser(self.builder.app, self.docnames[0])
    known = [op for op in map(browser.build.find_op, node["names"]) if op]
    summary = browser.build.get_summary_context()
    self.body.append(browser.render("summary", summary=summary, known=known))
    raise nodes.SkipNode


def on_html_collect_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Make a page for each category, and the A-Z, whenever the list of all ops is written."""
    build = get_build(app.env)
    home = find_list(app.env)
    if not has_lists(app.builder) or home is None or home not in build.written:
        return
    folder = find_folder(app)
    for category in build.categories:
        letters = category.list_by_letter()
        lines = {line["name"]: line for line in build.get_category_context(category)}
        yield _make_page(
            app, name_page(folder, category), category.label, "category",
            category=category, letters=letters, lines=lines,
        )  # fmt: skip
    letters = group_by_letter(op for category in build.categories for op in category.ops)
    yield _make_page(app, name_page(folder), "A–Z", "a-z", letters=letters)


def _make_page(
    app: Sphinx, name: str, title: str, template: str, **context: Any
) -> tuple[str, dict[str, Any], str]:
    body = _Browser(app, name).render(template, title=title, **context)
    return name, {"title": escape(title), "body": body, "parents": []}, "page.html"


# --- navigation -----------------------------------------------------------------------------------


def on_html_page_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Give the pages among the ops their navigation and the way back."""
    if not has_lists(app.builder):
        return
    build, home = get_build(app.env), find_list(app.env)
    folder = find_folder(app)
    pages = {name_page(folder, each): each for each in build.categories}
    entry = build.pages.get(Path(app.env.doc2path(pagename)))
    op = entry.op if entry else None
    if home is None or not (op or pagename in pages or pagename in (home, name_page(folder))):
        return
    browser = _Browser(app, pagename)
    category = build.find_category(op) if op else pages.get(pagename)

    @cache
    def render() -> Markup:
        neighbours = category.list_neighbours(op) if category else []
        return browser.render("sidebar", category=category, op=op, neighbours=neighbours)

    context["optabs_navigation"] = render
    if _REPLACED & {*context["sidebars"]}:
        context["sidebars"] = [
            NAVIGATION if each in _REPLACED else each for each in context["sidebars"]
        ]
    if pagename != home:
        is_root = home == app.config.root_doc  # to which every page leads anyhow
        up = [] if is_root else [(browser.find_list(), app.env.titles[home].astext())]
        up += [(browser.find_category(category), category.label)] if op and category else []
        context["parents"] = [{"link": link, "title": escape(title)} for link, title in up]
