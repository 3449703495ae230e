"""Pages of random ops: judged by distribution, in words, and never compared with each other."""

from __future__ import annotations

import json

import pytest

from optabs.distributions import bound_distance

DRAW = """
operation: Draw
std_args: [rate, shape]
cases:
  - id: numbers
    title: A thousand numbers
    inputs: {rate: 2.0, shape: {python: "(1500,)"}}
    expect:
      sample: {distribution: exponential, rate: rate, shape: shape, dtype: float64}
variants:
  fake:
    example: |
      import random

      sample = ff.array([random.expovariate(rate) for _ in range(1500)], dtype=ff.float64)
      print(sample.data[:2])
  fake_two:
    example: |
      import random

      sample = f2.vector([random.expovariate(rate) for _ in range(1500)])
"""
NO_COMPARISON = "not compared: each framework draws random values of its own"


@pytest.mark.parametrize("builder", ["html", "text"])
def test_a_page_says_how_draws_were_judged(site, builder):
    site.write("draw", DRAW)
    built = site.build("-n", builder=builder)
    assert (built.status, built.warnings, built.count("verified")) == (0, [], 2)
    page = "ops/draw" + (".html" if builder == "html" else ".txt")
    text = site.parse(page).get_text() if builder == "html" else site.read(page, builder)
    text = " ".join(text.split())
    assert NO_COMPARISON in text
    assert f"allowed {bound_distance(1500):g} (bound of Dvoretzky, Kiefer and Wolfowitz)" in text
    assert "tolerance: Random draws are judged by their distribution:" in text
    assert "|expected|" not in text


def test_draws_that_are_wrong_are_a_warning_and_are_exported(site):
    site.write("draw", DRAW)
    site.edit("draw", "f2.vector([random.expovariate(rate)", "f2.vector([random.expovariate(1)")
    built = site.build()
    assert (built.count("verified"), built.count("differs")) == (1, 1)
    (warning,) = built.warnings
    assert "the draws of `sample` are not distributed as expected, exponential (rate 2)" in warning
    export = json.loads((site.folder / "_build" / "html" / "optabs.json").read_text())
    (draw,) = export["ops"]
    found = {key: each["verdicts"][0] for key, each in draw["variants"].items()}
    assert found["fake"]["max_abs_error"] < found["fake"]["atol"] < 0.07
    assert found["fake_two"]["max_abs_error"] > 0.2
    assert found["fake"]["max_rel_error"] is found["fake_two"]["max_rel_error"] is None
