"""Running a plan and judging what came of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from optabs.alignment import align_results, describe_freedom
from optabs.apis import ApiFact, read_fact
from optabs.catalog.model import Case, Op, Variant
from optabs.compare import DEVICE_DEFAULTS, Comparison, Tree, compare_results, decode_tree
from optabs.crosscheck import Disagreement, find_disagreement
from optabs.errors import Fault, Place
from optabs.evidence import Line
from optabs.expected import (
    NoOracle,
    build_expected,
    choose_defaults,
    choose_tolerance,
    list_freedoms,
)
from optabs.frameworks import Registry
from optabs.ledger import Ledger
from optabs.plan import Check, Plan, note_api_facts, unavailable_key
from optabs.records import Outcome, Record, Verdict
from optabs.run.cluster.runner import run_batches
from optabs.run.pool import Event, Finished, Resolved, Unavailable
from optabs.run.targets import REFERENCE
from optabs.run.warm import WarmWorkers

_EXAMPLE_FRAME = re.compile(r'File "<example>", line (\d+)')


@dataclass(frozen=True)
class Judgement:
    """The verdict on one check, with all that supports it."""

    check: Check
    verdict: Verdict
    reason: str = ""
    record: Record | None = None
    comparison: Comparison | None = None
    place: Place | None = None
    """Where in the entry a failure is to be looked for."""
    traceback: str = ""
    """With the line numbers of the YAML file."""
    results: Mapping[str, Tree] = field(default_factory=dict)
    """What the example gave, by name, where it could be compared; with the expected signs."""
    past: tuple[Judgement, ...] = ()
    """The verdicts on the same code with other versions of the framework, newest first."""
    line: Line | None = None
    """The evidence that the record comes from, or None where this machine has made it."""

    @property
    def case(self) -> Case | None:
        """The case, if the verdict is on one."""
        return self.check.case

    @property
    def device(self) -> str | None:
        """The device, if the verdict is on one."""
        return self.check.target.device if self.check.target else None


# The verdict of a whole variant is the worst of its parts.
WORST_FIRST = (
    Verdict.FAILED,
    Verdict.DIFFERS,
    Verdict.STALE,
    Verdict.NOT_RUN,
    Verdict.UNTESTABLE,
    Verdict.UNSUPPORTED,
    Verdict.VERIFIED,
)


def combine_verdicts(judgements: Iterable[Judgement]) -> Verdict:
    """Return the worst verdict; nothing judged is nothing run.

    A gradient that cannot be taken says nothing against the rest.
    """
    found = {
        judgement.verdict
        for judgement in judgements
        if not (judgement.case and judgement.case.gradient and judgement.check.refusal)
    }
    return next((verdict for verdict in WORST_FIRST if verdict in found), Verdict.NOT_RUN)


@dataclass
class Tally:
    """What a run did."""

    executed: int = 0
    reused: int = 0
    seconds: float = 0.0


@dataclass
class Report:
    """All verdicts of a catalogue."""

    judgements: list[Judgement]
    apis: Mapping[tuple[str, str], ApiFact]
    tally: Tally = field(default_factory=Tally)
    unavailable: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Why a framework could not be run on a device."""

    def list_variant(self, op: Op, framework: str) -> list[Judgement]:
        """Return the judgements on one variant."""
        return self._by_variant.get((op.place, framework), [])

    def __post_init__(self) -> None:
        self._by_variant: dict[tuple[Place, str], list[Judgement]] = {}
        for judgement in self.judgements:
            key = (judgement.check.op.place, judgement.check.variant.framework)
            self._by_variant.setdefault(key, []).append(judgement)

    def join(self, newer: Report, ops: Iterable[Op]) -> Report:
        """Return what is known of some ops when only a part was judged anew."""
        kept_ops = {id(op) for op in ops} - {id(each.check.op) for each in newer.judgements}
        kept = [each for each in self.judgements if id(each.check.op) in kept_ops]
        return Report(
            kept + newer.judgements,
            {**self.apis, **newer.apis},
            newer.tally,
            {**self.unavailable, **newer.unavailable},
        )

    def find_disagreement(self, op: Op, case: Case, device: str) -> Disagreement | None:
        """Return how far apart the frameworks are in a case on a device.

        None where they are not to be compared: each draws random values of its own.
        """
        if case.is_random:
            return None
        results = {
            key: judgement.results
            for key in op.variants
            if not any(item.expect for item in case.find_differences(key))
            for judgement in self.list_variant(op, key)
            if judgement.case is case and judgement.device == device and judgement.results
        }
        return find_disagreement(results)

    def list_reasons(self) -> list[str]:
        """Return why examples were not run, each reason once, with the frameworks it concerns."""
        reasons: dict[str, dict[str, None]] = {}
        for judgement in self.judgements:
            target = judgement.check.target
            reason = judgement.reason
            if target and judgement.verdict in (Verdict.NOT_RUN, Verdict.STALE):
                reason = self.unavailable.get((target.framework, target.device), reason)
            elif judgement.verdict is not Verdict.NOT_RUN:
                continue
            reasons.setdefault(reason, {})[judgement.check.variant.framework] = None
        return [f"{', '.join(keys)}: {reason}" for reason, keys in reasons.items()]

    def count(self) -> Counter[Verdict]:
        """Return how many verdicts there are of each kind."""
        return Counter(judgement.verdict for judgement in self.judgements)

    def count_variants(self, op: Op) -> dict[Verdict, int]:
        """Return how many variants of an op have each verdict, none included."""
        counts = Counter(combine_verdicts(self.list_variant(op, key)) for key in op.variants)
        return {verdict: counts[verdict] for verdict in Verdict}

    def summarise(self) -> str:
        """Return the line that scripts read."""
        counts = self.count()
        verdicts = ", ".join(f"{counts[verdict]} {verdict.words}" for verdict in Verdict)
        return (
            f"optabs: {verdicts}; executed {self.tally.executed}, "
            f"reused {self.tally.reused}; {self.tally.seconds:.1f} s"
        )


