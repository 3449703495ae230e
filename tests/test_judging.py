"""Tests of judging records that were made by hand: no worker, so they take milliseconds."""

from __future__ import annotations

import base64
import shutil
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optabs.apis import ApiFact, ApiParameter
from optabs.catalog.model import (
    ArrayInput,
    Case,
    Difference,
    Expected,
    Gradient,
    Input,
    Op,
    Text,
    Variant,
)
from optabs.catalog.model import Tolerance as Wanted
from optabs.compare import Array, Tree
from optabs.errors import Fault, Place
from optabs.frameworks import load_registry
from optabs.ledger import Ledger
from optabs.plan import Check, Plan, Reference, unavailable_key
from optabs.records import Error, Outcome, Record, Verdict, dump_json
from optabs.run.pool import Batch, Finished, Job, Resolved, Unavailable
from optabs.run.targets import Target
from optabs.run.warm import WarmWorkers
from optabs.run.worker_process import WorkerSpec
from optabs.snippet import Snippet, reference_name
from optabs.verify import (
    Judgement,
    Report,
    Tally,
    combine_verdicts,
    find_example_place,
    judge_plan,
    judge_record,
    list_failures,
    locate_error,
    name_check,
    note_event,
    run_plan,
)

FILE = "ops/one.yaml"
OP_PLACE, VARIANT_PLACE, API_PLACE = Place(FILE, 1, 1), Place(FILE, 20, 3), Place(FILE, 21, 10)
CASE_PLACE, EXAMPLE_PLACE = Place(FILE, 5, 5), Place(FILE, 30, 7)
EXPECTED = Expected("result", Place(FILE, 7, 13), [1.0])
COMPUTED = Expected("result", Place(FILE, 7, 13), expr="np.sin(x)")
CASE = Case(
    "basic",
    CASE_PLACE,
    inputs=(Input("x", ArrayInput([1.0], "float32"), CASE_PLACE),),
    expect=(EXPECTED,),
)
VARIANT = Variant("torch", VARIANT_PLACE, api="torch.abs", api_place=API_PLACE)
OTHER = Variant("mlx", Place(FILE, 40, 3), api="mlx.core.abs")
OP = Op("One", OP_PLACE, Path(FILE), cases=(CASE,), variants={"torch": VARIANT, "mlx": OTHER})
TARGET = Target("torch", "cpu", "highest", "identity", "2.0")
JOB = Job("key", "claim", "One", "basic", "code", ("result",), 60.0)
CHECK = Check(OP, VARIANT, CASE, TARGET, Snippet("a\nb\nc", (11, 12, 13)), JOB)


def encode(value: float, dtype: str = "float32") -> dict[str, Any]:
    data = base64.b64encode(struct.pack("<f", value)).decode()
    return {"dtype": dtype, "stored": "float32", "shape": [1], "data": data}


def make_record(value: float = 1.0, **changes: Any) -> Record:
    made = Record(
        *("key", "claim", "One", "basic", "torch", "cpu", Outcome.OK, {"result": encode(value)}),
        *("", "", None, 0.1, 60.0, "1.9", "3.12", "a device", "highest", "2026-01-02T03:04:05Z"),
    )
    return replace(made, **changes)


def make_plan(
    *checks: Check,
    reference: Reference | None = None,
    known: dict[str, Record] | None = None,
) -> Plan:
    key = (OP_PLACE, "basic")
    return Plan(list(checks), {key: reference or Reference()}, {}, [], known or {})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path) as opened:
        yield opened


# --- one record -----------------------------------------------------------------------------------


def test_what_agrees_is_verified() -> None:
    record = make_record()
    found = judge_record(CHECK, make_plan(), record)
    assert (found.verdict, found.reason, found.place) == (Verdict.VERIFIED, "", None)
    assert found.check is CHECK
    assert found.record is record
    assert found.comparison is not None
    assert found.comparison.agrees
    assert found.results == {"result": Array("float32", (1,), (1.0,))}
    assert (found.case, found.device) == (CASE, "cpu")


