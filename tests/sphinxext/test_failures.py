"""What fails is a warning, which a strict build does not survive; the rest is unaffected."""

from __future__ import annotations

FAILING = """
operation: Failing
cases:
  - {id: plain, inputs: {x: [0.5]}, expect: np.sin(x)}
variants:
  fake:
    example: |
      result = ff.nothing(x)
"""


def test_failures_make_a_strict_build_fail(site):
    site.write("failing", FAILING)
    line = site.find_line("failing", "ff.nothing")
    loose, strict = site.build(), site.build("-W")
    for result in (loose, strict):
        (warning,) = [each for each in result.warnings if "WARNING" in each]
        assert warning.startswith(f"{site.folder}/ops/failing.yaml:{line}: WARNING: failed Failing")
        assert result.count("failed") == 1
    assert loose.status == 0
    assert strict.status == 1
    site.configure(optabs_fail_on=[])
    quiet = site.build_cleanly("-W")
    assert quiet.count("failed") == 1
    site.configure(optabs_fail_on=["faild"])
    result = site.build()
    assert result.status == 2
    assert result.warnings == [
        "ERROR: optabs: optabs_fail_on names 'faild', which is no verdict\ndid you mean 'failed'?"
    ]


def test_crashing_example_costs_one_tab(sine):
    sine.write(
        "crash",
        """
        operation: Crash
        cases:
          - {id: plain, inputs: {x: [0.5]}, expect: np.sin(x)}
          - {id: other, inputs: {x: [0.75]}, expect: np.sin(x)}
        variants:
          fake:
            example:
              plain: |
                import os
                print("the last words", flush=True)
                os.abort()
              other: |
                result = ff.sin(x)
        """,
    )
    sine.configure(optabs_fail_on=[])
    result = sine.build_cleanly()
    assert (result.count("verified"), result.count("failed")) == (2, 1)
    plain, other = sine.panel("ops/crash.html", "fake").select("article")
    assert "was killed by SIGABRT while it ran this example" in plain.get_text()
    assert "the last words" in plain.select_one(".optabs-output").get_text()
    assert other.select_one(".optabs-proof b")["data-verdict"] == "verified"
    assert sine.build_cleanly().count("executed") == 0
