"""What running an example gave: an immutable record, and the words for it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What running gave."""

    OK = "ok"
    RAISED = "raised"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    UNAVAILABLE = "unavailable"


class Verdict(StrEnum):
    """What comparing gave, in the order in which summaries name them."""

    VERIFIED = "verified"
    DIFFERS = "differs"
    FAILED = "failed"
    NOT_RUN = "not_run"
    UNSUPPORTED = "unsupported"
    UNTESTABLE = "untestable"
    STALE = "stale"

    @property
    def words(self) -> str:
        """The verdict as readers see it."""
        return self.value.replace("_", " ")


@dataclass(frozen=True)
class Error:
    """Why an example did not end well."""

    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class Record:
    """One run of one example. `results` are trees as the worker encodes them."""

    key: str
    claim: str
    operation: str
    case: str
    framework: str
    device: str
    outcome: Outcome
    results: Mapping[str, Any]
    stdout: str
    stderr: str
    error: Error | None
    seconds: float | None
    time_limit: float
    framework_version: str
    python_version: str
    device_name: str
    precision: str
    ran_at: str
    """UTC, ISO 8601, to the second."""
    changes: tuple[str, ...] = ()
    """Names of the global state that the example changed, which was put back afterwards."""
    drivers: str = ""
    """What stood between framework and device, with versions: ``driver 570.1, CUDA 12.8``."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Results that were on another device than the one asked for, each with that device."""

    def to_json(self) -> str:
        """Return the record as one line of JSON."""
        return dump_json(asdict(self))

    @staticmethod
    def from_json(text: str) -> Record:
        """Read a record back.

        Raises:
            ValueError, KeyError, TypeError: the text is no record.
        """
        data = json.loads(text)
        if not isinstance(data, dict):
            raise TypeError("a record is a JSON object")
        error = data.pop("error")
        outcome = Outcome(data.pop("outcome"))
        data["changes"] = read_names(data["changes"])
        data["elsewhere"] = read_devices(data.get("elsewhere", {}))
        record = Record(**data, outcome=outcome, error=Error(**error) if error else None)
        for part in (record, record.error):
            for each in fields(part) if part else ():
                value = getattr(part, each.name)
                if not isinstance(value, _TYPES[str(each.type)]) or isinstance(value, bool):
                    raise TypeError(f"`{each.name}` of a record cannot be {value!r}")
        for seconds in (record.seconds or 0, record.time_limit):
            if not 0 <= seconds <= sys.float_info.max:  # nor is NaN
                raise ValueError(f"{seconds!r:.40} is no number of seconds")
        _check_depth(record.results, _MAX_DEPTH)
        return record


# Workers nest results 20 deep at most, two JSON values each.
_MAX_DEPTH = 100


def _check_depth(value: Any, levels: int) -> None:
    if not levels:
        raise ValueError(f"results are nested deeper than {_MAX_DEPTH} levels")
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check_depth(each, levels - 1)


_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "Outcome": (Outcome,),
    "Mapping[str, Any]": (dict,),
    "Mapping[str, str]": (dict,),
    "Error | None": (Error, type(None)),
    "float | None": (int, float, type(None)),
    "float": (int, float),
    "tuple[str, ...]": (tuple,),
}


def read_devices(value: Any) -> dict[str, str]:
    """Return a JSON mapping from texts to texts.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise TypeError(f"{value!r} is no mapping of texts")
    return value


def read_names(value: Any) -> tuple[str, ...]:
    """Return a JSON list of texts as a tuple.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"{value!r} is no list of texts")
    return tuple(value)


def dump_json(value: Any) -> str:
    """Return `value` as canonical JSON: sorted keys, no spaces.

    Text stays readable, but for lone surrogates, which no UTF-8 file could hold.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def hash_parts(*parts: Any) -> str:
    """Return a key for JSON-able parts (SHA-256, hexadecimal)."""
    return hashlib.sha256(dump_json(parts).encode()).hexdigest()