def test_what_does_not_agree_differs_with_all_that_was_found() -> None:
    record = make_record(results={"result": encode(3.0, "float64")})
    found = judge_record(CHECK, make_plan(), record)
    assert (found.verdict, found.place) == (Verdict.DIFFERS, API_PLACE)
    assert found.record is record
    first, second = found.reason.split("\n")
    assert first == "`result` has dtype float64, expected float32"
    assert second.startswith("`result[0]` is 3.0, expected 1.0")
    assert found.comparison is not None
    assert found.comparison.max_abs_error == 2.0
    assert found.results == {"result": Array("float64", (1,), (3.0,))}


def test_the_case_says_what_is_allowed() -> None:
    for changes in ({"tolerance": Wanted(0.0, 1.0, "so")}, {}):
        check = replace(CHECK, case=replace(CASE, **changes))
        found = judge_record(check, make_plan(), make_record(1.5))
        assert found.verdict is (Verdict.VERIFIED if changes else Verdict.DIFFERS)
    check = replace(CHECK, op=replace(OP, tolerance=Wanted(0.0, 1.0, "so")))
    assert judge_record(check, make_plan(), make_record(1.5)).verdict is Verdict.VERIFIED
    for equal_nan in (True, False):
        case = replace(
            CASE, equal_nan=equal_nan, expect=(replace(EXPECTED, values=[float("nan")]),)
        )
        found = judge_record(replace(CHECK, case=case), make_plan(), make_record(float("nan")))
        assert found.verdict is (Verdict.VERIFIED if equal_nan else Verdict.DIFFERS)


def test_the_defaults_are_those_of_the_device_and_of_gradients() -> None:
    near = make_record(1.0001)
    assert judge_record(CHECK, make_plan(), near).verdict is Verdict.DIFFERS
    metal = replace(near, device="metal")
    assert judge_record(CHECK, make_plan(), metal).verdict is Verdict.VERIFIED
    gradient = replace(CASE, gradient=Gradient("basic", {"result": "x"}))
    found = judge_record(replace(CHECK, case=gradient), make_plan(), make_record())
    assert found.comparison is not None
    assert found.comparison.tolerance is not None
    assert found.comparison.tolerance.source == "float32 gradient default"


def test_what_the_mathematics_leaves_open_is_no_difference() -> None:
    column = replace(EXPECTED, values=[[1.0]], up_to="column-signs")
    check = replace(CHECK, case=replace(CASE, expect=(column,)))
    for value, verdict in ((-1.0, Verdict.VERIFIED), (-2.0, Verdict.DIFFERS)):
        result = {**encode(value), "shape": [1, 1]}
        found = judge_record(check, make_plan(), make_record(results={"result": result}))
        assert found.verdict is verdict
        # Frameworks are compared with each other by these: a sign must not set them apart.
        assert found.results == {"result": Array("float32", (1, 1), [-value])}
        assert found.comparison is not None
        words = "compared up to the sign of each column of `result`"
        assert found.comparison.up_to == words
        assert found.reason.endswith(f"\n({words})") is (verdict is Verdict.DIFFERS)


def test_a_declared_difference_is_that_frameworks() -> None:
    differs = Difference(("mlx",), "so", expect=(replace(EXPECTED, values=[2.0]),))
    case = replace(CASE, differences=(differs,))
    check = replace(CHECK, case=case)
    assert judge_record(check, make_plan(), make_record(2.0)).verdict is Verdict.DIFFERS
    check = replace(check, variant=OTHER)
    assert judge_record(check, make_plan(), make_record(2.0)).verdict is Verdict.VERIFIED


def test_what_raised_failed() -> None:
    trace = 'File "<example>", line 2, in <module>'
    record = make_record(outcome=Outcome.RAISED, error=Error("ValueError", "no", trace))
    found = judge_record(CHECK, make_plan(), record)
    assert (found.verdict, found.reason) == (Verdict.FAILED, "ValueError: no")
    assert found.place == Place(FILE, 12, 1)
    assert found.traceback == f'File "{FILE}", line 12, in <module>'
    assert found.record is record
    assert found.check is CHECK


