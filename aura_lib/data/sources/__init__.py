"""Where market data comes from. An adapter is a module here with a class `Source`; a path is a file of one's own."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from typing import Any, Protocol, runtime_checkable

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


def get(name: str | os.PathLike[str], **options: Any) -> Adapter:
    """The source of a name, or a file as one. Raises InputError when there is none.

    `options` tell how to read a file (`data.files.Dialect`). A source that can be varied has its options in its name,
    where a job, an account and a snapshot keep them too: `synthetic:seed=7,years=20`.
    """
    from aura_lib.data import files

    if files.is_file(name):
        return files.FileSource(name, options)
    plain, varied, told = str(name).partition(":")
    if plain not in names():
        raise InputError(f"no data source {name!r}; there is: {', '.join(names())}; or name a file, such as prices.csv")
    if options:
        raise InputError(f"{', '.join(options)}: only a file is told how it is to be read, and {name} is none")
    kind = importlib.import_module(f"{__name__}.{plain}").Source
    if varied and not inspect.signature(kind).parameters:
        raise InputError(f"{plain} takes no options: name it {plain!r}, not {name!r}")
    source: Adapter = kind(told) if varied else kind()
    return source
