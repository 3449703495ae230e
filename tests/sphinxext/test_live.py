"""The engine of live mode, driven through its input and output as the server drives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from filecmp import dircmp
from pathlib import Path

import pytest

WAIT_SECONDS = 60.0

SCALE = """
    operation: Scale
    category: Simple
    cases:
      - {id: plain, inputs: {x: [1.0, 2.0]}, expect: 2 * x}
      - {id: small, inputs: {x: [0.5]}, expect: 2 * x}
    variants:
      fake:
        example:
          plain: |
            print("scaling")
            result = ff.add(x, x)
          small: result = ff.add(x, x)
"""


class Engine:
    """A running engine."""

    def __init__(self, site, **variables: str):
        command = site.prepare((), "html", variables)
        arguments = [sys.executable, "-m", "optabs.sphinxext.live", ".", "_build/html"]
        self.folder = site.folder
        self.process = subprocess.Popen(
            **{**command, "args": arguments, "encoding": None},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.rest = b""

    def send(self, request: dict) -> None:
        self.process.stdin.write(json.dumps(request).encode() + b"\n")

    def receive(self, kind: str, seconds: float = WAIT_SECONDS) -> dict:
        """The next message of a kind; what comes before is dropped."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.rest += self.process.stdout.read() or b""
            line, found, rest = self.rest.partition(b"\n")
            if not found:
                assert self.process.poll() is None, self.process.returncode
                time.sleep(0.005)
                continue
            self.rest = rest
            message = json.loads(line)
            if kind in message:
                return message[kind]
        raise TimeoutError(kind)

    def build(self, *changed: str) -> dict:
        self.send({"build": [str(self.folder / name) for name in changed]})
        return self.receive("built")

    def run(self, code: str, **changes: str) -> dict:
        request = {"page": "ops/scale", "framework": "fake", "case": "plain", "device": "cpu"}
        self.send({"run": {**request, "code": code} | changes})
        return self.receive("ran")

    def end(self) -> int:
        self.process.stdin.close()
        status = self.process.wait(30)
        self.process.stdout.close()
        return status


@pytest.fixture
def start(site, scratch, find_processes):
    """Start an engine; at the end nothing of it is left."""
    started = []

    def begin(**variables: str) -> Engine:
        started.append(Engine(site, TMPDIR=str(scratch), **variables))
        return started[-1]

    yield begin
    for engine in started:
        engine.end()
    deadline = time.monotonic() + 10
    while left := find_processes(scratch):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


@pytest.fixture
def live(start):
    """Start an engine that is to end well with its input."""

    @contextmanager
    def begin() -> Iterator[Engine]:
        engine = start()
        yield engine
        assert engine.end() == 0

    return begin


def list_texts(built: dict) -> list[str]:
    return [f"{each['place']}: {each['text']}" for each in built["messages"]]


def test_an_edited_example_is_run_and_its_page_written(site, live):
    site.write("scale", SCALE)
    with live() as engine:
        first = engine.build()
        assert first["ok"] and "2 verified" in first["summary"]
        assert {"index.html", "ops/scale.html"} <= set(first["pages"])
        site.edit("scale", '"scaling"', '"another text"')
        second = engine.build("ops/scale.yaml")
        assert second["ok"] and second["messages"] == []
        assert second["pages"] == ["ops/scale.html"]
        assert "executed 1, reused 1" in second["summary"]
        assert "another text" in site.parse("ops/scale.html").get_text()


def test_a_worker_stays_warm(site, live):
    """What a framework takes to be imported is paid once: the process is the same."""
    site.write("scale", SCALE.replace('print("scaling")', "import os; print(os.getpid(), 1)"))
    with live() as engine:
        engine.build()
        pids = []
        for number in (2, 3, 4):
            site.edit("scale", f"(), {number - 1})", f"(), {number})")
            engine.build("ops/scale.yaml")
            output = site.parse("ops/scale.html").select_one(".optabs-output").get_text()
            pids.append(output.split()[0])
        assert len(set(pids)) == 1


def test_only_what_changed_is_run(site, live):
    site.write("scale", SCALE)
    site.write("twin", SCALE.replace("Scale", "Twin"))
    with live() as engine:
        engine.build()
        site.edit("scale", "category: Simple", "category: Harder")
        built = engine.build("ops/scale.yaml")
        assert "executed 0, reused 2" in built["summary"]
        assert "4 verified" in built["summary"]


