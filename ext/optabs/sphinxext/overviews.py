"""Pages about the whole catalogue: directives, and what they become in HTML and elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode
from sphinx.util.osutil import relative_uri

from optabs.errors import suggest_name
from optabs.render import begin_sentence, make_anchor, split_code
from optabs.sphinxext.domain import OpDomain, find_docname, get_build

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.builders import Builder
    from sphinx.environment import BuildEnvironment
    from sphinx.writers.html5 import HTML5Translator

EXPORT_FILE = "optabs.json"
MATRIX_FILE = "matrix.csv"
_WIDEST = 48  # characters of a column in plain text


def is_site(builder: Builder) -> bool:
    """Whether a builder makes pages for a browser, which may have scripts and files beside them."""
    return builder.format == "html" and not getattr(builder, "embedded", False)


class op_matrix(nodes.General, nodes.Element):  # noqa: N801 - docutils writes nodes so
    """The verdicts of all ops in all frameworks."""


class op_health(nodes.General, nodes.Element):  # noqa: N801
    """What needs attention."""


class op_differences(nodes.General, nodes.Element):  # noqa: N801
    """What differs between frameworks."""


class op_apis(nodes.General, nodes.Element):  # noqa: N801
    """The API names of one framework."""


class _OverviewDirective(SphinxDirective):
    """Makes a node whose content is known when it is written. No content."""

    node: type[nodes.Element]

    def run(self) -> list[nodes.Node]:
        """See Directive."""
        domain = self.env.domains["op"]
        assert isinstance(domain, OpDomain)
        node = self.node(overview=" ".join([self.name, *self.arguments]))
        domain.note_overview(self.env.docname, node["overview"])
        self.set_source_info(node)
        return [node]


class MatrixDirective(_OverviewDirective):
    """A table of all ops and frameworks with their verdicts."""

    node = op_matrix


class HealthDirective(_OverviewDirective):
    """A list of what failed, differs, is stale or was not run."""

    node = op_health


class DifferencesDirective(_OverviewDirective):
    """A list of what differs between frameworks, which readers can narrow to two of them."""

    node = op_differences


class ApisDirective(_OverviewDirective):
    """A list of the API names of the framework that is its argument."""

    node = op_apis
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """See Directive."""
        registry = get_build(self.env).registry
        known = [*registry.frameworks, *registry.runtimeless]
        name = self.arguments[0]
        if name not in known:
            hint = suggest_name(name, known) or f"known are {', '.join(known)}"
            raise self.error(f"`apis` names {name!r}, which is no framework; {hint}")
        return super().run()


# --- HTML -----------------------------------------------------------------------------------------


def visit_op_matrix(self: HTML5Translator, node: nodes.Element) -> None:
    """Write the matrix."""
    _write(self, "matrix", matrix=_get_overview(self.builder.env, node))


def visit_op_health(self: HTML5Translator, node: nodes.Element) -> None:
    """Write what needs attention."""
    _write(self, "health", health=_get_overview(self.builder.env, node))


def visit_op_differences(self: HTML5Translator, node: nodes.Element) -> None:
    """Write what differs."""
    _write(self, "differences", differences=_get_overview(self.builder.env, node))


def visit_op_apis(self: HTML5Translator, node: nodes.Element) -> None:
    """Write the API names of a framework."""
    _write(self, "apis", apis=_get_overview(self.builder.env, node))


def _get_overview(env: BuildEnvironment, node: nodes.Element) -> dict[str, Any]:
    return get_build(env).get_overview(node["overview"])


def _write(translator: HTML5Translator, template: str, **context: Any) -> None:
    builder = translator.builder
    here = builder.current_docname
    files = {
        name: relative_uri(builder.get_target_uri(here), file)
        for name, file in (("csv", MATRIX_FILE), ("json", EXPORT_FILE))
    }
    html = (
        get_build(builder.env)
        .jinja.get_template(f"optabs/{template}.html")
        .render(context, files=files, link=_make_linker(builder, here))
    )
    translator.body.append(html)
    raise nodes.SkipNode


def _make_linker(builder: Builder, here: str) -> Callable[[str | None], tuple[str, str] | None]:
    """Return a function from an entry's file to its page's address, and a tab's but for its id."""
    build = get_build(builder.env)

    @cache
    def link(file: str | None) -> tuple[str, str] | None:
        docname = _find_page(builder, file)
        if docname is None:
            return None
        if builder.name == "singlehtml":
            assert file is not None
            page = f"#op-{make_anchor(build.get_op_context(file)['name'])}"
            return page, f"{page}-"
        page = builder.get_relative_uri(here, docname)
        return page, f"{page}#"

    return link


