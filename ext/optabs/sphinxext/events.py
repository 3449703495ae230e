"""What happens when: the handlers that tie the catalogue and its evidence to a Sphinx build."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.display import status_iterator
from sphinx.util.matching import get_matching_files

from optabs.catalog.load import SUFFIX
from optabs.errors import Fault, OptabsError, Place
from optabs.export import build_export, write_export
from optabs.ledger import Ledger
from optabs.project import Project, open_project
from optabs.records import hash_parts
from optabs.sphinxext.build import Build, read_pages, write_pages
from optabs.sphinxext.domain import OpDomain, find_docname, get_build
from optabs.sphinxext.html import find_assets, make_jinja
from optabs.sphinxext.links import Links
from optabs.verify import list_api_faults, list_failures

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)

EXPORT_FILE = "optabs.json"


def connect(app: Sphinx) -> None:
    """Connect all handlers."""
    app.connect("config-inited", on_config_inited)
    app.connect("builder-inited", on_builder_inited)
    app.connect("env-get-outdated", on_env_get_outdated)
    app.connect("env-updated", on_env_updated)
    app.connect("html-page-context", on_html_page_context)
    app.connect("build-finished", on_build_finished)


def _open_project(app: Sphinx) -> Project:
    config, root = app.config, Path(app.srcdir)
    project = open_project(root, [root / config.optabs_catalog])
    return Project(
        root=project.root,
        catalog=project.catalog,
        environments=root / config.optabs_environments
        if config.optabs_environments
        else project.environments,
        build=root / config.optabs_build if config.optabs_build else project.build,
        extra_frameworks=(
            *project.extra_frameworks,
            *(Path(app.confdir) / folder for folder in config.optabs_frameworks),
        ),
    )


def on_config_inited(app: Sphinx, config: Config) -> None:
    """Claim the catalogue's YAML files and no others; serve our style and script."""
    project = _open_project(app)
    for folder in (project.environments, project.build):
        if folder.is_relative_to(project.root):
            config.exclude_patterns.append(folder.relative_to(project.root).as_posix())
    catalog = project.catalog[0]
    for file in get_matching_files(app.srcdir, ["**" + SUFFIX], config.exclude_patterns):
        path = project.root / file
        if not path.is_relative_to(catalog) or not _is_utf8(path):
            # Sphinx would take any YAML file for a document, and stop at a byte that is not UTF-8.
            config.exclude_patterns.append(_escape_pattern(file))
    config.html_static_path.append(str(find_assets("_static")))


def _is_utf8(path: Path) -> bool:
    try:
        path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return True


def _escape_pattern(file: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in file)


def on_builder_inited(app: Sphinx) -> None:
    """Read the catalogue, report its faults, and start running what is not known yet."""
    project = _open_project(app)
    try:
        registry = project.load_registry()
        selected = registry.select(os.environ.get("FRAMEWORKS"))
        catalog, faults = project.load_catalog(registry)
        build = Build(
            project,
            registry,
            catalog,
            faults,
            make_jinja(app),
            Links(registry, project.build / "inventories", fetch=app.config.optabs_inventories),
        )
        with Ledger(project.ledger) as ledger:
            if ledger.notice:
                logger.warning(ledger.notice, type="optabs", subtype="ledger")
            build.start(selected, app.config.optabs_time_limit, ledger)
    except OptabsError as error:
        raise ExtensionError(str(error), modname="optabs") from None
    domain = app.env.domains["op"]
    assert isinstance(domain, OpDomain)
    domain.build = build
    build.links.start({key for op in catalog.ops for key in op.variants})
    for fault in faults:
        _warn(app, fault)


def _warn(app: Sphinx, fault: Fault) -> None:
    logger.warning(
        fault.text, location=_write_location(app, fault.place), type="optabs", subtype=fault.code
    )


def _write_location(app: Sphinx, place: Place) -> str:
    return f"{Path(app.srcdir) / place.file}:{place.line}"


def on_env_get_outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Read a page again when its snippets change though its file does not."""
    build = get_build(env)
    data = env.domains["op"].data
    entries = {find_docname(env, entry.path): entry for entry in build.catalog.entries}
    pages = [
        docname
        for docname, digest in data["digests"].items()
        if docname in entries and digest != build.hash_claims(entries[docname])
    ]
    listing = build.hash_listing()
    return pages + [docname for docname, digest in data["listings"].items() if digest != listing]


def on_env_updated(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Wait for what runs, judge it, and name the pages whose evidence has changed."""
    build = get_build(env)
    _wait(app, build)
    build.links.wait()
    with Ledger(build.project.ledger) as ledger:
        report = build.judge(ledger)
    failures = list_failures(report, app.config.optabs_fail_on)
    for fault in [*failures, *list_api_faults(report, build.registry, build.catalog.ops)]:
        _warn(app, fault)
    known = read_pages(_find_pages_file(app))
    return sorted(
        docname
        for docname, digest in _hash_pages(env, build).items()
        if known.get(docname) != digest
    )


def _find_pages_file(app: Sphinx) -> Path:
    """Return where it is kept what the pages of this builder show; not among what is published."""
    return (
        Path(app.doctreedir) / f"optabs-{app.builder.name}-{hash_parts(str(app.outdir))[:8]}.json"
    )


def _hash_pages(env: BuildEnvironment, build: Build) -> dict[str, str]:
    pages = {}
    for op in build.catalog.ops:
        docname = find_docname(env, op.path)
        if docname in env.found_docs:
            pages[docname] = build.hash_evidence(op)
    return pages


def _wait(app: Sphinx, build: Build) -> None:
    size = build.plan.size
    if build.run is None:
        return

    def list_names() -> Iterator[str]:
        for name in build.wait():
            if name.startswith("!"):
                logger.warning(name[1:], type="optabs", subtype="run")
            else:
                yield name

    if size:
        for _ in status_iterator(
            list_names(), "optabs: running examples... ", "darkgreen", size, app.verbosity
        ):
            pass
    else:
        for _ in list_names():
            pass


def on_html_page_context(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, object], doctree: object
) -> None:
    """Give op pages our style and script."""
    if pagename in app.env.domains["op"].data["digests"]:
        app.add_css_file("optabs.css")
        app.add_js_file("optabs.js")


def on_build_finished(app: Sphinx, exception: Exception | None) -> None:
    """Write the export, remember what pages show, and say what was proved."""
    domain = app.env.domains["op"] if app.env is not None else None
    build = domain.build if isinstance(domain, OpDomain) else None
    if build is None:
        return
    build.stop()
    report = build.report
    if exception is not None or report is None:
        return
    pages = _hash_pages(app.env, build)
    if app.builder.format == "html" and not getattr(app.builder, "embedded", False):
        docnames = {op.operation: find_docname(app.env, op.path) for op in build.catalog.ops}
        write_export(
            build_export(build.catalog.ops, build.registry, build.targets, report, docnames),
            Path(app.outdir) / EXPORT_FILE,
        )
    write_pages(_find_pages_file(app), pages)
    for reason in sorted(
        {
            f"{judgement.check.variant.framework}: {judgement.reason}"
            for judgement in report.judgements
            if judgement.verdict.value == "not_run"
        }
    ):
        logger.info("optabs: not run: %s", reason)
    logger.info(report.summarise())
