"""A run over arrays as it was recorded: columns, of which nouns are made when they are asked for."""

from __future__ import annotations


class Tape:
    """To come."""
