"""What pages show of evidence from other machines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

INDEX = """
# Home

```{ops}
```

```{matrix}
```
"""


@pytest.fixture
def found(sine: Any, cuda_machine: Callable[..., Any], cuda_frameworks: Path) -> Any:
    """A site on a machine without a CUDA device, with evidence from one that has it."""
    sine.variables["OPTABS_FRAMEWORKS"] = str(cuda_frameworks)
    sine.write("index.md", INDEX)
    file = sine.folder / "evidence" / "fake-cuda.jsonl"
    arguments = ("verify", "--framework", "fake", "--device", "cuda", "--export", file)
    done = cuda_machine(sine.folder / "ops", *arguments)
    assert done.returncode == 0, done.stderr
    return sine


def list_runs(site: Any) -> list[str]:
    facts = site.panel("ops/sine.html", "fake").select_one(".optabs-facts")
    return [
        " ".join(title.find_next_sibling("dd").get_text().split())
        for title in facts.select("dt")
        if title.get_text() == "Run with"
    ]


def test_a_device_that_is_elsewhere_is_shown_with_its_origin(found: Any) -> None:
    first = found.build_cleanly()
    assert (first.count("verified"), first.count("executed")) == (2, 1)
    own, other = list_runs(found)
    assert "on cpu (" in own
    assert own.endswith("; this build")
    assert "on cuda (Fake GPU; driver 1.0, Runtime 7.1), 20" in other
    assert other.endswith("; evidence from another machine")
    assert "evidence from another machine" in found.read("ops/sine.md")
    rows = [*csv.reader(found.read("matrix.csv").splitlines())]
    assert rows[0][3:] == ["fake-cpu", "fake-cuda"]
    assert rows[1][3:] == ["verified", "verified"]
    parity = found.parse("ops/sine.html").select(".optabs-parity li")
    assert [[each.b.get_text(), each.small.get_text()] for each in parity] == [
        ["cpu", "verified"],
        ["cuda", "verified"],
    ]
    assert "Fake (cuda)" in found.parse("index.html").get_text()

    times = found.list_times()
    again = found.build_cleanly()
    assert (again.count("verified"), again.count("executed")) == (2, 0)
    assert found.list_times() == times


def test_without_evidence_no_origin_is_said(sine: Any) -> None:
    sine.build_cleanly()
    (own,) = list_runs(sine)
    assert "this build" not in own


def test_a_site_is_built_from_evidence_alone(found: Any) -> None:
    nowhere = {"OPTABS_ENVIRONMENTS": str(found.folder / "none"), "FRAMEWORKS": "none"}
    result = found.build_cleanly(**nowhere)
    assert (result.count("verified"), result.count("not run")) == (1, 1)
    assert result.count("executed") == 0
    (other,) = list_runs(found)
    assert "on cuda (Fake GPU; driver 1.0" in other
    assert found.build_cleanly(**nowhere).count("verified") == 1


def test_new_evidence_writes_the_pages_that_it_concerns(found: Any) -> None:
    file = found.folder / "evidence" / "fake-cuda.jsonl"
    text = file.read_text()
    file.unlink()
    found.write("other", (found.folder / "ops/sine.yaml").read_text().replace("Sine", "Other"))
    found.edit("other", "0.5", "0.25")
    found.build_cleanly()
    before = found.list_times()
    file.write_text(text)
    assert found.build_cleanly().count("executed") == 0
    after = found.list_times()
    written = {name for name in after if after[name] != before[name]}
    assert {"index.html", "ops/sine.html"} <= written
    assert "ops/other.html" not in written
    assert len(list_runs(found)) == 2


def test_stale_evidence_is_no_pass(found: Any, cuda_frameworks: Path) -> None:
    adapter = cuda_frameworks / "fake" / "adapter.py"
    adapter.write_text(adapter.read_text() + "# changed\n")
    result = found.build_cleanly()
    assert (result.count("verified"), result.count("stale")) == (1, 1)
    text = " ".join(found.panel("ops/sine.html", "fake").get_text().split())
    assert "ast verified with version 1.0 on 20" in text
    assert "the worker or the adapter has changed since, and there is no cuda device here" in text


def test_a_changed_line_is_a_warning_at_its_line(found: Any) -> None:
    file = found.folder / "evidence" / "fake-cuda.jsonl"
    file.write_text(file.read_text().replace("Fake GPU", "Real GPU"))
    result = found.build()
    (warning,) = result.warnings
    assert "evidence/fake-cuda.jsonl:1: WARNING: refused-evidence" in warning
    assert result.count("verified") == 1
    assert "cuda" not in found.read("ops/sine.html")
    verdicts = json.loads(found.read("optabs.json"))["ops"][0]["variants"]["fake"]["verdicts"]
    assert [each["device"] for each in verdicts] == ["cpu"]


LACKING = """
operation: Wave
std_args: [x]
cases:
  - id: plain
    inputs: {x: [0.5, 1.0]}
    expect: np.sin(x)
    differences: [{frameworks: [fake_two], dtype: {result: float64}, reason: It has no other.}]
  - id: wide
    inputs: {x: {values: [0.5], dtype: float64}}
    expect: np.sin(x)
  - id: left
    inputs: {x: [0.25]}
    expect: np.sin(x)
    differences: [{frameworks: [fake_two], dtype: {result: float64}, reason: It has no other.}]
    not_on: {metal: "`sin` is `inexact` there"}
