"""What there is to trade: the symbols of a source or of a list of one's own, with names, sectors and past members.

A list of one's own is a file `AURA_HOME/universes/NAME.csv` with a column `symbol`, and any of `name`, `exchange`
(market identifier code), `sector`, `asset_class`, `currency`. Who was in it when stands beside it in `NAME.members.csv`
with columns `symbol`, `from` and `to`: the first and the last day as a member; an empty `to` is a member still.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from aura_lib.core import InputError, Instrument, Settings
from aura_lib.data import sources
from aura_lib.data.universe import lists
from aura_lib.data.universe.listing import Universe, of_adapter
from aura_lib.data.universe.lists import names

__all__ = ["Universe", "names", "of"]

Source = str | os.PathLike[str] | sources.Adapter
Given = Callable[[sources.Vendor], Mapping[str, Instrument]]


def of(
    source: Source = "sample", *, given: Given | None = None, settings: Settings | None = None, **reading: Any
) -> Universe:
    """The tradable symbols of a source or a file of prices, or those of a list of one's own by its name.

    Args:
        source: a data source with its options (`synthetic:symbols=50`), a file of prices, or the name of a list in
            AURA_HOME/universes.
        given: what a vendor on the network gave up to now, since it lists no symbols itself; nothing when left out.
        settings: where AURA_HOME is; from the environment when not given.
        reading: how to read a file, see `data.files.Dialect`.

    Raises:
        InputError: there is no such source, file or list; a list has the name of a source.
        DataError: a file of a list is damaged; the message names the line.
    """
    settings = settings or Settings.load()
    if isinstance(source, str) and lists.there(source, settings):
        if source in sources.names():
            raise InputError(f"universes/{source}.csv has the name of a data source: rename that file in AURA_HOME")
        return lists.read(source, settings)
    try:
        adapter = source if isinstance(source, sources.Adapter) else sources.get(source, **reading)
    except InputError as error:
        own = ", ".join(names(settings))
        if str(error).startswith("no data source"):
            raise InputError(f"{error}. Lists of your own (AURA_HOME/universes): {own or 'none'}") from None
        raise
    held = given(adapter) if given is not None and isinstance(adapter, sources.Vendor) else {}
    return of_adapter(adapter, held)
