"""A project with one op, served live."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

SINE = """\
operation: Sine
std_args: [x]
cases:
  - {id: plain, inputs: {x: [0.5, -1.0]}, expect: np.sin(x)}
variants:
  fake: {example: "result = ff.sin(x)  # the first text"}
"""


@pytest.fixture
def sine(project, tmp_path):
    """A project with one op."""
    made = project(tmp_path / "site")
    made.write("sine", SINE)
    return made


@pytest.fixture(scope="module")
def live(project, start_live, tmp_path_factory):
    """A server for all tests of a module. They must leave its project as it was."""
    made = project(tmp_path_factory.mktemp("live") / "site")
    made.write("sine", SINE)
    with start_live(made) as found:
        yield found
    assert found.process.returncode == 0, found.lines
    assert not [line for line in found.lines if "Traceback" in line]


@dataclass(frozen=True)
class Answer:
    """What came of a request."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def data(self) -> dict[str, str]:
        """What the script in a page is told."""
        return dict(re.findall(r'data-(\w+)="([^"]*)"', self.text))


@pytest.fixture
def fetch(live) -> Callable[..., Answer]:
    """Ask the server of the module, byte for byte."""
    return lambda path, *rest, **headers: fetch_from(live.port, path, *rest, **headers)


def fetch_from(port: int, path: str, method: str = "GET", body: Any = None, **headers) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    if "Host" not in named:
        named["Host"] = f"127.0.0.1:{port}"
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
    if method != "GET" and "Content-Length" not in named:
        named["Content-Length"] = str(len(content))
    for name, value in named.items():
        connection.putheader(name, value)
    connection.endheaders(content or None)
    reply = connection.getresponse()
    answer = Answer(reply.status, reply.headers, reply.read().decode())
    connection.close()
    return answer


@pytest.fixture
def ask() -> Callable[..., Answer]:
    """Ask any server: its port comes first."""
    return fetch_from


@pytest.fixture
def follow() -> Callable[..., Any]:
    """Follow what a server tells a page: yields states."""

    @contextmanager
    def start(port: int, page: str, since: object) -> Iterator[Iterator[dict[str, Any]]]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", f"/_live/events?page={page}&since={since}")
        reply = connection.getresponse()
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/event-stream")

        def read() -> Iterator[dict[str, Any]]:
            while line := reply.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

        try:
            yield read()
        finally:
            connection.close()

    return start
