"""Poll: asks a source for quotes again and again, and tells what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from threading import Event as Flag

from aura_lib.core import DataError, InputError, Quote, Tick
from aura_lib.core.ports import Quoter
from aura_lib.data.stream.events import Deliver, Traits

__all__ = ["Poll"]


class Poll:
    """A tick whenever a quote has another price or time than before, asked for every so many seconds.

    Its size is what the session's volume grew by (NaN when the source tells none). What happened between two
    questions is not known, and after a failure cannot be filled: `missed` says so.
    """

    traits = Traits()

    def __init__(self, quoter: object, name: str, every: float = 5.0) -> None:
        if not isinstance(quoter, Quoter):
            raise InputError(f"{name} has no live quotes to ask for: replay:{name} replays its history")
        if not every > 0:
            raise InputError(f"every={every!r}: a positive number of seconds between two questions")
        self.name = f"poll:{name}"
        self._quoter = quoter
        self._every = every
        self._last: dict[str, Quote] = {}

    def run(self, symbols: Sequence[str], deliver: Deliver, stopped: Flag) -> None:
        """Ask until stopped. A source that fails raises DataError, as its `quotes` does."""
        while not stopped.is_set():
            changed = [self._tick(quote) for quote in self._quoter.quotes(symbols) if self._is_new(quote)]
            deliver(sorted(changed, key=lambda tick: tick.time))  # an empty batch is a sign of life
            stopped.wait(self._every)

    def missed(self, symbols: Sequence[str], after: datetime, until: datetime) -> Sequence[Tick]:
        """Raises DataError: nobody asked then."""
        raise DataError(f"{self.name} knows nothing of the time when it was not asked")

    def _is_new(self, quote: Quote) -> bool:
        last = self._last.get(quote.symbol)
        if quote.price != quote.price:
            return False
        return last is None or (quote.time >= last.time and (quote.time, quote.price) != (last.time, last.price))

    def _tick(self, quote: Quote) -> Tick:
        last = self._last.get(quote.symbol)
        grown = quote.volume - last.volume if last is not None else float("nan")
        self._last[quote.symbol] = quote
        return Tick(quote.symbol, quote.time, quote.price, grown if grown >= 0 else float("nan"))
