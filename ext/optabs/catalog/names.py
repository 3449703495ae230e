"""Whether the names in an entry's code are there, as far as reading the code tells."""

from __future__ import annotations

import builtins
import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from optabs.catalog.code import BadCode, find_bound_names, find_free_names
from optabs.catalog.model import Case, CodeInput, Entry, Expected, Op, Text
from optabs.errors import Fault, Place, suggest_name

_ALWAYS = frozenset({*dir(builtins), "np"})


def check_names(entry: Entry) -> Entry:
    """Return an entry with the faults of its names among its faults."""
    faults = tuple(find_name_faults(entry.op)) if entry.op else ()
    return replace(entry, faults=entry.faults + faults) if faults else entry


def find_name_faults(op: Op) -> Iterator[Fault]:
    """Yield a fault for each name that an oracle lacks, that an example lacks, that nobody uses.

    Nothing is said of code that has a fault already.
    """
    try:
        helpers = find_bound_names(op.reference.text) if op.reference else frozenset()
    except BadCode:
        return
    for case in op.cases:
        if case.gradient is None:
            yield from _check_oracle(case, [*(each.name for each in case.inputs), *sorted(helpers)])
            yield from _check_inputs(op, case)
    for variant in op.variants.values():
        undefined: dict[tuple[Place, str], Fault] = {}
        for case in op.cases if not variant.faults else ():
            if example := variant.find_own_example(case):
                for fault in _check_example(example, case):
                    undefined.setdefault((fault.place, fault.message), fault)
        yield from undefined.values()


def _check_oracle(case: Case, names: Collection[str]) -> Iterator[Fault]:
    for expected in case.all_expected:
        if expected.expr is None:
            continue
        needed = find_free_names(f"(\n{expected.expr.strip()}\n)")
        for name in sorted(needed - _ALWAYS - {*names}):
            yield Fault(
                _find_place(expected, name),
                "unknown-name",
                f"`{expected.name}` is computed from {name!r}, which is not there",
                suggest_name(name, names)
                or f"there are {', '.join([*names, 'np'])}; NumPy's functions begin with `np.`",
            )


def _check_inputs(op: Op, case: Case) -> Iterator[Fault]:
    """Yield a fault for each input that no call, no code and no oracle uses."""
    names = [each.name for each in op.parameters]
    examples = [variant.find_own_example(case) for variant in op.variants.values()]
    texts = [
        *(each.text for each in examples if each),
        *(each.spec.source for each in case.inputs if isinstance(each.spec, CodeInput)),
        *(each.expr for each in case.all_expected if each.expr),
    ]
    for item in case.inputs if names else ():
        if item.name not in names and not any(_find_name(item.name, text) for text in texts):
            yield Fault(
                item.place,
                "unused-input",
                f"nothing uses the input {item.name!r}",
                suggest_name(item.name, names) or f"the op's arguments are {', '.join(names)}",
            )


def _find_name(name: str, text: str) -> re.Match[str] | None:
    """Return where a name first stands in some code."""
    return re.search(rf"(?<![\w.]){re.escape(name)}\b", text)


def _find_place(expected: Expected, name: str) -> Place:
    found = _find_name(name, expected.expr or "")
    if expected.text is None or found is None:
        return expected.place
    before = found.string[: found.start()]
    return expected.text.find_place(before.count("\n"), len(before) - before.rfind("\n") - 1)


def _check_example(example: Text, case: Case) -> Iterator[Fault]:
    bound = find_bound_names(example.text)
    for name in case.result_names:
        if name not in bound and "*" not in bound:
            yield Fault(
                example.place,
                "no-result",
                f"the example does not define `{name}`",
                f"begin the line that computes it with `{name} = `",
            )
