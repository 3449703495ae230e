"""Doctree nodes of an op's page: claims only; evidence is joined when they are written."""

from __future__ import annotations

from docutils import nodes


class op_signature(nodes.General, nodes.Element):  # noqa: N801 - docutils writes nodes so
    """The signature, aliases and category of an op. Attribute of this and others: `file`."""


class op_parameters(nodes.General, nodes.Element):  # noqa: N801
    """The table of an op's standard arguments."""


class op_crosscheck(nodes.General, nodes.Element):  # noqa: N801
    """How far the frameworks are apart."""


class op_pictures(nodes.General, nodes.Element):  # noqa: N801
    """What is drawn of an op's verified results."""


class op_notice(nodes.General, nodes.Element):  # noqa: N801
    """What is wrong with an entry. Attributes: `title`, `lines`."""


class op_case(nodes.General, nodes.Element):  # noqa: N801
    """One case in one framework, with its code as a literal block. Attribute: `case`."""


class op_notes(nodes.General, nodes.Element):  # noqa: N801
    """How a framework differs, in the entry's own words."""


class op_listing(nodes.General, nodes.Element):  # noqa: N801
    """All ops by category. Its children are what builders without pages of categories show."""


class op_summary(nodes.General, nodes.Element):  # noqa: N801
    """What has been proved. Attribute: `names`, of the ops to lead to."""


class op_tabs(nodes.General, nodes.Element):  # noqa: N801
    """The frameworks' sections of a page, grouped for HTML. `prefix` is put before their ids."""
