"""Where market data comes from. An adapter is a module here with a class `Source`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol, runtime_checkable

from aura_lib.core import DataSource, InputError

__all__ = ["Adapter", "get", "names"]


@runtime_checkable
class Adapter(DataSource, Protocol):
    """A data source that also knows which of its symbols can be traded."""

    def universe(self) -> tuple[str, ...]:
        """The tradable symbols: all but indices."""
        ...


def names() -> tuple[str, ...]:
    """Every source there is, by name.

    Example:
        >>> "sample" in names()
        True
    """
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def get(name: str) -> Adapter:
    """The source of a name. Raises InputError when there is none."""
    if name not in names():
        raise InputError(f"no data source {name!r}; there is: {', '.join(names())}")
    source: Adapter = importlib.import_module(f"{__name__}.{name}").Source()
    return source