variants:
  fake_two: {api: faketwo.sine}
  fake:
    api: fakeframework.sin
    example:
      left: result = ff.move(ff.sin(x), "cpu")
"""


@pytest.fixture
def three(sine: Any, cuda_machine: Callable[..., Any], cuda_frameworks: Path) -> Any:
    """A site on a machine without a GPU, with evidence of two devices."""
    sine.variables["OPTABS_FRAMEWORKS"] = str(cuda_frameworks)
    sine.write("wave", LACKING)
    for device in ("cuda", "metal"):
        file = sine.folder / "evidence" / f"fake-{device}.jsonl"
        arguments = ("verify", "--framework", "fake", "--device", device, "--export", file)
        done = cuda_machine(sine.folder / "ops", *arguments, METAL_FAKE="macOS 15.1")
        assert done.returncode == 0, done.stderr
    return sine


def list_chips(site: Any) -> list[str]:
    chips = site.panel("ops/wave.html", "fake").select(".optabs-devices > .optabs-badge")
    texts = [chip.get_text() for chip in chips]
    verdicts = [chip["data-verdict"].replace("_", " ") for chip in chips]
    assert [text.partition(" ")[2] for text in texts] == verdicts
    return texts


def list_proofs(site: Any, case: str) -> list[str]:
    card = site.panel("ops/wave.html", "fake").select_one(f"#fake-{case}").find_parent("article")
    return [" ".join(each.get_text().split()) for each in card.select(".optabs-proof")]


def test_a_tab_has_a_chip_for_each_device(three: Any) -> None:
    three.build_cleanly()
    assert list_chips(three) == ["cpu verified", "cuda not run", "metal verified"]
    assert find_badge(three) == "verified"
    first, second, third = list_proofs(three, "plain")
    assert first.startswith("verified on cpu, Fake 1.0, 20")
    assert second.startswith("verified on cuda, Fake 1.0, evidence from Fake GPU on 20")
    assert third.startswith("verified on metal, Fake 1.0, evidence from Fake M1 on 20")
    text = " ".join(three.panel("ops/wave.html", "fake").get_text().split())
    assert "Computed on the CPU, not on cuda" in text
    assert "Fake has no float64 on metal" in text
    assert "`" not in text
    assert "sin is inexact there" in text
    markdown = three.read("ops/wave.md")
    assert "- On cuda: not run" in markdown
    assert "evidence from Fake M1 on 20" in markdown
    assert "metal (Fake M1; macOS 15.1, Runtime 7.1)" in markdown


def find_badge(site: Any) -> str:
    badge = site.panel("ops/wave.html", "fake").select_one(".optabs-head > .optabs-badge")
    return str(badge["data-verdict"])


def test_what_is_excluded_on_devices_that_are_not_here_is_said_once(three: Any) -> None:
    for file in (three.folder / "evidence").iterdir():
        file.unlink()
    three.build_cleanly()
    assert list_chips(three) == []

    def list_reasons() -> list[str]:
        found = three.panel("ops/wave.html", "fake").select(".optabs-reason, .optabs-facts")
        texts = [" ".join(each.get_text().split()) for each in found]
        return [text for text in texts if "Not on" in text]

    assert list_reasons() == ["Not on metal: sin is inexact there"]
    # The other framework has no such device.
    assert "Not on" not in three.panel("ops/wave.html", "fake-two").get_text()
    assert "Not on metal: `sin` is `inexact` there" in three.read("ops/wave.md")
    three.edit("wave", "fakeframework.sin", "fakeframework.sin\n    not_on: {cuda: no, metal: no}")
    three.build_cleanly()
    (facts,) = list_reasons()
    assert "Not on cuda, metal: no" in facts
    assert "- Not on cuda, metal: no" in three.read("ops/wave.md")
    three.build_cleanly(builder="text")
    assert "Not on cuda, metal: no" in three.read("ops/wave.txt", "text")


def test_stale_evidence_leaves_the_tab_what_it_is(three: Any, cuda_frameworks: Path) -> None:
    adapter = cuda_frameworks / "fake" / "adapter.py"
    adapter.write_text(adapter.read_text() + "# changed\n")
    three.build_cleanly()
    assert list_chips(three) == ["cpu verified", "cuda stale", "metal stale"]
    assert find_badge(three) == "verified"
    assert "2 of 2 verified" in three.read("badges/wave.svg")


def test_what_differs_on_a_device_that_is_elsewhere_shows(
    three: Any, cuda_machine: Callable[..., Any]
) -> None:
    three.edit(
        "wave",
        'ff.move(ff.sin(x), "cpu")',
        'ff.sin(x) if x.device == "cpu" else ff.cos(x)',
    )
    three.build_cleanly()
    assert list_chips(three) == ["cpu verified", "cuda not run", "metal verified"]
    file = three.folder / "evidence" / "fake-cuda.jsonl"
    arguments = ("verify", "--framework", "fake", "--device", "cuda", "--export", file)
    assert cuda_machine(three.folder / "ops", *arguments).returncode == 1
    three.build()
    assert list_chips(three) == ["cpu verified", "cuda differs", "metal verified"]
    assert find_badge(three) == "differs"