def test_the_rest_of_the_site_follows(site, live, tmp_path):
    """In the end the site is the one that a build from nothing makes."""
    site.write("scale", SCALE)
    site.write("twin", SCALE.replace("Scale", "Twin"))
    site.write("matrix.md", "---\norphan: true\n---\n# Matrix\n\n```{matrix}\n```\n")
    with live() as engine:
        engine.build()
        site.edit("scale", "category: Simple", "category: Harder")
        site.edit("twin", "small: result = ff.add(x, x)", "small: result = x")
        engine.build("ops/scale.yaml", "ops/twin.yaml")
        # The others were written before, and are the same.
        assert engine.receive("published")["pages"] == ["matrix.html"]
    (site.folder / "_build/html").rename(tmp_path / "live")
    site.build()
    assert not list_differences(tmp_path / "live", site.folder / "_build/html")


def list_differences(one: Path, other: Path) -> list[str]:
    """The files that differ, but for the search index, whose numbers depend on the history."""
    found = []
    waiting = [dircmp(one, other, ignore=["searchindex.js", ".buildinfo"])]
    while waiting:
        pair = waiting.pop()
        found += pair.left_only + pair.right_only + pair.diff_files
        waiting += pair.subdirs.values()
    return found


def test_styles_and_scripts_stay(site, live):
    """Sphinx empties each before it writes it, and a theme its colours of code over Sphinx's."""
    site.write("scale", SCALE)
    with live() as engine:
        engine.build()
        static = site.folder / "_build/html/_static"
        (static / "pygments.css").write_text("the theme's")
        before = {file: file.stat().st_mtime_ns for file in static.rglob("*")}
        assert static / "documentation_options.js" in before
        site.edit("scale", "category: Simple", "category: Harder")
        engine.build("ops/scale.yaml")
        engine.receive("published")
        assert before == {file: file.stat().st_mtime_ns for file in static.rglob("*")}


def test_new_and_removed_entries(site, live):
    site.write("scale", SCALE)
    with live() as engine:
        engine.build()
        site.write("twin", SCALE.replace("Scale", "Twin"))
        assert "ops/twin.html" in engine.build("ops/twin.yaml")["pages"]
        engine.receive("published")
        assert "Twin" in site.read("index.html")
        (site.folder / "ops/twin.yaml").unlink()
        built = engine.build("ops/twin.yaml")
        assert "2 verified" in built["summary"]
        engine.receive("published")
        assert "Twin" not in site.read("index.html")
        assert not (site.folder / "_build/html/ops/twin.html").exists()


def test_a_broken_entry_is_told_and_mended(site, live):
    site.write("scale", SCALE)
    site.write("twin", SCALE.replace("Scale", "Twin"))
    with live() as engine:
        engine.build()
        site.edit("scale", "category: Simple", "category: [Simple")
        built = engine.build("ops/scale.yaml")
        assert built["ok"] and "ops/scale.html" in built["pages"]
        assert any(text.startswith("ops/scale.yaml:") for text in list_texts(built))
        assert "2 verified" in built["summary"]
        # Another page's build does not forget it.
        site.edit("twin", "small: result = ff.add(x, x)", "small: result = x")
        texts = list_texts(engine.build("ops/twin.yaml"))
        assert any(text.startswith("ops/scale.yaml:") for text in texts)
        assert any("differs" in text and text.startswith("ops/twin.yaml:") for text in texts)
        site.edit("twin", "small: result = x", "small: result = ff.add(x, x)")
        site.edit("scale", "category: [Simple", "category: Simple")
        built = engine.build("ops/scale.yaml", "ops/twin.yaml")
        assert built["messages"] == [] and "4 verified" in built["summary"]


def test_an_entry_that_is_not_text_comes_and_goes(site, live):
    site.write("scale", SCALE)
    with live() as engine:
        engine.build()
        path = site.folder / "ops/scale.yaml"
        good = path.read_bytes()
        path.write_bytes(good + b"\n# \xff\n")
        built = engine.build("ops/scale.yaml")
        assert built["ok"] and list_texts(built)
        path.write_bytes(good)
        built = engine.build("ops/scale.yaml")
        assert built["messages"] == [] and "ops/scale.html" in built["pages"]


def test_prose_is_built_and_its_warnings_told_until_mended(site, live):
    site.write("scale", SCALE)
    site.write("guide.md", "---\norphan: true\n---\n# Guide\n")
    with live() as engine:
        engine.build()
        site.write("guide.md", "---\norphan: true\n---\n# Guide\n\n{op}`Scael`\n")
        built = engine.build("guide.md")
        assert built["pages"] == ["guide.html"]
        (text,) = list_texts(built)
        assert text == "guide.md:6: there is no op 'Scael' [ref.op]"
        site.edit("guide.md", "Scael", "Scale")
        assert engine.build("guide.md")["messages"] == []


