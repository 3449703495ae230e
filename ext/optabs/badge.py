"""Badges: how many variants of an op are verified, for other people's pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width

from optabs.records import Verdict

# Dark enough for white letters: 5:1 and more.
_GREEN, _RED, _GREY = "1a7f37", "b42318", "5f6670"

# Pixels at 11 px in Verdana and its like; `textLength` makes other fonts keep to them.
_WIDTHS = {**dict.fromkeys(" .,:;'|!ijlIftr()[]", 4.2), **dict.fromkeys("mwMW%@", 10.0)}
_LETTER, _SQUARE, _MARGIN = 6.8, 11.0, 6.0


@dataclass(frozen=True)
class Badge:
    """What a badge says. `color` is hexadecimal, without a hash sign."""

    label: str
    message: str
    color: str

    @property
    def context(self) -> dict[str, Any]:
        """What the template shows; lengths are in pixels."""
        label, message = measure_text(self.label), measure_text(self.message)
        return {
            "label": self.label,
            "message": self.message,
            "color": f"#{self.color}",
            "label_length": label,
            "message_length": message,
            "divide": round(label + 2 * _MARGIN, 1),
            "width": round(label + message + 4 * _MARGIN, 1),
        }

    @property
    def endpoint(self) -> dict[str, Any]:
        """The badge as shields.io reads it (its endpoint schema, version 1)."""
        return {
            "schemaVersion": 1,
            "label": self.label,
            "message": self.message,
            "color": self.color,
            "isError": self.color == _RED,
        }


def make_badge(label: str, counts: Mapping[str, int]) -> Badge:
    """Return an op's badge; `counts` says how many of its variants have each verdict.

    It is green only where nothing failed, differs, is stale or was not run.
    """
    total = sum(counts.values()) - counts[Verdict.UNSUPPORTED]
    wrong = [verdict for verdict in (Verdict.FAILED, Verdict.DIFFERS) if counts[verdict]]
    open_ = [verdict for verdict in (Verdict.STALE, Verdict.NOT_RUN) if counts[verdict]]
    parts = [f"{counts[Verdict.VERIFIED]} of {total} verified"]
    parts += [f"{counts[verdict]} {verdict.words}" for verdict in (*wrong, *open_)]
    is_green = counts[Verdict.VERIFIED] and not open_
    return Badge(label, ", ".join(parts), _RED if wrong else _GREEN if is_green else _GREY)


def measure_text(text: str) -> float:
    """Return about how wide a text is, in pixels."""
    return round(sum(map(_measure_letter, text)), 1)


def _measure_letter(letter: str) -> float:
    return _SQUARE if east_asian_width(letter) in "WF" else _WIDTHS.get(letter, _LETTER)