def test_what_ended_without_an_error_failed() -> None:
    found = judge_record(CHECK, make_plan(), make_record(outcome=Outcome.TIMED_OUT))
    assert (found.verdict, found.reason, found.traceback) == (Verdict.FAILED, "timed_out", "")
    assert found.place == API_PLACE


def test_results_that_cannot_be_read_failed() -> None:
    record = make_record(results={"result": {"what": 1}})
    found = judge_record(CHECK, make_plan(), record)
    assert (found.verdict, found.place) == (Verdict.FAILED, CASE_PLACE)
    assert found.reason == "this is no result: it has the keys what"
    assert found.record is record
    assert found.check is CHECK


# --- its oracle -----------------------------------------------------------------------------------

ORACLE_CASE = replace(CASE, expect=(COMPUTED,))
ORACLE_CHECK = replace(CHECK, case=ORACLE_CASE)
ORACLE_NAME = reference_name(None, "result")
ORACLE_JOB = replace(JOB, key="oracle", claim="oracle claim")


def test_an_oracle_that_was_computed_decides() -> None:
    for value, verdict in ((1.0, Verdict.VERIFIED), (2.0, Verdict.DIFFERS)):
        oracle = make_record(key="oracle", results={ORACLE_NAME: encode(value)})
        plan = make_plan(reference=Reference(job=ORACLE_JOB), known={"oracle": oracle})
        assert judge_record(ORACLE_CHECK, plan, make_record()).verdict is verdict


def test_an_oracle_that_raised_is_told() -> None:
    oracle = make_record(results={}, error=Error("E", "no such name"), outcome=Outcome.RAISED)
    plan = make_plan(reference=Reference(job=ORACLE_JOB), known={"oracle": oracle})
    found = judge_record(ORACLE_CHECK, plan, make_record())
    assert (found.verdict, found.place) == (Verdict.FAILED, COMPUTED.place)
    assert found.reason == "the oracle of `result` could not be computed: no such name"


@pytest.mark.parametrize(
    ("reference", "unavailable", "reason"),
    [
        (Reference("a bad input"), {}, "a bad input"),
        (Reference(job=ORACLE_JOB), {}, "it was not run"),
        (Reference(job=ORACLE_JOB), {("reference", "cpu"): "no numpy"}, "no numpy"),
        (Reference("why", ORACLE_JOB), {("reference", "cpu"): "no numpy"}, "why"),
        (Reference(job=replace(ORACLE_JOB, key="")), {("torch", "cpu"): "x"}, "it was not run"),
    ],
)
def test_without_an_oracle_nothing_is_judged(
    reference: Reference, unavailable: dict[tuple[str, str], str], reason: str
) -> None:
    plan = make_plan(reference=reference)
    plan.unavailable.update(unavailable)
    record = make_record()
    found = judge_record(ORACLE_CHECK, plan, record)
    assert found == Judgement(
        ORACLE_CHECK, Verdict.NOT_RUN, f"its oracle was not computed: {reason}", record
    )


# --- places ---------------------------------------------------------------------------------------


def test_a_failure_is_at_the_example_else_the_api_else_the_variant() -> None:
    text = Text("code", EXAMPLE_PLACE, 31)
    assert find_example_place(replace(VARIANT, examples={"basic": text}), CASE) == EXAMPLE_PLACE
    assert find_example_place(replace(VARIANT, examples={"other": text}), CASE) == API_PLACE
    assert find_example_place(VARIANT, CASE) == API_PLACE
    assert find_example_place(replace(VARIANT, api_place=None), CASE) == VARIANT_PLACE
    assert find_example_place(replace(VARIANT, api=None), CASE) == VARIANT_PLACE