def _find_page(builder: Builder, file: str | None) -> str | None:
    """Return the document of an entry's file, None where there is none."""
    if file is None:
        return None
    docname = find_docname(builder.env, get_build(builder.env).project.root / file)
    return docname if docname in builder.env.found_docs else None


# --- other builders -------------------------------------------------------------------------------


class WritePlainOverviews(SphinxPostTransform):
    """Replaces our nodes by those that every builder knows."""

    default_priority = 900

    def is_supported(self) -> bool:
        """Every builder but a site's, and but the one that collects texts to be translated."""
        return not is_site(self.app.builder) and self.app.builder.name != "gettext"

    def run(self, **kwargs: Any) -> None:
        """See SphinxPostTransform."""
        link = partial(_refer, self.app.builder, self.env.docname)
        for kind, write in _PLAIN.items():
            for node in list(self.document.findall(kind)):
                node.replace_self(write(_get_overview(self.env, node), link))


_Link = Callable[[str, str | None, str], nodes.Node]


def _refer(builder: Builder, here: str, text: str, file: str | None, anchor: str) -> nodes.Node:
    """Return a text as a reference to a place on an op's page, if there is that page."""
    docname = _find_page(builder, file)
    if docname is None:
        return nodes.Text(text)
    return make_refnode(builder, here, docname, anchor, nodes.Text(text))


def _write_matrix(matrix: dict[str, Any], link: _Link) -> list[nodes.Node]:
    columns = matrix["columns"]
    heads = ["Op", "Category", *(column["label"] for column in columns)]
    rows: list[list[list[nodes.Node]]] = [
        [
            [link(row["name"], row["file"], "")],
            _say(row["category"]),
            *(
                [link(_word(cell), row["file"], column["anchor"])] if cell else []
                for cell, column in zip(row["cells"], columns, strict=True)
            ),
        ]
        for row in matrix["rows"]
    ]
    counts = [
        [_say(_word(row["verdict"]) or "no entry"), *(_say(str(count)) for count in row["cells"])]
        for row in matrix["counts"]
    ]
    return [_table(heads, rows), _table(["Verdict", *heads[2:]], counts)]


def _write_health(health: dict[str, Any], link: _Link) -> list[nodes.Node]:
    found: list[nodes.Node] = [nodes.paragraph("", _describe_health(health))]
    for section in health["sections"]:
        title = f"{begin_sentence(_word(section['verdict']))}: {section['count']}"
        rows = [
            [
                _join(
                    link(_name_example(item), item["file"], group["anchor"])
                    for item in group["items"]
                ),
                _say(group["framework"]),
                _say(group["device"]),
                _say(begin_sentence(group["reason"])),
            ]
            for group in section["groups"]
        ]
        found.append(nodes.rubric("", title))
        found.append(_table(["Example", "Framework", "Device", "Reason"], rows))
    if health["faults"]:
        found.append(nodes.rubric("", f"Faults of entries: {len(health['faults'])}"))
        items = [nodes.list_item("", nodes.paragraph("", each)) for each in health["faults"]]
        found.append(nodes.bullet_list("", *items))
    verdicts = health["verdicts"]
    rows = [
        [
            _say(each["label"]),
            _say(", ".join(each["versions"])),
            _say(each["ran_at"]),
            *(_say(str(each["counts"][verdict])) for verdict in verdicts),
        ]
        for each in health["frameworks"]
    ]
    heads = ["Framework", "Verified with", "Last run", *(_word(verdict) for verdict in verdicts)]
    found.append(nodes.rubric("", "By framework"))
    found.append(_table(heads, rows))
    return found


