"""What is saved is built, whatever happens meanwhile; and everything ends at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLOW = """
import time
from pathlib import Path

def wait(app, *rest):
    while Path(app.srcdir, "_build/gate").exists():
        Path(app.srcdir, "_build/waiting").touch()
        time.sleep(0.01)
    return []

def setup(app):
    app.connect("env-get-outdated", wait, priority=1)
"""


def wait_until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def test_a_saved_entry_is_built_and_the_page_told(sine, start_live, ask, follow):
    with start_live(sine) as live:
        since = ask(live.port, "/ops/sine.html").data["since"]
        with (
            follow(live.port, "ops/sine.html", since) as own,
            follow(live.port, "genindex.html", since) as others,
        ):
            assert (next(own)["building"], next(others)["building"]) == (False, False)
            sine.edit("sine", "the first text", "another text")
            assert next(own)["building"]
            last = next(state for state in own if not state["building"])
        assert last["reload"]
        assert last["messages"] == []
        assert "another text" in ask(live.port, "/ops/sine.html").text
        live.wait_for("built ops/sine.yaml: ")
        live.wait_for("executed 1, reused")
    assert not [line for line in live.lines if "Traceback" in line]


def test_a_page_that_was_not_written_is_not_outdated(sine, start_live, ask, follow):
    sine.write("./guide.md", "# Guide\n\nSome text.\n")
    with start_live(sine) as live:
        since = ask(live.port, "/guide.html").data["since"]
        sine.edit("sine", "the first text", "another text")
        live.wait_for("built ops/sine.yaml")
        with follow(live.port, "guide.html", since) as states:
            assert next(states)["reload"] is False
        with follow(live.port, "ops/sine.html", since) as states:
            assert next(states)["reload"] is True


def test_a_new_style_makes_all_pages_outdated(sine, start_live, ask, follow):
    sine.write("./_static/own.css", "h1 { color: red }\n")
    with start_live(sine) as live:
        sine.write(
            "./conf.py",
            (sine.folder / "conf.py").read_text() + 'html_static_path = ["_static"]\n',
        )
        live.wait_for("starting the engine anew")
        live.wait_for("built the site", 2)
        assert "red" in ask(live.port, "/_static/own.css").text
        since = ask(live.port, "/index.html").data["since"]
        sine.write("./_static/own.css", "h1 { color: green }\n")
        live.wait_for("built the site", 3)
        assert "green" in ask(live.port, "/_static/own.css").text
        with follow(live.port, "index.html", since) as states:
            assert next(states)["reload"] is True


def test_a_page_of_an_earlier_server_is_outdated(sine, start_live, ask, follow):
    with start_live(sine) as live:
        since = ask(live.port, "/").data["since"]
    with start_live(sine) as live, follow(live.port, "index.html", since) as states:
        assert next(states)["reload"] is True


def test_an_entry_that_is_removed_is_gone_everywhere(sine, start_live, ask, follow):
    text = (sine.ops / "sine.yaml").read_text()
    cosine = sine.write("cosine", text.replace("Sine", "Cosine"))
    lists = ("searchindex.js", "optabs.json", "genindex.html")

    def is_listed(live, name):
        return [name in ask(live.port, f"/{file}").text for file in lists] == [True] * len(lists)

    with start_live(sine) as live:
        sine.edit("cosine", "the first text", "another text")
        live.wait_for("built ops/cosine.yaml")
        since = ask(live.port, "/ops/cosine.html").data["since"]
        wait_until(lambda: is_listed(live, "Cosine"))
        with follow(live.port, "ops/cosine.html", since) as own:
            cosine.unlink()
            assert next(own)["reload"] is False
            live.wait_for("built ops/cosine.yaml", 2)
            assert next(state for state in own if not state["building"])["reload"]
        assert ask(live.port, "/ops/cosine.html").status == 404
        wait_until(lambda: ask(live.port, "/badges/cosine.svg").status == 404)
        wait_until(lambda: not any("osine" in ask(live.port, f"/{file}").text for file in lists))
    assert not [line for line in live.lines if "Traceback" in line]


def test_an_entry_that_is_removed_after_live_breaks_no_build(sine, start_live, ask):
    text = (sine.ops / "sine.yaml").read_text()
    cosine = sine.write("cosine", text.replace("Sine", "Cosine"))
    with start_live(sine) as live:
        sine.edit("cosine", "the first text", "another text")
        live.wait_for("built ops/cosine.yaml")
        wait_until(lambda: "another text" in ask(live.port, "/ops/cosine.json").text)
        wait_until(
            lambda: (live.output / "searchindex.js").stat().st_mtime > cosine.stat().st_mtime
        )
    cosine.unlink()
    started = sine.prepare([])
    started["args"] = [sys.executable, "-m", "sphinx", "-d", "_build/doctrees", ".", "_build/html"]
    built = subprocess.run(**started, capture_output=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "Cosine" not in (sine.folder / "_build/html/searchindex.js").read_text()


def test_what_is_saved_during_a_build_is_built_next_in_one_go(sine, start_live, ask):
    with start_live(sine) as live:
        gate = sine.folder / "_build/gate"
        with (sine.folder / "conf.py").open("a") as conf:
            conf.write(SLOW)
        live.wait_for("built the site", 2)
        gate.touch()
        sine.edit("sine", "the first text", "text 0")
        wait_until((sine.folder / "_build/waiting").exists)  # this build, for the gate
        for number in range(3):
            sine.edit("sine", f"text {number}", f"text {number + 1}")
            sine.write(f"./more{number}.md", "---\norphan: true\n---\n# More\n")
            time.sleep(0.2)
        gate.unlink()
        live.wait_for("built more0.md, more1.md, more2.md, ops/sine.yaml: ")
        assert "text 3" in ask(live.port, "/ops/sine.html").text
        assert ask(live.port, "/more2.html").status == 200
        assert len([line for line in live.lines if "optabs: built" in line]) == 4


SLOW_TO_KEEP = """
import time
from pathlib import Path

