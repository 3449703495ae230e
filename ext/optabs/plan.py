"""The plan: every case x framework x device of a catalogue, with its key, and what is to be run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from optabs.catalog.model import Case, Op, Variant
from optabs.errors import Place
from optabs.evidence import Evidence, list_targets
from optabs.expected import list_needed_dtypes
from optabs.frameworks import Framework, Registry
from optabs.ledger import Ledger
from optabs.records import Outcome, Record, Verdict, dump_json, hash_parts
from optabs.run.pool import Batch, Job, make_batch
from optabs.run.targets import REFERENCE, Target
from optabs.snippet import (
    NoAutodiff,
    NoSnippet,
    Snippet,
    build_reference,
    build_snippet,
    list_reference_names,
)

DEFAULT_TIME_LIMIT = 60.0


@dataclass(frozen=True)
class Check:
    """One thing to be judged: a variant, mostly in a case on a device.

    Either `refusal` says why nothing runs (there, where there is a target), or there are a snippet
    and its job.
    """

    op: Op
    variant: Variant
    case: Case | None = None
    target: Target | None = None
    snippet: Snippet | None = None
    job: Job | None = None
    refusal: tuple[Verdict, str] | None = None

    @property
    def key(self) -> str | None:
        """The key of the record that decides, or None where nothing is installed to make it."""
        return self.job.key or None if self.job else None


@dataclass(frozen=True)
class Reference:
    """The computed part of a case's oracle; without a job all of it is literal."""

    reason: str = ""
    """Why it cannot be computed."""
    job: Job | None = None

    @property
    def key(self) -> str | None:
        """The key of the record that holds it."""
        return self.job.key or None if self.job else None


@dataclass
class Plan:
    """What is to be judged, and what has to be run for it."""

    checks: list[Check]
    references: dict[tuple[Place, str], Reference]
    """By the place of the op, since a faulty catalogue may name two ops alike, and case id."""
    apis: dict[tuple[str, str], str]
    """Key of the fact whether an API exists, by (framework, API name)."""
    batches: list[Batch]
    known: dict[str, Record]
    unavailable: dict[tuple[str, str], str] = field(default_factory=dict)
    """Why a framework cannot be run on a device, as far as is known."""
    evidence: Evidence = field(default_factory=Evidence)
    """What other machines have found."""

    def count_known(self) -> int:
        """The number of checks whose record was there before anything was run."""
        return sum(check.key in self.known for check in self.checks)

    @property
    def size(self) -> int:
        """The number of examples to be run, oracles not counted."""
        return sum(len(batch.jobs) for batch in self.batches if batch.framework != REFERENCE)


@dataclass(frozen=True)
class Options:
    """What narrows or changes a plan."""

    devices: Collection[str] = ()
    time_limit: float = DEFAULT_TIME_LIMIT
    fresh: bool = False
    """Run all again, whatever the ledger knows."""


def make_plan(
    ops: Iterable[Op],
    registry: Registry,
    targets: Sequence[Target],
    reference: Target,
    ledger: Ledger,
    options: Options,
    want: Callable[[Target], None] = lambda target: None,
    evidence: Evidence | None = None,
) -> Plan:
    """Return the plan for some ops; only what the ledger does not know is to be run.

    `want` is told, while `ops` are still being read, which targets will have something to run.
    A device that is not here is planned for the variants that have evidence of it.
    """
    planner = _Planner(registry, targets, reference, ledger, options, want, evidence or Evidence())
    for op in ops:
        planner.add(op)
    return planner.finish()


