"""Frozen nouns made quickly: a backtest makes hundreds of thousands of them.

A frozen dataclass writes each of its fields through `object.__setattr__`, at about five times the price of a plain
assignment. A draft is a class of the same slots that can be written to: an object is filled in as a draft and then
becomes the noun, by its `__class__`. Nobody else ever sees it unfrozen.

And words that are compared quickly: Python 3.11 looks up `Side.BUY` through a property, at ten times the price of an
attribute; `direct` makes it one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, TypeVar

Noun = TypeVar("Noun")
Words = TypeVar("Words", bound=Enum)


def draft(noun: type) -> Any:
    """A writable class with the slots of a noun: `x = Draft(); x.cash = …; x.__class__ = Noun`, and nothing checked."""
    return type(f"{noun.__name__}Draft", (), {"__slots__": noun.__slots__})  # type: ignore[attr-defined]


def quick(noun: type[Noun]) -> type[Noun]:
    """Give a frozen dataclass with slots an `__init__` of the same signature that fills it in as a draft.

    Fields with a default factory or by keyword only are not provided for (TypeError).
    """
    told = fields(noun)  # type: ignore[arg-type]
    if odd := [f.name for f in told if f.default_factory is not MISSING or f.kw_only or not f.init]:
        raise TypeError(f"{noun.__name__} cannot be made quickly: {odd}")
    names = [f.name for f in told]
    known: dict[str, Any] = {f"_default_{f.name}": f.default for f in told if f.default is not MISSING}
    known |= {"_become": object.__setattr__, "_Draft": draft(noun), "_Noun": noun}
    taken = ", ".join(f"{n}=_default_{n}" if f"_default_{n}" in known else n for n in names)
    lines = [f"def __init__(self, {taken}):", "_become(self, '__class__', _Draft)"]
    lines += [f"self.{n} = {n}" for n in names] + ["self.__class__ = _Noun"]
    lines += ["self.__post_init__()"] if hasattr(noun, "__post_init__") else []
    exec("\n    ".join(lines), known)  # as dataclasses themselves make theirs
    made = known["__init__"]
    made.__qualname__, made.__annotations__ = f"{noun.__name__}.__init__", dict(noun.__init__.__annotations__)
    type.__setattr__(noun, "__init__", made)
    return noun


def finishing(noun: type[Noun], *names: str) -> Callable[..., Noun]:
    """A function that writes these fields, in this order, of a noun that its maker has not handed out yet."""
    known: dict[str, Any] = {"_become": object.__setattr__, "_Draft": draft(noun), "_Noun": noun}
    lines = [f"def finished(noun, {', '.join(names)}):", "_become(noun, '__class__', _Draft)"]
    lines += [f"noun.{name} = {name}" for name in names] + ["noun.__class__ = _Noun", "return noun"]
    exec("\n    ".join(lines), known)
    made: Callable[..., Noun] = known["finished"]
    return made


def direct(words: type[Words]) -> type[Words]:
    """Make the members of an enumeration plain attributes of it, as they are from Python 3.12 on."""
    for name, member in words.__members__.items():
        type.__setattr__(words, name, member)
    return words
