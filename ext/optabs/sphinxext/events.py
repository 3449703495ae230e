"""What happens when: the handlers that tie the catalogue and its evidence to a Sphinx build."""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape
from sphinx.util import logging
from sphinx.util.display import status_iterator
from sphinx.util.matching import get_matching_files

from optabs.catalog.cache import EntryMemory
from optabs.catalog.load import SUFFIX, find_files
from optabs.catalog.model import Catalog
from optabs.errors import Fault, LedgerError, OptabsError, Place, suggest_name
from optabs.export import build_export, write_export, write_matrix
from optabs.ledger import Ledger
from optabs.project import Project, open_project
from optabs.records import Verdict, hash_parts
from optabs.sphinxext import browse
from optabs.sphinxext.build import Build, hash_files, read_pages, write_pages
from optabs.sphinxext.domain import OpDomain, find_docname, get_build
from optabs.sphinxext.format import is_format
from optabs.sphinxext.html import find_assets, hash_templates, make_jinja
from optabs.sphinxext.links import Links
from optabs.sphinxext.overviews import EXPORT_FILE, MATRIX_FILE, is_site
from optabs.sphinxext.parser import UNREADABLE
from optabs.verify import list_failures

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)


def connect(app: Sphinx) -> None:
    """Connect all handlers."""
    app.connect("config-inited", on_config_inited)
    app.connect("builder-inited", on_builder_inited)
    app.connect("env-get-outdated", on_env_get_outdated)
    app.connect("env-updated", on_env_updated)
    app.connect("doctree-resolved", on_doctree_resolved)
    app.connect("html-collect-pages", on_html_collect_pages)
    app.connect("html-collect-pages", browse.on_html_collect_pages)
    app.connect("html-page-context", on_html_page_context)
    app.connect("html-page-context", browse.on_html_page_context, priority=400)  # before themes
    app.connect("build-finished", on_build_finished)


# --- configuration --------------------------------------------------------------------------------


def on_config_inited(app: Sphinx, config: Config) -> None:
    """Check our settings; serve our style and script, which a project's own files may replace."""
    with _report_errors():
        for word in config.optabs_fail_on:
            if word not in list(Verdict):
                raise OptabsError(
                    f"optabs_fail_on names {word!r}, which is no verdict",
                    suggest_name(word, map(str, Verdict)) or "known are " + ", ".join(Verdict),
                )
        if isinstance(config.optabs_time_limit, bool) or not config.optabs_time_limit > 0:
            raise OptabsError(
                f"optabs_time_limit is {config.optabs_time_limit!r}", "give a number of seconds"
            )
        project = _open_project(app)
        catalog = project.catalog[0]
        if not catalog.is_relative_to(app.srcdir):
            raise OptabsError(
                f"optabs_catalog is {config.optabs_catalog!r}, outside of {app.srcdir}",
                "pages can only be made of files in Sphinx's source folder",
            )
    config.html_static_path.insert(0, str(find_assets("_static")))
    config.exclude_patterns = [
        *config.exclude_patterns,
        *map(_escape_pattern, _list_output_folders(app, project.build)),
    ]
    config.templates_path.append(str(find_assets("_templates")))


def _list_output_folders(app: Sphinx, build: Path) -> list[str]:
    """Return the folders in the source folder that hold what was built.

    What is published beside the pages is Markdown and YAML, too: none of it is a source. Every
    output folder is listed, whichever of them is written now: a change would make Sphinx read all.
    """
    root = Path(app.srcdir)
    folders = {build, Path(app.outdir)}
    for pattern in ("*/.buildinfo", "*/*/.buildinfo"):
        folders |= {file.parent for file in root.glob(pattern)}
    return sorted(
        folder.relative_to(root).as_posix()
        for folder in folders
        if root in folder.parents and folders.isdisjoint(folder.parents)
    )


@contextmanager
def _report_errors() -> Iterator[None]:
    """End the build with what is wrong. To an exception Sphinx would add a traceback."""
    try:
        yield
    except OptabsError as error:
        also = "; or name another folder in conf.py: optabs_build"
        logger.error("optabs: %s%s", error, also if isinstance(error, LedgerError) else "")
        raise SystemExit(2) from None


