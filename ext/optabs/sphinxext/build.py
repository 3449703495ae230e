"""What one build knows: the catalogue, the plan, the verdicts, and what pages show of them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from optabs.background import BackgroundRun, Work
from optabs.catalog.load import load_file
from optabs.catalog.model import Catalog, Entry, Op
from optabs.errors import Fault
from optabs.frameworks import Registry
from optabs.ledger import Ledger
from optabs.plan import Options, Plan, make_plan
from optabs.project import Project
from optabs.records import hash_parts
from optabs.render import Context, make_op_context, make_tab_context
from optabs.run.targets import Target, find_reference, find_targets
from optabs.snippet import NoSnippet, build_snippet
from optabs.sphinxext.links import Links
from optabs.verify import Report, Tally, judge_plan

if TYPE_CHECKING:
    from collections.abc import Iterator


class Build:
    """The state of one build, from `builder-inited` to `build-finished`."""

    def __init__(
        self,
        project: Project,
        registry: Registry,
        catalog: Catalog,
        faults: list[Fault],
        jinja: jinja2.Environment,
        links: Links,
    ) -> None:
        self.project = project
        self.registry = registry
        self.catalog = catalog
        self.faults = faults
        self.jinja = jinja
        self.links = links
        self.targets: list[Target] = []
        self.report: Report | None = None
        self.run: BackgroundRun | None = None
        self._plan: Plan | None = None
        self._started = time.monotonic()
        self._tally = Tally()
        self._ops = {op.operation: op for op in catalog.ops}
        self._contexts: dict[tuple[str, str], Context] = {}

    # --- running ----------------------------------------------------------------------------------

    def start(self, selected: tuple[str, ...], time_limit: float, ledger: Ledger) -> None:
        """Make the plan and start running what the ledger does not know."""
        project = self.project
        self.targets = find_targets(self.registry, selected, project.environments, project.cache)
        plan = make_plan(
            self.catalog.ops,
            self.registry,
            self.targets,
            find_reference(self.registry, project.cache),
            ledger,
            Options(time_limit=time_limit),
        )
        self._tally.reused = plan.count_known()
        self._plan = plan
        if plan.batches:
            self.run = BackgroundRun(Work(plan, self.registry, project.ledger))

    @property
    def plan(self) -> Plan:
        """The plan, once `start` has made it."""
        assert self._plan is not None
        return self._plan

    def wait(self) -> Iterator[str]:
        """Wait for what runs; yields the name of each example that begins.

        The last item, if any, begins with ``!``: the process that ran them ended too early.
        """
        if self.run is None:
            return
        for message in self.run.wait():
            if "started" in message:
                yield message["started"]
            elif "finished" in message:
                self._tally.executed += 1
            elif message.get("ended"):
                yield f"!the process that runs examples ended with status {message['ended']}"
        self.run = None

    def stop(self) -> None:
        """End what runs."""
        if self.run is not None:
            self.run.stop()
            self.run = None

    def judge(self, ledger: Ledger) -> Report:
        """Judge all that has been run."""
        self._tally.seconds = time.monotonic() - self._started
        self.report = judge_plan(self.plan, ledger, self._tally)
        self._contexts.clear()
        return self.report

    # --- showing ----------------------------------------------------------------------------------

    def find_entry(self, file: Path) -> Entry:
        """Return the entry of a file, reading it if it is new since the build began."""
        found = self.catalog.by_path.get(file)
        return found or load_file(file, self.project.root)[0]

    def get_op(self, operation: str) -> Op:
        """Return an op by name."""
        return self._ops[operation]

    def get_op_context(self, operation: str) -> Context:
        """Return what the head of an op's page shows."""
        if (operation, "") not in self._contexts:
            assert self.report is not None
            self._contexts[operation, ""] = make_op_context(self._ops[operation], self.report)
        return self._contexts[operation, ""]

    def get_tab_context(self, operation: str, framework: str) -> Context:
        """Return what a tab shows."""
        if (operation, framework) not in self._contexts:
            assert self.report is not None
            op = self._ops[operation]
            self._contexts[operation, framework] = make_tab_context(
                op, op.variants[framework], self.registry, self.report, self.links.find
            )
        return self._contexts[operation, framework]

    def hash_claims(self, entry: Entry) -> str:
        """Return a hash of what a page claims beside its file: the snippets and labels on it."""
        parts: list[object] = [str(fault) for fault in entry.faults]
        for key, variant in (entry.op.variants if entry.op else {}).items():
            parts.append([key, self.registry.find_label(key)])
            framework = self.registry.frameworks.get(key)
            for case in entry.op.cases if entry.op and framework else ():
                try:
                    assert entry.op and framework
                    parts.append(build_snippet(entry.op, case, variant, framework).code)
                except NoSnippet as reason:
                    parts.append(str(reason))
        return hash_parts(*parts)

    def hash_listing(self) -> str:
        """Return a hash of what lists of all ops show."""
        return hash_parts(
            [
                [
                    op.operation,
                    op.category,
                    str(op.path),
                    sorted(op.variants),
                    [key for key, each in op.variants.items() if each.unsupported is not None],
                ]
                for op in self.catalog.ops
            ]
        )

    def hash_evidence(self, op: Op) -> str:
        """Return a hash of the evidence that an op's page shows."""
        tabs = [self.get_tab_context(op.operation, key) for key in op.variants]
        return hash_parts(self.get_op_context(op.operation), tabs)


def read_pages(file: Path) -> dict[str, str]:
    """Return the hash of the evidence on each page, as it was last written."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_pages(file: Path, pages: dict[str, str]) -> None:
    """Remember the hash of the evidence on each page."""
    if pages != read_pages(file):
        file.write_text(json.dumps(pages, indent=0, sort_keys=True) + "\n", encoding="utf-8")
