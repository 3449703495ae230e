"""What a page's head says of an op, and the page for addresses that lead nowhere.

sphinxext-opengraph knows nothing of verdicts and of the Markdown beside a page; where a project has
it, its tags stand and ours are left out. sphinx-notfound-page wants the site's path told apart from
`html_baseurl`, and writes 404/index.html for `dirhtml`, where servers do not look.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from markupsafe import Markup

from optabs.badge import make_badge
from optabs.sphinxext.domain import OpDomain, OpIndex, get_build
from optabs.sphinxext.html import PUBLISHING_BUILDERS
from optabs.sphinxext.publish import has_own_file, summarise_op

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.builders.html import StandaloneHTMLBuilder

MISSING_PAGE, MISSING_FILE = "404", "404.html"
INDEX_PAGE = f"{OpDomain.name}-{OpIndex.name}"


def connect(app: Sphinx) -> None:
    """Connect all handlers; the first one after those that others write tags in."""
    app.connect("html-page-context", on_html_page_context, priority=900)
    app.connect("html-collect-pages", on_html_collect_pages)


def on_html_page_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Describe an op in its page's head."""
    if app.builder.name not in PUBLISHING_BUILDERS:
        return
    build = get_build(app.env)
    entry = build.pages.get(Path(app.env.doc2path(pagename)))
    if entry is None or entry.op is None or doctree is None:
        return
    op = entry.op
    keys = [key for key, variant in op.variants.items() if variant.unsupported is None]
    labels = [build.registry.find_label(key) for key in build.registry.sort_keys(keys)]
    message = make_badge("", build.get_op_context(entry.file)["counts"]).message
    about = f"{op.operation} in {', '.join(labels)}: {message}." if labels else ""
    tags = build.jinja.get_template("optabs/head.html").render(
        title=op.operation,
        description=f"{summarise_op(op)} {about}".strip() or op.operation,
        site=app.config.project,
        url=context["pageurl"],
        opengraph="sphinxext.opengraph" not in app.extensions,
        alternates=[
            (kind, context["pathto"](f"{pagename}.{suffix}", 1))
            for kind, suffix in (
                ("text/markdown", "md"),
                ("application/json", "json"),
                ("application/yaml", "yaml"),
            )
        ],
    )
    context["metatags"] = context.get("metatags", "") + tags
    context["sourcename"] = ""  # the entry is published beside the page


def on_html_collect_pages(app: Sphinx) -> list[tuple[str, dict[str, Any], str]]:
    """Write 404.html, unless the project has one of its own.

    It is shown at any address, so its links are relative to a base; that is the site's root, by
    `html_baseurl` where there is one.
    """
    has_own = (
        MISSING_PAGE in app.env.found_docs
        or MISSING_PAGE in app.config.html_additional_pages
        or has_own_file(app, MISSING_FILE)
        or "notfound.extension" in app.extensions
    )
    if app.builder.name not in PUBLISHING_BUILDERS or has_own:
        return []
    builder: StandaloneHTMLBuilder = app.builder  # type: ignore[assignment]
    here = builder.get_target_uri(MISSING_PAGE)
    root = urlsplit(app.config.html_baseurl).path.rstrip("/")
    places = [("Home", app.config.root_doc)]
    if builder.search:
        places.append(("Search", "search"))
    if any(name == INDEX_PAGE for name, *_ in builder.domain_indices):
        places.append((OpIndex.localname, INDEX_PAGE))
    body = (
        get_build(app.env)
        .jinja.get_template("optabs/missing.html")
        .render(
            places=[(title, builder.get_relative_uri(MISSING_PAGE, name)) for title, name in places]
        )
    )
    base = Markup('<meta name="robots" content="noindex"><base href="{}">').format(f"{root}/{here}")
    context = {"title": "Page not found", "body": body, "metatags": base, "parents": []}
    builder.handle_page(
        MISSING_PAGE,
        {**context, "pageurl": None},
        "page.html",
        outfilename=Path(app.outdir) / MISSING_FILE,
    )
    return []
