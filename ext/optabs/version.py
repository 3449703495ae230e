"""The version of Optabs."""

__version__ = "0.1.0"
