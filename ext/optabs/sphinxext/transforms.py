"""At write time: framework sections become tabs in HTML, plain sections with evidence elsewhere."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from optabs.render import begin_sentence, split_code
from optabs.sphinxext.domain import get_build
from optabs.sphinxext.nodes import (
    op_case,
    op_crosscheck,
    op_notes,
    op_notice,
    op_parameters,
    op_signature,
    op_tabs,
)


class GroupTabs(SphinxPostTransform):
    """Wraps the framework sections of each op in one node, which HTML writes as tabs."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """See SphinxPostTransform."""
        groups: dict[str, op_tabs] = {}
        for section in list(self.document.findall(nodes.section)):
            if "framework" not in section:
                continue
            parent, file = section.parent, section["file"]
            if file not in groups:
                # One page of all ops: every op has its tabs, so their ids need more than a name.
                single = self.app.builder.name == "singlehtml"
                prefix = f"{parent['ids'][0]}-" if single else ""
                groups[file] = op_tabs(file=file, prefix=prefix)
                parent.insert(parent.index(section), groups[file])
            parent.remove(section)
            section["ids"] = [groups[file]["prefix"] + each for each in section["ids"]]
            groups[file] += section


class WritePlain(SphinxPostTransform):
    """Replaces our nodes by those that every builder knows."""

    default_priority = 900

    def is_supported(self) -> bool:
        """Every builder but HTML's, and but the one that collects texts to be translated."""
        return self.app.builder.format != "html" and self.app.builder.name != "gettext"

    def run(self, **kwargs: Any) -> None:
        """See SphinxPostTransform."""
        build = get_build(self.env)
        for notice in list(self.document.findall(op_notice)):
            notice.replace_self([_paragraph(notice["title"]), *map(_paragraph, notice["lines"])])
        for signature in list(self.document.findall(op_signature)):
            signature.replace_self(_write_head(build.get_op_context(signature["file"])))
        for parameters in list(self.document.findall(op_parameters)):
            parameters.replace_self(_write_parameters(build.get_op_context(parameters["file"])))
        for crosscheck in list(self.document.findall(op_crosscheck)):
            crosscheck.replace_self(_write_crosscheck(build.get_op_context(crosscheck["file"])))
        for section in list(self.document.findall(nodes.section)):
            if "framework" in section:
                tab = build.get_tab_context(section["file"], section["framework"])
                _write_section(section, tab)


def _paragraph(*parts: str | nodes.Node) -> nodes.paragraph:
    children: list[nodes.Node] = []
    for part in parts:
        if isinstance(part, str):
            children += [
                _literal(text) if is_code else nodes.Text(text)
                for text, is_code in split_code(part)
            ]
        else:
            children.append(part)
    return nodes.paragraph("", "", *children)


def _literal(text: str) -> nodes.literal:
    return nodes.literal(text, text)


def _block(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text.rstrip("\n"), language="none")


def _bullets(items: list[nodes.paragraph]) -> nodes.bullet_list:
    return nodes.bullet_list("", *(nodes.list_item("", item) for item in items))


def _write_head(op: dict[str, Any]) -> list[nodes.Node]:
    found: list[nodes.Node] = [_paragraph(_literal(op["signature"]))]
    found.append(_paragraph(", ".join(filter(None, (op["op_type"], op["category"])))))
    if op["aliases"]:
        found.append(_paragraph("Also known as ", ", ".join(op["aliases"]), "."))
    return found


def _write_parameters(op: dict[str, Any]) -> list[nodes.Node]:
    items = []
    for each in op["parameters"]:
        default = f", default {each['default']}" if each["default"] is not None else ""
        about = f" ({each['type'] or 'any'}{default})"
        items.append(
            _paragraph(_literal(each["name"]), about, f": {each['doc']}" if each["doc"] else "")
        )
    found: list[nodes.Node] = [_bullets(items)] if items else []
    if op["return_type"]:
        found.append(_paragraph("Returns ", _literal(op["return_type"]), "."))
    return found


def _write_crosscheck(op: dict[str, Any]) -> nodes.Node:
    if not op["crosscheck"]:
        return _paragraph("No two frameworks have been run.")
    return _bullets([_paragraph(_describe_disagreement(row)) for row in op["crosscheck"]])


def _describe_disagreement(row: dict[str, Any]) -> str:
    if row["is_random"]:
        return (
            f"{row['title']} ({row['device']}): not compared: each framework draws random values "
            "of its own."
        )
    case = f"{row['title']} ({row['device']}, {row['count']} frameworks): "
    if row["difference"] == "0":
        return f"{case}no difference."
    return (
        f"{case}largest difference {row['difference']} ({row['relative']} relative), "
        f"between {' and '.join(row['between'])}."
    )


