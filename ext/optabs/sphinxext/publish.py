"""What is published beside the pages, for programs: files for each op, llms.txt, the sitemap.

    ops/softmax.md  ops/softmax.json  ops/softmax.yaml  badges/softmax.svg  badges/softmax.json
    llms.txt  sitemap.xml  _static/optabs.schema.json

The YAML is the entry itself, so op pages have no second copy of it among Sphinx's `_sources`.

The sitemap is ours since sphinx-sitemap lists only the pages that a build has written, so that a
second build forgets the rest; and since it starts a process for every build. There is no
llms-full.txt: of a whole catalogue it would be larger than anybody can read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import join
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.sax.saxutils import escape

from sphinx.util import logging
from sphinx.util.osutil import relative_uri

from optabs.badge import make_badge
from optabs.catalog.json_schema import write_schema
from optabs.catalog.model import Op
from optabs.categories import write_line
from optabs.export import encode_json, export_op, replace_file
from optabs.records import hash_parts
from optabs.sphinxext.build import Build, read_pages, write_pages
from optabs.sphinxext.domain import OpDomain, find_docname
from optabs.sphinxext.html import PUBLISHING_BUILDERS, hash_templates
from optabs.twin import (
    make_page_data,
    make_twin_context,
    write_fence,
    write_span,
)
from optabs.version import __version__

if TYPE_CHECKING:
    import jinja2
    from sphinx.application import Sphinx
    from sphinx.builders.html import StandaloneHTMLBuilder

logger = logging.getLogger(__name__)

LLMS_FILE, SITEMAP_FILE = "llms.txt", "sitemap.xml"
SCHEMA_FILE = "_static/optabs.schema.json"


def connect(app: Sphinx) -> None:
    """Connect the handler; the line that a build ends with comes after it."""
    app.connect("build-finished", on_build_finished, priority=400)


def on_build_finished(app: Sphinx, exception: Exception | None) -> None:
    """Write what is published beside the pages; remove what belongs to ops that are gone."""
    domain = app.env.domains["op"] if app.env is not None else None
    build = domain.build if isinstance(domain, OpDomain) else None
    if exception is not None or build is None or build.report is None:
        return
    if app.builder.name in PUBLISHING_BUILDERS:
        _Publisher(app, build).publish()


@dataclass(frozen=True)
class _Page:
    """An op's page. `badge` is the path of its badge, without a suffix."""

    docname: str
    badge: str
    path: Path
    op: Op

    @property
    def files(self) -> list[str]:
        """What is published of the op, in the order of `render_page`."""
        pages = [f"{self.docname}.{suffix}" for suffix in ("md", "json", "yaml")]
        return [*pages, f"{self.badge}.svg", f"{self.badge}.json"]


