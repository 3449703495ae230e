"""Evidence: records that travel between machines, as JSON lines in the files of one folder.

A line holds a record, the *method* (a hash of the worker, the adapter and their settings) and a
hash of all this. One that does not match its hash is not believed.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby
from pathlib import Path

from optabs.errors import Fault, Place
from optabs.frameworks import Registry
from optabs.records import Outcome, Record, dump_json, hash_parts
from optabs.run.targets import Target

SUFFIX = ".jsonl"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Line:
    """One line of evidence: a record, how it was made, and where the line stands."""

    record: Record
    method: str
    place: Place = field(default=Place(""), compare=False)

    @property
    def subject(self) -> tuple[str, str, str]:
        """What it is about. A claim is of one framework and device, which must be the record's."""
        return (self.record.claim, self.record.framework, self.record.device)

    @property
    def key(self) -> tuple[str, ...]:
        """What lines share of which only the newest counts: subject, version and method."""
        return (*self.subject, find_public(self.record.framework_version), self.method)

    @property
    def name(self) -> str:
        """What it is about, for messages."""
        record = self.record
        return f"{record.operation}, {record.framework}, case {record.case} on {record.device}"

    @property
    def file_name(self) -> str:
        """The file that it belongs in."""
        return f"{self.record.framework}-{self.record.device}{SUFFIX}"

    def explain_age(self, target: Target) -> str:
        """Return why the line says nothing certain of today's framework; empty where it does."""
        version = self.record.framework_version
        if find_public(version) != find_public(target.wanted_version):
            return f"the version is now {target.wanted_version or 'unknown'}"
        if self.method != target.method:
            return "the worker or the adapter has changed since"
        return ""


@dataclass(frozen=True)
class Evidence:
    """What is known from other machines, and what was refused."""

    lines: tuple[Line, ...] = ()
    faults: tuple[Fault, ...] = ()

    @cached_property
    def _newest_first(self) -> Mapping[tuple[str, ...], list[Line]]:
        found: dict[tuple[str, ...], list[Line]] = {}
        for line in sorted(self.lines, key=lambda each: each.record.ran_at, reverse=True):
            found.setdefault(line.subject, []).append(line)
        return found

    def list_lines(self, claim: str, target: Target) -> Sequence[Line]:
        """Return the lines on a claim about a target, the newest first, whatever their age."""
        return self._newest_first.get((claim, target.framework, target.device), ())

    def find(self, claim: str, target: Target, time_limit: float) -> Line | None:
        """Return the newest line on a claim that holds for a target as it is today."""
        for line in self.list_lines(claim, target):
            record = line.record
            # A run that was ended by a shorter limit says nothing about today's.
            is_cut = record.outcome is Outcome.TIMED_OUT and record.time_limit < time_limit
            if not is_cut and not line.explain_age(target):
                return line
        return None

    def list_devices(self) -> list[tuple[str, str]]:
        """Return the frameworks and devices that there are lines of."""
        return sorted({(line.record.framework, line.record.device) for line in self.lines})


def find_public(version: str) -> str:
    """Return a version without its local part: builds of one release differ in it by device."""
    return version.partition("+")[0]


def read_evidence(folder: Path, root: Path, registry: Registry) -> Evidence:
    """Read every file of a folder; a folder that is not there holds nothing."""
    files = sorted(folder.glob(f"*{SUFFIX}"))
    found = [refuse_lines(read_file(file, root), registry) for file in files]
    return Evidence(
        tuple(line for each in found for line in each.lines),
        tuple(fault for each in found for fault in each.faults),
    )


def read_file(file: Path, root: Path) -> Evidence:
    """Read a file; `faults` are the lines that are not believed, shown relative to `root`."""
    name = file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
    try:
        content = file.read_bytes()
    except OSError as error:
        fault = Fault(Place(name), "unreadable", f"cannot be read: {error.strerror}", "check it")
        return Evidence(faults=(fault,))
    lines, faults = [], []
    for number, text in enumerate(content.split(b"\n"), 1):
        if not text.strip():
            continue
        place = Place(name, number)
        try:
            lines.append(replace(_read_line(text), place=place))
        except _NotBelieved as problem:
            faults.append(
                Fault(place, "refused-evidence", str(problem), "remove the line, or export it anew")
            )
    return Evidence(tuple(lines), tuple(faults))


class _NotBelieved(Exception):  # noqa: N818 - it says what is the case
    """A line is no evidence; the text says why."""


