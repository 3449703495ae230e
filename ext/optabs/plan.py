"""The plan: every case x framework x device of a catalogue, with its key, and what is to be run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from optabs.catalog.model import Case, Catalog, Op, Variant
from optabs.frameworks import Registry
from optabs.ledger import Ledger
from optabs.records import Outcome, Record, Verdict, dump_json, hash_parts
from optabs.run.pool import Batch, Job
from optabs.run.targets import REFERENCE, Target
from optabs.snippet import (
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

    Either `refusal` says why nothing runs, or there is a snippet. `key` is None where nothing is
    installed that could run it; `claim` is the part of the key that is the entry's own.
    """

    op: Op
    variant: Variant
    case: Case | None = None
    target: Target | None = None
    snippet: Snippet | None = None
    key: str | None = None
    claim: str | None = None
    refusal: tuple[Verdict, str] | None = None


@dataclass(frozen=True)
class Reference:
    """The computed part of a case's oracle; `key` is None where all of it is literal."""

    snippet: Snippet | None
    key: str | None
    names: tuple[str, ...] = ()


@dataclass
class Plan:
    """What is to be judged, and what has to be run for it."""

    checks: list[Check]
    references: dict[tuple[str, str], Reference]
    apis: dict[tuple[str, str], str]
    """Key of the fact whether an API exists, by (framework, API name)."""
    batches: list[Batch]
    known: dict[str, Record]
    unavailable: dict[tuple[str, str], str] = field(default_factory=dict)
    """Why a framework cannot be run on a device, as far as is known."""

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
    catalog: Catalog,
    registry: Registry,
    targets: Sequence[Target],
    reference: Target,
    ledger: Ledger,
    options: Options,
) -> Plan:
    """Return the plan for a catalogue; only what the ledger does not know is to be run."""
    checks = [check for op in catalog.ops for check in _list_checks(op, registry, targets, options)]
    references = {
        (op.operation, case.id): _plan_reference(op, case, registry, reference)
        for op in catalog.ops
        for case in op.cases
    }
    apis = _list_apis(catalog, registry, targets)
    keys = {check.key for check in checks if check.key}
    keys |= {item.key for item in references.values() if item.key}
    known = {} if options.fresh else ledger.find(keys)
    # A run that was ended by a shorter limit than today's says nothing about today's.
    known = {
        key: record
        for key, record in known.items()
        if record.outcome is not Outcome.TIMED_OUT or record.time_limit >= options.time_limit
    }
    plan = Plan(checks, references, apis, [], known)
    _note_unavailable(plan, targets, ledger)
    facts = set(ledger.find_facts(apis.values()))
    plan.batches = list(_make_batches(plan, catalog, registry, targets, reference, facts, options))
    return plan


def _list_checks(
    op: Op, registry: Registry, targets: Sequence[Target], options: Options
) -> Iterator[Check]:
    for key in registry.sort_keys(op.variants):
        variant = op.variants[key]
        framework = registry.frameworks.get(key)
        refusal = _refuse_variant(op, variant, framework is not None)
        if refusal or framework is None:
            yield Check(op, variant, refusal=refusal)
            continue
        for case in op.cases:
            try:
                snippet = build_snippet(op, case, variant, framework)
            except NoSnippet as reason:
                yield Check(op, variant, case, refusal=(Verdict.UNTESTABLE, str(reason)))
                continue
            for target in targets:
                if target.framework == key and target.device in (
                    options.devices or [target.device]
                ):
                    claim = hash_parts(key, snippet.code, case.result_names, target.device)
                    yield Check(op, variant, case, target, snippet, _make_key(claim, target), claim)


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


def _make_key(claim: str, target: Target) -> str | None:
    return hash_parts(claim, target.identity) if target.identity else None