def test_a_change_of_conf_asks_for_a_new_process(site, start):
    site.write("scale", SCALE)
    engine = start()
    engine.send({"build": []})
    engine.receive("built")
    engine.send({"build": [str(site.folder / "conf.py")]})
    assert engine.process.wait(30) == 3


def test_a_conf_that_cannot_be_run_is_told(site, start):
    site.write("scale", SCALE)
    with (site.folder / "conf.py").open("a") as conf:
        conf.write("\nbroken = (\n")
    engine = start()
    built = engine.build()
    assert not built["ok"]
    assert "conf" in built["messages"][-1]["text"]
    assert "Traceback" not in built["messages"][-1]["text"]
    # The next change is for a new process.
    engine.send({"build": [str(site.folder / "conf.py")]})
    assert engine.process.wait(30) == 3


def test_edited_code_is_run_and_judged(site, live):
    site.write("scale", SCALE)
    with live() as engine:
        engine.build()
        ran = engine.run("print('hello')\nresult = ff.add(x, x)")
        assert (ran["verdict"], ran["output"]) == ("verified", "hello\n")
        assert (
            ran["yaml"] == "example:\n  plain: |\n    print('hello')\n    result = ff.add(x, x)\n"
        )
        ran = engine.run("result = x")
        assert ran["verdict"] == "differs" and "largest" in ran["reason"] + ran["html"]
        # Nothing of it is on the page: an entry alone makes a claim.
        assert "verified" in site.parse("ops/scale.html").get_text()
        assert "hello" not in site.read("ops/scale.html")


def test_an_error_in_edited_code_has_the_line_of_the_edit(site, live):
    site.write("scale", SCALE)
    with live() as engine:
        engine.build()
        ran = engine.run("y = 1\nresult = y / 0\n")
        assert ran["verdict"] == "failed" and "ZeroDivisionError" in ran["reason"]
        assert 'File "edited", line 2' in ran["error"]


def test_a_crash_of_edited_code_costs_nothing_else(site, live):
    site.write("scale", SCALE)
    with live() as engine:
        engine.build()
        ran = engine.run("import os\nos._exit(7)")
        assert ran["verdict"] == "failed" and "7" in ran["reason"]
        assert engine.run("result = ff.add(x, x)")["verdict"] == "verified"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"page": "ops/nothing"}, "ops/nothing"),
        ({"page": "index"}, "index"),
        ({"case": "gone"}, "gone"),
        ({"framework": "torch"}, "torch"),
        ({"device": "cuda"}, "cuda"),
        ({"code": "x = 1\nresult = (\n"}, "line 2: '(' was never closed"),
        ({"code": "result = '\0'"}, "null bytes"),
    ],
)
def test_what_cannot_be_run_is_told(site, live, changes, words):
    site.write("scale", SCALE)
    with live() as engine:
        engine.build()
        assert words in engine.run(**{"code": "result = x"} | changes)["problem"]


def test_the_block_for_the_entry_leaves_out_what_is_added_anyway(site, live):
    site.write("scale", SCALE)
    with live() as engine:
        engine.build()
        shown = site.parse("ops/scale.html").select_one("pre.highlight").get_text()
        assert "x = " in shown and "result" in shown
        block = engine.run(shown)["yaml"]
        assert block == 'example:\n  plain: |\n    print("scaling")\n    result = ff.add(x, x)\n'


def test_a_failure_to_write_the_rest_is_told(site, live):
    site.write("scale", SCALE)
    with live() as engine:
        engine.build()
        (site.folder / "_build/html/searchindex.js").unlink()
        (site.folder / "_build/html/searchindex.js").mkdir()
        site.edit("scale", "category: Simple", "category: Harder")
        assert engine.build("ops/scale.yaml")["ok"]
        assert "IsADirectoryError" in engine.receive("published")["problem"]


def test_how_far_a_build_is_can_be_followed(site, live):
    site.write("scale", SCALE)
    with live() as engine:
        engine.send({"build": []})
        said = set()
        while not any(text.startswith("writing output, ") for text in said):
            said.add(engine.receive("progress"))
        assert {"reading sources, 100 %", "fake: Scale"} <= said
        assert engine.receive("built")["ok"]
