"""Where market data comes from. An adapter is a module here with a class `Source`; a path is a file of one's own."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Protocol, cast, runtime_checkable

from aura_lib.core import DataSource, InputError
from aura_lib.data.vendor import History

__all__ = ["Adapter", "Name", "Needs", "Vendor", "frequencies", "get", "names", "needs"]


@runtime_checkable
class Adapter(DataSource, Protocol):
    """A data source that also knows which of its symbols can be traded."""

    def universe(self) -> tuple[str, ...]:
        """The tradable symbols: all but indices."""
        ...


@runtime_checkable
class Vendor(Adapter, Protocol):
    """A source on the network: it lists no symbols, and is asked for some by name.

    `adjusted` says which prices `fetch` gives, `frequencies` how often there are bars. Its module names the keys that
    it needs (`KEYS`), those it can do without (`OPTIONAL_KEYS`), and the package of its client (`PACKAGE`).
    """

    adjusted: bool
    frequencies: tuple[str, ...]

    def history(
        self,
        symbols: Sequence[str],
        frequency: str = "1d",
        progress: Callable[[int, int], None] | None = None,
        *,
        start: datetime | None = None,
    ) -> History:
        """Bars as they traded, splits and dividends; from `start` on only bars that closed then or later.

        Unknown symbols raise InputError, a failing vendor DataError. Nothing new since `start` is no bars, no error.
        """
        ...


Name = str | os.PathLike[str] | Adapter


@dataclass(frozen=True, slots=True)
class Needs:
    """What a source needs: variables that hold its keys, those it can do without, and the package of its client."""

    keys: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    package: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """The keys that are not set."""
        return tuple(key for key in self.keys if not os.environ.get(key))

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        return not self.package or find_spec(self.package) is not None


def needs(name: str) -> Needs:
    """What a source needs, by its name with or without options; of a file: nothing."""
    plain = name.partition(":")[0]
    if plain not in names():
        return Needs()
    module = importlib.import_module(f"{__name__}.{plain}")
    return Needs(getattr(module, "KEYS", ()), getattr(module, "OPTIONAL_KEYS", ()), getattr(module, "PACKAGE", ""))


def names() -> tuple[str, ...]:
    """Every source there is, by name.

    Example:
        >>> "sample" in names()
        True
    """
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def frequencies(source: DataSource) -> tuple[str, ...]:
    """Those a source says it has; daily bars of one that says nothing."""
    return tuple(getattr(source, "frequencies", ("1d",)))


def get(name: Name, **options: Any) -> Adapter:
    """The source of a name, or a file as one; a source that is given comes back. Raises InputError for anything else.

    `options` tell how to read a file (`data.files.Dialect`), or are those of the source's class; most take none. A
    source that can be varied has its options in its name, where a job, an account and a snapshot keep them too:
    `synthetic:seed=7,years=20`.
    """
    from aura_lib.data import files

    if isinstance(name, Adapter) and not options:
        return name
    if files.is_file(name):
        return files.FileSource(cast("str | os.PathLike[str]", name), options)
    plain, varied, told = str(name).partition(":")
    if plain not in names():
        raise InputError(f"no data source {name!r}; there is: {', '.join(names())}; or name a file, such as prices.csv")
    kind: Callable[..., Adapter] = importlib.import_module(f"{__name__}.{plain}").Source
    if varied:
        if "options" not in inspect.signature(kind).parameters:
            raise InputError(f"{plain} takes no options: name it {plain!r}, not {name!r}")
        options = {"options": told, **options}
    try:
        inspect.signature(kind).bind(**options)
    except TypeError:
        raise InputError(
            f"{', '.join(options)}: only a file is told how it is to be read, and {plain} is none"
        ) from None
    return kind(**options)
