"""`optabs report`: what an export holds, and what has changed since an older one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from optabs.bulletin import LONGEST, MARK
from optabs.cli import main

Export = dict[str, Any]
NASTY = "`a` | b @someone #1 <img src=x>\n# c\x1b[31m ``"


def make_variant(*verdicts: str, api: str = "lib.f", exists: bool | None = True) -> Export:
    cases = zip(("first", "second", "third"), verdicts, strict=False)
    return {
        "strategy": "Direct mapping",
        "api": api,
        "api_exists": exists,
        "verdicts": [
            {"case": case, "device": "cpu", "verdict": verdict, "reason": f"as it is {verdict}"}
            for case, verdict in cases
        ],
    }


def make_export() -> Export:
    return {
        "schema": 1,
        "optabs_version": "0",
        "frameworks": [
            {"key": "torch", "name": "PyTorch", "version": "2.0", "devices": ["cpu"]},
            {"key": "jax", "name": "JAX", "version": None, "devices": []},
        ],
        "ops": [
            {
                "operation": name,
                "docname": f"ops/{name.lower()}",
                "category": "C",
                "variants": {
                    "torch": make_variant("verified", "failed"),
                    "jax": make_variant("not_run"),
                },
            }
            for name in ("Abs", "Sin")
        ],
    }


def get_verdict(export: Export, framework: str = "torch", number: int = 0) -> Export:
    verdict: Export = export["ops"][0]["variants"][framework]["verdicts"][number]
    return verdict


@pytest.fixture
def report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Write the exports, run the command, return its status and what it has printed."""

    def run(*options: str, new: object, old: object = None) -> tuple[int, str]:
        arguments = ["report", str(tmp_path / "new.json"), *options]
        for name, content in (("new", new), ("old", old)):
            if content is not None:
                text = content if isinstance(content, str) else json.dumps(content)
                (tmp_path / f"{name}.json").write_text(text)
        if old is not None:
            arguments += ["--since", str(tmp_path / "old.json")]
        status = main(arguments)
        found = capsys.readouterr()
        return status, found.out + found.err

    return run


# --- each kind of change --------------------------------------------------------------------------


def set_verdict(verdict: str, framework: str = "torch", number: int = 0) -> Callable[..., None]:
    def change(export: Export) -> None:
        get_verdict(export, framework, number).update(verdict=verdict, reason="because")

    return change


def set_variant(**values: Any) -> Callable[..., None]:
    return lambda export: export["ops"][0]["variants"]["torch"].update(values)


def add_op(export: Export) -> None:
    export["ops"].append({"operation": "Cos", "variants": {"torch": make_variant("verified")}})


def add_case(verdict: str) -> Callable[..., None]:
    case = {"case": "third", "device": "cpu", "verdict": verdict, "reason": "because"}
    return lambda export: export["ops"][0]["variants"]["torch"]["verdicts"].append(case)


def add_variant(export: Export) -> None:
    export["ops"][0]["variants"]["mlx"] = make_variant("verified")


@pytest.mark.parametrize(
    ("change", "status", "lines"),
    [
        (set_verdict("failed"), 1, ["Newly failed (1)", "Abs torch first cpu verified because"]),
        (set_verdict("differs"), 1, ["Newly differs (1)", "Abs torch first cpu verified because"]),
        (set_verdict("not_run"), 1, ["Newly not run (1)", "Abs torch first cpu verified because"]),
        (set_verdict("stale"), 1, ["Newly stale (1)", "Abs torch first cpu verified because"]),
        (
            set_verdict("unsupported"),
            0,
            ["Newly unsupported (1)", "Abs torch first cpu verified because"],
        ),
        (
            set_verdict("untestable"),
            0,
            ["Newly untestable (1)", "Abs torch first cpu verified because"],
        ),
        (
            set_verdict("verified", number=1),
            0,
            ["Newly verified (1)", "Abs torch second cpu failed because"],
        ),
        (
            set_verdict("differs", number=1),
            0,
            ["Newly differs (1)", "Abs torch second cpu failed because"],
        ),
        (
            set_verdict("failed", "jax"),
            1,
            ["Newly failed (1)", "Abs jax first cpu not run because"],
        ),
        (
            add_case("failed"),
            1,
            ["Newly failed (1)", "Abs torch third cpu because", "New (1)", "Abs torch third"],
        ),
        (add_case("verified"), 0, ["New (1)", "Abs torch third"]),
        (add_variant, 0, ["New (1)", "Abs mlx"]),
        (add_op, 0, ["New (1)", "Cos"]),
        (
            set_variant(api_exists=False),
            1,
            ["API names that are gone (1)", "Abs torch lib.f lib.f"],
        ),
        (
            set_variant(api="lib.g", api_exists=False),
            1,
            ["API names that are gone (1)", "Abs torch lib.f lib.g"],
        ),
        (set_variant(api="lib.g"), 0, ["API names that changed (1)", "Abs torch lib.f lib.g"]),
        (
            lambda export: export["frameworks"][0].update(version="2.1"),
            0,
            ["Framework versions (1)", "torch 2.0 2.1"],
        ),
        (
            lambda export: export["frameworks"][1].update(version="1.0"),
            0,
            ["Framework versions (1)", "jax 1.0"],
        ),
        (set_verdict("verified"), 0, []),
    ],
)
def test_a_change_is_told(
    report: Callable[..., tuple[int, str]],
    change: Callable[[Export], None],
    status: int,
    lines: list[str],
) -> None:
    new = make_export()
    change(new)
    found, text = report(new=new, old=make_export())
    told = [" ".join(line.split()) for line in text.splitlines()]
    ends = told.index(next(line for line in told if line.startswith("All verdicts (")))
    begins = next((n for n, line in enumerate(told) if re.search(r"\(\d+\)$", line)), ends)
    assert [line for line in told[begins:ends] if line and not is_head(line)] == lines
    assert found == status
    assert ("nothing got worse" in told[0] or "nothing changed" in told[0]) is (status == 0)