@pytest.mark.parametrize(
    ("number", "line"), [(1, 11), (2, 12), (3, 13), (0, 11), (4, 13), (999, 13)]
)
def test_lines_of_the_code_are_lines_of_the_file(number: int, line: int) -> None:
    trace = f'  File "<example>", line {number}\n  File "x.py", line 3'
    place, text = locate_error(CHECK, trace)
    assert place == Place(FILE, line, 1)
    assert text == f'  File "{FILE}", line {line}\n  File "x.py", line 3'


def test_the_first_frame_is_the_place_and_all_are_translated() -> None:
    trace = 'File "<example>", line 3\nFile "<example>", line 1\n'
    place, text = locate_error(CHECK, trace)
    assert place == Place(FILE, 13, 1)
    assert text == f'File "{FILE}", line 13\nFile "{FILE}", line 11\n'
    assert locate_error(CHECK, "nothing") == (API_PLACE, "nothing")


# --- a whole plan ---------------------------------------------------------------------------------


def test_records_come_from_the_plan_and_from_the_ledger(ledger: Ledger) -> None:
    second = replace(CHECK, job=replace(JOB, key="second", claim="second claim"))
    ledger.add(make_record(2.0, key="second", claim="second claim"))
    ledger.add(make_record(5.0))
    plan = make_plan(CHECK, second, known={"key": make_record()})
    tally = Tally(1, 2, 3.0)
    report = judge_plan(plan, ledger, tally)
    # What the plan knows already is not looked up again.
    assert [each.verdict for each in report.judgements] == [Verdict.VERIFIED, Verdict.DIFFERS]
    assert report.tally is tally
    assert report.unavailable is plan.unavailable
    assert set(plan.known) == {"key", "second"}


def test_oracles_come_from_the_ledger_too(ledger: Ledger) -> None:
    results = {ORACLE_NAME: encode(1.0)}
    ledger.add(make_record(key="oracle", claim="oracle claim", results=results))
    plan = make_plan(ORACLE_CHECK, reference=Reference(job=ORACLE_JOB))
    plan.known["key"] = make_record()
    (found,) = judge_plan(plan, ledger, Tally()).judgements
    assert found.verdict is Verdict.VERIFIED
    # One that the plan knows stands, whatever the ledger has.
    wrong = make_record(key="oracle", results={ORACLE_NAME: encode(9.0)})
    plan.known["oracle"] = wrong
    (found,) = judge_plan(plan, ledger, Tally()).judgements
    assert found.verdict is Verdict.DIFFERS


def test_a_refusal_is_the_verdict(ledger: Ledger) -> None:
    refused = Check(OP, VARIANT, CASE, refusal=(Verdict.UNSUPPORTED, "no such op"))
    report = judge_plan(make_plan(refused), ledger, Tally())
    assert report.judgements == [
        Judgement(refused, Verdict.UNSUPPORTED, "no such op", place=VARIANT_PLACE)
    ]
    assert report.judgements[0].device is None


def test_what_was_not_run_says_why(ledger: Ledger) -> None:
    plan = make_plan(CHECK, replace(CHECK, job=replace(JOB, key="")))
    for reason in ("it was not run", "it is not installed"):
        report = judge_plan(plan, ledger, Tally())
        assert report.judgements == [
            Judgement(check, Verdict.NOT_RUN, reason) for check in plan.checks
        ]
        plan.unavailable["torch", "cpu"] = "it is not installed"
        plan.unavailable["torch", "cuda"] = "another device"


def test_an_older_run_of_the_same_code_is_stale(ledger: Ledger) -> None:
    older = make_record(3.0, key="older")
    ledger.add(older)
    plan = make_plan(CHECK)
    plan.unavailable["torch", "cpu"] = "it is not installed"
    (found,) = judge_plan(plan, ledger, Tally()).judgements
    assert (found.check, found.verdict, found.record) == (CHECK, Verdict.STALE, older)
    assert found.reason == ("last differs with version 1.9 on 2026-01-02; now it is not installed")
    assert found.comparison is not None
    assert found.comparison.max_abs_error == 2.0
    assert found.results == {}
    # Without its oracle, an older run says nothing either.
    plan = make_plan(ORACLE_CHECK, reference=Reference("no oracle"))
    (found,) = judge_plan(plan, ledger, Tally()).judgements
    assert found.verdict is Verdict.NOT_RUN
    assert found.reason == "its oracle was not computed: no oracle"