class _Planner:
    """Builds a plan op by op."""

    def __init__(
        self,
        registry: Registry,
        targets: Sequence[Target],
        reference: Target,
        ledger: Ledger,
        options: Options,
        want: Callable[[Target], None],
        evidence: Evidence,
    ) -> None:
        self.registry = registry
        self.targets = [*list_targets(targets, evidence)]
        self.reference = reference
        self.ledger = ledger
        self.options = options
        self.want = want
        self.plan = Plan([], {}, {}, [], {}, evidence=evidence)
        self.jobs: dict[Target, dict[str, Job]] = {}
        self.identities = {
            target.framework: target.identity
            for target in self.targets
            if target.identity and target.device == "cpu"
        }
        self.note_unavailable()

    def note_unavailable(self) -> None:
        keys = {unavailable_key(each.identity): each for each in self.targets if each.identity}
        for key, reason in self.ledger.find_facts(keys).items():
            self.plan.unavailable[keys[key].framework, keys[key].device] = reason
        for target in self.targets:
            if target.reason:
                self.plan.unavailable[target.framework, target.device] = target.reason

    def add(self, op: Op) -> None:
        """Plan one op: its checks, its oracles, the API names it mentions."""
        checks = list(self.list_checks(op))
        references = {case.id: self.plan_reference(op, case) for case in op.cases}
        jobs = [check.job for check in checks] + [item.job for item in references.values()]
        self.plan.known.update(
            self.find_known({job.key: job.time_limit for job in jobs if job and job.key})
        )
        for check in checks:
            if check.job and check.target and check.job.key not in self.plan.known:
                self.add_job(check.target, check.job)
        for item in references.values():
            if item.job and item.job.key not in self.plan.known:
                self.add_job(self.reference, item.job)
        self.plan.checks += checks
        self.plan.references.update({(op.place, case): item for case, item in references.items()})
        for key, variant in op.variants.items():
            if variant.api and key in self.identities:
                full = self.registry.frameworks[key].expand_api(variant.api)
                fact = hash_parts("api", full, self.identities[key])
                self.plan.apis[key, variant.api] = fact

    def find_known(self, limits: Mapping[str, float]) -> dict[str, Record]:
        """Return what the ledger knows under some keys; `limits` are today's time limits."""
        if self.options.fresh:
            return {}
        # A run that was ended by a shorter limit than today's says nothing about today's.
        return {
            key: record
            for key, record in self.ledger.find(limits).items()
            if record.outcome is not Outcome.TIMED_OUT or record.time_limit >= limits[key]
        }

    def add_job(self, target: Target, job: Job) -> None:
        if target.spec and (target.framework, target.device) not in self.plan.unavailable:
            if target not in self.jobs:
                self.want(target)
            self.jobs.setdefault(target, {})[job.key] = job

    def list_checks(self, op: Op) -> Iterator[Check]:
        for key in self.registry.sort_keys(op.variants):
            variant = op.variants[key]
            framework = self.registry.frameworks.get(key)
            refusal = _refuse_variant(op, variant, framework is not None)
            if refusal or framework is None:
                yield Check(op, variant, refusal=refusal)
                continue
            checks = [*self.list_cases(op, variant, framework)]
            proved = {
                check.target
                for check in checks
                if check.job
                and check.target
                and self.plan.evidence.list_lines(check.job.claim, check.target)
            }
            for check in checks:
                if not (check.target and check.target.is_elsewhere) or check.target in proved:
                    yield check

    def list_cases(self, op: Op, variant: Variant, framework: Framework) -> Iterator[Check]:
        for case in op.cases:
            try:
                snippet = build_snippet(op, case, variant, framework)
            except NoSnippet as reason:
                is_lacking = isinstance(reason, NoAutodiff)
                verdict = Verdict.UNSUPPORTED if is_lacking else Verdict.UNTESTABLE
                yield Check(op, variant, case, refusal=(verdict, str(reason)))
                continue
            for target in self.targets:
                if target.framework != framework.key or not self.wants_device(target.device):
                    continue
                if why := explain_exclusion(case, variant, framework, target.device):
                    refusal = (Verdict.UNSUPPORTED, why)
                    yield Check(op, variant, case, target, snippet, refusal=refusal)
                else:
                    job = self.make_job(op, case, snippet, case.result_names, target, framework.key)
                    yield Check(op, variant, case, target, snippet, job)

    def wants_device(self, device: str) -> bool:
        return not self.options.devices or device in self.options.devices

    def plan_reference(self, op: Op, case: Case) -> Reference:
        try:
            snippet = build_reference(op, case, self.registry.frameworks["numpy"])
        except NoSnippet as reason:
            return Reference(str(reason))
        if snippet is None:
            return Reference()
        return Reference(
            self.reference.reason,
            self.make_job(op, case, snippet, list_reference_names(case), self.reference, REFERENCE),
        )

    def make_job(
        self,
        op: Op,
        case: Case,
        snippet: Snippet,
        names: tuple[str, ...],
        target: Target,
        framework: str,
    ) -> Job:
        claim = hash_parts(framework, snippet.code, names, target.device)
        key = hash_parts(claim, target.identity) if target.identity else ""
        limit = case.time_limit or self.options.time_limit
        return Job(key, claim, op.operation, case.id, snippet.code, names, limit)

    def finish(self) -> Plan:
        """Return the plan, with a batch for each target that has something to do."""
        facts = set(self.ledger.find_facts(self.plan.apis.values()))
        apis: dict[str, set[str]] = {}
        for (key, api), fact in self.plan.apis.items():
            if fact not in facts:
                # Looked up under the full name, so that aliases need not exist there.
                apis.setdefault(key, set()).add(self.registry.frameworks[key].expand_api(api))
        for target in (*self.targets, self.reference):
            jobs = tuple(self.jobs.get(target, {}).values())
            names = apis.get(target.framework, set()) if target.device == "cpu" else set()
            if target.spec and (jobs or names):
                self.plan.batches.append(make_batch(target, jobs, tuple(sorted(names))))
        return self.plan


def explain_exclusion(
    case: Case, variant: Variant, framework: Framework, device: str
) -> str | None:
    """Return why a case cannot be run on a device, or None.

    The entry says it, or the framework lacks a dtype there.
    """
    declared = {**case.not_on, **variant.list_exclusions(case)}
    if device in declared or device not in framework.lacks:
        return declared.get(device)
    needed = list_needed_dtypes(case, framework.key)
    lacking = [dtype for dtype in framework.lacks[device] if dtype in needed]
    return f"{framework.label} has no {' and no '.join(lacking)} on {device}" if lacking else None


def _refuse_variant(op: Op, variant: Variant, has_runtime: bool) -> tuple[Verdict, str] | None:
    """Return why no case of a variant can run, or None."""
    if variant.faults:
        return Verdict.FAILED, "the entry has errors here: " + "; ".join(
            fault.text for fault in variant.faults
        )
    if variant.unsupported is not None:
        return Verdict.UNSUPPORTED, variant.unsupported
    if variant.untestable is not None:
        return Verdict.UNTESTABLE, variant.untestable
    if not has_runtime:
        return Verdict.UNTESTABLE, "it has no Python runtime, so there is nothing to run"
    if not op.cases:
        return Verdict.NOT_RUN, "no case yet"
    return None


def unavailable_key(identity: str) -> str:
    """Return the key of the fact that a device cannot be used."""
    return hash_parts("unavailable", identity)


def note_api_facts(
    plan: Plan, registry: Registry, framework: str, found: Mapping[str, object], ledger: Ledger
) -> None:
    """Store what a worker found about API names."""
    for (key, api), fact in plan.apis.items():
        full = registry.frameworks[key].expand_api(api)
        if key == framework and full in found:
            ledger.add_fact(fact, dump_json(found[full]))
