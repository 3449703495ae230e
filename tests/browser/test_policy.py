"""Pages work under the Content-Security-Policy that the guide recommends."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from playwright.sync_api import Error

pytestmark = pytest.mark.browser

GUIDE = (Path(__file__).parents[2] / "guide" / "hosting.md").read_text(encoding="utf-8")
POLICY = re.search(r"^Content-Security-Policy: (.*)$", GUIDE, re.MULTILINE)[1]


def make_context(browser, address, policy):
    """A context in which all answers of the server bear the policy."""

    def answer(route):
        response = route.fetch()
        headers = {**response.headers, "content-security-policy": policy}
        # There is no icon.
        status = 200 if route.request.url.endswith("/favicon.ico") else response.status
        with contextlib.suppress(Error):  # the page may be gone
            route.fulfill(response=response, headers=headers, status=status)

    context = browser.new_context(viewport={"width": 1300, "height": 900})
    context.route(f"{address}/**", answer)
    return context


@pytest.fixture
def context(browser, address):
    made = make_context(browser, address, POLICY)
    yield made
    made.close()


@pytest.mark.parametrize("path", ["index.html", "matrix.html", "differences.html", "404.html"])
def test_no_page_breaks_the_policy(open_page, context, path):
    assert open_page(path, context=context).locator("h1").first.is_visible()


def test_tabs_and_search_work_under_it(open_page, context):
    page = open_page(context=context)
    page.locator("[role=tab][data-framework=fake_two]").click()
    assert page.locator(".optabs-panel[data-framework=fake_two]").is_visible()
    page = open_page("search.html?q=sine", context=context)
    page.locator("ul.search a").first.wait_for()


def test_a_policy_that_is_too_strict_is_noticed(browser, address):
    context = make_context(browser, address, POLICY.replace(" 'unsafe-inline'", ""))
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{address}/ops/add.html")
    assert any("Content Security Policy" in complaint for complaint in complaints)
    context.close()
