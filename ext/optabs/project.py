"""Where a project keeps its catalogue, its environments, its ledger and its caches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from optabs.catalog.cache import EntryCache
from optabs.catalog.check import check_catalog
from optabs.catalog.conventions import Conventions
from optabs.catalog.load import Inspect, find_files, load_file, make_catalog
from optabs.catalog.mend import mend_file
from optabs.catalog.model import Catalog, Entry
from optabs.catalog.names import check_names
from optabs.errors import Fault
from optabs.evidence import Evidence, read_evidence
from optabs.frameworks import Registry, load_registry


@dataclass(frozen=True)
class Project:
    """The folders of a project. Places are shown relative to `root`."""

    root: Path
    catalog: tuple[Path, ...]
    environments: Path
    build: Path
    extra_frameworks: tuple[Path, ...] = ()
    is_part: bool = False
    """Whether `catalog` names single files of a larger catalogue."""

    @property
    def ledger(self) -> Path:
        """The folder of the local ledger."""
        return self.build / "ledger"

    @property
    def evidence(self) -> Path:
        """The folder of what other machines have found."""
        return self.root / "evidence"

    @property
    def cache(self) -> Path:
        """What frameworks keep between builds, e.g. JAX's compiled code."""
        return self.build / "cache"

    @property
    def pictures(self) -> Path:
        """What has been drawn."""
        return self.build / "optabs-pictures"

    def list_folders(self) -> dict[Path, str]:
        """Return the folders that records need not name, each with what stands in its place."""
        return {
            self.root: ".",
            self.environments: "<environments>",
            Path(sys.prefix): "<python>",
            Path.home(): "~",
        }

    def find_docname(self, path: Path) -> str:
        """Return the name of the page of an entry, relative to `root` where it lies below."""
        inside = path.relative_to(self.root) if path.is_relative_to(self.root) else Path(path.name)
        return inside.with_suffix("").as_posix()

    def load_registry(self) -> Registry:
        """Load the frameworks.

        Raises:
            CatalogError: a `framework.yaml` has faults.
        """
        return load_registry(self.extra_frameworks)

    def read_evidence(self) -> Evidence:
        """Read what other machines have found."""
        return read_evidence(self.evidence, self.root)

    def read_entries(self) -> Iterator[Entry]:
        """Read the catalogue entry by entry.

        Raises:
            OptabsError: a path does not exist.
        """
        return (entry for file in find_files(self.catalog) for entry in load_file(file, self.root))

    def load_catalog(self, registry: Registry) -> tuple[Catalog, list[Fault]]:
        """Load the catalogue; returns it with every fault found in it."""
        return self.check(self.read_entries(), registry)

    def check_catalog(
        self, registry: Registry, *, conventions: bool = False
    ) -> tuple[Catalog, list[Fault]]:
        """Load the catalogue to check it, files that have changed alone; returns the same.

        With `conventions` it is held to those of the Optabs catalogue, too.
        """
        held = make_conventions(registry) if conventions else None
        inspect: Inspect = held.check if held else lambda document: ()
        files = find_files(self.catalog)
        # No folder is made for it: a project that has nothing built may not ignore one.
        if self.build.is_dir():
            cache = EntryCache(self.cache / "entries", repr(held))
            entries = cache.load_files(files, self.root, inspect)
        else:
            entries = (
                check_names(entry)  # where examples are run, running them tells this
                for file in files
                for entry in load_file(file, self.root, inspect)
            )
        return self.check(entries, registry)

    def mend(
        self, catalog: Catalog, registry: Registry, *, conventions: bool = False
    ) -> list[Fault]:
        """Mend the files that have faults where there is one right answer; returns what was mended.

        Raises:
            OptabsError: a file cannot be written.
        """
        held = make_conventions(registry) if conventions else None
        files = dict.fromkeys(entry.path for entry in catalog.entries if entry.faults)
        return [fault for file in files for fault in mend_file(file, self.root, held)]

    def check(self, entries: Iterable[Entry], registry: Registry) -> tuple[Catalog, list[Fault]]:
        """Return the catalogue of some entries, with every fault found in it."""
        catalog = make_catalog(entries)
        devices = {key: each.devices for key, each in registry.frameworks.items()}
        faults = check_catalog(catalog, registry.frameworks, registry.runtimeless, devices)
        if self.is_part:  # an op that is not known may stand in a file that was not read
            faults = [fault for fault in faults if fault.code != "unknown-op"]
        return catalog, faults


def make_conventions(registry: Registry) -> Conventions:
    """Return the conventions of the Optabs catalogue for some frameworks."""
    order = registry.sort_keys([*registry.frameworks, *registry.runtimeless])
    return Conventions((*registry.frameworks,), order)


def open_project(root: Path, catalog: Sequence[Path] = ()) -> Project:
    """Return the project in `root`, with `ops/` as its catalogue unless others are named.

    The variables OPTABS_ENVIRONMENTS and OPTABS_FRAMEWORKS (folders of further frameworks,
    separated like PATH) change where environments and frameworks are looked for.
    """
    root = root.resolve()
    environments = os.environ.get("OPTABS_ENVIRONMENTS")
    extra = os.environ.get("OPTABS_FRAMEWORKS", "")
    return Project(
        root=root,
        catalog=tuple(path.resolve() for path in catalog) or (root / "ops",),
        environments=Path(environments).resolve() if environments else root / ".environments",
        build=root / "_build",
        extra_frameworks=tuple(Path(path).resolve() for path in extra.split(os.pathsep) if path),
        is_part=any(path.is_file() for path in catalog),
    )