def test_facts_about_names_are_read(ledger: Ledger) -> None:
    fact = {
        "exists": True,
        "parameters": [["x", "positional"]],
        "nearest": [],
        "warning": None,
        "called": None,
        "missing": None,
    }
    ledger.add_fact("fact", dump_json(fact))
    plan = make_plan()
    plan.apis.update({("mlx", "mlx.core.abs"): "missing", ("torch", "torch.abs"): "fact"})
    assert judge_plan(plan, ledger, Tally()).apis == {
        ("torch", "torch.abs"): ApiFact(True, (ApiParameter("x", "positional"),), (), None)
    }


# --- events ---------------------------------------------------------------------------------------

BATCH = Batch("torch", "cpu", WorkerSpec.__new__(WorkerSpec), "2", "3", "highest")


def test_a_finished_example_is_stored(ledger: Ledger) -> None:
    plan, record = make_plan(CHECK), make_record()
    note_event(Finished(BATCH, record), plan, load_registry(), ledger)
    assert plan.known == ledger.find(["key"]) == {"key": record}


def test_names_that_were_looked_up_are_stored(ledger: Ledger) -> None:
    plan = make_plan(CHECK)
    plan.apis.update({("torch", "torch.abs"): "one", ("mlx", "torch.abs"): "two"})
    note_event(Resolved(BATCH, {"torch.abs": {"a": 1}}), plan, load_registry(), ledger)
    assert ledger.find_facts(["one", "two"]) == {"one": '{"a":1}'}


@pytest.mark.parametrize("permanent", [True, False])
@pytest.mark.parametrize("identity", ["identity", None])
def test_a_device_that_cannot_be_used_is_kept(
    ledger: Ledger, permanent: bool, identity: str | None
) -> None:
    others = [
        Check(OP, VARIANT, refusal=(Verdict.UNSUPPORTED, "x")),
        replace(CHECK, target=replace(TARGET, device="cuda", identity="other")),
        replace(CHECK, target=replace(TARGET, framework="mlx", identity="another")),
    ]
    plan = make_plan(*others, replace(CHECK, target=replace(TARGET, identity=identity)))
    event = Unavailable(BATCH, "no device", permanent=permanent)
    note_event(event, plan, load_registry(), ledger)
    assert plan.unavailable == {("torch", "cpu"): "no device"}
    keys = {name: unavailable_key(name) for name in ("identity", "other", "another")}
    kept = {keys["identity"]: "no device"} if permanent and identity else {}
    assert ledger.find_facts(keys.values()) == kept


def test_a_device_that_no_check_wants_is_kept_in_the_plan_alone(ledger: Ledger) -> None:
    plan = make_plan()
    event = Unavailable(BATCH, "no device", permanent=True)
    note_event(event, plan, load_registry(), ledger)
    assert plan.unavailable == {("torch", "cpu"): "no device"}


def test_nothing_to_run_is_run(ledger: Ledger) -> None:
    events: list[object] = []
    run_plan(make_plan(CHECK), load_registry(), ledger, events.append)
    assert events == []


def make_batch(folder: Path, python: Path) -> Batch:
    spec = WorkerSpec(python, folder / "adapter.py", "cpu", {}, folder)
    return replace(BATCH, spec=spec, jobs=(JOB,))


def test_what_happens_is_stored_and_watched(ledger: Ledger, tmp_path: Path) -> None:
    """With a worker that cannot be started, which is told at once."""
    batch = make_batch(tmp_path, tmp_path / "nothing")
    plan = make_plan(CHECK)
    plan.batches.append(batch)
    events: list[object] = []
    run_plan(plan, load_registry(), ledger, events.append)
    (event,) = events
    assert isinstance(event, Unavailable)
    assert event.batch is batch
    assert plan.unavailable == {("torch", "cpu"): event.reason}