class _Publisher:
    """Writes the files of one build."""

    def __init__(self, app: Sphinx, build: Build) -> None:
        self.app = app
        self.build = build
        self.builder: StandaloneHTMLBuilder = app.builder  # type: ignore[assignment]
        self.output = Path(app.outdir)
        self.jinja = make_text_jinja(build.jinja)
        catalog = Path(os.path.normpath(Path(app.srcdir) / app.config.optabs_catalog))
        self.pages = [
            _Page(
                docname,
                f"badges/{path.relative_to(catalog).with_suffix('').as_posix()}",
                path,
                entry.op,
            )
            for path, entry in build.pages.items()
            if entry.op and (docname := find_docname(app.env, path)) in app.env.found_docs
        ]

    def publish(self) -> None:
        """Write everything; files that hold what they should are not touched."""
        name = f"optabs-files-{self.builder.name}-{hash_parts(str(self.app.outdir))[:8]}.json"
        memory = Path(self.app.doctreedir) / name
        known = read_pages(memory)
        wanted = self.hash_files()
        # Entries may have been removed since they were read: the next build forgets them.
        gone = {each: "" for page in self.pages if not page.path.is_file() for each in page.files}
        wanted |= gone
        due = [
            page
            for page in self.pages
            if page.files[0] not in gone and not self.is_written(page, known, wanted)
        ]
        if due:  # if writing is interrupted, it is not known what these hold
            write_pages(memory, known | {each: "" for page in due for each in page.files})
        for page in due:
            for each, content in zip(page.files, self.render_page(page), strict=True):
                replace_file(self.output / each, content)
        wanted |= self.write_lists()
        replace_file(self.output / SCHEMA_FILE, write_schema().encode())
        for each in known.keys() - wanted.keys():
            if not has_own_file(self.app, each):
                self.remove_file(each)
        write_pages(memory, wanted)

    def hash_files(self) -> dict[str, str]:
        """Return, for each file of an op, a hash of what it is made from."""
        look = [hash_templates(self.build.jinja), self.app.config.html_baseurl, __version__]
        hashes: dict[str, str] = {}
        for page in self.pages:
            hashes |= dict.fromkeys(page.files, hash_parts(look, self.hash_page(page)))
        return hashes

    def is_written(self, page: _Page, known: dict[str, str], wanted: dict[str, str]) -> bool:
        """Whether the files of an op are there, made from what they should be made from."""
        return all(
            known.get(each) == wanted[each] and (self.output / each).exists() for each in page.files
        )

    def write_lists(self) -> dict[str, str]:
        """Write llms.txt and the sitemap; returns their names."""
        lists = {LLMS_FILE: self.render_llms}
        if self.app.config.html_baseurl:
            lists[SITEMAP_FILE] = self.render_sitemap
        else:
            logger.info("optabs: no %s, which needs html_baseurl in conf.py", SITEMAP_FILE)
        own = {name for name in lists if has_own_file(self.app, name)}
        if "sphinx_sitemap" in self.app.extensions:
            own.add(SITEMAP_FILE)
        for name in lists.keys() - own:
            replace_file(self.output / name, lists[name]().encode())
        return dict.fromkeys(lists.keys() - own, "")

    def remove_file(self, name: str) -> None:
        """Remove a file of an op that is gone, and with its Markdown its page."""
        (self.output / name).unlink(missing_ok=True)
        docname, _, suffix = name.rpartition(".")
        pages = {find_docname(self.app.env, path) for path in self.build.pages}
        if suffix == "md" and docname not in self.app.env.found_docs | pages:
            self.builder.get_output_path(docname).unlink(missing_ok=True)

    def hash_page(self, page: _Page) -> list[object]:
        """Return what changes whenever a file of an op does."""
        domain = self.app.env.domains["op"]
        assert isinstance(domain, OpDomain)
        return [
            domain.data["claims"].get(page.docname),
            domain.list_links(page.docname),
            self.build.hash_evidence(page.op.place.file),
            self.export_page(page),
        ]

    def export_page(self, page: _Page) -> dict[str, object]:
        """Return an op's part of the export."""
        assert self.build.report
        return export_op(page.op, self.build.registry, self.build.report, page.docname)

    def render_page(self, page: _Page) -> Iterator[bytes]:
        """Yield the content of an op's files, in the order of `files`."""
        build, op, file = self.build, page.op, page.op.place.file
        head = build.get_op_context(file)
        tabs = [build.get_tab_context(file, key) for key in build.registry.sort_keys(op.variants)]
        base = f"{page.docname}.md"

        def resolve(typ: str, name: str) -> str | None:
            domain = self.app.env.domains["op"]
            assert isinstance(domain, OpDomain)
            found = domain.find_target(typ, name)
            return self.write_address(f"{found[0]}.md", base) if found else None

        context = make_twin_context(op, head, tabs, build.find_code, resolve)
        context["files"] = [
            (title, self.write_address(address, base, is_quoted=title == "HTML"))
            for title, address in (
                ("HTML", self.builder.get_target_uri(page.docname)),
                ("JSON", f"{page.docname}.json"),
                ("YAML", f"{page.docname}.yaml"),
            )
        ]
        yield self.jinja.get_template("optabs/twin.md").render(context).encode()
        yield encode_json(make_page_data(op, self.export_page(page), head, tabs, build.find_code))
        yield page.path.read_bytes()
        badge = make_badge(op.operation, head["counts"])
        yield build.jinja.get_template("optabs/badge.svg").render(badge.context).encode()
        yield encode_json(badge.endpoint)

    def write_address(self, target: str, base: str, *, is_quoted: bool = False) -> str:
        """Return the address of a file for a link in another; absolute where that is possible."""
        target = target if is_quoted else quote(target)
        if self.app.config.html_baseurl:
            return join(self.app.config.html_baseurl, target)
        return relative_uri(quote(base), target)

    def render_llms(self) -> str:
        """Return llms.txt: all ops by category, with a sentence on each."""
        ops: dict[str, list[dict[str, str]]] = {}
        for page in sorted(self.pages, key=lambda page: page.op.operation.casefold()):
            counts = self.build.get_op_context(page.op.place.file)["counts"]
            ops.setdefault(page.op.category, []).append(
                {
                    "name": page.op.operation,
                    "address": self.write_address(f"{page.docname}.md", LLMS_FILE),
                    "summary": summarise_op(page.op),
                    "badge": make_badge("", counts).message,
                }
            )
        keys = {key for page in self.pages for key in page.op.variants}
        labels = [*map(self.build.registry.find_label, self.build.registry.sort_keys(keys))]
        titles = {name: title.astext() for name, title in self.app.env.titles.items()}
        return self.jinja.get_template("optabs/llms.txt").render(
            project=self.app.config.project,
            summary=f"{len(self.pages)} machine-learning operations, each as it is in "
            f"{', '.join(labels)}.",
            export=self.write_address("optabs.json", LLMS_FILE),
            # What has no category comes last.
            categories=[
                (name or "Without a category", ops[name])
                for name in sorted(ops, key=lambda name: (not name, name))
            ],
            pages=[
                (titles[name], self.write_page_address(name))
                for name in sorted(titles.keys() - {page.docname for page in self.pages})
            ],
        )

    def write_page_address(self, docname: str) -> str:
        """Return the address of a page, for a link from the root."""
        address = self.builder.get_target_uri(docname)
        # Of the two builders only one quotes.
        return self.write_address(address, LLMS_FILE, is_quoted="%" in address) or "./"

    def render_sitemap(self) -> str:
        """Return the sitemap of all documents."""
        addresses = map(self.write_page_address, sorted(self.app.env.found_docs))
        lines = [f"<url><loc>{escape(address)}</loc></url>\n" for address in addresses]
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
            f"{''.join(lines)}</urlset>\n"
        )


def has_own_file(app: Sphinx, name: str) -> bool:
    """Whether a project publishes a file of its own under a name."""
    extra = [Path(app.confdir) / each for each in app.config.html_extra_path]
    return any(path.name == name or (path / name).exists() for path in extra)


def summarise_op(op: Op) -> str:
    """Return what an op is, in a sentence of plain text; empty where nothing says it."""
    return write_line(op).replace("`", "")


def make_text_jinja(jinja: jinja2.Environment) -> jinja2.Environment:
    """Return the templates for files that are no markup."""
    text = jinja.overlay(autoescape=False)
    text.filters |= {"span": write_span, "fence": write_fence}
    return text
