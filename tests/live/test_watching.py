"""Which changes of files are told, and that none is lost."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from optabs.live.watch import watch_project
from optabs.project import open_project


class Watched:
    """A project that is watched while a test changes it."""

    def __init__(self, root):
        self.root = root
        self.told = set()

    def tell(self, paths):
        self.told |= {path.removeprefix(f"{self.root}/") for path in paths}

    async def expect(self, *names):
        """Wait until exactly these have been told."""
        for _ in range(250):
            await asyncio.sleep(0.02)
            if self.told >= set(names):
                break
        await asyncio.sleep(0.1)
        assert self.told == set(names)
        self.told.clear()

    async def begin(self):
        """Wait until changes are told."""
        for _ in range(100):
            await self.write("ops/probe.yaml")
            await asyncio.sleep(0.1)
            if self.told:
                break
        await asyncio.sleep(0.3)
        self.told.clear()

    async def write(self, name, text="text"):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def watch(root, change):
    """Run `change` while the project is watched."""
    watched = Watched(root.resolve())

    async def run():
        watching = asyncio.create_task(watch_project(open_project(root), watched.tell))
        await watched.begin()
        await change(watched)
        watching.cancel()
        await asyncio.wait([watching])

    asyncio.run(run())


@pytest.fixture
def root(tmp_path):
    """A folder below one whose name would be left out inside."""
    root = tmp_path / ".venv" / "site"
    for name in ("ops/abs.yaml", "guide/index.md", "conf.py", "_build/html/a.html"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("text")
    return root


def test_files_of_the_project_are_told(root):
    async def change(watched):
        for name in ("conf.py", "index.md", "ops/abs.yaml", "ops/new.yaml", "guide/a/b.md"):
            await watched.write(name)
            await watched.expect(name)

    watch(root, change)


def test_a_file_that_is_replaced_is_told(root):
    """Many editors write another file and give it the name."""

    async def change(watched):
        await watched.write("ops/abs.yaml~")
        (root / "ops/abs.yaml~").rename(root / "ops/abs.yaml")
        await watched.expect("ops/abs.yaml")
        (root / "ops/abs.yaml").rename(root / "ops/abs.yaml~")
        await watched.write("ops/4913")
        (root / "ops/4913").unlink()
        await watched.write("ops/abs.yaml")
        (root / "ops/abs.yaml~").unlink()
        await watched.expect("ops/abs.yaml")

    watch(root, change)


def test_what_is_removed_is_told(root):
    async def change(watched):
        (root / "ops/abs.yaml").unlink()
        await watched.expect("ops/abs.yaml")

    watch(root, change)


def test_what_is_built_installed_hidden_or_temporary_is_not_told(root):
    async def change(watched):
        for name in (
            "_build/html/b.html",
            ".git/index",
            ".venv/lib/a.py",
            ".environments/torch/a.py",
            "ext/__pycache__/a.pyc",
            "ext/.cache/a.py",
            "ops/.abs.yaml.swp",
            "ops/#abs.yaml#",
            "ops/.#abs.yaml",
            "ops/abs.yaml~",
            "ops/.abs.yaml.new",
            "ops/sedAb3dEf",
        ):
            await watched.write(name)
        await asyncio.sleep(0.5)
        await watched.write("ops/abs.yaml")
        await watched.expect("ops/abs.yaml")

    (root / "ext").mkdir()
    watch(root, change)


def test_a_virtual_environment_is_not_watched_whatever_its_name(root):
    async def change(watched):
        await watched.write("env/lib/a.py")
        await watched.write("ops/abs.yaml")
        await watched.expect("ops/abs.yaml")

    (root / "env/lib").mkdir(parents=True)
    (root / "env/pyvenv.cfg").touch()
    watch(root, change)


def test_a_new_folder_is_watched(root):
    async def change(watched):
        for folder in ("more", "ops/below"):
            await watched.write(f"{folder}/first.md")
            await watched.expect(f"{folder}/first.md")
            await watched.write(f"{folder}/second.md")
            await watched.expect(f"{folder}/second.md")

    watch(root, change)


def test_a_folder_that_goes_and_comes_again_is_watched(root):
    async def change(watched):
        shutil.rmtree(root / "guide")
        await watched.expect("guide", "guide/index.md")
        await watched.write("guide/a.md")
        await watched.expect("guide/a.md")
        await watched.write("guide/b.md")
        await watched.expect("guide/b.md")

    watch(root, change)
