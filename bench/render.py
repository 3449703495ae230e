"""What pages of ops cost, against plain Sphinx over pages with the same text.

The catalogue is that of `ops/`, its entries repeated under further names until there are enough;
the ledger is that of `_build`, so the pages hold real evidence and nothing is run. The floor is
Sphinx with MyST and the same theme: the same texts, snippets, outputs and figures as Markdown, a
toctree for each category. Each is built by one job, one after the other; the ratio that counts is
that of processor time, which other work on the machine hardly touches. Options: `--ops 500 1000
2200 10000`, `--profile FILE` (of our build), `--keep FOLDER` (what was built).
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "ext"))

from optabs.catalog.model import Op  # noqa: E402
from optabs.categories import list_categories  # noqa: E402
from optabs.frameworks import Registry  # noqa: E402
from optabs.ledger import Ledger  # noqa: E402
from optabs.plan import Options, make_plan  # noqa: E402
from optabs.project import open_project  # noqa: E402
from optabs.run.targets import find_reference, find_targets  # noqa: E402
from optabs.verify import Judgement, Report, Tally, judge_plan  # noqa: E402

ENVIRONMENTS = os.environ.get("OPTABS_ENVIRONMENTS", str(ROOT / ".environments"))

CONF = """\
project = "Bench"
extensions = {extensions}
myst_enable_extensions = ["dollarmath", "deflist"]
templates_path = {templates}
html_theme = "pydata_sphinx_theme"
html_theme_options = {{
    "collapse_navigation": True, "show_prev_next": False, "secondary_sidebar_items": [],
}}
html_sidebars = {{"**": ["sidebar-nav-bs"]}}
html_context = {{"default_mode": "auto"}}
html_css_files = {styles}
optabs_inventories = False
suppress_warnings = ["myst.header"]
"""
INDEX = "# Bench\n\n```{toctree}\n:hidden:\n\nops/index\n```\n"
ROLE = re.compile(r"\{op\}`([^`]+)`")


@dataclass(frozen=True)
class Run:
    """Seconds of processor and of clock, largest memory (MiB), and what came out."""

    processor: float
    clock: float
    memory: float


def write_catalogue(folder: Path, count: int) -> None:
    """Write `count` entries; the first round keeps its names, so that references are found."""
    files = sorted((ROOT / "ops").glob("*.yaml"))
    folder.mkdir(parents=True)
    for number in range(count):
        file, turn = files[number % len(files)], number // len(files)
        text = file.read_text()
        if turn:
            text = re.sub(r"(?m)^(operation: *\S+).*$", rf"\g<1>{turn}", text, count=1)
            text = re.sub(r"(?m)^aliases:.*\n(?:[ -].*\n)*", "", text, count=1)
        (folder / f"{file.stem}{turn or ''}.yaml").write_text(text)
    (folder / "index.md").write_text("# Ops\n\n```{ops}\n```\n")


def judge(folder: Path) -> tuple[list[Op], Registry, Report]:
    """Return the ops of a project with all verdicts, from its ledger."""
    project = open_project(folder)
    registry = project.load_registry()
    catalog, _faults = project.load_catalog(registry)
    targets = find_targets(registry, (), Path(ENVIRONMENTS), project.cache)
    with Ledger(project.ledger) as ledger:
        reference = find_reference(registry, project.cache)
        plan = make_plan(catalog.ops, registry, targets, reference, ledger, Options())
        return list(catalog.ops), registry, judge_plan(plan, ledger, Tally())


def write_plain(folder: Path, ops: list[Op], registry: Registry, report: Report) -> None:
    """Write the same pages as Markdown."""
    folder.mkdir(parents=True)
    categories = list_categories(ops)
    listed = "\n".join(f"in-{each.anchor}" for each in categories)
    (folder / "index.md").write_text(f"# Ops\n\n```{{toctree}}\n\n{listed}\n```\n")
    for category in categories:
        listed = "\n".join(op.page for op in category.ops)
        text = f"# {category.label}\n\n```{{toctree}}\n\n{listed}\n```\n"
        (folder / f"in-{category.anchor}.md").write_text(text)
    for op in ops:
        (folder / f"{op.page}.md").write_text("\n".join(write_page(op, registry, report)) + "\n")


def write_page(op: Op, registry: Registry, report: Report) -> Iterator[str]:
    """Yield the lines of a page: what it claims, and the evidence in words."""
    yield f"# {op.operation}\n\n`{op.signature}`\n"
    if op.description:
        yield ROLE.sub(r"`\1`", op.description.text)
    yield "\n| Name | Type | Default | Meaning |\n| --- | --- | --- | --- |"
    for each in op.parameters:
        doc = (each.doc or "").replace("|", "\\|")
        yield f"| `{each.name}` | `{each.type}` | `{each.default}` | {doc} |"
    for key in registry.sort_keys(op.variants):
        variant = op.variants[key]
        yield f"\n## {registry.find_label(key)}\n\nAPI `{variant.api}`, {variant.strategy}\n"
        for standard, name in variant.args.items():
            yield f"- `{standard}` is `{name}`"
        if variant.notes:
            yield "\n" + ROLE.sub(r"`\1`", variant.notes.text)
        for each in report.list_variant(op, key):
            if each.case is None:
                yield f"\n{each.reason}\n"
            else:
                yield from write_example(each)


def write_example(found: Judgement) -> Iterator[str]:
    """Yield an example, its output, and what it rests on."""
    assert found.case
    yield f"\n### {found.case.title or found.case.id}\n"
    if found.check.snippet:
        yield f"```python\n{found.check.snippet.code.rstrip()}\n```\n"
    if found.record and found.record.stdout:
        yield f"Output\n\n```text\n{found.record.stdout.rstrip()}\n```\n"
    if found.record:
        record, comparison = found.record, found.comparison
        yield (
            f"- **{found.verdict.words}** on {record.device} ({record.device_name}), "
            f"version {record.framework_version}, Python {record.python_version}, {record.ran_at}"
        )
        if comparison and comparison.tolerance:
            yield (
                f"- largest error {comparison.max_abs_error} absolute, "
                f"{comparison.max_rel_error} relative; allowed {comparison.tolerance}"
            )


def build(folder: Path, *options: str) -> Run:
    """Build a project's HTML; raises if that fails."""
    variables = {
        **os.environ,
        "FRAMEWORKS": "none",
        "OPTABS_ENVIRONMENTS": ENVIRONMENTS,
        "PYTHONPATH": str(ROOT / "ext"),
    }
    command = ["-m", "sphinx", "-q", "-b", "html", "-d", "_build/doctrees", ".", "_build/html"]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *options, *command],
        cwd=folder, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    clock, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"the build of {folder} failed:\n{done.stderr[-2000:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(used, clock, after.ru_maxrss / 1024)