def _write_section(section: nodes.section, tab: dict[str, Any]) -> None:
    """Fill a framework's section with the facts and the evidence of its tab."""
    title, *content = section.children
    facts = [_paragraph("Verdict: ", tab["verdict"].replace("_", " "), ".")]
    if tab["reason"]:
        facts.append(_paragraph(begin_sentence(tab["reason"])))
    if tab["api"]:
        name: nodes.Node = _literal(tab["api"])
        if tab["api_url"]:
            name = nodes.reference("", "", name, refuri=tab["api_url"], internal=False)
        facts.append(_paragraph("API: ", name, f" ({tab['api_note']})" if tab["api_note"] else ""))
    facts.append(_paragraph("Strategy: ", tab["strategy"], "."))
    facts += [_paragraph(_describe_devices(tab["devices"]))] if tab["devices"] else []
    facts += [_paragraph(_describe_exclusion(each)) for each in tab["not_on"]]
    facts += [_paragraph(f"Run with: {_describe_run(tab, run)}.") for run in tab["runs"]]
    facts += [_paragraph(fault) for fault in tab["faults"]]
    section.clear()
    section += [title, *facts]
    if tab["mapping"]:
        section += _bullets([_write_argument(row) for row in tab["mapping"]])
    cases = {case["id"]: case for case in tab["cases"]}
    for node in content:
        if isinstance(node, op_notes):
            section += node.children
        elif isinstance(node, op_case) and node["case"] in cases:
            section += _write_case(cases[node["case"]], node.children)


def _describe_run(tab: dict[str, Any], run: dict[str, Any]) -> str:
    about = "; ".join(filter(None, (run["device_name"], run["drivers"])))
    name = f" ({about})" if about else ""
    until = f" to {run['last']}" if run["last"] != run["first"] else ""
    origin = f"; {run['origin']}" if run["origin"] else ""
    return (
        f"{tab['label']} {run['framework_version']}, Python {run['python_version']}, "
        f"on {run['device']}{name}, {run['first']}{until}{origin}"
    )


def _describe_devices(devices: list[dict[str, str]]) -> str:
    verdicts = (f"{each['verdict'].replace('_', ' ')} on {each['device']}" for each in devices)
    return f"{begin_sentence(', '.join(verdicts))}."


def _describe_exclusion(item: dict[str, Any]) -> str:
    return f"Not on {', '.join(item['devices'])}: {item['reason']}"


def _write_argument(row: dict[str, Any]) -> nodes.paragraph:
    if row["change"] == "injected":
        return _paragraph(_literal(f"{row['framework']}={row['value']}"), " is added.")
    if row["change"] == "dropped":
        return _paragraph(_literal(row["standard"]), " is dropped.")
    if row["change"] == "renamed":
        return _paragraph(_literal(row["standard"]), " is called ", _literal(row["framework"]), ".")
    return _paragraph(_literal(row["standard"]), " keeps its name.")


def _write_case(case: dict[str, Any], code: list[nodes.Node]) -> list[nodes.Node]:
    found: list[nodes.Node] = [nodes.rubric("", case["title"] or case["id"]), *code]
    for output in case["outputs"]:
        found += [_paragraph("Output:"), _block(output["text"])]
    found += [
        _paragraph(f"Known difference: {item['text']} {begin_sentence(item['reason'])}")
        for item in case["differences"]
    ]
    found += [_paragraph(_describe_exclusion(item)) for item in case["not_on"]]
    for result in case["results"]:
        found.append(_paragraph(_describe_result(result)))
        if result["up_to"]:
            found.append(_paragraph(f"{begin_sentence(result['up_to'])}."))
        if result["tolerance_reason"]:
            found.append(_paragraph(f"Why this tolerance: {result['tolerance_reason']}"))
        if result["message"]:
            found.append(_block(result["message"]))
        for name in ("traceback", "stderr"):
            if result[name]:
                found.append(_block(result[name]))
    if case["source"]:
        found.append(_paragraph(f"Source of the expected result: {begin_sentence(case['source'])}"))
    return found


def _describe_result(result: dict[str, Any]) -> str:
    parts = [f"{result['label']} on {result['device']}"]
    if result["framework_version"]:
        parts.append(f"version {result['framework_version']}")
        parts.append(" on ".join(filter(None, (result["origin"], result["ran_at"]))))
    if result["max_abs_error"] is not None:
        relative, allowed = "", result["atol"]
        if result["max_rel_error"] is not None:
            relative = f"{result['max_rel_error']} relative, "
            allowed += f" + {result['rtol']} × |expected|"
        parts.append(
            f"largest error {result['max_abs_error']} absolute, {relative}"
            f"allowed {allowed} ({result['tolerance_source']})"
        )
    return begin_sentence("; ".join(parts)) + "."
