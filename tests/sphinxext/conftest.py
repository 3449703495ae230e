"""Small Sphinx projects with the fake frameworks, built by the real command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag

BUILD_SECONDS = 120.0

CONF = """\
project = "Fakes"
extensions = ["optabs"]
html_theme = "alabaster"
optabs_inventories = False
"""

INDEX = """\
# Home

```{ops}
```
"""


@dataclass(frozen=True)
class Result:
    """How a build ended, and what it said."""

    status: int
    output: str
    warnings: list[str]

    @property
    def summary(self) -> str:
        """The line that scripts read."""
        return next(line for line in self.output.splitlines() if re.match(r"optabs: \d+ ver", line))

    def count(self, what: str) -> int:
        """A number of the summary: ``executed``, ``verified``, ``not run``, ..."""
        found = re.search(rf"(\d+) {what}\b", self.summary) or re.search(
            rf"{what} (\d+)", self.summary
        )
        assert found, self.summary
        return int(found[1])


@dataclass(frozen=True)
class Site:
    """A Sphinx project: `conf.py`, `index.md` and a catalogue in `ops/`."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> Path:
        """Write an entry (by its bare name) or another file; the text is dedented."""
        path = self.folder / (name if "." in name else f"ops/{name}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text, which must be there, in an entry or another file."""
        path = self.folder / (name if "." in name else f"ops/{name}.yaml")
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def configure(self, **settings: object) -> None:
        """Add settings to conf.py."""
        with (self.folder / "conf.py").open("a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = {value!r}\n" for name, value in settings.items())

    def configure_for_all_builders(self) -> None:
        """Add what the builders of books and manuals want to be told."""
        self.configure(
            latex_engine="lualatex",
            man_pages=[("index", "fakes", "Fakes", [], 1)],
            copyright="nobody",
            version="1",
            release="1",
            language="en",
            epub_show_urls="no",
        )

    def find_line(self, name: str, text: str) -> int:
        """The number of the first line of an entry that contains a text."""
        lines = (self.folder / "ops" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if text in line)

    def prepare(
        self, options: tuple[str, ...], builder: str, variables: Mapping[str, str | None]
    ) -> dict[str, Any]:
        """How Sphinx is started."""
        changed = {**self.variables, **variables}
        kept = {name: value for name, value in os.environ.items() if name not in changed}
        kept |= {name: value for name, value in changed.items() if value is not None}
        command = [sys.executable, "-m", "sphinx", "--no-color", "-d", "_build/doctrees"]
        if builder == "gettext":  # it tracks texts in the doctrees, so it wants its own
            command[-1] += "-gettext"
        command += ["-b", builder, *options, ".", f"_build/{builder}"]
        return {"args": command, "cwd": self.folder, "env": kept, "encoding": "utf-8"}

    def build(self, *options: str, builder: str = "html", **variables: str | None) -> Result:
        """Build; what is wrong is for the test to say."""
        done = subprocess.run(
            **self.prepare(options, builder, variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        return Result(done.returncode, done.stdout, _split_warnings(done.stderr))

    def build_cleanly(
        self, *options: str, builder: str = "html", **variables: str | None
    ) -> Result:
        """Build, nitpicking; there must be nothing to complain of."""
        result = self.build("-n", *options, builder=builder, **variables)
        assert result.warnings == []
        assert result.status == 0, result.output
        return result

    def read(self, page: str, builder: str = "html") -> str:
        """The text of a file that was built."""
        return (self.folder / "_build" / builder / page).read_text(encoding="utf-8")

    def parse(self, page: str, builder: str = "html") -> BeautifulSoup:
        """A page that was built."""
        return BeautifulSoup(self.read(page, builder), "html.parser")

    def panel(self, page: str, anchor: str) -> Tag:
        """A framework's panel on a page."""
        found = self.parse(page).select_one(f'section.optabs-panel[id="{anchor}"]')
        assert found is not None
        return found

    def list_times(self, builder: str = "html") -> dict[str, int]:
        """When each page was written, by name."""
        folder = self.folder / "_build" / builder
        return {
            file.relative_to(folder).as_posix(): file.stat().st_mtime_ns
            for file in folder.rglob("*.html")
            # These are written by every build that writes anything.
            if not {"genindex", "op-index", "search", "404"} & {file.stem, file.parent.name}
        }


def _split_warnings(text: str) -> list[str]:
    """Split what Sphinx wrote into warnings; some have several lines."""
    found: list[str] = []
    for line in text.splitlines():
        if found and not re.search(r"(WARNING|ERROR|CRITICAL): ", line):
            found[-1] += "\n" + line
        elif line:
            found.append(line)
    return found


@pytest.fixture(scope="session")
def make_site(environments: Path) -> Callable[[Path], Site]:
    """Make a project with the fake frameworks in a folder."""
    frameworks = Path(__file__).parents[1] / "fake" / "frameworks"
    source = Path(__file__).parents[2] / "ext"

    def make(folder: Path, conf: str = CONF) -> Site:
        site = Site(
            folder,
            {
                "PYTHONPATH": str(source),
                "OPTABS_FRAMEWORKS": str(frameworks),
                "OPTABS_ENVIRONMENTS": str(environments),
                "FRAMEWORKS": "fake fake_two",
            },
        )
        (folder / "ops").mkdir(parents=True)
        site.write("conf.py", conf)
        site.write("index.md", INDEX)
        return site

    return make


@pytest.fixture
def site(make_site: Callable[[Path], Site], tmp_path: Path) -> Site:
    """An empty project."""
    return make_site(tmp_path / "site")


SINE = """
operation: Sine
category: Trigonometry
description: The sine.
std_args:
  - {name: x, type: Tensor}
cases:
  - id: plain
    inputs: {x: [0.5, -1.0]}
    expect: np.sin(x)
variants:
  fake: {api: fakeframework.sin}
"""


@pytest.fixture
def sine(site: Site) -> Site:
    """A project with one op in one framework."""
    site.write("sine", SINE)
    return site
