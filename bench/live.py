"""What a saved example costs until its page is there, live and with `sphinx-build`.

An example is changed and its file saved; the clock stops when the live site tells the page that it
is to be loaded again. Beside it, a fresh process builds the same change in a project that has been
built whole before. Both in turn, run by run, on copies; the ledger is that of `_build`, so that
nothing but the changed example is run. Catalogues: that of `ops/`, and its entries repeated under
further names. Options: `--ops 0 2000` (0 is the catalogue as it is) and `--runs 5`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from render import CONF, ENVIRONMENTS, INDEX, ROOT, write_catalogue

ENTRY = "ops/relu.yaml"
VARIABLES = {
    **os.environ,
    "OPTABS_ENVIRONMENTS": ENVIRONMENTS,
    "PYTHONPATH": str(ROOT / "ext"),
}


def make_project(folder: Path, count: int) -> None:
    """Write a project with so many ops, and the ledger of this one."""
    write_catalogue(folder / "ops", count or len(list((ROOT / "ops").glob("*.yaml"))))
    site = [str(ROOT / "_templates" / "site")]
    extensions = ["optabs", "optabs.sphinxext.mathml"]
    text = CONF.format(extensions=extensions, templates=site, styles=["optabs-site.css"])
    (folder / "conf.py").write_text(text)
    (folder / "index.md").write_text(INDEX)
    shutil.copytree(ROOT / "_build" / "ledger", folder / "_build" / "ledger")


def change(folder: Path, number: int) -> None:
    """Give an example another text, which must be run."""
    file = folder / ENTRY
    code = f'"print({number}); result = np.maximum(x, 0)"'
    example = f"  numpy:\n    example: {code}\n"
    text, found = re.subn(r"(?m)^  numpy:\n(?:    .*\n)*", example, file.read_text(), count=1)
    assert found
    file.write_text(text)


@contextmanager
def serve(folder: Path) -> Iterator[int]:
    """Serve a project live; yields the port once the site has been built."""
    command = [sys.executable, "-m", "optabs", "live", "--port", "0"]
    server = subprocess.Popen(command, cwd=folder, env=VARIABLES, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    try:
        port = 0
        for line in server.stdout:
            if found := re.search(r"http://127.0.0.1:(\d+)/", line):
                port = int(found[1])
            elif "built the site" in line:
                break
        else:
            raise SystemExit(f"the live site of {folder} was not built")
        time.sleep(5)  # what follows the first build
        yield port
    finally:
        server.terminate()
        server.communicate()


def save_live(port: int, folder: Path, number: int) -> float:
    """Change an example; returns the seconds until its page is to be loaded again."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    page = ENTRY.replace(".yaml", ".html")
    connection.request("GET", f"/_live/events?page={page}&since={time.time_ns()}")
    reply = connection.getresponse()
    reply.readline()
    change(folder, number)
    started = time.perf_counter()
    while line := reply.readline():
        if line.startswith(b"data: ") and json.loads(line[6:])["reload"]:
            connection.close()
            return time.perf_counter() - started
    raise SystemExit("the live site has ended")


def build(folder: Path) -> float:
    """Build with a process of its own; returns the seconds."""
    started = time.perf_counter()
    command = ["-m", "sphinx", "-q", "-b", "html", "-d", "_build/doctrees", ".", "_build/html"]
    subprocess.run(
        [sys.executable, *command],
        cwd=folder, env=VARIABLES, stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return time.perf_counter() - started


def measure(folder: Path, count: int, runs: int) -> None:
    """Measure one size of catalogue and print its line."""
    live, plain = folder / "live", folder / "plain"
    make_project(live, count)
    shutil.copytree(live, plain)
    build(plain)
    size = len(list((live / "ops").glob("*.yaml")))
    pairs = []
    with serve(live) as port:
        for number in range(runs + 1):
            saved = save_live(port, live, number)
            time.sleep(3)  # the lists that follow are no part of it, nor may they slow the other
            change(plain, number)
            pairs.append((saved, build(plain)))
    saves, builds = zip(*pairs[1:], strict=True)  # the first one warms up
    ratios = [fresh / saved for saved, fresh in pairs[1:]]
    print(
        f"{size:6} {statistics.median(saves):8.2f} s {statistics.median(builds):12.2f} s"
        f" {statistics.median(ratios):8.1f}",
        flush=True,
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ops", type=int, nargs="+", default=[0, 2000])
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print("   ops  saved live  sphinx-build    ratio")
    for count in arguments.ops:
        with tempfile.TemporaryDirectory(prefix="optabs-bench-") as name:
            measure(Path(name), count, arguments.runs)


if __name__ == "__main__":
    main()
