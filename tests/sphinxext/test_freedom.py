"""What a page says of results that are compared up to signs."""

from __future__ import annotations

import pytest

TURNED = """
operation: Turned
cases:
  - id: one
    inputs: {x: [1.0, 2.0]}
    expect:
      u: {values: [[1.0, 2.0], [3.0, -4.0]], up_to: column-signs}
      kept: x
variants:
  fake:
    example: |
      u = ff.array([[1.0, -2.0], [3.0, 4.0]])
      kept = x
"""
WORDS = "ompared up to the sign of each column of"


@pytest.mark.parametrize("wrong", [False, True])
def test_a_page_says_what_was_open(site, wrong):
    site.write("turned", TURNED.replace("[3.0, 4.0]", "[3.0, 4.5]") if wrong else TURNED)
    site.build()
    panel = site.panel("ops/turned.html", "fake")
    assert panel.select_one(".optabs-badge").get_text(strip=True) == (
        "differs" if wrong else "verified"
    )
    assert WORDS in panel.select_one(".optabs-proof").get_text()
    message = panel.select_one(".optabs-message")
    assert (message is not None) is wrong
    if message:
        assert "-4.5, expected -4.0" in message.get_text()
        assert WORDS in message.get_text()
    site.build(builder="text")
    assert "C" + WORDS in site.read("ops/turned.txt", "text")
