"""For who ports code: what differs between frameworks, and the API names of each. No Sphinx."""

from __future__ import annotations

from collections.abc import Sequence

from optabs.catalog.model import Case, Difference, Op
from optabs.categories import find_letter, sort_ops
from optabs.frameworks import Registry
from optabs.overview import find_page, find_pages
from optabs.render import (
    Context,
    describe_difference,
    list_arguments,
    make_anchor,
    show_controls,
)
from optabs.verify import Report, combine_verdicts

_OUTPUT_LENGTH = 400
_MANY = 30  # names, of which a reader wants an index by letters


def make_differences_context(ops: Sequence[Op], registry: Registry, report: Report) -> Context:
    """Return all declared differences, and all arguments that frameworks have otherwise.

    A difference concerns two frameworks if one is among its `keys` and the other one among those
    that it sets them `against`.
    """
    pages = find_pages(ops)
    frameworks: set[str] = set()
    categories: dict[str, list[Context]] = {}
    for op in sort_ops(ops):
        keys = [key for key in registry.sort_keys(op.variants) if op.has(key)]
        frameworks.update(keys)
        found: Context = {
            "name": op.operation,
            "file": find_page(op, pages),
            "groups": _group_cases(op, keys, registry, report),
            "arguments": _list_changes(op, keys, report),
        }
        if found["groups"] or found["arguments"]:
            categories.setdefault(op.category, []).append(found)
    sections: list[Context] = [
        {
            "name": name,
            "anchor": make_anchor("differs", name or "none"),
            "ops": found,
            "count": sum(len(group["items"]) for op in found for group in op["groups"]),
        }
        for name, found in sorted(categories.items(), key=lambda item: (not item[0], item[0]))
    ]
    return {
        "frameworks": [
            {"key": key, "label": registry.find_label(key), "anchor": make_anchor(key)}
            for key in registry.sort_keys(frameworks)
        ],
        "categories": sections,
        "count": sum(section["count"] for section in sections),
        "op_count": sum(bool(op["groups"]) for section in sections for op in section["ops"]),
    }


def make_apis_context(
    ops: Sequence[Op], registry: Registry, report: Report, framework: str
) -> Context:
    """Return a framework's API names by the first letter of their last part, with their ops.

    Ops that have no single name there are in `written`, those that it lacks in `unsupported`.
    """
    pages = find_pages(ops)
    known = registry.frameworks.get(framework)
    names: list[Context] = []
    written: list[Context] = []
    unsupported: list[Context] = []
    for op in sort_ops(ops):
        variant = op.variants.get(framework)
        if variant is None:
            continue
        row: Context = {
            "op": op.operation,
            "category": op.category,
            "file": find_page(op, pages),
            "verdict": combine_verdicts(report.list_variant(op, framework)).value,
        }
        if variant.unsupported is not None:
            unsupported.append({**row, "reason": variant.unsupported})
        elif variant.api:
            full = known.expand_api(variant.api) if known else variant.api
            short = known.shorten_api(variant.api) if known else variant.api
            names.append({**row, "api": full, "short": short, "last": _take_last(full)})
        else:
            written.append({**row, "code": (variant.macro_template or "").strip()})
    letters: dict[str, list[Context]] = {}
    for row in sorted(names, key=lambda row: (row["last"], row["api"])):
        letters.setdefault(find_letter(row["last"]), []).append(row)
    return {
        "label": registry.find_label(framework),
        "anchor": make_anchor(framework),
        "count": len(names),
        "letters": [
            {"letter": letter, "anchor": make_anchor("apis", framework, letter), "rows": rows}
            for letter, rows in letters.items()
        ],
        "has_index": len(names) > _MANY,
        "written": written,
        "unsupported": unsupported,
    }


def _take_last(api: str) -> str:
    """Return what a name is looked up by: ``torch.nn.ReLU`` by ``relu``."""
    last = api.rpartition(".")[2]
    return (last.strip("_") or last).casefold()


# --- declared differences -------------------------------------------------------------------------


