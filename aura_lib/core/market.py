"""Market: what was known at a moment, as a cheap view of prices that go on behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.core.errors import DataError, InputError
from aura_lib.core.market_data import Bars
from aura_lib.core.ticks import Bar
from aura_lib.core.times import utc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.core.instrument import Instrument

NAN = float("nan")


class Market:
    """What was known at a moment: bars up to `as_of`, and what else a strategy asked for. Nothing later is in it.

    A frame is made when it is asked for, and is a view: writing to it reaches neither the history nor another
    market. `features` maps names to frames or Series indexed by the moments their rows became known; they are cut
    at `as_of` like the bars. Of one replay all markets share what they look at: making the next one costs next
    to nothing.
    """

    __slots__ = ("_as_of", "_bars", "_end", "_shared")

    _as_of: datetime
    _bars: Bars | None
    _end: int
    _shared: Shared

    def __init__(self, bars: Bars, as_of: datetime, features: Mapping[str, Any] | None = None) -> None:
        moment = utc(as_of, "as_of")
        end = int(bars.times.searchsorted(pd.Timestamp(moment), side="right"))
        self._shared, self._end, self._as_of, self._bars = Shared(bars, features), end, moment, None

    @staticmethod
    def at(bars: Bars, as_of: datetime, features: Mapping[str, Any] | None = None) -> Market:
        """The market of `bars` at a moment. No bar by then raises DataError."""
        market = Market(bars, as_of, features)
        if not market._end:
            raise DataError(f"no bar of {bars.source} had closed by {market._as_of.isoformat()}")
        return market

    @property
    def as_of(self) -> datetime:
        """The moment it stands at (UTC)."""
        return self._as_of

    @property
    def bars(self) -> Bars:
        """The bars closed by `as_of`."""
        if self._bars is None:
            self._bars = self._shared.bars._rows(0, self._end)
        return self._bars

    def __len__(self) -> int:
        return self._end

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in column order."""
        return self._shared.bars.symbols

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Symbol → what it is."""
        return self._shared.bars.instruments

    @property
    def close(self) -> pd.DataFrame:
        """Closing prices up to `as_of`, time × symbol."""
        return self._shared.bars.close.iloc[: self._end]

    @property
    def prices(self) -> pd.Series:
        """Last close of each symbol; NaN where it did not trade at the last bar."""
        return self._shared.bars.close.iloc[self._end - 1]

    def price(self, symbol: str) -> float:
        """Last close of one symbol; NaN when it did not trade at the last bar."""
        return self._shared.closes(symbol)[self._end - 1]

    def values(self, field: str = "close") -> NDArray[np.float64]:
        """One field up to `as_of` as a read-only array, bars × symbols in the order of `symbols`."""
        return self._shared.array(field)[: self._end]

    @property
    def features(self) -> Mapping[str, Any]:
        """What else the strategy asked for, each cut at `as_of`."""
        return _Features(self._shared.features, self._as_of)

    def select(self, symbols: Iterable[str]) -> Market:
        """The same moment with fewer symbols."""
        shared = Shared(self._shared.bars.select(symbols))
        shared.features = self._shared.features
        return shared.market(self._end, self._as_of)

    def rolling(self, kind: Any, *args: Any, symbol: str | None = None, **named: Any) -> float:
        """The last value of an incremental indicator over all bars so far: `market.rolling(rolling.Sma, 20)`.

        `kind` is a class of `indicators.rolling` (or one with its `update`) and the arguments it is made with;
        `symbol` may be left out when there is only one. A replay keeps the indicator between its slots and tells it
        the new bars only; a market on its own tells it all of them: the same number either way. NaN until it has
        seen enough. A symbol that is not there, or none named among several, raises InputError.
        """
        key = (kind, args, symbol, *named.items()) if named else (kind, args, symbol)
        end, state = self._end, self._shared.running.get(key)
        if state is None or state.end > end:  # new, or an older market than the one that came this far
            state = self._shared.start(kind, args, symbol, named)
            self._shared.running.setdefault(key, state)
        elif state.end == end:
            return state.value
        return state.run_to(end)

    def __repr__(self) -> str:
        return f"<Market at {self._as_of.isoformat()}: {self._end} bars, {len(self.symbols)} symbols>"


class Shared:
    """What all markets of one replay look at: the whole bars, their arrays, and indicators that ran so far."""

    __slots__ = ("_arrays", "_closes", "bars", "features", "running")

    def __init__(self, bars: Bars, features: Mapping[str, Any] | None = None) -> None:
        self.bars = bars
        self.features = {name: _timed(name, feature) for name, feature in (features or {}).items()}
        self.running: dict[Any, _Running] = {}
        self._arrays: dict[str, NDArray[np.float64]] = {}
        self._closes: dict[str, list[float]] = {}

    def market(self, end: int, as_of: datetime) -> Market:
        """The market after the first `end` bars."""
        market = object.__new__(Market)
        market._shared, market._end, market._as_of, market._bars = self, end, as_of, None
        return market

    def array(self, field: str) -> NDArray[np.float64]:
        """One field, bars × symbols, read-only."""
        array = self._arrays.get(field)
        if array is None:
            array = getattr(self.bars, field).to_numpy().view()
            array.flags.writeable = False
            self._arrays[field] = array
        return array

    def closes(self, symbol: str) -> list[float]:
        """The closes of one symbol."""
        closes = self._closes.get(symbol)
        if closes is None:
            closes = self._closes[symbol] = self.array("close")[:, self._column(symbol)].tolist()
        return closes

    def _column(self, symbol: str) -> int:
        try:
            return int(self.bars.close.columns.get_loc(symbol))  # type: ignore[arg-type]
        except KeyError:
            known = ", ".join(self.bars.symbols[:20])
            raise InputError(f"no bars for {symbol!r}; these bars know {known}") from None

    def start(self, kind: Any, args: tuple[Any, ...], symbol: str | None, named: Mapping[str, Any]) -> _Running:
        """An indicator that has seen nothing yet."""
        if symbol is None:
            if len(self.bars.symbols) != 1:
                raise InputError(f"there are {len(self.bars.symbols)} symbols: say which one, with symbol=…")
            symbol = self.bars.symbols[0]
        told = self._bars_of(symbol) if getattr(kind, "whole_bar", False) else self.closes(symbol)
        return _Running(kind(*args, **named), told)

    def _bars_of(self, symbol: str) -> list[Bar]:
        column, frequency = self._column(symbol), self.bars.frequency
        fields = ("open", "high", "low", "close", "volume")
        have = [self.array(f)[:, column].tolist() if f in self.bars.fields else None for f in fields]
        gap = [NAN] * len(self.bars)
        rows = zip(self.bars.times.to_pydatetime(), *(values or gap for values in have), strict=True)
        return [Bar(symbol, time, o, h, l, c, v, frequency) for time, o, h, l, c, v in rows]  # noqa: E741


class _Running:
    """An indicator, how many bars it was told, and the value it gave."""

    __slots__ = ("_told", "_update", "end", "value")

    value: float

    def __init__(self, indicator: Any, told: list[Any]) -> None:
        self._update, self._told = indicator.update, told
        self.end, self.value = 0, NAN

    def run_to(self, end: int) -> float:
        if self.end == end - 1:
            self.end = end
            self.value = self._update(self._told[end - 1])
            return self.value
        update, value = self._update, self.value
        for bar in self._told[self.end : end]:
            value = update(bar)
        self.end, self.value = end, value
        return self.value


def _timed(name: str, feature: Any) -> pd.DataFrame | pd.Series:
    index = getattr(feature, "index", None)
    if not isinstance(feature, pd.DataFrame | pd.Series) or not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise InputError(
            f"feature {name!r} must be a frame or a Series indexed by times with a zone, the moments its rows became "
            f"known, not {type(feature).__name__}: nothing else can be cut at the moment of decision"
        )
    if not index.is_monotonic_increasing:
        raise InputError(f"feature {name!r}: its times must ascend")
    return feature


class _Features(Mapping[str, Any]):
    """Features cut at a moment, each when it is asked for."""

    __slots__ = ("_as_of", "_whole")

    def __init__(self, whole: Mapping[str, Any], as_of: datetime) -> None:
        self._whole, self._as_of = whole, as_of

    def __getitem__(self, name: str) -> Any:
        feature = self._whole[name]
        return feature.iloc[: int(feature.index.searchsorted(pd.Timestamp(self._as_of), side="right"))]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)
