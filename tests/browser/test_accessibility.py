"""What axe-core finds on the main kinds of page, in both colour schemes."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser

PAGES = {
    "op": "ops/add.html",
    "pair": "ops/add.html?from=fake&to=fake_two",
    "failed": "ops/add.html#fake-two-wide",
    "ops": "index.html",
    "matrix": "matrix.html",
    "health": "health.html",
    "differences": "differences.html?from=fake&to=fake_two",
    "names": "from-fake.html",
    "search": "search.html",
}


def find_violations(page):
    """The places of each kind of violation."""
    found = Axe().run(page, options={"preload": False})  # it would load styles anew, by wrong names
    return {
        each["id"]: [node["target"] for node in each["nodes"]]
        for each in found.response["violations"]
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", PAGES)
def test_no_violation(open_page, kind, scheme):
    page = open_page(PAGES[kind], color_scheme=scheme)
    page.wait_for_load_state("networkidle")
    assert find_violations(page) == {}


def test_what_is_wrong_is_found(open_page):
    page = open_page("ops/add.html")
    page.evaluate("document.querySelector('[role=tab]').setAttribute('aria-selected', 'perhaps')")
    assert "aria-valid-attr-value" in find_violations(page)