BUILD = Path(__file__).parent / "_build"

class Slow:
    def __reduce__(self):
        while (BUILD / "gate").exists():
            (BUILD / "waiting").touch()
            time.sleep(0.01)
        return Slow, ()

def setup(app):
    app.connect("env-updated", lambda app, env: setattr(env, "slow", Slow()))
"""


def test_what_has_been_read_is_kept_whole_though_a_save_comes_between(sine, start_live):
    kept = sine.folder / "_build/doctrees/environment.pickle"
    sine.write("./slow.py", SLOW_TO_KEEP)
    sine.write(
        "./conf.py",
        "import sys\n\nsys.path.insert(0, '.')\n"
        "project = 'Fakes'\nextensions = ['optabs', 'slow']\noptabs_inventories = False\n",
    )
    with start_live(sine) as live:
        whole = kept.read_bytes()
        gate = sine.write("./_build/gate", "")
        sine.edit("sine", "the first text", "another text")
        wait_until((sine.folder / "_build/waiting").exists)
        assert kept.read_bytes() == whole
        live.stop()
    assert kept.read_bytes() == whole
    gate.unlink()


def test_pages_say_that_they_are_being_built(sine, start_live, ask, follow):
    sine.write("./conf.py", "extensions = ['optabs']\noptabs_inventories = False\n" + SLOW)
    gate = sine.write("./_build/gate", "")
    with start_live(sine, wait=False) as live:
        answer = ask(live.port, "/ops/sine.html")
        assert (answer.status, answer.data["page"]) == (503, "")
        assert "Building" in answer.text
        gate.unlink()
        with follow(live.port, "", answer.data["since"]) as states:
            assert next(state for state in states if state["reload"])
        assert ask(live.port, "/ops/sine.html").data["page"] == "ops/sine.html"


def test_an_earlier_static_build_is_shown_at_once_and_left_alone(sine, start_live, ask):
    with start_live(sine) as live:
        shutil.copytree(live.output, sine.folder / "_build/html")
    shutil.rmtree(live.output)
    old = sine.write("./_build/html/old.html", "<html><head></head>Old</html>")
    conf = (sine.folder / "conf.py").read_text()
    sine.write("./conf.py", conf + SLOW)
    gate = sine.write("./_build/gate", "")
    with start_live(sine, wait=False) as live:
        for page in ("index.html", "ops/sine.html", "old.html"):
            answer = ask(live.port, f"/{page}")
            assert (answer.status, answer.data["page"]) == (200, page)
        gate.unlink()
        live.wait_for("built the site")
        assert ask(live.port, "/old.html").status == 404
    assert old.read_text() == "<html><head></head>Old</html>"


def test_faults_are_told_with_their_places_and_go(sine, start_live, ask, follow):
    with start_live(sine) as live:
        since = ask(live.port, "/ops/sine.html").data["since"]
        with follow(live.port, "ops/sine.html", since) as states:
            next(states)
            sine.edit("sine", "std_args: [x]", "std_args: [x\n???: {")
            state = next(state for state in states if state["messages"])
            assert any(each["place"].startswith("ops/sine.yaml:") for each in state["messages"])
            live.wait_for("  warning: ops/sine.yaml:")
            sine.edit("sine", "std_args: [x\n???: {", "std_args: [x]")
            state = next(each for each in states if not each["building"] and not each["messages"])
            assert state["ok"]
        assert "the first text" in ask(live.port, "/ops/sine.html").text


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("raise ValueError('no settings today')", "ValueError: no settings today"),
        ("extensions = [", "There is a syntax error in your configuration file"),
        ("optabs_fail_on = ['faild']", "optabs_fail_on names 'faild'"),
    ],
)
def test_a_site_that_cannot_be_built_says_so_until_it_can(
    sine, start_live, ask, follow, fault, text
):
    with start_live(sine) as live:
        conf = sine.folder / "conf.py"
        good = conf.read_text()
        with follow(live.port, "index.html", ask(live.port, "/").data["since"]) as states:
            conf.write_text(f"{good}\n{fault}\n")
            state = next(state for state in states if not state["ok"])
            assert text in state["messages"][-1]["text"]
            assert ask(live.port, "/ops/sine.html").status == 200  # as it was
            conf.write_text(good)
            assert next(state for state in states if state["ok"] and not state["building"])
    assert live.process.returncode == 0


def find_engine(find_processes, folder: Path) -> int:
    (found,) = [
        process
        for process in find_processes(folder)
        if b"optabs.sphinxext.live" in Path(f"/proc/{process}/cmdline").read_bytes()
    ]
    return found


def test_an_engine_that_dies_is_started_anew(sine, start_live, ask, find_processes, tmp_path):
    with start_live(sine, TMPDIR=str(tmp_path)) as live:
        os.kill(find_engine(find_processes, tmp_path), signal.SIGKILL)
        sine.edit("sine", "the first text", "another text")
        live.wait_for("the engine ended with status -9")
        live.wait_for("built the site", 2)
        assert "another text" in ask(live.port, "/ops/sine.html").text


WAITING = """
operation: Waiting
cases:
  - {{id: plain, inputs: {{x: [1.0]}}, expect: x}}
