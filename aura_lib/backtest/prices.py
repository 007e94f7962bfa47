"""One bar as the desk and the exchange are told of it: numbers become Decimals when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from aura_lib.exchange import PriceBar
from aura_lib.plan import decimal_price

if TYPE_CHECKING:
    from aura_lib.core.market import Shared

NAN = Decimal("NaN")


class Closes(Mapping[str, Decimal]):
    """Symbol → close of one bar; what did not trade is not in it."""

    __slots__ = ("_known", "_raw")

    def __init__(self, symbols: tuple[str, ...], prices: list[float]) -> None:
        self._raw = {s: p for s, p in zip(symbols, prices, strict=True) if p == p}
        self._known: dict[str, Decimal] = {}

    def __getitem__(self, symbol: str) -> Decimal:
        price = self._known.get(symbol)
        if price is None:
            price = self._known[symbol] = decimal_price(self._raw[symbol])
        return price

    def get(self, symbol: str, default: Any = None) -> Any:
        """The close, or the default; without an exception in between."""
        return self[symbol] if symbol in self._raw else default

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class Quotes(Mapping[str, Any]):
    """Symbol → what the exchange is told of one bar: its close, or a PriceBar where the bars have more."""

    __slots__ = ("_bare", "_places", "_rows", "_volume")

    def __init__(self, places: Mapping[str, int], rows: tuple[Any, ...], volume: Any) -> None:
        self._places, self._rows, self._volume = places, rows, volume
        self._bare = len(rows) == 1 and volume is None  # closes are all there is

    def __getitem__(self, symbol: str) -> Decimal | PriceBar:
        place = self._places[symbol]
        close = self._rows[0][place]
        if close != close:
            raise KeyError(symbol)
        if self._bare:
            return decimal_price(close)
        prices = [NAN if row is None or (p := row[place]) != p else decimal_price(p) for row in self._rows[1:]]
        first, high, low = prices or (NAN, NAN, NAN)
        told = None if self._volume is None or (v := self._volume[place]) != v else decimal_price(v)
        return PriceBar(first, high, low, decimal_price(close), told)

    def get(self, symbol: str, default: Any = None) -> Any:
        """The same, or the default; without an exception in between."""
        place = self._places.get(symbol)
        if place is None or (close := self._rows[0][place]) != close:
            return default
        return decimal_price(close) if self._bare else self[symbol]

    def __iter__(self) -> Iterator[str]:
        return (symbol for symbol, place in self._places.items() if self._rows[0][place] == self._rows[0][place])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Prices:
    """The prices of all bars, as arrays."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._symbols = shared.bars.symbols
        self._places = {symbol: n for n, symbol in enumerate(self._symbols)}
        known = shared.bars.fields
        extra = ("open", "high", "low") if any(name in known for name in ("open", "high", "low")) else ()
        self._fields = [shared.array("close"), *(shared.array(name) if name in known else None for name in extra)]
        self._volume = shared.array("volume") if "volume" in known else None
        self._row, self._closes = -1, Closes((), [])

    def closes(self, row: int) -> Closes:
        """The closes of a bar."""
        if row != self._row:
            self._row, self._closes = row, Closes(self._symbols, self._fields[0][row].tolist())  # type: ignore[index]
        return self._closes

    def quotes(self, row: int) -> Quotes:
        """What the exchange is told of a bar."""
        rows = tuple(None if field is None else field[row] for field in self._fields)
        return Quotes(self._places, rows, None if self._volume is None else self._volume[row])