def _plan_reference(op: Op, case: Case, registry: Registry, target: Target) -> Reference:
    try:
        snippet = build_reference(op, case, registry.frameworks["numpy"])
    except NoSnippet:
        # The fault is reported by the catalogue's checks; the case is judged without an oracle.
        return Reference(None, "")
    if snippet is None:
        return Reference(None, None)
    return Reference(
        snippet,
        _make_key(hash_parts(REFERENCE, snippet.code), target) or "",
        list_reference_names(case),
    )


def _list_apis(
    catalog: Catalog, registry: Registry, targets: Sequence[Target]
) -> dict[tuple[str, str], str]:
    """Return the key of the fact about each API name that can be looked up."""
    identities: dict[str, str] = {}
    for target in targets:
        if target.identity and target.device == "cpu":
            identities[target.framework] = target.identity
    return {
        (key, variant.api): hash_parts(
            "api", registry.frameworks[key].expand_api(variant.api), identities[key]
        )
        for op in catalog.ops
        for key, variant in op.variants.items()
        if variant.api and key in identities
    }


def unavailable_key(identity: str) -> str:
    """Return the key of the fact that a device cannot be used."""
    return hash_parts("unavailable", identity)


def _note_unavailable(plan: Plan, targets: Sequence[Target], ledger: Ledger) -> None:
    keys = {unavailable_key(target.identity): target for target in targets if target.identity}
    for key, reason in ledger.find_facts(keys).items():
        plan.unavailable[keys[key].framework, keys[key].device] = reason
    for target in targets:
        if target.reason:
            plan.unavailable[target.framework, target.device] = target.reason


def _make_batches(
    plan: Plan,
    catalog: Catalog,
    registry: Registry,
    targets: Sequence[Target],
    reference: Target,
    facts: set[str],
    options: Options,
) -> Iterator[Batch]:
    jobs: dict[tuple[str, str], dict[str, Job]] = {}
    for check in plan.checks:
        if (
            check.key
            and check.case
            and check.snippet
            and check.target
            and check.key not in plan.known
        ):
            jobs.setdefault((check.target.framework, check.target.device), {})[check.key] = Job(
                check.key,
                check.claim or "",
                check.op.operation,
                check.case.id,
                check.snippet.code,
                check.case.result_names,
                check.case.time_limit or options.time_limit,
            )
    for target in targets:
        if target.spec is None or (target.framework, target.device) in plan.unavailable:
            continue
        # Looked up under the full name, so that aliases need not exist in the environment.
        apis = (
            sorted(
                {
                    registry.frameworks[key].expand_api(api)
                    for (key, api), fact in plan.apis.items()
                    if key == target.framework and fact not in facts
                }
            )
            if target.device == "cpu"
            else []
        )
        wanted = tuple(jobs.get((target.framework, target.device), {}).values())
        if wanted or apis:
            yield _make_batch(target, wanted, tuple(apis))
    oracles = {
        item.key: Job(
            item.key,
            hash_parts(REFERENCE, item.snippet.code),
            operation,
            case_id,
            item.snippet.code,
            item.names,
            options.time_limit,
        )
        for (operation, case_id), item in plan.references.items()
        if item.snippet and item.key and item.key not in plan.known
    }
    if oracles and reference.spec:
        yield _make_batch(reference, tuple(oracles.values()), ())


def _make_batch(target: Target, jobs: tuple[Job, ...], apis: tuple[str, ...]) -> Batch:
    assert target.spec is not None
    return Batch(
        target.framework,
        target.device,
        target.spec,
        target.framework_version,
        target.python_version,
        target.precision,
        jobs,
        apis,
    )


def note_api_facts(
    plan: Plan, registry: Registry, framework: str, found: Mapping[str, object], ledger: Ledger
) -> None:
    """Store what a worker found about API names."""
    for (key, api), fact in plan.apis.items():
        full = registry.frameworks[key].expand_api(api)
        if key == framework and full in found:
            ledger.add_fact(fact, dump_json(found[full]))