variants:
  fake:
    example: |
      import pathlib, time
      pathlib.Path({mark!r}).touch()
      time.sleep(50)
      result = x
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_at_once(sine, start_live, follow, find_processes, tmp_path, number):
    """While a page follows and an example runs."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    mark = tmp_path / "mark"
    with start_live(sine, TMPDIR=str(scratch)) as live:
        with follow(live.port, "index.html", 0) as states:
            next(states)
            sine.write("waiting", WAITING.format(mark=str(mark)))
            wait_until(mark.exists)
            live.process.send_signal(number)
            time.sleep(0.2)
            seconds = live.stop(number)  # some press Ctrl-C twice
        assert live.process.returncode == 0
    assert seconds < 8
    assert live.lines[-1] == "optabs: ended"
    assert not [line for line in live.lines if "Traceback" in line or "Error" in line]
    wait_until(lambda: not find_processes(scratch), 5)
    assert not list(scratch.iterdir())


def test_the_engine_ends_when_the_server_is_killed(sine, start_live, find_processes, tmp_path):
    with start_live(sine, TMPDIR=str(tmp_path)) as live:
        live.process.kill()
        live.process.wait()
        wait_until(lambda: not find_processes(tmp_path), 20)


def test_a_taken_port_is_told(sine, start_live):
    with start_live(sine) as live:
        done = sine.run("live", "--port", live.port)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"optabs: port {live.port} cannot be had: another program uses it\n"
        "name another one, or any free one: --port 0\n"
    )


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_cannot_be_is_told(sine, port):
    sine.write("./conf.py", "")
    done = sine.run("live", "--port", port)
    assert done.returncode == 2
    assert f"port {port} cannot be had" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_project_is_told(sine):
    done = sine.run("live")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"optabs: there is no conf.py in {sine.folder}\n")


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "watchfiles"])
def test_what_is_not_installed_is_told(sine, package):
    sine.write("./conf.py", "")
    code = (
        f"import sys; sys.modules[{package!r}] = None; from optabs.cli import main; main(['live'])"
    )
    started = sine.prepare([])
    started["args"] = [
        sys.executable,
        "-c",
        code.replace("main([", "raise SystemExit(main([") + ")",
    ]
    import subprocess

    done = subprocess.run(**started, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        f"optabs: {package} is not installed for {sys.executable}\n"
        "install what the live site needs: pip install 'optabs[live]'\n"
    )
