"""Each check is shown to fail: what would hide an error must not pass, by the real command line.

`test_verify.py` holds that verdicts are at their places and in their words: sine against cosine,
dtype and shape, a missing framework, an oracle that fails, a missing API, crashes, upgrades, a
ledger that is no database. `test_cli.py` holds the exit statuses. Here, each way in which an error
could pass for a success is tried, and what a script sees of it (status and summary) must be red.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SIN = """
operation: Sin
std_args: [x]
cases:
  - id: basic
    inputs: {x: [0.0, 0.5, 1.0]}
    expect: np.sin(x)
variants:
  fake: {api: fakeframework.sin}
"""
COS = SIN.replace("Sin", "Cos").replace("sin", "cos")
SUMMARY = re.compile(
    r"optabs: (\d+) verified, (\d+) differs, (\d+) failed, (\d+) not run, \d+ unsupported, "
    r"(\d+) untestable, (\d+) stale; executed (\d+), reused (\d+); "
)


@pytest.fixture
def site(project: Callable[..., Any], tmp_path: Path) -> Any:
    made = project(tmp_path / "site")
    made.write("sin", SIN)
    return made


def verify(site: Any, **variables: str) -> tuple[int, dict[str, int], list[dict[str, Any]], str]:
    """Run `optabs verify`; returns status, counts, the verdicts on Sin in fake, what it said."""
    file = site.folder / "export.json"
    file.unlink(missing_ok=True)
    done = site.run("verify", "--json", file, **variables)
    assert "Traceback" not in done.stderr, done.stderr
    match = SUMMARY.search(done.stdout)
    assert match, done.stdout + done.stderr
    names = ("verified", "differs", "failed", "not_run", "untestable", "stale")
    counts = dict(zip((*names, "executed", "reused"), map(int, match.groups()), strict=True))
    (op,) = [op for op in json.loads(file.read_text())["ops"] if op["operation"] == "Sin"]
    return done.returncode, counts, op["variants"]["fake"]["verdicts"], done.stdout + done.stderr


def assert_red(site: Any, verdict: str, *parts: str) -> None:
    """Check that Sin does not hold, that nothing passes, and that the message says why."""
    status, counts, verdicts, said = verify(site)
    assert status == 1, said
    assert counts["verified"] == 0
    assert counts[verdict] == 1, said
    (found,) = verdicts
    assert found["verdict"] == verdict
    for part in parts:
        assert part in found["reason"], found["reason"]
    assert f": {verdict} Sin, fake" in said


def test_it_is_green_to_begin_with(site: Any) -> None:
    status, counts, verdicts, said = verify(site)
    assert (status, counts["verified"]) == (0, 1), said
    assert verdicts[0]["verdict"] == "verified"


def test_an_example_that_is_no_python_fails(site: Any) -> None:
    site.write("sin", SIN.replace("api: fakeframework.sin", 'example: "result = = 1"'))
    assert_red(site, "failed", "this is no Python")


# --- the result is wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "verdict", "message"),
    [
        ("result = ff.cos(x)", "differs", "`result[0]` is 1.0, expected 0.0"),
        # An error is no result, though the example goes on.
        (
            "try: result = ff.sin(x, 1)\\nexcept TypeError: pass",
            "differs",
            "the example does not define `result`",
        ),
        (
            "try: result = ff.sin(x, 1)\\nexcept TypeError: result = None",
            "differs",
            "`result` is None, expected an array",
        ),
        (
            "try: result = ff.sin(x, 1)\\nexcept TypeError as error: result = str(error)",
            "differs",
            "`result` is text, expected an array",
        ),
        ("result = ff.sin(x, 1)", "failed", "TypeError"),
        (
            "result = ff.array(ff.sin(x).data, ff.float64)",
            "differs",
            "has dtype float64, expected float32",
        ),
        ("result = ff.array([0, 0, 1], ff.int32)", "differs", "has dtype int32, expected float32"),
        ("y = ff.sin(x).data\\ny[1] = float('nan')\\nresult = ff.array(y)", "differs", "is nan"),
        ("y = ff.sin(x).data\\ny[2] = float('inf')\\nresult = ff.array(y)", "differs", "is inf"),
        # Each of these would broadcast, and be equal.
        ("result = ff.array([ff.sin(x).data])", "differs", "has shape (1, 3), expected (3,)"),
        ("result = ff.array([[v] for v in ff.sin(x).data])", "differs", "has shape (3, 1)"),
        ("result = ff.array(ff.sin(x).data[:1])", "differs", "has shape (1,), expected (3,)"),
        ("result = ff.array([])", "differs", "has shape (0,), expected (3,)"),
        ("result = [ff.sin(x)]", "differs", "expected an array"),
        ("result = ff", "differs", "expected an array"),
        ("reslut = ff.sin(x)", "differs", "the example does not define `result`"),
        ("ff.sin(x)", "differs", "the example does not define `result`"),
        ("pass", "differs", "the example does not define `result`"),
        ("assert False", "failed", "AssertionError"),
        ("raise SystemExit(0)", "failed", "SystemExit"),
        ("import os; os._exit(0)", "failed", "Crash"),
        ("import os, sys; sys.stdout.flush(); os.kill(os.getpid(), 9)", "failed", "Crash"),
    ],
)
def test_a_wrong_result_is_red(site: Any, code: str, verdict: str, message: str) -> None:
    site.edit("sin", "{api: fakeframework.sin}", f'{{example: "{code}"}}')
    assert_red(site, verdict, message)


def test_an_error_as_small_as_the_tolerance_allows_is_seen(site: Any) -> None:
    """float32 sine of 1: 1.3e-6 relative and 1e-5 absolute are allowed, and no more."""
    code = "y = ff.sin(x).data; y[2] += {}; result = ff.array(y)"
    site.edit("sin", "{api: fakeframework.sin}", f"{{example: '{code.format('1.0e-5')}'}}")
    assert verify(site)[0] == 0
    site.edit("sin", "1.0e-5", "1.2e-5")
    assert_red(site, "differs", "`result[2]`")


def test_nan_is_expected_only_where_the_case_says_so(site: Any) -> None:
    site.edit("sin", "expect: np.sin(x)", "expect: x * np.nan")
    site.edit(
        "sin", "{api: fakeframework.sin}", "{example: 'result = ff.array([float(\"nan\")]*3)'}"
    )
    assert_red(site, "differs", "is nan, expected nan")
    site.edit("sin", "expect:", "equal_nan: true\n    expect:")
    assert verify(site)[0] == 0


def test_a_missing_name_among_several_is_red(site: Any) -> None:
    site.edit("sin", "expect: np.sin(x)", "expect: {one: np.sin(x), two: np.sin(x)}")
    site.edit("sin", "{api: fakeframework.sin}", "{example: one = ff.sin(x)}")
    assert_red(site, "differs", "the example does not define `two`")


# --- the claim is empty ---------------------------------------------------------------------------


def test_no_cases_are_no_pass(site: Any) -> None:
    site.write("sin", SIN[: SIN.index("cases")] + "cases: []\n" + SIN[SIN.index("variants") :])
    status, counts, verdicts, said = verify(site)
    assert (counts["verified"], counts["not_run"]) == (0, 1), said
    assert (verdicts[0]["verdict"], verdicts[0]["reason"]) == ("not_run", "no case yet")
    assert not re.search(r"^Sin +ok", said, re.MULTILINE)
    assert status == 0  # nothing is wrong, but nothing is proved


@pytest.mark.parametrize("expect", ["{}", "[]", "''", "null"])
def test_an_empty_oracle_is_no_pass(site: Any, expect: str) -> None:
    site.edit("sin", "expect: np.sin(x)", f"expect: {expect}")
    status, counts, _, said = verify(site)
    assert (status, counts["verified"]) == (1, 0), said
    assert re.search(r"ops/sin\.yaml:\d+:\d+: ", said)


def test_a_case_without_an_oracle_is_no_pass(site: Any) -> None:
    site.edit("sin", "    expect: np.sin(x)\n", "")
    status, counts, _, said = verify(site)
    assert (status, counts["verified"]) == (1, 0), said
    assert re.search(r"ops/sin\.yaml:\d+:\d+: no-oracle ", said)


def test_an_oracle_of_no_elements_does_not_agree_with_three(site: Any) -> None:
    site.edit("sin", "expect: np.sin(x)", "expect: np.sin(x)[:0]")
    assert_red(site, "differs", "has shape (3,), expected (0,)")


@pytest.mark.parametrize("expr", ["1 / 0", "np.sine(x)", "unknown", "np.sin(x, out=0)"])
def test_an_oracle_that_raises_is_no_pass(site: Any, expr: str) -> None:
    site.edit("sin", "expect: np.sin(x)", f"expect: {expr}")
    status, counts, verdicts, said = verify(site)
    assert (status, counts["verified"]) == (1, 0), said
    assert not any(each["verdict"] == "verified" for each in verdicts)
    assert "oracle" in said or "ops/sin.yaml:" in said


def test_a_name_that_does_not_exist_is_red_beside_a_pass(site: Any) -> None:
    site.edit(
        "sin", "{api: fakeframework.sin}", "{api: fakeframework.sinus, example: result = ff.sin(x)}"
    )
    status, counts, _, said = verify(site)
    assert (status, counts["verified"]) == (1, 1)
    assert "ops/sin.yaml:8:15: no-such-api Sin: 'fakeframework.sinus'" in said


def test_a_wrong_argument_is_red_without_a_case(site: Any) -> None:
    site.edit("sin", "{api: fakeframework.sin}", "{api: fakeframework.sin, args: {x: axis}}")
    status, _, _, said = verify(site)
    assert status == 1
    assert "ops/sin.yaml:8:44: no-such-argument Sin, fake" in said


def test_a_framework_that_is_not_there_is_no_pass(site: Any, tmp_path: Path) -> None:
    status, counts, verdicts, said = verify(site, OPTABS_ENVIRONMENTS=str(tmp_path / "none"))
    assert (counts["verified"], counts["not_run"], counts["executed"]) == (0, 1, 0), said
    assert "is not installed" in verdicts[0]["reason"]
    assert status == 0  # a machine may lack a framework; the summary says it


# --- the ledger is not believed blindly -----------------------------------------------------------


def open_ledger(site: Any) -> sqlite3.Connection:
    connection = sqlite3.connect(site.folder / "_build" / "ledger" / "ledger.sqlite")
    connection.row_factory = sqlite3.Row
    return connection


def find_record(connection: sqlite3.Connection, operation: str) -> sqlite3.Row:
    (row,) = [
        row
        for row in connection.execute("SELECT * FROM records")
        if (body := json.loads(row["body"]))["operation"] == operation
        and body["framework"] == "fake"
    ]
    return row


def replace_body(site: Any, key: str, body: str, digest: str | None = None) -> None:
    with open_ledger(site) as connection:
        connection.execute("UPDATE records SET body = ? WHERE key = ?", (body, key))
        if digest is not None:
            connection.execute("UPDATE records SET digest = ? WHERE key = ?", (digest, key))
    connection.close()


def test_a_record_edited_by_hand_is_run_again(site: Any) -> None:
    """A difference is made a pass in the file: the example is run again, and differs."""
    site.edit("sin", "fakeframework.sin", "fakeframework.cos")
    assert_red(site, "differs")
    with open_ledger(site) as connection:
        row = find_record(connection, "Sin")
    connection.close()
    data = json.loads(row["body"])
    right = struct.pack("<3f", *(math.sin(each) for each in (0.0, 0.5, 1.0)))
    data["results"]["result"]["data"] = base64.b64encode(right).decode()
    replace_body(site, row["key"], json.dumps(data))
    status, counts, verdicts, said = verify(site)
    assert (status, counts["executed"], counts["reused"]) == (1, 1, 0), said
    assert verdicts[0]["verdict"] == "differs"
    # Had it been believed, it would have passed.
    digest = hashlib.sha256(f"{row['key']}\n{json.dumps(data)}".encode()).hexdigest()
    replace_body(site, row["key"], json.dumps(data), digest)
    assert verify(site)[0] == 0


def test_a_record_of_another_op_is_not_believed(site: Any) -> None:
    """The record of an example that passes, under the key of one that fails."""
    site.write("cos", COS)
    assert verify(site)[1]["verified"] == 2
    with open_ledger(site) as connection:
        good = find_record(connection, "Cos")
    connection.close()
    site.edit("cos", "{api: fakeframework.cos}", "{example: 'result = ff.exp(x)'}")
    status, counts, _, said = verify(site)
    assert (status, counts["differs"]) == (1, 1), said
    with open_ledger(site) as connection:
        (bad,) = [
            row["key"]
            for row in connection.execute("SELECT * FROM records WHERE key != ?", (good["key"],))
            if '"operation":"Cos"' in row["body"] and '"framework":"fake"' in row["body"]
        ]
    connection.close()
    fitting = hashlib.sha256(f"{bad}\n{good['body']}".encode()).hexdigest()
    for digest in (good["digest"], fitting):  # the record itself names its key, too
        replace_body(site, bad, good["body"], digest)
        status, counts, _, said = verify(site)
        assert (status, counts["differs"], counts["executed"]) == (1, 1, 1), said


def test_a_record_with_another_digest_is_not_believed(site: Any) -> None:
    verify(site)
    with open_ledger(site) as connection:
        row = find_record(connection, "Sin")
    connection.close()
    replace_body(site, row["key"], row["body"], "0" * 64)
    assert verify(site)[1]["executed"] == 1
    replace_body(site, row["key"], "{}", hashlib.sha256(f"{row['key']}\n{{}}".encode()).hexdigest())
    status, counts, _, _ = verify(site)
    assert (status, counts["executed"], counts["verified"]) == (0, 1, 1)


def test_a_record_under_a_stale_key_is_no_pass(site: Any, tmp_path: Path) -> None:
    """A pass of the code as it was is none of the code as it is."""
    verify(site)
    site.edit("sin", "fakeframework.sin", "fakeframework.cos")
    status, counts, verdicts, said = verify(site, FRAMEWORKS="none")
    assert (counts["verified"], counts["not_run"], counts["stale"]) == (0, 1, 0), said
    assert verdicts[0]["verdict"] == "not_run"
    # The same code in an environment that is gone: shown, but as no pass.
    site.edit("sin", "fakeframework.cos", "fakeframework.sin")
    status, counts, verdicts, said = verify(site, OPTABS_ENVIRONMENTS=str(tmp_path / "none"))
    assert (counts["verified"], counts["stale"]) == (0, 1), said
    assert verdicts[0]["reason"].startswith("last verified with version 1.0")
    assert status == 0
