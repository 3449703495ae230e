"""Badges are green for what is proved alone, and hold whatever text they are given."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from optabs.badge import make_badge, measure_text
from optabs.records import Verdict

GREEN, RED, GREY = "1a7f37", "b42318", "5f6670"


def count(**verdicts: int) -> dict[str, int]:
    return {verdict.value: verdicts.get(verdict.value, 0) for verdict in Verdict}


@pytest.mark.parametrize(
    ("counts", "message", "color"),
    [
        (count(verified=8), "8 of 8 verified", GREEN),
        (count(verified=7, unsupported=1), "7 of 7 verified", GREEN),
        (count(verified=7, untestable=1), "7 of 8 verified", GREEN),
        (count(verified=7, differs=1), "7 of 8 verified, 1 differs", RED),
        (count(verified=7, failed=1), "7 of 8 verified, 1 failed", RED),
        (count(failed=1, stale=2, not_run=3), "0 of 6 verified, 1 failed, 2 stale, 3 not run", RED),
        (count(verified=7, stale=1), "7 of 8 verified, 1 stale", GREY),
        (count(verified=7, not_run=1), "7 of 8 verified, 1 not run", GREY),
        (count(not_run=8), "0 of 8 verified, 8 not run", GREY),
        (count(untestable=2), "0 of 2 verified", GREY),
        (count(unsupported=2), "0 of 0 verified", GREY),
        (count(), "0 of 0 verified", GREY),
    ],
)
def test_badge_says_what_was_proved(counts, message, color):
    badge = make_badge("Sum", counts)
    assert (badge.message, badge.color) == (message, color)
    assert badge.endpoint["schemaVersion"] == 1
    assert badge.endpoint["isError"] is (color == RED)


def test_badge_is_legible():
    def luminance(color):
        parts = [int(color[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for color in (GREEN, RED, GREY, "3d444d"):
        assert 1.05 / (luminance(color) + 0.05) >= 4.5
    assert measure_text("和") > measure_text("a")


def test_badge_is_well_formed_whatever_its_name():
    import jinja2

    from optabs.sphinxext.html import find_assets

    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader(find_assets("_templates")), autoescape=True
    )
    name = '</title><script>"&amp;'
    text = jinja.get_template("optabs/badge.svg").render(make_badge(name, count(not_run=1)).context)
    root = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == f"{name}: 0 of 1 verified, 1 not run"
    assert root.get("aria-label") == f"{name}: 0 of 1 verified, 1 not run"
    assert root.find(f"{space}path").get("fill") == f"#{GREY}"
    widths = [
        float(each.get("x")) + float(each.get("textLength")) for each in root.iter(f"{space}text")
    ]
    assert widths[-1] < float(root.get("width"))
