"""What is new in one export against an older one: verdicts, API names, ops, versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from optabs.published import Api, PublishedExport, Result, ResultKey
from optabs.records import Verdict

_WRONG = (Verdict.FAILED, Verdict.DIFFERS)
_UNPROVED = (Verdict.NOT_RUN, Verdict.STALE)


class Kind(StrEnum):
    """What has changed, in the order in which it is told; the value is its heading."""

    FAILED = "Newly failed"
    DIFFERS = "Newly differs"
    NOT_RUN = "Newly not run"
    STALE = "Newly stale"
    API_GONE = "API names that are gone"
    REMOVED = "Removed"
    UNSUPPORTED = "Newly unsupported"
    UNTESTABLE = "Newly untestable"
    VERIFIED = "Newly verified"
    API_CHANGED = "API names that changed"
    API_FOUND = "API names that are there again"
    NEW = "New"
    VERSION = "Framework versions"


@dataclass(frozen=True)
class Change:
    """One change. What it is not about is an empty text."""

    kind: Kind
    operation: str = ""
    framework: str = ""
    case: str = ""
    device: str = ""
    old: str = ""
    new: str = ""
    reason: str = ""
    is_worse: bool = False


@dataclass(frozen=True)
class News:
    """What a new export says, and the changes since the old one; None without an old one."""

    export: PublishedExport
    changes: tuple[Change, ...] | None = None

    @property
    def worse(self) -> int:
        """How many changes are for the worse."""
        return sum(change.is_worse for change in self.changes or ())

    def list_kind(self, kind: Kind) -> list[Change]:
        """Return the changes of a kind."""
        return [change for change in self.changes or () if change.kind is kind]

    def list_wrong(self) -> list[tuple[ResultKey, Result]]:
        """Return what failed or differs, whether it did before or not."""
        return [item for item in self.export.results.items() if item[1].verdict in _WRONG]

    def count_verdicts(self) -> Mapping[str, Counter[Verdict]]:
        """Return how often each framework has each verdict."""
        counts = {key: Counter[Verdict]() for key in self.export.versions}
        for (_, framework, _, _), result in self.export.results.items():
            counts.setdefault(framework, Counter())[result.verdict] += 1
        return {framework: count for framework, count in counts.items() if count}


def compare_exports(
    new: PublishedExport, old: PublishedExport | None, *, narrowed: bool = False
) -> News:
    """Return the news of an export. What a `narrowed` one lacks is not called removed."""
    if old is None:
        return News(new)
    changes = [
        *_compare_results(new, old),
        *_compare_apis(new, old),
        *_compare_names(new, old, narrowed=narrowed),
        *_compare_versions(new, old),
    ]
    order = list(Kind)
    return News(new, tuple(sorted(changes, key=lambda change: order.index(change.kind))))


def _compare_results(new: PublishedExport, old: PublishedExport) -> Iterator[Change]:
    for key, result in new.results.items():
        before = old.results.get(key)
        was = before.verdict if before else None
        if was is result.verdict or (was is None and result.verdict not in _WRONG):
            continue
        yield Change(
            Kind[result.verdict.name],
            *key,
            was.words if was else "",
            result.verdict.words,
            result.reason,
            is_worse=(result.verdict in _WRONG and was not in _WRONG)
            or (result.verdict in _UNPROVED and was is Verdict.VERIFIED),
        )


def _compare_apis(new: PublishedExport, old: PublishedExport) -> Iterator[Change]:
    for (operation, framework), api in new.apis.items():
        before = old.apis.get((operation, framework), Api("", None))
        is_gone = api.exists is False and (before.exists, before.name) != (False, api.name)
        if is_gone:
            kind = Kind.API_GONE
        elif before.name and before.name != api.name:
            kind = Kind.API_CHANGED
        elif before.exists is False and api.exists:
            kind = Kind.API_FOUND
        else:
            continue
        yield Change(kind, operation, framework, old=before.name, new=api.name, is_worse=is_gone)


def _compare_names(
    new: PublishedExport, old: PublishedExport, *, narrowed: bool
) -> Iterator[Change]:
    """Yield ops that came or went; of those that stayed, variants; of these, cases."""
    sides = [(Kind.NEW, new, old)]
    if not narrowed:
        sides.append((Kind.REMOVED, old, new))
    for kind, having, lacking in sides:
        operations, cases = set(lacking.operations), {key[:3] for key in lacking.results}
        for operation in having.operations:
            if operation not in operations:
                yield Change(kind, operation)
        for operation, framework in having.apis:
            if operation in operations and (operation, framework) not in lacking.apis:
                yield Change(kind, operation, framework)
        for key in dict.fromkeys(key[:3] for key in having.results):
            if key[:2] in lacking.apis and key not in cases and key[2]:
                yield Change(kind, *key)


def _compare_versions(new: PublishedExport, old: PublishedExport) -> Iterator[Change]:
    for framework, version in new.versions.items():
        before = old.versions.get(framework, "")
        if version != before:
            yield Change(Kind.VERSION, framework=framework, old=before, new=version)
