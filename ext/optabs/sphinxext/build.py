"""What one build knows: the catalogue, the plan, the verdicts, and what pages show of them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import jinja2

from optabs.apis import list_api_faults
from optabs.background import Background, BackgroundRun, Work
from optabs.catalog.cache import EntryMemory
from optabs.catalog.model import Case, Catalog, Entry, Op, Variant
from optabs.categories import Category, list_categories, write_line
from optabs.errors import Fault, Place
from optabs.evidence import Evidence
from optabs.frameworks import Registry
from optabs.ledger import Ledger
from optabs.overview import make_health_context, make_matrix_context
from optabs.pictures import Picture, make_pictures
from optabs.plan import Options, Plan, make_plan
from optabs.porting import make_apis_context, make_differences_context
from optabs.project import Project
from optabs.records import hash_parts
from optabs.render import (
    Context,
    make_op_context,
    make_tab_context,
)
from optabs.run.cluster.connection import join_cluster
from optabs.run.targets import Target, find_reference, find_targets
from optabs.snippet import NoSnippet, build_snippet
from optabs.sphinxext.links import Links
from optabs.summary import make_category_context, make_summary_context
from optabs.symbols import Symbol, index_symbols
from optabs.verify import Report, Tally, judge_plan


class Build:
    """The state of one build, from `builder-inited` to `build-finished`."""

    def __init__(
        self,
        project: Project,
        registry: Registry,
        memory: EntryMemory,
        catalog: Catalog,
        faults: list[Fault],
        jinja: jinja2.Environment,
        links: Links,
    ) -> None:
        self.project = project
        self.registry = registry
        self.memory = memory
        self.catalog = catalog
        self.faults = faults
        self.jinja = jinja
        self.links = links
        self.targets: list[Target] = []
        self.notices: list[str] = []
        """What a person should know of the cluster."""
        self.report: Report | None = None
        self.is_live = False
        """Whether the process goes on after this build, to build what changes."""
        self.watch: Callable[[str], None] = lambda name: None
        """Is told of each example that begins."""
        self.background: Background | None = None
        self.run: BackgroundRun | None = None
        self.written: set[str] = set()
        """The documents that this build has written."""
        self.has_navigation = False
        """Whether op pages show our navigation."""
        self.kept_patterns: list[str] = []
        self.used_patterns: list[str] = []
        """`exclude_patterns` as the project has it, and while Sphinx looks for documents."""
        self._plan: Plan | None = None
        self._options = Options()
        self._changed: set[str] = set()
        """The files that have changed since the build before, in a live one."""
        self._started = time.monotonic()
        self._tally = Tally()
        self.pages: dict[Path, Entry] = {}
        """The entry that each file's page shows: of a list, the first one that is an op."""
        self._ops: dict[str, Op] = {}
        self._codes: dict[tuple[Place, str, str], str | None] = {}
        self._claims: dict[str, str] = {}
        self._contexts: dict[tuple[str, str], Context] = {}
        self._digests: dict[str, str] = {}
        self._pictures: dict[str, list[Picture]] = {}
        self._list_pages()

    def _list_pages(self) -> None:
        self.pages.clear()
        for entry in self.catalog.entries:
            if entry.path not in self.pages or self.pages[entry.path].op is None:
                self.pages[entry.path] = entry
        self._ops = {entry.file: entry.op for entry in self.pages.values() if entry.op}

    # --- running ----------------------------------------------------------------------------------

    def start(
        self,
        selected: tuple[str, ...],
        time_limit: float,
        ledger: Ledger,
        evidence: Evidence,
        scheduler: str | None = None,
    ) -> None:
        """Make the plan and start running what the ledger does not know, on a cluster if named."""
        project = self.project
        self.targets = find_targets(self.registry, selected, project.environments, project.cache)
        if scheduler:
            self.targets, self.notices = join_cluster(scheduler, self.targets, selected)
        self._options = Options(time_limit=time_limit)
        self._run_ops(self.catalog.ops, ledger, evidence)

    def _run_ops(self, ops: Iterable[Op], ledger: Ledger, evidence: Evidence) -> None:
        plan = make_plan(
            ops,
            self.registry,
            self.targets,
            find_reference(self.registry, self.project.cache),
            ledger,
            self._options,
            evidence=evidence,
        )
        for check in plan.checks:
            if check.case:
                key = (check.op.place, check.variant.framework, check.case.id)
                self._codes[key] = check.snippet.code if check.snippet else None
        self._tally.reused = plan.count_known()
        self._plan = plan
        if plan.batches:
            self.background = self.background or Background()
            self.run = self.background.start(Work(plan, self.registry, self.project.ledger))

    def update(self, catalog: Catalog, faults: list[Fault], ledger: Ledger) -> None:
        """Take over a changed catalogue, and start running what has changed.

        Entries of files that have not changed must be the very same objects as before.
        """
        self._started, self._tally = time.monotonic(), Tally()
        names, known = self._names.keys(), {id(entry) for entry in self.catalog.entries}
        changed = [entry for entry in catalog.entries if id(entry) not in known]
        self.catalog, self.faults = catalog, faults
        self._list_pages()
        for name in ("_names", "symbols", "categories", "_category_of", "_navigations"):
            self.__dict__.pop(name, None)
        if self._names.keys() != names:
            self._claims.clear()
        self._changed = {entry.file for entry in changed}
        for file in self._changed:
            self._claims.pop(file, None)
        for key in [key for key in self._codes if key[0].file in self._changed]:
            del self._codes[key]
        self._run_ops((entry.op for entry in changed if entry.op), ledger, self.plan.evidence)

    @property
    def plan(self) -> Plan:
        """The plan, once `start` has made it."""
        assert self._plan is not None
        return self._plan

    def wait(self) -> Iterator[str]:
        """Wait for what runs; yields the name of each example that begins.

        An item that begins with ``!`` is a warning: that the process that ran them ended too
        early, say.
        """
        if self.run is None:
            return
        said = False
        for message in self.run.wait():
            if "started" in message:
                yield message["started"]
            elif "finished" in message:
                self._tally.executed += 1
            elif "notice" in message:
                yield f"!{message['notice']}"
            elif "failed" in message:
                said = True
                yield f"!{message['failed']}"
            elif message.get("ended") and not said:
                yield f"!the process that runs examples ended with status {message['ended']}"
                self.stop()
        self.run = None

    def stop(self) -> None:
        """End what runs."""
        self.links.stop()
        self.run = None
        if self.background is not None:
            self.background.stop()
            self.background = None

    def list_changed(self) -> list[Path]:
        """Return the files of the entries that have changed since the build before."""
        return [path for path, entry in self.pages.items() if entry.file in self._changed]

    def judge(self, ledger: Ledger) -> Report:
        """Judge all that has been run."""
        self._tally.seconds = time.monotonic() - self._started
        report = judge_plan(self.plan, ledger, self._tally)
        self.report = self.report.join(report, self.catalog.ops) if self.report else report
        for file in ("", *self._changed):
            self._digests.pop(file, None)
            self._pictures.pop(file, None)
        for key in [key for key in self._contexts if key[0] in ("", *self._changed)]:
            del self._contexts[key]
        return self.report

    # --- claims -----------------------------------------------------------------------------------

    def find_entry(self, file: Path) -> Entry:
        """Return the entry of a file."""
        found = self.pages.get(file)
        if found is None:
            name = file.relative_to(self.project.root).as_posix()
            fault = Fault(
                Place(name), "new-file", "it appeared after the build began", "build again"
            )
            found = Entry(file, name, None, (fault,))
        return found

    def find_op(self, name: str) -> Op | None:
        """Return the op of that name or alias; of several, the one whose file comes first."""
        return self._names.get(name)

    def list_names(self) -> list[str]:
        """Return all names and aliases of ops."""
        return list(self._names)

    @cached_property
    def _names(self) -> dict[str, Op]:
        names: dict[str, Op] = {}
        for op in self._ops.values():
            names.setdefault(op.operation, op)
        for op in self._ops.values():
            for alias in op.aliases:
                names.setdefault(alias, op)
        return names

    @cached_property
    def symbols(self) -> Mapping[str, list[Symbol]]:
        """The frameworks' names for ops, by each of their spellings."""
        return index_symbols(self._ops.values(), self.registry)

    def find_symbol(self, name: str) -> Symbol | None:
        """Return the symbol of that name, or of that name with its op: ``jax.vjp (Vjp)``."""
        symbols = self.symbols.get(name.partition(" ")[0], ())
        return next((each for each in symbols if name in (each.name, each.qualified_name)), None)

    def find_code(self, op: Op, case: Case, variant: Variant) -> str | None:
        """Return the code of a case in a framework, None where there is none."""
        key = (op.place, variant.framework, case.id)
        if key not in self._codes:
            framework = self.registry.frameworks.get(variant.framework)
            try:
                snippet = build_snippet(op, case, variant, framework) if framework else None
            except NoSnippet:
                snippet = None
            self._codes[key] = snippet.code if snippet else None
        return self._codes[key]

    def list_faults(self, entry: Entry) -> list[Fault]:
        """Return what is wrong with an entry, without what its variants' tabs show."""
        shown = {
            fault
            for variant in (entry.op.variants.values() if entry.op else ())
            for fault in variant.faults
        }
        own = {*entry.faults, *(each for each in self.faults if each.place.file == entry.file)}
        return sorted(own - shown)

    def hash_claims(self, entry: Entry) -> str:
        """Return a hash of all that a page claims."""
        if entry.file not in self._claims:
            self._claims[entry.file] = self._hash_claims(entry)
        return self._claims[entry.file]

    def _hash_claims(self, entry: Entry) -> str:
        parts: list[object] = [repr(entry.data)]
        parts += [str(fault) for fault in self.list_faults(entry)]
        if entry.op:
            parts.append([bool(self.find_op(name)) for name in entry.op.see_also])
            for key, variant in entry.op.variants.items():
                parts.append([key, self.registry.find_label(key)])
                parts += [self.find_code(entry.op, case, variant) for case in entry.op.cases]
        return hash_parts(*parts)

    def hash_listing(self) -> str:
        """Return a hash of what lists of all ops show."""
        return hash_parts(
            [
                [
                    str(entry.path),
                    entry.op.operation if entry.op else None,
                    [entry.op.category, write_line(entry.op)] if entry.op else None,
                    [
                        [key, variant.unsupported is None]
                        for key, variant in (entry.op.variants if entry.op else {}).items()
                    ],
                ]
                for entry in self.catalog.entries
            ]
        )

    @cached_property
    def categories(self) -> list[Category]:
        """The categories of all ops that have a page."""
        return list_categories(self._ops.values())

    @cached_property
    def _category_of(self) -> dict[str, Category]:
        return {op.place.file: each for each in self.categories for op in each.ops}

    def find_category(self, op: Op) -> Category:
        """Return the category in which an op is listed."""
        return self._category_of[op.place.file]

    def hash_navigation(self, op: Op) -> str:
        """Return a hash of what an op's page shows of others: categories, the ops of its own."""
        return self._navigations[self.find_category(op).anchor] if self.has_navigation else ""

    @cached_property
    def _navigations(self) -> dict[str, str]:
        names = [[each.label, each.anchor] for each in self.categories]
        return {
            each.anchor: hash_parts(names, [[op.operation, str(op.path)] for op in each.ops])
            for each in self.categories
        }

    # --- evidence ---------------------------------------------------------------------------------

    def get_op_context(self, file: str) -> Context:
        """Return what the head of an op's page shows; `file` is that of its entry."""
        if (file, "") not in self._contexts:
            assert self.report is not None
            self._contexts[file, ""] = make_op_context(self._ops[file], self.registry, self.report)
        return self._contexts[file, ""]

    def get_tab_context(self, file: str, framework: str) -> Context:
        """Return what a tab shows."""
        if (file, framework) not in self._contexts:
            assert self.report is not None
            op = self._ops[file]
            self._contexts[file, framework] = make_tab_context(
                op, op.variants[framework], self.registry, self.report, self.links.find
            )
        return self._contexts[file, framework]

    def get_pictures(self, file: str) -> list[Picture]:
        """Return the pictures of an op's page; `file` is that of its entry."""
        if file not in self._pictures:
            assert self.report is not None
            self._pictures[file] = make_pictures(self._ops[file], self.registry, self.report)
        return self._pictures[file]

    def get_summary_context(self) -> Context:
        """Return what the home page shows of all ops."""
        assert self.report is not None
        return make_summary_context(self._ops.values(), self.registry, self.report)

    def get_category_context(self, category: Category) -> list[Context]:
        """Return what the page of a category shows of its ops."""
        assert self.report is not None
        return make_category_context(category, self.report)

    def hash_lists(self) -> str:
        """Return a hash of what the home page and lists of ops show beside their claims."""
        if "" not in self._digests:
            self._digests[""] = hash_parts(
                self.get_summary_context(), *map(self.get_category_context, self.categories)
            )
        return self._digests[""]

    def hash_evidence(self, file: str) -> str:
        """Return a hash of what a page shows beside its claims."""
        if file not in self._digests:
            tabs = [self.get_tab_context(file, key) for key in self._ops[file].variants]
            pictures = [asdict(each) for each in self.get_pictures(file)]
            self._digests[file] = hash_parts(self.get_op_context(file), tabs, pictures)
        return self._digests[file]

    def get_overview(self, name: str) -> Context:
        """Return what a page about all ops shows: ``matrix``, ``apis torch``, ..."""
        if ("", name) not in self._contexts:
            assert self.report is not None
            about = (self.catalog.ops, self.registry, self.report)
            match name.split():
                case ["matrix"]:
                    found = make_matrix_context(*about)
                case ["health"]:
                    found = make_health_context(*about, [*self.faults, *self.list_api_faults()])
                case ["differences"]:
                    found = make_differences_context(*about)
                case ["apis", framework]:
                    found = make_apis_context(*about, framework)
                case _:
                    raise ValueError(f"there is no overview {name!r}")
            self._contexts["", name] = found
        return self._contexts["", name]

    def list_api_faults(self) -> list[Fault]:
        """Return which API names of the catalogue the installed frameworks do not have."""
        assert self.report is not None
        return list_api_faults(self.report.apis, self.registry, self.catalog.ops)


def hash_files(folder: Path) -> str:
    """Return a hash of the files in a folder."""
    return hash_parts(
        [
            [file.name, hashlib.sha256(file.read_bytes()).hexdigest()]
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        ]
    )


def read_pages(file: Path) -> dict[str, str]:
    """Return the hash of what each page shows, as it was last written."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_pages(file: Path, pages: dict[str, str]) -> None:
    """Remember the hash of what each page shows."""
    if pages != read_pages(file):
        file.write_text(json.dumps(pages, indent=0, sort_keys=True) + "\n", encoding="utf-8")
