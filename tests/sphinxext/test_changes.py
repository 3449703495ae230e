"""Tests of what a page says of an example that changes global state."""

from __future__ import annotations

from typing import Any

SCALE = """
operation: Scale
category: Arithmetic
description: Doubles.
std_args:
  - {name: x, type: Tensor}
cases:
  - id: loud
    inputs: {x: [0.5, -1.0]}
    expect: 2 * x
  - id: calm
    inputs: {x: [0.5]}
    expect: 2 * x
variants:
  fake:
    example:
      loud: |
        import os
        ff.set_default_dtype(ff.float64)
        os.environ["<b>"] = "1"
        result = ff.add(x, x)
      calm: result = ff.add(x, x)
"""
LINE = "changes global state: environment variables ('<b>'), default dtype (undone afterwards)"


def test_a_change_of_global_state_is_said_where_it_happens(site: Any) -> None:
    site.write("scale", SCALE)
    result = site.build_cleanly()
    assert result.count("verified") == 2
    panel = site.panel("ops/scale.html", "fake")
    lines = [each.get_text() for each in panel.select("p") if "global state" in each.get_text()]
    (line,) = lines
    assert LINE in line
    # A second build knows it from the ledger.
    site.edit("scale", "Doubles.", "Doubles it.")
    assert site.build_cleanly().count("executed") == 0
    assert LINE in site.panel("ops/scale.html", "fake").get_text()


def test_innocent_examples_have_no_such_line(sine: Any) -> None:
    sine.build_cleanly()
    assert "global state" not in sine.read("ops/sine.html")
