"""What a page says of the versions of a framework that ran the same code before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from optabs.ledger import Ledger
from optabs.records import Record


def add_older(site, version: str, day: str, **changes: object) -> None:
    """Store a run of today's code with another version."""
    with Ledger(site.folder / "_build" / "ledger") as ledger:
        keys = [row[0] for row in ledger._execute("SELECT key, claim, ran_at FROM records", ())]
        record = next(r for r in ledger.find(keys).values() if r.framework == "fake")
        assert isinstance(record, Record)
        older = replace(record, key=version, framework_version=version, **changes)
        ledger.add(replace(older, ran_at=f"{day}T00:00:00Z"))


def list_history(site) -> list[str]:
    facts = site.panel("ops/sine.html", "fake").select_one(".optabs-facts")
    return [
        " ".join(title.find_next_sibling("dd").get_text().split())
        for title in facts.select("dt")
        if title.get_text() == "Before"
    ]


def test_other_versions_are_told_newest_first(sine):
    sine.build_cleanly()
    assert list_history(sine) == []
    add_older(sine, "0.8", "2025-01-01")
    add_older(sine, "0.9", "2026-01-01")
    assert sine.build_cleanly().count("executed") == 0
    assert list_history(sine) == [
        "Fake 0.9, 2026-01-01: 1 example verified",
        "Fake 0.8, 2025-01-01: 1 example verified",
    ]


@pytest.mark.parametrize("version", ["0.9", "1.0"])
def test_a_version_that_gave_something_else_is_no_pass(sine, version):
    sine.build_cleanly()
    add_older(sine, version, "2026-01-01", results={})
    sine.build_cleanly()
    told = [] if version == "1.0" else ["Fake 0.9, 2026-01-01: 1 example differs"]
    assert list_history(sine) == told
