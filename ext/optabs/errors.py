"""What can go wrong for a person: places in files, faults found there, and the exceptions.

Nothing in this module imports the rest of Optabs, so every other module may use it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, order=True, slots=True)
class Place:
    """A position in a text file; `line` and `column` count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong in a file: where, what was found, and what to write instead."""

    place: Place
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"

    @property
    def text(self) -> str:
        """The fault without its place, for reporters that show the place themselves."""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.code} {self.message}{hint}"


class OptabsError(Exception):
    """Anything that stops a command; its text is for the person who started it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class CatalogError(OptabsError):
    """A file that cannot be read as a catalogue entry; carries the faults found in it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class InterpreterError(OptabsError):
    """No Python interpreter suits a framework's environment."""


class LedgerError(OptabsError):
    """The ledger cannot be opened or written."""


def suggest_name(name: object, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?`` for the known name nearest to `name`, or an empty string."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    nearest = get_close_matches(str(name).casefold(), by_folded, n=1, cutoff=0.6)
    return f"did you mean {by_folded[nearest[0]]!r}?" if nearest else ""