def run_plan(
    plan: Plan,
    registry: Registry,
    ledger: Ledger,
    watch: Callable[[Event], None] = lambda event: None,
    warm: WarmWorkers | None = None,
) -> None:
    """Run what the plan wants run, storing each record as soon as it is there.

    May be interrupted at any time: what has finished is stored.
    """
    events = run_batches(plan.batches, warm or WarmWorkers())
    try:
        for event in events:
            note_event(event, plan, registry, ledger)
            watch(event)
    finally:
        events.close()


def note_event(event: Event, plan: Plan, registry: Registry, ledger: Ledger) -> None:
    """Store what an event says."""
    if isinstance(event, Finished):
        ledger.add(event.record)
        plan.known[event.record.key] = event.record
    elif isinstance(event, Resolved):
        note_api_facts(plan, registry, event.batch.framework, event.found, ledger)
    elif isinstance(event, Unavailable):
        plan.unavailable[event.batch.framework, event.batch.device] = event.reason
        identity = next(
            (
                check.target.identity
                for check in plan.checks
                if check.target
                and (check.target.framework, check.target.device)
                == (event.batch.framework, event.batch.device)
            ),
            None,
        )
        if event.permanent and identity:
            ledger.add_fact(unavailable_key(identity), event.reason)


def judge_plan(plan: Plan, ledger: Ledger, tally: Tally) -> Report:
    """Return the verdicts on all checks of a plan that has been run."""
    keys = [check.key for check in plan.checks if check.key and check.key not in plan.known]
    oracles = [
        item.key for item in plan.references.values() if item.key and item.key not in plan.known
    ]
    plan.known.update(ledger.find([*keys, *oracles]))
    without = [
        check.job.claim for check in plan.checks if check.job and check.key not in plan.known
    ]
    latest = ledger.find_latest(without)
    claims = [check.job.claim for check in plan.checks if check.job]
    older = ledger.find_versions(claims, plan.known)
    facts = ledger.find_facts(plan.apis.values())
    apis = {}
    for name, key in plan.apis.items():
        if key in facts:
            apis[name] = read_fact(facts[key])
    judgements = [
        _add_past(_judge(check, plan, latest), plan, older)
        if check.job
        else _judge(check, plan, {})
        for check in plan.checks
    ]
    return Report(judgements, apis, tally, plan.unavailable)


def _judge(check: Check, plan: Plan, latest: Mapping[str, Record]) -> Judgement:
    if check.refusal is not None:
        verdict, reason = check.refusal
        return Judgement(check, verdict, reason, place=check.variant.place)
    assert check.target and check.job
    record = plan.known.get(check.key) if check.key else None
    if record is not None:
        return judge_record(check, plan, record)
    line = find_line(check, plan)
    if line is not None:
        return replace(judge_record(check, plan, line.record), line=line)
    reason = plan.unavailable.get((check.target.framework, check.target.device), "it was not run")
    line = next(iter(plan.evidence.list_lines(check.job.claim, check.target)), None)
    older = latest.get(check.job.claim)
    if line is not None and (older is None or older.ran_at < line.record.ran_at):
        changes = line.explain_age(check.target) or "the time limit is longer"
        return replace(
            _judge_stale(check, plan, line.record, f"{changes}, and {reason}"), line=line
        )
    if older is None:
        return Judgement(check, Verdict.NOT_RUN, reason)
    return _judge_stale(check, plan, older, reason)


def find_line(check: Check, plan: Plan) -> Line | None:
    """Return the evidence of another machine that holds for a check as it is today."""
    assert check.target and check.job
    return plan.evidence.find(check.job.claim, check.target, check.job.time_limit)


