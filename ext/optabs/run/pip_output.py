"""Reads what pip prints: what it is doing, and why it failed."""

from __future__ import annotations

import re
from collections.abc import Sequence

_REASON_LINES = 8
_REASON_WIDTH = 400


def describe_line(line: str) -> str:
    """Return what pip is doing, short enough for a line of progress, or an empty string."""
    verb, _, rest = line.strip().partition(" ")
    if line.strip().startswith("Using cached "):
        verb, rest = "Using cached", line.strip().removeprefix("Using cached ")
    match verb:
        case "Downloading" | "Using cached" | "Processing":
            file, _, rest = rest.partition(" (")
            size = rest if re.match(r"[\d.]+ [kMG]?B\)", rest) else ""
            name = file.rstrip("/").rpartition("/")[2]
            if name.endswith(".metadata"):
                return ""
            name = name.partition("-")[0] if name.endswith(".whl") else name
            return f"{verb} {name}" + (f" ({size}" if size else "")
        case "Collecting":
            return f"Collecting {rest.partition(' (from ')[0]}"
        case "Building" if rest.startswith("wheel for "):
            return f"Building {rest.removeprefix('wheel for ').partition(' ')[0]}"
        case "Installing" if rest.startswith("collected packages: "):
            count = rest.count(",") + 1
            return f"Installing {count} distribution{'s' if count > 1 else ''}"
    return ""


def find_reason(lines: Sequence[str]) -> str:
    """Return the telling last lines of what pip said.

    They begin at its last error and leave out warnings. When it could not reach an index, pip
    says only that it found no such version, so the broken connection is told too.
    """
    said = [
        line
        for line in lines
        if line.strip() and not line.startswith(("WARNING:", "[notice]", "DEPRECATION:"))
    ]
    errors = [number for number, line in enumerate(said) if line.startswith("ERROR:")]
    recent = [number for number in errors if number >= len(said) - 2 * _REASON_LINES]
    telling = said[recent[0] :] if recent else said[-3:]
    # The list of every version for another Python says nothing about this one.
    telling = [line for line in telling if "Ignored the following versions" not in line]
    telling = [re.sub(r" \(from versions: [^)]*\)", "", line) for line in telling]
    reason = [line[:_REASON_WIDTH] for line in telling[:_REASON_LINES]] or ["pip said nothing"]
    broken = [
        re.sub(r"<[^>]*>: ", "", match[1])
        for line in lines
        if (match := re.search(r"after connection broken by [\"'](.*)[\"']: ", line))
    ]
    if broken:
        reason.append(f"a package index could not be reached: {broken[-1]}"[:_REASON_WIDTH])
    return "\n".join(reason)
