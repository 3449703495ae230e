"""Tests of API names and arguments against the installed framework, through the command line.

What a worker finds out about a name is tested in `worker/test_execution.py`, that the page marks
a missing API in `sphinxext/test_pages.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optabs.apis import ApiFact, ApiParameter, find_argument_problems, makes_call
from optabs.catalog.load import load_file

ADD = """
operation: Add
std_args: [x, y, factor]
variants:
  fake:
    api: ff.add
    args:
      x: x
      factor: alpha
"""
LINE_OF_FACTOR = 8


@pytest.fixture
def site(project: Callable[..., Any], tmp_path: Path) -> Any:
    made = project(tmp_path / "site")
    made.write("add", ADD)
    return made


def list_messages(site: Any, status: int) -> list[str]:
    done = site.run("verify")
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("ops/")]


def test_arguments_that_the_api_has_are_no_faults(site: Any) -> None:
    assert list_messages(site, 0) == []


def test_an_argument_that_the_api_lacks_is_told_at_its_line(site: Any) -> None:
    site.edit("add", "factor: alpha", "factor: alfa")
    (message,) = list_messages(site, 1)
    assert message == (
        f"ops/add.yaml:{LINE_OF_FACTOR}:15: no-such-argument Add, fake: 'ff.add' "
        "has no parameter 'alfa' (nearest: alpha)"
    )
    site.edit("add", "factor: alfa", "factor: zzz")
    (message,) = list_messages(site, 1)
    assert message.endswith("has no parameter 'zzz' (it has x, y, alpha)")


def test_the_first_argument_is_held_against_the_signature_too(site: Any) -> None:
    site.edit("add", "x: x", "x: input")
    (message,) = list_messages(site, 1)
    assert "ops/add.yaml:7:10: no-such-argument" in message


def test_added_arguments_are_held_against_the_signature(site: Any) -> None:
    site.edit("add", "factor: alpha", "factor: alpha\n    inject_args: {beta: 2}")
    (message,) = list_messages(site, 1)
    assert "ops/add.yaml:9:19: no-such-argument Add, fake: 'ff.add'" in message
    site.edit("add", "beta", "alpha")
    assert list_messages(site, 0) == []


def test_packed_arguments_are_held_against_the_signature(site: Any) -> None:
    site.edit("add", "factor: alpha", "factor: any\n    pack_to_tuple: perm")
    (message,) = list_messages(site, 1)
    # What is packed has no name of its own in the call.
    assert "ops/add.yaml:5:10: no-such-argument" in message
    assert "'perm'" in message


@pytest.mark.parametrize(
    "change",
    [
        "factor: null",  # dropped
        "factors: alfa",  # no argument of this op
        "factor: alfa\n    macro_template: 'lambda x, y, factor: x'",
        "factor: alfa\n    transformation_type: infix\n    operator: '+'",
        "factor: alfa\n    requires_plugin: any",
        "factor: alfa\n    unsupported: it cannot add",
    ],
)
def test_what_the_call_does_not_pass_is_not_judged(site: Any, change: str) -> None:
    site.edit("add", "factor: alpha", change)
    done = site.run("verify")
    assert "no-such-argument" not in done.stdout


def test_an_example_stands_in_for_the_call_only_where_it_is(site: Any) -> None:
    site.edit("add", "factor: alpha", "factor: alfa\n    example: {one: result = x}")
    case = "{{id: {}, inputs: {{x: [1.0], y: [1.0]}}, expect: x}}"
    site.edit("add", "variants:", f"cases:\n  - {case.format('one')}\nvariants:")
    assert list_messages(site, 0) == []
    site.edit("add", "variants:", f"  - {case.format('two')}\nvariants:")
    assert any("no-such-argument" in message for message in list_messages(site, 1))


def test_a_missing_api_has_no_arguments(site: Any) -> None:
    site.edit("add", "ff.add", "ff.addition_of_two")
    site.edit("add", "factor: alpha", "factor: alfa")
    (message,) = list_messages(site, 1)
    assert message == (
        "ops/add.yaml:5:10: no-such-api Add: 'ff.addition_of_two' does not exist in the "
        "installed Fake (check the name)"
    )


def test_a_module_that_is_not_installed_is_named(site: Any) -> None:
    site.edit("add", "ff.add", "scipy_of_nobody.add")
    (message,) = list_messages(site, 1)
    assert message.endswith("(its environment has no module 'scipy_of_nobody')")


def test_a_deprecated_name_is_a_note_and_no_failure(site: Any) -> None:
    site.write(
        "old", "operation: Old\nstd_args: [x]\nvariants: {fake: {api: fakeframework.old_sin}}\n"
    )
    (message,) = list_messages(site, 0)
    assert message == (
        "ops/old.yaml:3:24: note Old: Fake warns of 'fakeframework.old_sin': "
        "old_sin is deprecated, use sin"
    )


def test_names_are_looked_up_once_per_environment(site: Any) -> None:
    """An alias and its full name are one name; what is known is not looked up again."""
    site.edit("add", "ff.add", "ff.addd")
    first = list_messages(site, 1)
    (site.folder / "export.json").unlink(missing_ok=True)
    done = site.run("verify", "--json", "export.json", FRAMEWORKS="none")
    assert [line for line in done.stdout.splitlines() if line.startswith("ops/")] == first
    (op,) = json.loads((site.folder / "export.json").read_text())["ops"]
    assert op["variants"]["fake"]["api_exists"] is False


def test_two_thousand_names_take_seconds(site: Any) -> None:
    site.write(
        "many",
        "".join(
            f"- operation: Many{number}\n  std_args: [x]\n"
            f"  variants: {{fake: {{api: ff.sin{number}}}}}\n"
            for number in range(2000)
        ),
    )
    done = site.run("verify")
    found = re.search(r"; (\d+\.\d) s$", done.stdout)
    assert found is not None
    assert done.stdout.count("no-such-api") == 2000
    assert float(found[1]) < 30  # some 2 s on an idle machine


# --- the rules themselves -------------------------------------------------------------------------


def find_problems(tmp_path: Path, args: str, *parameters: str, **more: Any) -> list[str]:
    """Return the problems of an op (x, y, n) with `args`, for parameters such as ``dim=k``."""
    file = tmp_path / "op.yaml"
    file.write_text(
        "operation: Op\nstd_args: [x, y, {name: n, kind: keyword_only}]\n"
        f"variants: {{fake: {{api: ff.op, args: {args}}}}}\n"
    )
    op = load_file(file, tmp_path)[0].op
    assert op is not None
    kinds = {"/": "positional_only", "": "positional_or_keyword", "k": "keyword_only"}
    kinds |= {"*": "var_positional", "**": "var_keyword"}
    parts = [parameter.partition("=") for parameter in parameters]
    signature = tuple(ApiParameter(name, kinds[kind]) for name, _, kind in parts)
    fact = ApiFact(True, signature, (), None, **more)
    assert makes_call(op, op.variants["fake"])
    return [each.text for each in find_argument_problems(op, op.variants["fake"], fact)]


def test_keywords_of_any_name_accept_all(tmp_path: Path) -> None:
    assert find_problems(tmp_path, "{x: a, y: b, n: c}", "x", "kwargs=**") == []


def test_positional_only_names_serve_for_the_first_argument(tmp_path: Path) -> None:
    assert find_problems(tmp_path, "{x: a}", "a=/", "b=/") == []
    assert find_problems(tmp_path, "{y: b}", "a=/", "b=/") == ["takes 'b' by position only"]


def test_a_star_takes_what_comes_by_position(tmp_path: Path) -> None:
    assert find_problems(tmp_path, "{x: anything}", "operands=*") == []
    assert find_problems(tmp_path, "{y: anything}", "operands=*") == ["has no parameter 'anything'"]
    assert find_problems(tmp_path, "{n: m}", "operands=*", "m=k") == []


def test_a_class_may_take_an_argument_when_it_is_called(tmp_path: Path) -> None:
    called = (ApiParameter("inputs", "positional_or_keyword"),)
    assert find_problems(tmp_path, "{x: inputs, n: units}", "units", called=called) == []
    assert find_problems(tmp_path, "{x: input, n: units}", "units", called=called) == [
        "has no parameter 'input'"
    ]


def test_without_a_signature_nothing_can_be_said(tmp_path: Path) -> None:
    file = tmp_path / "op.yaml"
    file.write_text("operation: Op\nstd_args: [x]\nvariants: {fake: {api: a.b, args: {x: y}}}\n")
    op = load_file(file, tmp_path)[0].op
    assert op is not None
    fact = ApiFact(True, None, (), None)
    assert find_argument_problems(op, op.variants["fake"], fact) == []
