"""Yahoo Finance through yfinance: bars of equities, funds, indices, coins and currencies. Its terms are Yahoo's.

What yfinance does to a process is contained here: its one session and crumb for all, its caches on disk, the errors it
hides, its warnings under pandas 3. Whoever uses yfinance beside Aura finds it as they left it.

A currency's day is Yahoo's, from midnight to midnight in London. It is there when that day is over, and stamped with
the close of its session as any other: its close may be of up to two hours later.

How far back Yahoo goes: days as far as it has them, hours 730 days, 15 and 5 minutes 60 days, minutes 8 days.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from aura_lib.core import Bars, Clock, InputError, Quote, WallClock, utc
from aura_lib.data.polite import Polite
from aura_lib.data.sources.yfinance import client, parsing
from aura_lib.data.vendor import History

REACH = {"1m": 8, "5m": 60, "15m": 60, "1h": 730}  # days
EARLIER = {"1d": timedelta(days=14)}  # asked for before `start`, so that there is a bar: holidays may be long
EARLIER_INTRADAY = timedelta(days=4)
PAGE = 100  # symbols in one question for quotes
KEYS: tuple[str, ...] = ()
PACKAGE = "yfinance"

_vendor = Polite("yfinance")  # Yahoo sees one address


class Source:
    """Bars of any symbol that Yahoo knows: `AAPL`, `^GSPC`, `RELIANCE.NS`, `BTC-USD`, `EURUSD=X`.

    Symbols are asked for one after the other: yfinance has one session for the whole process, and the limit is how
    often Yahoo likes to be asked (`polite`). Quotes come 100 at a time.

    Args:
        adjusted: for splits and dividends; False: as they traded.
        polite: how fast and how often Yahoo is asked.
        clock: a bar is there when it closed by this clock.
        timeout: seconds that one answer may take.
    """

    name = "yfinance"
    frequencies: tuple[str, ...] = (*REACH, "1d")

    def __init__(
        self,
        adjusted: bool = True,
        *,
        polite: Polite | None = None,
        clock: Clock | None = None,
        timeout: float = client.TIMEOUT,
    ) -> None:
        self.adjusted = adjusted
        self._asking = client.Asking(polite or _vendor, timeout)
        self._clock = clock or WallClock()

    def symbols(self) -> tuple[str, ...]:
        """None are listed: Yahoo tells only when it is asked for one."""
        return ()

    def universe(self) -> tuple[str, ...]:
        """None are listed."""
        return ()

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> Bars:
        """All bars of the symbols, stamped with their close; what was left out is a warning.

        Raises:
            InputError: Yahoo has not got a symbol or a frequency, or the symbols follow different calendars.
            DataError: yfinance is not installed, Yahoo cannot be reached or answers nonsense.
        """
        return self.history(symbols, frequency).given(self.adjusted)

    def history(
        self,
        symbols: Sequence[str],
        frequency: str = "1d",
        progress: Callable[[int, int], None] | None = None,
        *,
        start: datetime | None = None,
    ) -> History:
        """Bars as they traded, splits and dividends, and what was left out. Raises what `fetch` raises.

        Args:
            symbols: as Yahoo writes them, all of one exchange calendar.
            frequency: 1m, 5m, 15m, 1h or 1d; weeks are made of days.
            progress: told how many symbols of how many are done.
            start: only bars closed at or after it; there may be none. None: all that Yahoo has.
        """
        if frequency not in self.frequencies:
            raise InputError(f"{self.name} has bars of {', '.join(self.frequencies)}, not of {frequency!r}")
        symbols = self._some(symbols)
        since, remarks = self._since(frequency, None if start is None else utc(start, "start"))
        found, unknown = {}, []
        with client.contained(self._asking):
            for done, symbol in enumerate(symbols, 1):
                try:
                    found[symbol] = client.download(symbol, frequency, since, self._asking.timeout)
                except client.UnknownSymbol:
                    unknown.append(symbol)
                if progress:
                    progress(done, len(symbols))
        if unknown:
            raise InputError(f"{self.name}: Yahoo has no {', '.join(unknown)}: look up how it writes them")
        return parsing.history(found, frequency, utc(self._clock.now()), start, remarks)

    def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """The last price of each symbol that Yahoo knows, 100 symbols a call.

        `previous` is the close of the session before. Yahoo delays some exchanges by 15 minutes; `time` tells.
        Raises DataError when Yahoo cannot be reached or answers nonsense.
        """
        symbols = self._some(symbols)
        wanted = [symbol for symbol in symbols if client.WRITTEN.fullmatch(symbol)]
        found: list[Quote] = []
        with client.contained(self._asking):
            for first in range(0, len(wanted), PAGE):
                found += parsing.quotes(client.quoted(wanted[first : first + PAGE], self._asking.timeout))
        return found

    def _some(self, symbols: Sequence[str]) -> list[str]:
        if not symbols:
            raise InputError(f"{self.name}: an empty list of symbols; name at least one, such as AAPL")
        return list(dict.fromkeys(symbols))

    def _since(self, frequency: str, start: datetime | None) -> tuple[datetime | None, tuple[str, ...]]:
        """From when on Yahoo is asked (None: all it has), and what is to be said of that."""
        if frequency not in REACH:
            return start and start - EARLIER[frequency], ()
        reach = utc(self._clock.now()) - timedelta(days=REACH[frequency]) + timedelta(minutes=5)
        if start is None or start - EARLIER_INTRADAY >= reach:
            return (start - EARLIER_INTRADAY if start else reach), ()
        told = f"Yahoo has bars of {frequency} of the last {REACH[frequency]} days only"
        return reach, (told,) if start < reach else ()