def _read_line(text: bytes) -> Line:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise _NotBelieved("the line is not JSON") from None
    if not isinstance(data, dict) or not isinstance(data.get("method"), str):
        raise _NotBelieved("the line holds no record with its `method`")
    if data.pop("hash", None) != hash_parts(data):
        raise _NotBelieved("the line does not match its own hash: it has been changed")
    if re.search(rb"\\u[dD]", text) and not _is_whole(data):
        raise _NotBelieved("the line holds half a character, which no page can show")
    method = data.pop("method")
    try:
        record = Record.from_json(dump_json(data))
        if datetime.strptime(record.ran_at, _TIME).isoformat() + "Z" != record.ran_at:
            raise ValueError("times are compared as texts, so all must be written alike")
    except (ValueError, KeyError, TypeError):
        raise _NotBelieved("the line holds no record that this version of Optabs reads") from None
    if not re.fullmatch(r"\w+", record.framework) or not re.fullmatch(r"\w+", record.device):
        raise _NotBelieved("the line names no framework and device")  # and they name its file
    names = (record.operation, record.case, record.framework_version, record.python_version)
    if not "".join((*names, record.device_name, record.drivers)).isprintable():
        raise _NotBelieved("a name in the line holds line breaks or control characters")
    if record.outcome is Outcome.UNAVAILABLE:
        raise _NotBelieved("nothing was run, so the line proves nothing")
    return Line(record, method)


def _is_whole(data: object) -> bool:
    """Whether UTF-8 can hold all texts; workers write no others."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def refuse_lines(found: Evidence, registry: Registry) -> Evidence:
    """Return evidence with those lines among its faults that no machine can have made by now."""
    lines, faults = [], [*found.faults]
    for line in found.lines:
        if reason := _refuse(line, registry):
            faults.append(Fault(line.place, "refused-evidence", f"{line.name}: {reason}"))
        else:
            lines.append(line)
    return Evidence(tuple(lines), tuple(sorted(faults)))


def _refuse(line: Line, registry: Registry) -> str:
    framework = registry.frameworks.get(line.record.framework)
    if framework is None:
        return f"there is no framework {line.record.framework!r}"
    if line.record.device not in framework.devices:
        return f"{framework.label} has no device {line.record.device!r}"
    if _is_future(line):
        return f"it bears a time to come, {line.record.ran_at}"
    return ""


def _is_future(line: Line) -> bool:
    """Whether a line bears a time that is still to come (a day is allowed for wrong clocks)."""
    ran_at = datetime.strptime(line.record.ran_at, _TIME).replace(tzinfo=UTC)
    return (ran_at - datetime.now(UTC)).days >= 1


def write_lines(lines: Iterable[Line]) -> bytes:
    """Return the content of a file of evidence: sorted, of lines with one key the newest."""
    ordered = sorted(lines, key=lambda line: (*_sort(line), line.record.ran_at))
    newest = [[*same][-1] for _, same in groupby(ordered, key=_sort)]
    return b"".join(_write_line(line).encode() + b"\n" for line in newest)


def _sort(line: Line) -> tuple[str, ...]:
    record = line.record
    return (record.operation, record.case, *line.key)


def _write_line(line: Line) -> str:
    data = {**asdict(line.record), "method": line.method}
    # What could not be written as it is has its final form only after a first writing.
    data = json.loads(dump_json(data))
    return dump_json({**data, "hash": hash_parts(data)})


def hide_folders(record: Record, folders: Mapping[Path, str]) -> Record:
    """Return a record whose texts do not name the folders of the machine that made it.

    `folders` are absolute, each with what is written in its place.
    """
    signs = {str(folder): sign for folder, sign in folders.items() if folder.parent != folder}
    signs[str(Path(tempfile.gettempdir()).resolve())] = "<tmp>"

    def hide(text: str) -> str:
        for folder in sorted(signs, key=len, reverse=True):
            text = re.sub(re.escape(folder) + r"(?![\w.-])", signs[folder], text)
        return re.sub(r"<tmp>/optabs-\w+", "<scratch>", text)

    error = record.error
    return replace(
        record,
        stdout=hide(record.stdout),
        stderr=hide(record.stderr),
        error=error
        and replace(error, message=hide(error.message), traceback=hide(error.traceback)),
    )


def list_targets(targets: Iterable[Target], evidence: Evidence) -> Iterator[Target]:
    """Yield the targets, then one for each device that is not here but has evidence.

    Of a framework without any target nothing is yielded.
    """
    known = {(target.framework, target.device): target for target in targets}
    yield from known.values()
    for framework, device in evidence.list_devices():
        sample = next((each for each in known.values() if each.framework == framework), None)
        if sample and (framework, device) not in known:
            yield Target(
                framework,
                device,
                sample.precision,
                None,
                reason=f"there is no {device} device here",
                method=sample.method,
                wanted_version=sample.wanted_version,
                is_elsewhere=True,
            )