def _describe_health(health: dict[str, Any]) -> str:
    if health["is_well"]:
        return "All is well: every example that can be run was verified."
    parts = [f"{each['count']} {_word(each['verdict'])}" for each in health["sections"]]
    if health["faults"]:
        parts.append(f"{len(health['faults'])} faults of entries")
    return f"Of {health['count']} verdicts: {', '.join(parts) or 'none verified'}."


def _write_differences(differences: dict[str, Any], link: _Link) -> list[nodes.Node]:
    found: list[nodes.Node] = []
    for category in differences["categories"]:
        rows: list[list[list[nodes.Node]]] = [
            [
                [link(op["name"], op["file"], "")],
                _join(link(case["title"], op["file"], case["anchor"]) for case in group["cases"]),
                _say(", ".join(item["frameworks"])),
                _say(f"{item['text']} {begin_sentence(item['reason'])}"),
            ]
            for op in category["ops"]
            for group in op["groups"]
            for item in group["items"]
        ]
        if rows:
            found.append(nodes.rubric("", category["name"] or "Without a category"))
            found.append(_table(["Op", "Example", "Frameworks", "Difference"], rows))
    return found or [nodes.paragraph("", "No difference is declared.")]


def _write_apis(apis: dict[str, Any], link: _Link) -> list[nodes.Node]:
    anchor = apis["anchor"]
    named = [row for letter in apis["letters"] for row in letter["rows"]]
    found: list[nodes.Node] = []
    for title, head, rows, key in [
        ("", "API", named, "api"),
        ("Without a single name", "Code", apis["written"], "code"),
        ("Not supported", "Reason", apis["unsupported"], "reason"),
    ]:
        cells: list[list[list[nodes.Node]]] = [
            [
                [link(row["op"], row["file"], anchor)],
                _say(row[key])
                if key == "reason"
                else [nodes.literal("", " ".join(row[key].split()) or "its example")],
                _say(row["category"]),
                _say(_word(row["verdict"])),
            ]
            for row in rows
        ]
        if cells and title:
            found.append(nodes.rubric("", title))
        if cells:
            found.append(_table(["Op", head, "Category", "Verdict"], cells))
    return found or [nodes.paragraph("", f"No op has an entry for {apis['label']}.")]


_PLAIN: dict[type[nodes.Element], Callable[[dict[str, Any], _Link], list[nodes.Node]]] = {
    op_matrix: _write_matrix,
    op_health: _write_health,
    op_differences: _write_differences,
    op_apis: _write_apis,
}


def _word(verdict: str) -> str:
    return verdict.replace("_", " ")


def _name_example(item: dict[str, Any]) -> str:
    return f"{item['op']} ({item['case']})" if item["case"] else str(item["op"])


def _say(text: str) -> list[nodes.Node]:
    return [
        nodes.literal(part, part) if is_code else nodes.Text(part)
        for part, is_code in split_code(text)
    ]


def _join(found: Iterable[nodes.Node]) -> list[nodes.Node]:
    return [part for node in found for part in (nodes.Text(", "), node)][1:]


def _table(heads: list[str], rows: list[list[list[nodes.Node]]]) -> nodes.table:
    top = [_say(head) for head in heads]
    widths = [
        min(max(sum(map(_measure, cell)) for cell in column), _WIDEST)
        for column in zip(top, *rows, strict=True)
    ]
    group = nodes.tgroup("", *(nodes.colspec(colwidth=each) for each in widths), cols=len(heads))
    group += nodes.thead("", _row(top))
    group += nodes.tbody("", *map(_row, rows))
    return nodes.table("", group)


def _measure(node: nodes.Node) -> int:
    """Return how wide a text is where code stands between signs."""
    return len(node.astext()) + 2 * isinstance(node, nodes.literal)


def _row(cells: list[list[nodes.Node]]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells))


def add_overviews(app: Sphinx) -> None:
    """Register all of this."""
    app.add_directive("matrix", MatrixDirective)
    app.add_directive("health", HealthDirective)
    app.add_directive("differences", DifferencesDirective)
    app.add_directive("apis", ApisDirective)
    app.add_node(op_matrix, html=(visit_op_matrix, None))
    app.add_node(op_health, html=(visit_op_health, None))
    app.add_node(op_differences, html=(visit_op_differences, None))
    app.add_node(op_apis, html=(visit_op_apis, None))
    app.add_post_transform(WritePlainOverviews)