def is_head(line: str) -> bool:
    return line.startswith(("op", "framework")) and {"was", "is", "op"} & set(line.split()) != set()


@pytest.mark.parametrize(
    ("change", "line"),
    [(add_op, "Cos"), (add_variant, "Abs mlx"), (add_case("verified"), "Abs torch third")],
)
def test_what_is_removed_is_told_unless_the_export_is_narrowed(
    report: Callable[..., tuple[int, str]], change: Callable[[Export], None], line: str
) -> None:
    old = make_export()
    change(old)
    status, text = report(new=make_export(), old=old)
    told = [" ".join(each.split()) for each in text.splitlines()]
    assert status == 0
    assert told[told.index("Removed (1)") + 2] == line
    _, narrowed = report("--narrowed", new=make_export(), old=old)
    assert "nothing changed" in narrowed
    assert "Removed" not in narrowed


def test_an_api_that_is_there_again_is_told(report: Callable[..., tuple[int, str]]) -> None:
    old = make_export()
    set_variant(api_exists=False)(old)
    status, text = report(new=make_export(), old=old)
    assert status == 0
    assert "API names that are there again (1)" in text
    # What was gone before is no news, and what was not looked up says nothing.
    assert "nothing changed" in report(new=old, old=old)[1]
    set_variant(api_exists=None)(old)
    assert "nothing changed" in report(new=old, old=make_export())[1]


def test_without_an_older_one_the_verdicts_are_told(report: Callable[..., tuple[int, str]]) -> None:
    status, text = report(new=make_export())
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert status == 0
    assert lines[0] == "2 ops, 2 failed or differ"
    assert "torch 2.0 2 2" in lines
    assert lines[lines.index("Failed or differs (2)") + 2 :][:2] == [
        "Abs torch second cpu failed as it is failed",
        "Sin torch second cpu failed as it is failed",
    ]
    assert lines[-2:] == ["Abs failed 1 not run 1", "Sin failed 1 not run 1"]


def test_json_holds_every_change(report: Callable[..., tuple[int, str]]) -> None:
    new = make_export()
    set_verdict("failed")(new)
    status, text = report("--format", "json", new=new, old=make_export())
    document = json.loads(text)
    assert (status, document["worse"]) == (1, 1)
    assert document["changes"] == [
        {
            "kind": "Newly failed",
            "operation": "Abs",
            "framework": "torch",
            "case": "first",
            "device": "cpu",
            "old": "verified",
            "new": "failed",
            "reason": "because",
            "is_worse": True,
        }
    ]
    assert document["verdicts"]["torch"]["failed"] == 3
    assert json.loads(report("--format", "json", new=new)[1])["changes"] is None


# --- Markdown -------------------------------------------------------------------------------------


def render(text: str) -> str:
    return str(MarkdownIt("gfm-like", {"linkify": False}).render(text))


def test_markdown_is_a_comment_with_tables(report: Callable[..., tuple[int, str]]) -> None:
    new = make_export()
    set_verdict("failed")(new)
    add_op(new)
    status, text = report("--format", "markdown", new=new, old=make_export())
    assert status == 1
    assert text.startswith(f"{MARK}\n### Optabs: 3 ops, 1 got worse, ")
    html = render(text)
    assert html.count("<table>") == 4
    assert html.count("<details>") == html.count("</details>") == 2
    assert "<td><code>verified</code></td>" in html
    # What got worse is to be seen at once.
    assert html.index("Newly failed") < html.index("<details>") < html.index("New (1)")


