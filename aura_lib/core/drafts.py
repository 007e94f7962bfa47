"""Nouns made quickly, for the one place that makes a hundred thousand of them out of what it has checked already."""

from __future__ import annotations

from typing import Any


def draft(noun: type) -> Any:
    """A class with the slots of a frozen noun that can be written to.

    A frozen dataclass writes each field through `object.__setattr__`, at about five times the price of a plain one,
    and then checks it again. A draft is filled in field by field and becomes the noun: `x = Draft(); x.cash = …;
    x.__class__ = Noun`. Nothing is checked on the way.
    """
    return type(f"{noun.__name__}Draft", (), {"__slots__": noun.__slots__})  # type: ignore[attr-defined]
