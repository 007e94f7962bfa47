"""The version of Aura."""

__version__ = "0.1.0"