def weigh(folder: Path) -> tuple[float, float, int]:
    """Return KiB of the median op's page, plain and compressed, and of the search index."""
    pages = [
        file.read_bytes()
        for file in (folder / "_build" / "html" / "ops").glob("*.html")
        if not file.name.startswith(("in-", "index"))
    ]
    middle = sorted(pages, key=len)[len(pages) // 2]
    index = (folder / "_build" / "html" / "searchindex.js").stat().st_size
    return len(middle) / 1024, len(gzip.compress(middle)) / 1024, index // 1024


def measure(folder: Path, count: int, profile: str) -> None:
    """Measure one size of catalogue and print its lines."""
    ours, plain = folder / "optabs", folder / "plain"
    write_catalogue(ours / "ops", count)
    shutil.copytree(ROOT / "_build" / "ledger", ours / "_build" / "ledger")
    write_plain(plain / "ops", *judge(ours))
    site = [str(ROOT / "_templates" / "site")]
    for each, extensions, templates, styles in (
        (ours, ["optabs", "optabs.sphinxext.mathml"], site, ["optabs-site.css"]),
        (plain, ["myst_parser"], [], []),
    ):
        text = CONF.format(extensions=extensions, templates=templates, styles=styles)
        (each / "conf.py").write_text(text)
        (each / "index.md").write_text(INDEX)
    floor = build(plain)
    first = build(ours, *(["-m", "cProfile", "-o", profile] if profile else []))
    again = build(ours)
    entry = sorted((ours / "ops").glob("*.yaml"))[count // 2]
    entry.write_text(
        entry.read_text().replace("description: |\n  ", "description: |\n  Indeed: ", 1)
    )
    saved = build(ours)
    for label, run, whole in (("plain Sphinx", floor, plain), ("Optabs", first, ours)):
        size, packed, index = weigh(whole)
        print(
            f"{count:6} {label:14} {run.processor:7.1f} s {run.clock:7.1f} s {run.memory:6.0f} MiB"
            f"   page {size:5.0f} KiB ({packed:.0f} compressed), search index {index} KiB"
        )
    print(
        f"{count:6} {'ratio':14} {first.processor / floor.processor:7.2f}   "
        f"{first.clock / floor.clock:7.2f}     nothing changed {again.processor:.1f} s, "
        f"one entry saved {saved.processor:.1f} s",
        flush=True,
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ops", type=int, nargs="+", default=[500, 1000, 2200, 10000])
    parser.add_argument("--profile", default="", help="write the profile of our build there")
    parser.add_argument("--keep", help="build in this folder, and leave it there")
    arguments = parser.parse_args()
    print("   ops build          processor     clock    memory")
    for count in arguments.ops:
        if arguments.keep:
            measure(Path(arguments.keep) / str(count), count, arguments.profile)
        else:
            with tempfile.TemporaryDirectory(prefix="optabs-bench-") as name:
                measure(Path(name), count, arguments.profile)


if __name__ == "__main__":
    main()