def _open_project(app: Sphinx) -> Project:
    config, root = app.config, Path(app.srcdir)
    project = open_project(root)
    return Project(
        root=project.root,
        catalog=(Path(os.path.normpath(root / config.optabs_catalog)),),
        environments=root / config.optabs_environments
        if config.optabs_environments
        else project.environments,
        build=root / config.optabs_build if config.optabs_build else project.build,
        extra_frameworks=(
            *project.extra_frameworks,
            *(Path(app.confdir) / folder for folder in config.optabs_frameworks),
        ),
    )


# --- start ----------------------------------------------------------------------------------------


def on_builder_inited(app: Sphinx) -> None:
    """Read the catalogue, report its faults, and start running what is not known yet."""
    project = _open_project(app)
    with _report_errors():
        if not project.catalog[0].is_dir():
            raise OptabsError(
                f"there is no catalogue at {project.catalog[0]}",
                "make that folder, or name another one in conf.py: optabs_catalog",
            )
        project, excluded = _claim_files(app.config, project)
        registry = project.load_registry()
        selected = registry.select(os.environ.get("FRAMEWORKS"))
        memory = EntryMemory()
        catalog, faults = project.check(memory.load_files(project.catalog, project.root), registry)
        evidence = project.read_evidence(registry)
        faults += [*_list_pageless(catalog), *evidence.faults]
        build = Build(
            project,
            registry,
            memory,
            catalog,
            faults,
            make_jinja(app),
            Links(registry, project.build / "inventories", fetch=app.config.optabs_inventories),
        )
        with Ledger(project.ledger) as ledger:
            if ledger.notice:
                logger.warning(ledger.notice, type="optabs", subtype="ledger")
            limit, scheduler = app.config.optabs_time_limit, os.environ.get("OPTABS_SCHEDULER")
            build.start(selected, limit, ledger, evidence, scheduler)
    for notice in build.notices:
        logger.warning("%s", notice, type="optabs", subtype="cluster")
    domain = app.env.domains["op"]
    assert isinstance(domain, OpDomain)
    domain.build = build
    build.has_navigation = browse.has_navigation(app.builder)
    build.kept_patterns = app.config.exclude_patterns
    _leave_out(app, build, excluded)
    build.links.start({key for op in catalog.ops for key in op.variants})
    for fault in faults:
        _warn(app, fault)


def _update(app: Sphinx, build: Build) -> None:
    """Take over what has changed in the catalogue since the last build of this process."""
    with _report_errors():
        project, excluded = _claim_files(app.config, _open_project(app))
        entries = build.memory.load_files(project.catalog, project.root)
        catalog, faults = project.check(entries, build.registry)
        faults += [*_list_pageless(catalog), *build.plan.evidence.faults]
        with Ledger(project.ledger) as ledger:
            build.update(catalog, faults, ledger)
    _leave_out(app, build, excluded)


def _leave_out(app: Sphinx, build: Build, excluded: list[str]) -> None:
    """Have Sphinx leave files out, only while it looks for documents.

    Every change of the setting itself would make it read all.
    """
    build.used_patterns = [*build.kept_patterns, *map(_escape_pattern, excluded)]
    app.config.exclude_patterns = build.used_patterns


def _claim_files(config: Config, project: Project) -> tuple[Project, list[str]]:
    """Return the project with those files of its catalogue that Sphinx shall not leave out.

    Also returned is what Sphinx must leave out: it would take any YAML file for a document, and
    stop at a byte that is not UTF-8.
    """
    folders = [
        folder.relative_to(project.root).as_posix()
        for folder in (project.environments, project.build)
        if folder.is_relative_to(project.root)
    ]
    patterns = [*config.exclude_patterns, *map(_escape_pattern, folders)]
    found = [
        file
        for file in get_matching_files(project.root, config.include_patterns, patterns)
        if file.endswith(SUFFIX)
    ]
    entries = {*find_files(project.catalog)} & {project.root / file for file in found}
    unreadable = {path for path in entries if not _is_utf8(path)}
    left_out = [file for file in found if project.root / file not in entries - unreadable]
    return replace(project, catalog=tuple(sorted(entries))), [*folders, *left_out]


