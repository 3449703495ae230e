"""Whether an API name exists, and what it accepts."""

from __future__ import annotations

import contextlib
import difflib
import enum
import importlib
import inspect
import io
import re
import sys
import warnings

# Below this ratio names have letters in common, and nothing else.
_CLOSE = 0.75
_SHOWN = 3
_LONGEST_DEFAULT = 24
_DEPTH = 3  # a.b.c
_CALLS = ("forward", "call", "__call__")
_INTERNAL = ("src", "python", "aten", "prims", "raw_ops")
"""Modules whose names are not for users, though nothing in their own name says so."""
_warned = {}
"""What importing a module said, which it says only once."""
_modules = {}
"""The public names of each public module, by package."""


def resolve_api(api):
    """Return ``{"exists", "parameters", "called", "missing", "nearest", "warning"}`` for a name.

    `parameters` are [name, kind, default as code or None], of a class those of its constructor, and
    None where there is no signature to be had; `called` those with which its instances are called.
    `missing` is the first part of the name that is not there, `nearest` holds names that are.
    `warning` is what the framework says where the name is used (moved, deprecated).
    """
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        found, parents, missing, said = _find(api)
        exists = missing is None
        return {
            "exists": exists,
            "parameters": _list_parameters(found) if exists else None,
            "called": _list_called(found) if exists else None,
            "missing": missing,
            "nearest": [] if exists else _find_nearest(api, parents),
            "warning": _find_warning(api, found, said) if exists else None,
        }


def _find(api):
    """Return (object, the things on the way, the part that is missing or None, warnings)."""
    parts = api.split(".")
    parents, said = [], []
    for number, part in enumerate(parts, 1):
        name = ".".join(parts[:number])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                found = _take(parents[-1], part, name) if parents else importlib.import_module(name)
            except BaseException:
                return None, parents, name, said
        messages = [
            str(item.message)
            for item in caught
            if issubclass(item.category, (DeprecationWarning, FutureWarning))
            or "Deprecat" in item.category.__name__
        ]
        if inspect.ismodule(found):
            messages = _warned.setdefault(name, messages)
        said += messages
        parents.append(found)
    return found, parents, None, said


def _take(parent, part, name):
    try:
        return getattr(parent, part)
    except BaseException:
        return importlib.import_module(name)


def _find_warning(api, found, said):
    """Return what is said of the name itself: importing may stir up warnings of other things."""
    parts = "|".join(map(re.escape, api.split(".")[1:]))
    for message in said:
        if parts and re.search(r"\b({})\b".format(parts), message):
            return message
    try:
        marked = found.__deprecated__  # PEP 702; such a function warns when it is called
    except BaseException:
        return None
    return marked if isinstance(marked, str) else None


def _list_parameters(found):
    try:
        parameters = _read_signature(found)
        kinds = {each[1] for each in parameters}
        if inspect.isclass(found) and kinds <= {"var_positional", "var_keyword"}:
            # The metaclass passes on what it is called with.
            parameters = _read_signature(found.__init__)[1:]
    except BaseException:
        return None
    return parameters


def _list_called(found):
    if not inspect.isclass(found):
        return None
    for name in _CALLS:
        with contextlib.suppress(BaseException):
            return _read_signature(inspect.getattr_static(found, name))[1:]
    return None


def _read_signature(found):
    parameters = inspect.signature(found).parameters.values()
    return [[each.name, each.kind.name.lower(), _write_default(each)] for each in parameters]


def _write_default(parameter):
    """Return a default as code: constants, and what has a name; ``...`` for anything else."""
    default = parameter.default
    if default is parameter.empty:
        return None
    if isinstance(default, enum.Enum):
        return default.name
    if isinstance(default, (bool, int, float, complex, str, tuple, type(None))):
        text = repr(default)
        return text if len(text) <= _LONGEST_DEFAULT and "<" not in text else "..."
    return getattr(default, "__name__", "...")


# --- nearest names --------------------------------------------------------------------------------


def _find_nearest(api, parents):
    """Return full names that exist: the same but for case and underscores, else alike ones."""
    if not parents:
        return []
    parts = api.split(".")
    path, missing = ".".join(parts[: len(parents)]), parts[len(parents)]
    siblings = {"{}.{}".format(path, name): name for name in _list_public(parents[-1])}
    wanted = {_fold(missing), _fold(parts[-1])}
    same = [full for full, name in siblings.items() if _fold(name) in wanted]
    elsewhere = [
        "{}.{}".format(module, name)
        for module, names in _list_modules(parts[0]).items()
        for name in names
        if _fold(name) in wanted
    ]
    elsewhere.sort(key=lambda full: (full.count("."), len(full), full))
    known = {}
    for full in same + elsewhere:
        found = _find(full)[0]
        if found is not None and not inspect.ismodule(found):
            known.setdefault(id(found), full)  # the same thing has many names
    if known:
        return list(known.values())[:_SHOWN]
    # Of names that are the same but for underscores, the shortest stands last and holds.
    longest_first = sorted(siblings.items(), key=lambda item: -len(item[1]))
    folded = {_fold(name): full for full, name in longest_first}
    close = difflib.get_close_matches(_fold(missing), folded, n=_SHOWN, cutoff=_CLOSE)
    return [folded[name] for name in close]


def _list_modules(root):
    """Return the public names in each public module of a package, but for the deep modules."""
    if root not in _modules:
        waiting, seen = [(root, sys.modules[root])], set()
        found = _modules[root] = {}
        while waiting:
            path, module = waiting.pop(0)
            if id(module) in seen:
                continue
            seen.add(id(module))
            found[path] = _list_public(module)
            for name in found[path] if path.count(".") < _DEPTH - 1 else ():
                # Not `getattr`: it may import what is of no use here.
                child = vars(module).get(name)
                if not inspect.ismodule(child) or name in _INTERNAL:
                    continue
                parts = child.__name__.split(".")
                if (parts[0], parts[-1]) == (root, name):  # neither foreign nor an alias
                    waiting.append(("{}.{}".format(path, name), child))
    return _modules[root]


def _list_public(parent):
    """Return the names in a namespace that are not private."""
    try:
        return [name for name in dir(parent) if not name.startswith("_")]
    except BaseException:
        return []


def _fold(name):
    return name.replace("_", "").casefold()
