"""Whether an API name exists, and what it accepts."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import io
import warnings


def resolve_api(api):
    """Return ``{"exists", "parameters", "nearest", "warning"}`` for a dotted name.

    `parameters` is None where there is no signature to be had; `nearest` holds names that do exist;
    `warning` is what the framework says when the name is used (moved, deprecated).
    """
    with (
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("always")
        found, parent, missing = _find(api)
        warning = next(
            (
                str(item.message)
                for item in caught
                if issubclass(item.category, (DeprecationWarning, FutureWarning))
            ),
            None,
        )
        return {
            "exists": missing is None,
            "parameters": _list_parameters(found) if missing is None else None,
            "nearest": _find_nearest(parent, missing) if missing is not None else [],
            "warning": warning,
        }


def _find(api):
    """Return (object, the last thing that was found, the part that is missing or None)."""
    parts = api.split(".")
    try:
        found = importlib.import_module(parts[0])
    except BaseException:
        return None, None, parts[0]
    for number, part in enumerate(parts[1:], 2):
        try:
            found = getattr(found, part)
        except BaseException:
            try:
                found = importlib.import_module(".".join(parts[:number]))
            except BaseException:
                return None, found, part
    return found, found, None


def _list_parameters(found):
    try:
        parameters = inspect.signature(found).parameters.values()
    except BaseException:
        return None
    return [[parameter.name, parameter.kind.name.lower()] for parameter in parameters]


def _find_nearest(parent, missing):
    try:
        names = [name for name in dir(parent) if not name.startswith("_")]
    except BaseException:
        return []
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(missing.casefold(), folded, n=3, cutoff=0.6)
    return [folded[name] for name in close]