def _is_utf8(path: Path) -> bool:
    try:
        path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return True


def _escape_pattern(file: str) -> str:
    # A set that begins with a bracket is one that Python's `re` warns of.
    return "".join({"*": "[*]", "?": "[?]", "[": "[?[]"}.get(c, c) for c in file)


def _list_pageless(catalog: Catalog) -> list[Fault]:
    """Return a fault for each op that has no page since its file holds others before it."""
    files: set[str] = set()
    faults = []
    for op in catalog.ops:
        if op.place.file in files:
            faults.append(
                Fault(
                    op.place,
                    "no-page",
                    f"{op.operation!r} is not the first op of its file and gets no page",
                    "move it to a file of its own",
                )
            )
        files.add(op.place.file)
    return faults


def _warn(app: Sphinx, fault: Fault) -> None:
    logger.warning(
        fault.text, location=_write_location(app, fault.place), type="optabs", subtype=fault.code
    )


def _write_location(app: Sphinx, place: Place) -> str:
    return f"{Path(app.srcdir) / place.file}:{place.line}"


# --- reading --------------------------------------------------------------------------------------


def on_env_get_outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Read a page again when its snippets change though its file does not."""
    build = get_build(env)
    patterns, app.config.exclude_patterns = app.config.exclude_patterns, build.kept_patterns
    if build.report is not None:  # a further build by the same process
        if build.is_live:
            _update(app, build)
        else:
            on_builder_inited(app)
        if app.config.exclude_patterns != patterns:
            env.find_files(app.config, app.builder)
        build = get_build(env)
        app.config.exclude_patterns = build.kept_patterns
        added |= env.found_docs - env.all_docs.keys()
        removed |= env.all_docs.keys() - env.found_docs
        added &= env.found_docs
        changed &= env.found_docs
    data = env.domains["op"].data
    entries = {find_docname(env, path): entry for path, entry in build.pages.items()}
    pages = [
        docname
        for docname, digest in data["claims"].items()
        if docname in entries and digest != build.hash_claims(entries[docname])
    ]
    listing = build.hash_listing()
    return pages + [docname for docname, digest in data["listings"].items() if digest != listing]


def on_env_updated(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Wait for what runs, judge it, and name the pages whose evidence has changed."""
    _clear_search(env)
    build = get_build(env)
    _wait(app, build)
    build.links.wait()
    with _report_errors(), Ledger(build.project.ledger) as ledger:
        report = build.judge(ledger)
    failures = list_failures(report, app.config.optabs_fail_on)
    for fault in [*failures, *build.list_api_faults()]:
        _warn(app, fault)
    if build.is_live:  # the rest of the pages can wait
        pages = {find_docname(env, path) for path in build.list_changed()}
        return sorted(pages & env.found_docs)
    file = _find_pages_file(app)
    known = read_pages(file)
    changed = list_outdated(app, build)
    # If writing is interrupted, it is not known what they show.
    write_pages(file, {docname: known[docname] for docname in known.keys() - changed})
    return sorted(changed)


def _clear_search(env: BuildEnvironment) -> None:
    """Take pages that are gone out of the search.

    Sphinx forgets their words, but keeps their entries of the general index, and then fails. Its
    own builds begin without any; an environment that has been live has them.
    """
    entries: dict[str, object] = getattr(env, "_search_index_index_entries", {})
    for docname in entries.keys() - env.found_docs:
        del entries[docname]


def list_outdated(app: Sphinx, build: Build) -> set[str]:
    """Return the documents whose pages do not show what they would show today."""
    known = read_pages(_find_pages_file(app))
    digests = _hash_pages(app.env, build)
    return {docname for docname, digest in digests.items() if known.get(docname) != digest}


def _find_pages_file(app: Sphinx) -> Path:
    """Return where it is kept what the pages of this builder show; not among what is published."""
    return (
        Path(app.doctreedir) / f"optabs-{app.builder.name}-{hash_parts(str(app.outdir))[:8]}.json"
    )