def test_workers_that_were_started_before_are_taken(ledger: Ledger, tmp_path: Path) -> None:
    batch = make_batch(tmp_path, Path(shutil.which("true") or ""))
    plan = make_plan(CHECK)
    plan.batches.append(batch)
    with WarmWorkers() as warm:
        warm.start(replace(TARGET, spec=batch.spec))
        run_plan(plan, load_registry(), ledger, warm=warm)
        assert warm.take(batch.spec) is None
    assert "while it started" in plan.unavailable["torch", "cpu"]


def test_a_worker_that_has_no_such_device_is_remembered(ledger: Ledger, tmp_path: Path) -> None:
    script = tmp_path / "python"
    script.write_text("""#!/bin/sh\necho '{"device": "cpu", "failed": "no such device"}'\n""")
    script.chmod(0o700)
    plan = make_plan(CHECK)
    plan.batches.append(make_batch(tmp_path, script))
    run_plan(plan, load_registry(), ledger)
    assert plan.unavailable == {("torch", "cpu"): "no such device"}
    key = unavailable_key("identity")
    assert ledger.find_facts([key]) == {key: "no such device"}


# --- many verdicts --------------------------------------------------------------------------------

WORST_FIRST = ["failed", "differs", "stale", "not_run", "untestable", "unsupported", "verified"]


def test_the_worst_verdict_counts() -> None:
    order = [Verdict(each) for each in WORST_FIRST]
    assert set(order) == set(Verdict)
    for number, worst in enumerate(order):
        found = [Judgement(CHECK, verdict) for verdict in order[number:]]
        assert combine_verdicts(found) is combine_verdicts(found[::-1]) is worst
    assert combine_verdicts([]) is Verdict.NOT_RUN


def test_a_gradient_that_cannot_be_taken_does_not_count() -> None:
    gradient = replace(CASE, gradient=Gradient("basic", {"result": "x"}))
    refusal = (Verdict.UNSUPPORTED, "no autodiff")
    verified = Judgement(CHECK, Verdict.VERIFIED)

    def combine(**changes: Any) -> Verdict:
        return combine_verdicts(
            [verified, Judgement(replace(CHECK, **changes), Verdict.UNSUPPORTED)]
        )

    assert combine(case=gradient, refusal=refusal) is Verdict.VERIFIED
    assert combine(case=gradient) is Verdict.UNSUPPORTED
    assert combine(refusal=refusal) is Verdict.UNSUPPORTED
    assert combine(case=None, refusal=refusal) is Verdict.UNSUPPORTED


def list_judgements(*verdicts: Verdict) -> list[Judgement]:
    return [Judgement(CHECK, verdict, f"why {verdict}") for verdict in verdicts]


def test_verdicts_are_counted_and_summarised() -> None:
    judgements = list_judgements(
        *(Verdict.VERIFIED, Verdict.VERIFIED, Verdict.VERIFIED, Verdict.FAILED),
        *(Verdict.NOT_RUN, Verdict.NOT_RUN),
    )
    report = Report(judgements, {}, Tally(4, 5, 6.25))
    assert report.count() == {Verdict.VERIFIED: 3, Verdict.FAILED: 1, Verdict.NOT_RUN: 2}
    assert report.summarise() == (
        "optabs: 3 verified, 0 differs, 1 failed, 2 not run, 0 unsupported, 0 untestable, "
        "0 stale; executed 4, reused 5; 6.2 s"
    )
    assert Report([], {}).summarise().endswith("0 stale; executed 0, reused 0; 0.0 s")


