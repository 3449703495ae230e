"""Optabs: a catalogue of machine-learning ops whose every example has been run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optabs.version import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up the Sphinx extension."""
    from optabs.sphinxext import setup_extension

    setup_extension(app)
    return {
        "version": __version__,
        "env_version": 3,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
