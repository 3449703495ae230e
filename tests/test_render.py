"""What a page says of the arguments of a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from optabs.apis import ApiFact, ApiParameter, makes_call
from optabs.catalog.load import load_file
from optabs.render import list_arguments, list_mapping
from optabs.verify import Report

STEP = """\
operation: Step
std_args: [param, rate, eps]
cases:
  - {id: first, inputs: {param: [0.5], rate: 0.5}, expect: param, grad: true}
  - {id: second, inputs: {param: [0.5], rate: 0.5}, expect: param}
variants:
  fake:
    api: ff.Step
    args: {rate: lr}
"""
FACT = ApiFact(
    True, (ApiParameter("lr", "keyword_only"), ApiParameter("eps", "keyword_only")), (), None
)
CODE = {"first": "result = param", "second": "result = param"}
DEFAULTS = {"lr": "0.1", "pair": "(0.9, 0.999)"}


@pytest.mark.parametrize(
    ("example", "fact", "names"),
    [
        (None, FACT, ["param", "lr", "eps"]),
        ({"first": "result = param"}, FACT, ["param", "lr", "eps"]),
        (CODE, FACT, ["lr", "eps"]),
        ("result = param", FACT, ["lr", "eps"]),
        (CODE, None, ["lr"]),
    ],
)
def test_where_examples_stand_in_for_the_call_arguments_are_those_of_the_signature(
    tmp_path: Path, example: object, fact: ApiFact | None, names: list[str]
) -> None:
    file = tmp_path / "step.yaml"
    file.write_text(STEP + (f"    example: {example!r}\n" if example else ""))
    op = load_file(file, tmp_path)[0].op
    assert op is not None
    variant = op.variants["fake"]
    assert [row["framework"] for row in list_mapping(op, variant, fact)] == names
    assert makes_call(op, variant) == ("param" in names)


def test_the_default_that_arguments_share_is_that_of_none_of_them(tmp_path: Path) -> None:
    file = tmp_path / "step.yaml"
    file.write_text(STEP.replace("{rate: lr}", "{rate: lr, param: pair, eps: pair}"))
    op = load_file(file, tmp_path)[0].op
    assert op is not None
    keywords = [ApiParameter(name, "keyword_only", default) for name, default in DEFAULTS.items()]
    report = Report([], {("fake", "ff.Step"): ApiFact(True, tuple(keywords), (), None)})
    cells = [row["cells"]["fake"] for row in list_arguments(op, ["fake"], report)]
    assert [(each["name"], each["default"], each["required"]) for each in cells] == [
        ("pair", None, False),
        ("lr", "0.1", False),
        ("pair", None, False),
    ]
