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