def test_nothing_in_an_export_becomes_markup(report: Callable[..., tuple[int, str]]) -> None:
    new = make_export()
    new["frameworks"][0].update(key=NASTY, version=NASTY)
    op = {**new["ops"][0], "operation": NASTY, "variants": {NASTY: make_variant("failed")}}
    new["ops"].append(op)
    op["variants"][NASTY].update(api=NASTY)
    op["variants"][NASTY]["verdicts"][0].update(case=NASTY, device=NASTY, reason=NASTY + "x" * 999)
    for options in ([], ["--narrowed"]):
        _, text = report("--format", "markdown", *options, new=new, old=make_export())
        html = render(text)
        outside = re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)
        for part in ("@someone", "<img", "#1", "# c", "`"):
            assert part not in outside, part
        # Each row has as many cells as its table has columns.
        for table in re.findall(r"<table>.*?</table>", html, re.DOTALL):
            rows = re.findall(r"<tr>.*?</tr>", table, re.DOTALL)
            assert len({row.count("<t") for row in rows}) == 1, table
        assert len(max(text.splitlines(), key=len)) < 1200
    assert "\x1b" not in report(new=new)[1]


def test_a_long_comment_is_cut_and_says_so(report: Callable[..., tuple[int, str]]) -> None:
    new, old = make_export(), make_export()
    for export, verdict in ((new, "failed"), (old, "verified")):
        export["ops"] = [
            {
                "operation": f"Op{number}",
                "variants": {key: make_variant(verdict) for key in ("torch", "jax")},
            }
            for number in range(2000)
        ]
    set_variant(api="lib.g")(new)
    for each in new["ops"]:
        each["variants"]["torch"]["verdicts"][0]["reason"] = "r" * 500
    _, text = report("--format", "markdown", new=new, old=old)
    assert LONGEST * 0.5 < len(text) <= LONGEST
    left_out = [int(each) for each in re.findall(r"holds no more: (\d+) rows", text)]
    (failed, ops) = left_out
    assert failed == 4000 - text.count("`verified`")
    assert ops == 2000 - len(re.findall(r"^\| `Op\d+` \| failed", text, re.MULTILINE))
    assert "lib.g" in text  # the small tables are whole
    html = render(text)
    assert html.count("<details>") == html.count("</details>") == 2
    everything = report(new=new, old=old)[1]
    assert "Newly failed (4000)" in everything
    assert len(everything.splitlines()) > 6000


# --- what is no export ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "new.json:1:1: no JSON, or cut short"),
        (json.dumps(make_export(), indent=1)[:700], "cut short"),
        ('{"key": "a"}\n{"key": "b"}\n', "new.json:2:1: no JSON, or cut short: Extra data"),
        ("[" * 200_000, "is no JSON document"),
        ("1" * 5000, "is no JSON document"),
        ("[]", "is no export of Optabs: it has no `schema`"),
        ('{"schema": 2}', "has the schema 2, and 1 is what this version of Optabs reads"),
        ('{"schema": "1"}', "has the schema '1', and 1"),
        ('{"schema": 1}', "is no export of Optabs: `frameworks` is not a list"),
        ('{"schema": 1, "frameworks": [], "ops": {}}', "`ops` is not a list"),
        ('{"schema": 1, "frameworks": [3], "ops": []}', "`frameworks[0]` is not an object"),
        ('{"schema": 1, "frameworks": [], "ops": [{}]}', "`ops[0].operation` is not a text"),
        (
            json.dumps(make_export()).replace('"verified"', '"fine"', 1),
            "`ops[0].variants.torch.verdicts[0].verdict` is 'fine', which is no verdict",
        ),
        (
            json.dumps(make_export()).replace("true", '"yes"', 1),
            "`ops[0].variants.torch.api_exists` is not true or false",
        ),
    ],
)
def test_what_is_no_export_is_told(
    report: Callable[..., tuple[int, str]], text: str, message: str
) -> None:
    for arguments in ({"new": text}, {"new": make_export(), "old": text}):
        status, told = report(**arguments)
        assert status == 2
        assert "Traceback" not in told
        expected = message if "old" not in arguments else message.replace("new.json", "old.json")
        assert expected in told
        assert "optabs verify --json" in told or "the same version" in told


def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("nowhere.json", "."):
        assert main(["report", str(tmp_path / name)]) == 2
        assert f"cannot read {tmp_path / name}" in capsys.readouterr().err
    (tmp_path / "latin.json").write_bytes(b'{"schema": "\xe9"}')
    assert main(["report", str(tmp_path / "latin.json")]) == 2
    assert "is no JSON document" in capsys.readouterr().err


def test_a_real_export_is_read(project: Callable[..., Any], tmp_path: Path) -> None:
    site = project(tmp_path / "site")
    site.write(
        "sin",
        """
        operation: Sin
        std_args: [x]
        cases: [{id: plain, inputs: {x: [0.5]}, expect: np.sin(x)}]
        variants:
          fake: {api: fakeframework.sin}
          fake_two: {unsupported: It cannot.}
        """,
    )
    site.run("verify", "--json", "old.json")
    site.edit("sin", "np.sin(x)", "np.cos(x)")
    site.run("verify", "--json", "new.json")
    done = site.run("report", "new.json", "--since", "old.json")
    assert done.returncode == 1, done.stderr
    assert "1 op, 1 got worse, 1 changed" in done.stdout
    assert re.search(r"Sin +fake +plain +cpu +verified +", done.stdout)
    assert site.run("report", "old.json", "--since", "new.json").returncode == 0