def _add_past(judgement: Judgement, plan: Plan, older: Mapping[str, list[Record]]) -> Judgement:
    """Add the verdicts on other versions than the one that the verdict itself is about."""
    job = judgement.check.job
    now = judgement.record.framework_version if judgement.record else None
    past = tuple(
        judge_record(judgement.check, plan, record)
        for record in older.get(job.claim if job else "", ())
        if record.framework_version != now
    )
    return replace(judgement, past=past) if past else judgement


def _judge_stale(check: Check, plan: Plan, record: Record, reason: str) -> Judgement:
    """Let an older run of the same code stand in, but never as a pass of today's framework."""
    past = judge_record(check, plan, record)
    if past.verdict is Verdict.NOT_RUN:
        return past
    word = past.verdict.words
    return Judgement(
        check,
        Verdict.STALE,
        f"last {word} with version {record.framework_version} "
        f"on {record.ran_at[:10]}; now {reason}",
        record,
        past.comparison,
    )


def judge_record(check: Check, plan: Plan, record: Record) -> Judgement:
    """Return the verdict that a record supports."""
    case, op = check.case, check.op
    assert case and check.snippet
    if record.outcome is not Outcome.OK:
        error = record.error
        reason = f"{error.type}: {error.message}" if error else record.outcome.value
        place, traceback = locate_error(check, error.traceback if error else "")
        return Judgement(check, Verdict.FAILED, reason, record, place=place, traceback=traceback)
    place = find_example_place(check.variant, case)
    reference = plan.references[op.place, case.id]
    oracle = plan.known.get(reference.key) if reference.key else None
    if oracle is None and (reference.job or reference.reason):
        reason = reference.reason or plan.unavailable.get((REFERENCE, "cpu"), "it was not run")
        return Judgement(check, Verdict.NOT_RUN, f"its oracle was not computed: {reason}", record)
    try:
        expected = build_expected(case, check.variant.framework, oracle)
        actual = {name: decode_tree(tree) for name, tree in record.results.items()}
    except (NoOracle, ValueError) as error:
        at = error.place if isinstance(error, NoOracle) else case.place
        return Judgement(check, Verdict.FAILED, str(error), record, place=at)
    up_to = list_freedoms(case, check.variant.framework)
    actual = align_results(actual, expected, up_to)
    comparison = compare_results(
        actual,
        expected,
        choose_tolerance(op, case),
        equal_nan=case.equal_nan,
        defaults=choose_defaults(case),
        device=DEVICE_DEFAULTS.get((record.framework, record.device)),
    )
    comparison.up_to = describe_freedom(expected, up_to)
    if comparison.agrees:
        return Judgement(check, Verdict.VERIFIED, "", record, comparison, results=actual)
    reason = "\n".join(finding.message for finding in comparison.findings)
    if comparison.up_to:
        reason += f"\n({comparison.up_to})"
    return Judgement(check, Verdict.DIFFERS, reason, record, comparison, place, results=actual)


def find_example_place(variant: Variant, case: Case) -> Place:
    """Return where the code of a case stands: the example, else the API or the variant."""
    example = variant.find_own_example(case)
    if example is not None:
        return example.place
    return (variant.api_place if variant.api else None) or variant.place


def locate_error(check: Check, traceback: str) -> tuple[Place, str]:
    """Return where an example failed, and its traceback with the lines of the YAML file."""
    assert check.case and check.snippet
    place = find_example_place(check.variant, check.case)
    lines = check.snippet.yaml_lines

    def translate(found: re.Match[str]) -> str:
        number = int(found[1])
        return f'File "{place.file}", line {_find_line(lines, number)}'

    frames = [int(found[1]) for found in _EXAMPLE_FRAME.finditer(traceback)]
    if frames:
        # The first frame is the module's own: where the example called what failed.
        place = Place(place.file, _find_line(lines, frames[0]), 1)
    return place, _EXAMPLE_FRAME.sub(translate, traceback)


def _find_line(lines: tuple[int, ...], number: int) -> int:
    return lines[min(max(number, 1), len(lines)) - 1]


def list_failures(report: Report, fail_on: Iterable[str]) -> list[Fault]:
    """Return the verdicts that a build should warn about, at their places."""
    wanted = set(fail_on)
    faults = []
    for judgement in report.judgements:
        if judgement.verdict.value in wanted:
            faults.append(
                Fault(
                    judgement.place or judgement.check.variant.place,
                    judgement.verdict.value,
                    f"{name_check(judgement.check)}: {judgement.reason}"
                    + (f"\n(evidence: {judgement.line.place})" if judgement.line else ""),
                )
            )
    return faults


def name_check(check: Check) -> str:
    """Return what a check is about, for messages: op, framework, case and device."""
    name = f"{check.op.operation}, {check.variant.framework}"
    if check.case and check.target:
        name += f", case {check.case.id} on {check.target.device}"
    return name
