"""Flax's settings: the same for NNX and for what stands on Linen."""

from __future__ import annotations

from typing import Any

import flax

_DEFAULTS = {
    name: getattr(flax.config, name)
    for name, flag in vars(type(flax.config)).items()
    if isinstance(flag, property)
}


def reset_settings() -> None:
    """Put every setting back."""
    for name, value in _DEFAULTS.items():
        flax.config.update(name, value)


def describe_settings() -> dict[str, Any]:
    """Return the settings by name."""
    return {name: getattr(flax.config, name) for name in _DEFAULTS}