def _hash_pages(env: BuildEnvironment, build: Build) -> dict[str, str]:
    """Return a hash of what each page shows that is not in its doctree."""
    domain = env.domains["op"]
    assert isinstance(domain, OpDomain)
    look = [hash_templates(build.jinja), hash_files(find_assets("_static"))]
    parts: dict[str, list[object]] = {}
    for path, entry in build.pages.items():
        if entry.op:
            parts[find_docname(env, path)] = [
                *look,
                build.hash_evidence(entry.file),
                build.hash_navigation(entry.op),
            ]
    for docname in domain.data["listings"]:
        parts[docname] = [*look, build.hash_lists()]
    for docname in domain.data["links"]:
        parts.setdefault(docname, []).append(domain.list_links(docname))
    for docname, names in domain.data["overviews"].items():
        overviews = [build.get_overview(name) for name in names]
        parts.setdefault(docname, []).append([*look, *overviews])
    return {name: hash_parts(*each) for name, each in parts.items() if name in env.found_docs}


def _wait(app: Sphinx, build: Build) -> None:
    size = build.plan.size

    def list_names() -> Iterator[str]:
        for name in build.wait():
            if name.startswith("!"):
                logger.warning(name[1:], type="optabs", subtype="run")
            else:
                build.watch(name)
                yield name

    names: Iterable[str] = list_names()
    if size:
        names = status_iterator(
            names, "optabs: running examples... ", "darkgreen", size, app.verbosity
        )
    for _ in names:
        pass


# --- writing --------------------------------------------------------------------------------------


def on_doctree_resolved(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Remember that a page is written."""
    get_build(app.env).written.add(docname)


def on_html_collect_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Give a page to entries that Sphinx cannot read."""
    build = get_build(app.env)
    for path, entry in build.pages.items():
        if find_docname(app.env, path) not in app.env.found_docs:
            body = build.jinja.get_template("optabs/notice.html").render(
                title=UNREADABLE, lines=[str(fault) for fault in build.list_faults(entry)]
            )
            heading = Markup("<h1>{}</h1>").format(path.stem)
            yield (
                find_docname(app.env, path),
                {"parents": [], "title": escape(path.stem), "body": heading + Markup(body)},
                "page.html",
            )


def on_html_page_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, object], doctree: object
) -> None:
    """Give our style and scripts to pages of ops and of all ops, to lists and to the search."""
    data = app.env.domains["op"].data
    pages = ChainMap(data["claims"], data["overviews"])
    needs_script = pagename in pages or (app.builder.name == "singlehtml" and pages)
    is_list = pagename in data["listings"] or is_format(app.env, pagename)
    if needs_script or is_list or "optabs_navigation" in context:
        app.add_css_file("optabs.css")
    if needs_script:
        app.add_js_file("optabs.js")
    if pagename == "search":
        app.add_js_file("optabs-search.js")


def on_build_finished(app: Sphinx, exception: Exception | None) -> None:
    """Write the exports, remember what pages show, and say what was proved."""
    domain = app.env.domains["op"] if app.env is not None else None
    build = domain.build if isinstance(domain, OpDomain) else None
    if build is None:
        return
    if not build.is_live:
        build.stop()
    app.config.exclude_patterns = build.used_patterns
    report = build.report
    if exception is not None or report is None:
        return
    if is_site(app.builder):
        docnames = {op.place.file: find_docname(app.env, op.path) for op in build.catalog.ops}
        write_export(
            build_export(build.catalog.ops, build.registry, build.targets, report, docnames),
            Path(app.outdir) / EXPORT_FILE,
        )
        write_matrix(build.get_overview("matrix"), Path(app.outdir) / MATRIX_FILE, docnames)
    file = _find_pages_file(app)
    known = read_pages(file)
    write_pages(
        file,
        {
            docname: digest
            for docname, digest in _hash_pages(app.env, build).items()
            if docname in build.written or known.get(docname) == digest
        },
    )
    for reason in report.list_reasons():
        logger.info("optabs: not run: %s", reason)
    logger.info(report.summarise())
