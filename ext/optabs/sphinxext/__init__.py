"""The Sphinx extension: catalogue entries as documents, evidence joined when pages are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optabs.sphinxext import events, head, html, overviews, pictures, publish
from optabs.sphinxext.browse import WriteLists
from optabs.sphinxext.directives import OpsDirective, SummaryDirective
from optabs.sphinxext.domain import OpDomain, OpRole
from optabs.sphinxext.format import FormatDirective
from optabs.sphinxext.parser import OpParser
from optabs.sphinxext.transforms import GroupTabs, WritePlain

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup_extension(app: Sphinx) -> None:
    """Register everything with Sphinx."""
    app.setup_extension("myst_parser")  # descriptions and notes are MyST
    app.add_config_value("optabs_catalog", "ops", "env", types=str)
    app.add_config_value("optabs_environments", "", "", types=str)
    app.add_config_value("optabs_build", "", "", types=str)
    app.add_config_value("optabs_frameworks", [], "env", types=list)
    app.add_config_value("optabs_time_limit", 60.0, "", types=(int, float))
    app.add_config_value("optabs_fail_on", ["failed", "differs"], "", types=(list, tuple))
    app.add_config_value("optabs_inventories", True, "", types=bool)
    app.add_config_value("optabs_edit_url", "", "html", types=str)
    app.add_config_value("optabs_report_url", "", "html", types=str)
    app.add_source_suffix(".yaml", OpParser.supported[0])
    app.add_source_parser(OpParser)
    app.add_domain(OpDomain)
    app.add_role("op", OpRole())
    app.add_directive("ops", OpsDirective)
    app.add_directive("summary", SummaryDirective)
    app.add_directive("format", FormatDirective)
    app.add_post_transform(GroupTabs)
    app.add_post_transform(WritePlain)
    app.add_post_transform(WriteLists)
    html.add_nodes(app)
    overviews.add_overviews(app)
    pictures.add_pictures(app)
    events.connect(app)
    publish.connect(app)
    head.connect(app)
