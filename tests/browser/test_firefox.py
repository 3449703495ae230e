"""The contract of the tabs in another engine: Firefox, driven through its own Marionette protocol.

Playwright drives no Firefox but one of its own making, Selenium wants a further program, and
Mozilla's client does not run on Python 3.13; the little that is needed of the protocol stands here.
Source: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from typing import Any

import pytest

pytestmark = pytest.mark.browser

SECONDS = 90.0
SETTINGS = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Right": "\ue014", "Left": "\ue012", "End": "\ue010", "Home": "\ue011"}

SHOWN = """return [...document.querySelectorAll(".optabs-panel")]
  .filter(panel => !panel.hasAttribute("hidden")).map(panel => panel.id);"""


class Firefox:
    """A session with a running Firefox."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.stream = self.socket.makefile("rwb")
        self.read()  # it says hello
        self.send("WebDriver:NewSession")

    def close(self) -> None:
        self.stream.close()
        self.socket.close()

    def read(self) -> Any:
        size = b""
        while not size.endswith(b":"):
            size += self.stream.read(1)
        return json.loads(self.stream.read(int(size[:-1])))

    def send(self, command: str, **parameters: Any) -> Any:
        body = json.dumps([0, 1, command, parameters]).encode()
        self.stream.write(str(len(body)).encode() + b":" + body)
        self.stream.flush()
        _, _, error, result = self.read()
        assert error is None, error
        return result

    def open(self, address: str) -> None:
        self.send("WebDriver:Navigate", url=address)

    def run(self, script: str) -> Any:
        return self.send("WebDriver:ExecuteScript", script=script, args=[])["value"]

    def find(self, selector: str) -> str:
        found = self.send("WebDriver:FindElement", using="css selector", value=selector)
        return str(found["value"][ELEMENT])

    def click(self, selector: str) -> None:
        self.send("WebDriver:ElementClick", id=self.find(selector))

    def press(self, selector: str, key: str) -> None:
        self.send("WebDriver:ElementSendKeys", id=self.find(selector), text=KEYS[key])

    def allow_scripts(self, allowed: bool) -> None:
        self.send("Marionette:SetContext", value="chrome")
        self.run(f"Services.prefs.setBoolPref('javascript.enabled', {str(allowed).lower()})")
        self.send("Marionette:SetContext", value="content")


def find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def connect(port: int) -> Firefox:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return Firefox(port)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    """A Firefox that obeys."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        leave = pytest.fail if os.environ.get("OPTABS_TESTS_COMPLETE") else pytest.skip
        leave("there is no Firefox: install it (on Debian: apt install firefox-esr)")
    profile = tmp_path_factory.mktemp("firefox")
    port = find_port()
    settings = {**SETTINGS, "marionette.port": port}
    lines = [f'user_pref("{name}", {str(value).lower()});' for name, value in settings.items()]
    (profile / "user.js").write_text("\n".join(lines))
    process = subprocess.Popen(
        [
            program,
            "--headless",
            "--marionette",
            "--remote-allow-system-access",
            "--no-remote",
            "--profile",
            str(profile),
        ],
        env={**os.environ, "HOME": str(profile)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        client = connect(port)
        yield client
        client.close()
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def visit(firefox, address):
    """Open a page as someone who has chosen nothing yet."""
    firefox.open(f"{address}/ops/sine.html")
    firefox.run("localStorage.clear()")

    def visit_(path: str) -> None:
        firefox.open("about:blank")  # else another fragment is no new page
        firefox.open(f"{address}/{path}")

    return visit_


def read_shown(firefox) -> list[str]:
    return firefox.run(SHOWN)


def name_tab(key: str) -> str:
    return f"[role=tab][data-framework={key}]"


def test_what_decides_goes_in_its_order(firefox, visit):
    visit("ops/add.html")
    assert read_shown(firefox) == ["torch"]
    firefox.click(name_tab("fake"))
    assert read_shown(firefox) == ["fake"]
    assert firefox.run("return location.hash") == "#fake"
    visit("ops/add.html")
    assert read_shown(firefox) == ["fake"]
    visit("ops/add.html?framework=numpy")
    assert read_shown(firefox) == ["numpy"]
    visit("ops/add.html?framework=numpy#fake-two")
    assert read_shown(firefox) == ["fake-two"]
    visit("ops/add.html")  # no link has changed the choice
    assert read_shown(firefox) == ["fake"]


def test_keys_move_and_choose(firefox, visit):
    visit("ops/add.html")
    for key, shown in [
        ("Right", "numpy"),
        ("End", "fake-two"),
        ("Right", "torch"),
        ("Left", "fake-two"),
        ("Home", "torch"),
    ]:
        firefox.press("[role=tab][aria-selected=true]", key)
        assert read_shown(firefox) == [shown]
        assert firefox.run("return document.activeElement.ariaSelected") == "true"


def test_keys_follow_the_direction_of_writing(firefox, visit):
    visit("ops/add.html")
    firefox.run("document.documentElement.dir = 'rtl'")
    firefox.press(name_tab("torch"), "Left")
    assert read_shown(firefox) == ["numpy"]


def test_links_open_the_panel_that_they_point_into(firefox, visit):
    visit("ops/add.html")
    firefox.run("location.hash = '#fake-two-wide'")
    deadline = time.monotonic() + 10
    while read_shown(firefox) != ["fake-two"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert read_shown(firefox) == ["fake-two"]


def test_hidden_panels_can_be_found_and_leave_no_box(firefox, visit):
    visit("ops/add.html")
    hidden = firefox.run(
        """return [...document.querySelectorAll(".optabs-panel[hidden]")]
          .map(panel => [panel.getAttribute("hidden"), panel.getBoundingClientRect().height]);"""
    )
    word = firefox.run("return 'onbeforematch' in HTMLElement.prototype ? 'until-found' : ''")
    assert hidden == [[word, 0]] * 3
    firefox.run("document.getElementById('fake').dispatchEvent(new Event('beforematch'))")
    assert read_shown(firefox) == ["fake"]


def test_pair_is_compared(firefox, visit):
    visit("ops/add.html?from=fake&to=fake_two")
    names = firefox.run(
        "return [...document.querySelectorAll('.optabs-pair-name')].map(name => name.textContent)"
    )
    assert names == ["Fake", "Fake Two"]


def test_without_javascript_all_is_there(firefox, visit):
    firefox.allow_scripts(False)
    try:
        visit("ops/add.html")
        firefox.find(".optabs-panel#fake-two")
        size = firefox.send("WebDriver:GetElementRect", id=firefox.find("#fake-two pre"))
        assert size["height"] > 0
        assert (
            firefox.send("WebDriver:FindElements", using="css selector", value="[role=tab]") == []
        )
    finally:
        firefox.allow_scripts(True)