def test_reasons_are_named_once_with_their_frameworks() -> None:
    mlx = replace(CHECK, variant=OTHER, target=replace(TARGET, framework="mlx"))
    cuda = replace(CHECK, target=replace(TARGET, device="cuda"))
    no_case = Check(OP, OTHER, refusal=(Verdict.NOT_RUN, "no case yet"))
    judgements = [
        Judgement(CHECK, Verdict.VERIFIED, "not this"),
        Judgement(CHECK, Verdict.FAILED, "nor this"),
        Judgement(replace(CHECK, target=None), Verdict.STALE, "nor that"),
        Judgement(CHECK, Verdict.NOT_RUN, "it was not run"),
        Judgement(mlx, Verdict.NOT_RUN, "it was not run"),
        Judgement(CHECK, Verdict.NOT_RUN, "it was not run"),
        Judgement(no_case, Verdict.NOT_RUN, "no case yet"),
        Judgement(cuda, Verdict.STALE, "last verified long ago"),
    ]
    report = Report(judgements, {}, unavailable={("torch", "cuda"): "no such device"})
    assert report.list_reasons() == [
        "torch, mlx: it was not run",
        "mlx: no case yet",
        "torch: no such device",
    ]


def test_judgements_are_found_by_variant() -> None:
    other_op = replace(OP, place=Place("ops/two.yaml"))
    mine, other = CHECK, replace(CHECK, variant=OTHER)
    judgements = [Judgement(each, Verdict.VERIFIED) for each in (mine, other, mine)]
    report = Report(judgements, {})
    assert report.list_variant(OP, "torch") == [judgements[0], judgements[2]]
    assert report.list_variant(OP, "mlx") == [judgements[1]]
    assert report.list_variant(OP, "jax") == report.list_variant(other_op, "torch") == []


def test_frameworks_are_held_against_each_other() -> None:
    differs = Difference(("mlx",), "so", expect=(EXPECTED,))
    dtype = Difference(("mlx",), "so", dtype={"result": "float64"})

    def find(case: Case, device: str = "cpu", mine: str = "cpu") -> float | None:
        op = replace(OP, cases=(case,))

        def make(variant: Variant, value: float) -> Judgement:
            tree: Tree = Array("float32", (1,), (value,))
            check = Check(op, variant, case, replace(TARGET, device=mine))
            return Judgement(check, Verdict.VERIFIED, results={"result": tree})

        empty = Judgement(Check(op, OTHER, case, replace(TARGET, device=mine)), Verdict.FAILED)
        report = Report([make(VARIANT, 1.0), make(OTHER, 1.5), empty], {})
        found = report.find_disagreement(op, case, device)
        assert report.find_disagreement(op, replace(case), device) is None
        return found.difference if found else None

    assert find(CASE) == 0.5
    assert find(replace(CASE, expect=(replace(EXPECTED, distribution="normal"),))) is None
    assert find(CASE, "cuda", "cuda") == 0.5
    assert find(CASE, "cuda") is None
    assert find(replace(CASE, differences=(differs,))) is None
    assert find(replace(CASE, differences=(dtype,))) == 0.5


def test_failures_are_told_at_their_places() -> None:
    place = Place(FILE, 99, 9)
    refused = Check(OP, OTHER, refusal=(Verdict.NOT_RUN, "no case yet"))
    report = Report(
        [
            Judgement(CHECK, Verdict.VERIFIED),
            Judgement(CHECK, Verdict.DIFFERS, "by much", place=place),
            Judgement(CHECK, Verdict.FAILED, "it raised"),
            Judgement(refused, Verdict.NOT_RUN, "no case yet"),
        ],
        {},
    )
    assert list_failures(report, ["differs", "not_run"]) == [
        Fault(place, "differs", "One, torch, case basic on cpu: by much"),
        Fault(OTHER.place, "not_run", "One, mlx: no case yet"),
    ]
    assert list_failures(report, iter(["failed"])) == [
        Fault(VARIANT_PLACE, "failed", "One, torch, case basic on cpu: it raised")
    ]
    assert list_failures(report, []) == []


def test_a_check_is_named_by_what_it_has() -> None:
    assert name_check(CHECK) == "One, torch, case basic on cpu"
    assert name_check(replace(CHECK, target=None)) == "One, torch"
    assert name_check(replace(CHECK, case=None)) == "One, torch"
