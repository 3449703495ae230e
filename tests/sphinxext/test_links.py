"""Links to the frameworks' documentation: from inventories where they can be had."""

from __future__ import annotations

import http.server
import shutil
import socket
import threading
import time
import zlib
from contextlib import suppress

import pytest

PATTERN = "https://fake.invalid/fakeframework/sin.html"


@pytest.fixture
def serve(tmp_path):
    """Serve a folder on this machine; tells its address and what was asked for."""
    servers = []

    def start(folder):
        asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=str(folder))

            def log_message(self, *arguments):
                asked.append(self.path)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}", asked

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def linked(sine, tmp_path):
    """A project whose fake framework has an inventory at some address."""

    def make(address):
        frameworks = tmp_path / "frameworks"
        if frameworks.exists():
            shutil.rmtree(frameworks)
        shutil.copytree(sine.variables["OPTABS_FRAMEWORKS"], frameworks)
        file = frameworks / "fake" / "framework.yaml"
        text = file.read_text()
        file.write_text(
            text.replace("docs:\n", f"docs:\n  inventory: {address}/docs/objects.inv\n")
        )
        sine.edit("conf.py", "optabs_inventories = False", "optabs_inventories = True")
        return {"OPTABS_FRAMEWORKS": str(frameworks)}

    return make


@pytest.fixture(scope="module")
def documentation(make_site, tmp_path_factory):
    """A folder with the documentation of the fake framework, made by Sphinx."""
    site = make_site(tmp_path_factory.mktemp("documentation") / "site")
    site.write("conf.py", 'extensions = []\nproject = "fake"\nhtml_theme = "basic"\n')
    (site.folder / "index.md").unlink()
    site.write("index.rst", "Fake\n====\n\n.. py:function:: fakeframework.sin(x)\n\n   The sine.\n")
    site.build_cleanly()
    folder = tmp_path_factory.mktemp("server")
    shutil.copytree(site.folder / "_build/html", folder / "docs")
    return folder


def find_link(site) -> str:
    return site.panel("ops/sine.html", "fake").select_one("a.optabs-api")["href"]


def test_inventory_is_fetched_used_and_kept(sine, linked, serve, documentation):
    address, asked = serve(documentation)
    variables = linked(address)
    sine.build_cleanly(**variables)
    wanted = f"{address}/docs/index.html#fakeframework.sin"
    assert find_link(sine) == wanted
    assert asked == ["/docs/objects.inv"]
    before = sine.list_times()
    sine.build_cleanly(**variables)
    assert asked == ["/docs/objects.inv"]
    assert sine.list_times() == before


def test_inventory_that_comes_later_writes_the_page_again(sine, linked, serve, documentation):
    address, asked = serve(documentation)
    variables = linked(address)
    sine.build_cleanly("-D", "optabs_inventories=0", **variables)
    assert asked == []
    assert find_link(sine) == PATTERN
    sine.build_cleanly(**variables)
    assert find_link(sine).startswith(address)


def test_without_a_network_the_pattern_serves_at_once(sine, linked):
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        variables = linked(f"http://127.0.0.1:{taken.getsockname()[1]}")
        sine.build_cleanly(**variables)
        assert find_link(sine) == PATTERN
        assert not (sine.folder / "_build/inventories/fake.inv").exists()


def test_silent_server_holds_a_build_up_once_and_not_for_long(sine, linked):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        variables = linked(f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        sine.build_cleanly(**variables)
        assert time.monotonic() - started < 20
        assert find_link(sine) == PATTERN
        silent.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
        sine.build_cleanly(**variables)
        with pytest.raises(BlockingIOError):
            silent.accept()  # nobody has asked again


def test_damaged_inventory_is_as_none(sine, linked, serve, tmp_path):
    head = b"# Sphinx inventory version 2\n# Project: x\n# Version: 1\n"
    head += b"# The remainder of this file is compressed using zlib.\n"
    folder = tmp_path / "server"
    (folder / "docs").mkdir(parents=True)
    address, asked = serve(folder)
    variables = linked(address)
    for content in (
        b"<html>Please sign in</html>",
        head + zlib.compress(b"x" * 99)[:20],
        b"# Sphinx inventory version 7\n",
        b"",
    ):
        (folder / "docs/objects.inv").write_bytes(content)
        shutil.rmtree(sine.folder / "_build/inventories", ignore_errors=True)
        asked.clear()
        sine.build_cleanly(**variables)
        assert find_link(sine) == PATTERN
        assert len(asked) == 1
    # It is not asked for again today.
    sine.build_cleanly(**variables)
    assert len(asked) == 1
