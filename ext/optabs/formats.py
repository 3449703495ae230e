"""Faults as text, for people, and in the formats of programs: JSON, GitHub's commands, SARIF."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from optabs.catalog.codes import CODES
from optabs.errors import Fault
from optabs.version import __version__

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True)
class Findings:
    """What a check of the catalogue has found, and mended before."""

    entries: int
    faults: Sequence[Fault]
    mended: Sequence[Fault] = ()

    def summarise(self) -> str:
        """Return the line that a check ends with."""
        entries, faults = self.entries, len(self.faults)
        return (
            f"optabs: {entries} {'entry' if entries == 1 else 'entries'}, "
            f"{faults} {'fault' if faults == 1 else 'faults'}"
            + (f", {len(self.mended)} mended" if self.mended else "")
        )


def write_text(findings: Findings) -> str:
    """Return a line for each fault: ``file:line:column: CODE message``."""
    mended = [f"{fault.place}: mended {fault.text}\n" for fault in findings.mended]
    return "".join([*mended, *(f"{fault}\n" for fault in findings.faults)])


def write_json(findings: Findings) -> str:
    """Return an object with the number of entries, all faults, and what was mended."""
    return _write(
        {
            "entries": findings.entries,
            "faults": [*map(_describe, findings.faults)],
            "mended": [*map(_describe, findings.mended)],
        }
    )


def write_github(findings: Findings) -> str:
    """Return a workflow command for each fault, which GitHub shows at its line."""
    return "".join(
        f"::{level} file={_escape(fault.place.file, ':,')},line={fault.place.line},"
        f"col={fault.place.column},title={_escape(fault.code, ':,')}::{_escape(_word(fault))}\n"
        for level, faults in (("notice", findings.mended), ("error", findings.faults))
        for fault in faults
    )


def write_sarif(findings: Findings) -> str:
    """Return a SARIF 2.1.0 log of one run."""
    rules = sorted({fault.code for fault in findings.faults})
    run = {
        "tool": {
            "driver": {
                "name": "optabs",
                "version": __version__,
                "rules": [
                    {"id": code, "shortDescription": {"text": CODES.get(code, code)}}
                    for code in rules
                ],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [
            {
                "ruleId": fault.code,
                "ruleIndex": rules.index(fault.code),
                "level": "error",
                "message": {"text": _word(fault)},
                "locations": [{"physicalLocation": _locate(fault)}],
            }
            for fault in findings.faults
        ],
    }
    return _write({"$schema": _SARIF, "version": "2.1.0", "runs": [run]})


FORMATS: Mapping[str, Callable[[Findings], str]] = {
    "text": write_text,
    "json": write_json,
    "github": write_github,
    "sarif": write_sarif,
}
FOR_PROGRAMS = ("json", "sarif")
"""Formats that are one document, beside which no other line may stand."""


def _word(fault: Fault) -> str:
    return fault.text.removeprefix(f"{fault.code} ")


def _describe(fault: Fault) -> dict[str, Any]:
    return {
        "file": fault.place.file,
        "line": fault.place.line,
        "column": fault.place.column,
        "code": fault.code,
        "message": fault.message,
        "hint": fault.hint,
    }


def _locate(fault: Fault) -> dict[str, Any]:
    file = PurePath(fault.place.file)
    uri = file.as_uri() if file.is_absolute() else quote(file.as_posix())
    region = {"startLine": fault.place.line, "startColumn": fault.place.column}
    return {"artifactLocation": {"uri": uri}, "region": region}


def _escape(text: str, further: str = "") -> str:
    """Return text as workflow commands want it: some characters as % and two hexadecimal digits."""
    for character in f"%\r\n{further}":
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _write(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"