def _group_cases(op: Op, keys: list[str], registry: Registry, report: Report) -> list[Context]:
    """Return the declared differences of an op; what several cases declare alike, once.

    Outputs are those of the first of these cases.
    """
    groups: list[Context] = []
    for case in op.cases:
        items = [
            _make_item(item, case, keys, registry)
            for item in case.differences
            if not case.gradient and not {*keys}.isdisjoint(item.frameworks)
        ]
        if not items:
            continue
        group = next((each for each in groups if each["items"] == items), None)
        if group is None:
            outputs = _list_outputs(op, case, keys, registry, report)
            group = {"items": items, "cases": [], "outputs": outputs}
            groups.append(group)
        anchor = make_anchor(items[0]["keys"][0], case.id)
        group["cases"].append({"title": case.title or case.id, "anchor": anchor})
    return groups


def _make_item(item: Difference, case: Case, keys: list[str], registry: Registry) -> Context:
    claim = _describe_claim(item)
    # Frameworks that differ for another reason but in the same way do not differ among themselves.
    alike = {
        key
        for each in case.differences
        if _describe_claim(each) == claim
        for key in each.frameworks
    }
    own = [key for key in keys if key in item.frameworks]
    return {
        "frameworks": [registry.find_label(key) for key in own],
        "keys": own,
        "against": [key for key in keys if key not in alike],
        "text": describe_difference(item.dtype, [each.name for each in item.expect]),
        "reason": item.reason,
    }


def _describe_claim(item: Difference) -> str:
    expect = [
        (each.name, each.values, each.expr, each.dtype, each.up_to, each.distribution)
        for each in item.expect
    ]
    return repr((sorted(item.dtype.items()), expect))


def _list_outputs(
    op: Op, case: Case, keys: list[str], registry: Registry, report: Report
) -> list[Context]:
    """Return what each framework's example printed; where several printed the same, once."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for key in keys:
        for judgement in report.list_variant(op, key):
            if judgement.case is case and judgement.record and judgement.record.stdout.strip():
                text = show_controls(judgement.record.stdout).strip("\n")
                if len(text) > _OUTPUT_LENGTH:
                    text = f"{text[:_OUTPUT_LENGTH]} …"
                found.setdefault((text, judgement.verdict.value), {})[key] = None
    return [
        {
            "frameworks": [registry.find_label(key) for key in own],
            "keys": list(own),
            "text": text,
            "verdict": verdict,
        }
        for (text, verdict), own in found.items()
    ]


# --- arguments ------------------------------------------------------------------------------------


def _list_changes(op: Op, keys: list[str], report: Report) -> list[Context]:
    """Return the arguments that are not the same in all frameworks.

    `forms` are the names and defaults that an argument has: (frameworks, name, default).
    `changes[i][j]` is what becomes of it on the way from form i to form j. Frameworks whose mapping
    does not speak of it are left out.
    """
    rows = []
    for row in list_arguments(op, keys, report):
        is_standard = row["standard"] is not None
        forms: list[tuple[Context | None, list[str]]] = []
        for key in keys:
            cell = row["cells"][key]
            own = next((own for form, own in forms if form == cell), None)
            if own is not None:
                own.append(key)
            elif cell or not is_standard:
                forms.append((cell, [key]))
        changes = [
            [describe_change(before, after, is_standard=is_standard) for after, _ in forms]
            for before, _ in forms
        ]
        if any(map(any, changes)):
            written = [(" ".join(own), *_write_form(form)) for form, own in forms]
            rows.append({"forms": written, "changes": changes})
    return rows


def describe_change(before: Context | None, after: Context | None, *, is_standard: bool) -> str:
    """Return what becomes of an argument on the way from one framework to another, or nothing.

    Of a standard argument of which a mapping does not speak, nothing is known.
    """
    if before and before["name"] and after and after["name"]:
        defaults = [_find_default(before), _find_default(after)]
        changes = {
            "renamed": before["name"] != after["name"],
            "other value": before["name"] == after["name"] and before["value"] != after["value"],
            "other default": None not in defaults and defaults[0] != defaults[1],
        }
        return ", ".join(name for name, holds in changes.items() if holds)
    if after and after["name"]:
        return "" if is_standard and before is None else "added"
    if before and before["name"]:
        return "" if is_standard and after is None else "dropped"
    return ""


def _find_default(cell: Context) -> str | None:
    """Return a default, nothing where the argument is required, None where it is not known."""
    if cell["value"] is not None:
        return None
    return "" if cell["required"] else cell["default"]


def _write_form(cell: Context | None) -> tuple[str, str]:
    if cell is None or cell["name"] is None:
        return "", ""
    value = "" if cell["value"] is None else f"={cell['value']}"
    return f"{cell['name']}{value}", _find_default(cell) or ""
