"""The indicators, one bar after the other: each is told a bar, and gives what the function of its name gives there.

    average = rolling.Sma(20)
    average.update(bar)  # NaN until the twentieth

`update` takes a Bar, a Tick or, where the close is enough, a number; it takes the same time however long the history.
`state()` is what JSON can hold, and `restore` goes on from it. One object is for one symbol.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aura_lib.core import Bar, DataError, InputError, Tick
from aura_lib.indicators.checks import part_of, whole

__all__ = [
    "TWINS",
    "Atr",
    "Bollinger",
    "Ema",
    "Macd",
    "Momentum",
    "RealisedVolatility",
    "Rolling",
    "Rsi",
    "Sma",
    "Vwap",
]

NAN = float("nan")
MOMENT = timedelta(microseconds=1)


class Rolling:
    """What all of them have: the arguments they were made with, and a state that can be written down."""

    whole_bar = False  # whether it looks at more of a bar than its close

    def __init__(self, *made: Any) -> None:
        self.made = list(made)

    def update(self, bar: Any) -> float:
        """The value with this bar; NaN as in the function of the same name."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """All that the next values depend on."""
        return {key: _written(value) for key, value in vars(self).items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; InputError when it belongs to another indicator or other arguments."""
        if state.get("made") != self.made or set(state) != set(vars(self)):
            raise InputError(f"this is the state of another indicator: {state.get('made')}, not {self.made}")
        for key, value in state.items():
            held = getattr(self, key)
            if isinstance(held, Rolling):
                held.restore(value)
            else:
                setattr(self, key, list(value) if isinstance(held, list) else value)


def _written(value: Any) -> Any:
    return value.state() if isinstance(value, Rolling) else list(value) if isinstance(value, list) else value


def _price(bar: Any) -> float:
    if isinstance(bar, Bar):
        return bar.close
    return bar.price if isinstance(bar, Tick) else float(bar)


def _positive(price: float) -> float:
    if price <= 0 or price == math.inf:
        raise DataError(f"prices must be positive and finite, not {price}")
    return price


# ── what they are made of ───────────────────────────────────────────────────────────────────────────────────────────


class _Sum(Rolling):
    """The sum of the last n values; NaN while one of them is. Counted anew every n values: errors do not add up."""

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.n = n
        self.ring = [NAN] * n
        self.place = 0
        self.unknown = n
        self.total = 0.0

    def update(self, bar: float) -> float:
        """The sum with one more value."""
        ring, place = self.ring, self.place
        old, ring[place] = ring[place], bar
        if old == old:
            self.total -= old
        else:
            self.unknown -= 1
        if bar == bar:
            self.total += bar
        else:
            self.unknown += 1
        place += 1
        if place == self.n:
            place = 0
            self.total = math.fsum(ring) if not self.unknown else math.fsum(v for v in ring if v == v)
        self.place = place
        return NAN if self.unknown else self.total


class _Spread(Rolling):
    """The standard deviation of the last n values, divisor n − ddof; NaN while one of them is.

    Deviations are taken from a value near the mean, which is chosen anew every n values: squares of large numbers
    that nearly cancel would leave nothing but their rounding.
    """

    def __init__(self, n: int, ddof: int) -> None:
        super().__init__(n, ddof)
        self.n, self.ddof = n, ddof
        self.ring = [NAN] * n
        self.place = 0
        self.unknown = n
        self.about = 0.0
        self.first = 0.0
        self.second = 0.0
        self.last = NAN
        self.same = 0  # how many values in a row are equal

    def update(self, bar: float) -> float:
        """The deviation with one more value."""
        ring, place = self.ring, self.place
        old, ring[place] = ring[place], bar
        if old == old:
            away = old - self.about
            self.first -= away
            self.second -= away * away
        else:
            self.unknown -= 1
        if bar == bar:
            away = bar - self.about
            self.first += away
            self.second += away * away
        else:
            self.unknown += 1
        self.same = self.same + 1 if bar == self.last else 1
        self.last = bar
        place += 1
        if place == self.n:
            place = 0
            self._anew()
        self.place = place
        if self.unknown:
            return NAN
        if self.same >= self.n:
            return 0.0
        variance = (self.second - self.first * self.first / self.n) / (self.n - self.ddof)
        return math.sqrt(variance) if variance > 0.0 else 0.0

    def _anew(self) -> None:
        known = [value for value in self.ring if value == value]
        self.about = math.fsum(known) / len(known) if known else 0.0
        away = [value - self.about for value in known]
        self.first = math.fsum(away)
        self.second = math.fsum(a * a for a in away)


class _Smooth(Rolling):
    """An exponential average that starts with the simple one of the first n values, and skips gaps."""

    def __init__(self, n: int, alpha: float) -> None:
        super().__init__(n, alpha)
        self.n, self.alpha = n, alpha
        self.seed: list[float] = []
        self.value = NAN
        self.ready = False

    def update(self, bar: float) -> float:
        """The average with one more value."""
        if bar != bar:
            return NAN
        if self.ready:
            self.value += self.alpha * (bar - self.value)
            return self.value
        self.seed.append(bar)
        if len(self.seed) == self.n:
            self.value = math.fsum(self.seed) / self.n
            self.seed, self.ready = [], True
        return self.value


# ── the indicators ──────────────────────────────────────────────────────────────────────────────────────────────────


class Sma(Rolling):
    """Simple moving average of closes; see `indicators.sma`."""

    def __init__(self, window: int) -> None:
        super().__init__(whole("window", window))
        self.n = int(window)
        self.sum = _Sum(self.n)

    def update(self, bar: Any) -> float:
        """The average with this bar."""
        return self.sum.update(bar if type(bar) is float else _price(bar)) / self.n


class Ema(Rolling):
    """Exponential moving average of closes; see `indicators.ema`."""

    def __init__(self, span: int) -> None:
        super().__init__(whole("span", span))
        self.smooth = _Smooth(int(span), 2 / (span + 1))

    def update(self, bar: Any) -> float:
        """The average with this bar."""
        return self.smooth.update(bar if type(bar) is float else _price(bar))


class Macd(Rolling):
    """Convergence and divergence of averages; `part` says which line (`line`, `signal`, `histogram`).

    See `indicators.macd`.
    """

    PARTS = ("line", "signal", "histogram")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9, part: str = "line") -> None:
        if whole("fast", fast) >= whole("slow", slow):
            raise InputError(f"fast={fast} must be less than slow={slow}")
        super().__init__(fast, slow, signal, part_of(part, self.PARTS))
        self.part = part
        self.fast, self.slow, self.signal = Ema(fast), Ema(slow), _Smooth(whole("signal", signal), 2 / (signal + 1))

    def update(self, bar: Any) -> float:
        """The line asked for with this bar."""
        price = bar if type(bar) is float else _price(bar)
        line = self.fast.smooth.update(price) - self.slow.smooth.update(price)
        signal = self.signal.update(line)
        return line if self.part == "line" else signal if self.part == "signal" else line - signal


class Bollinger(Rolling):
    """Bollinger bands; `part` says which line (`lower`, `middle`, `upper`). See `indicators.bollinger`."""

    PARTS = ("lower", "middle", "upper")

    def __init__(self, window: int = 20, width: float = 2.0, part: str = "middle") -> None:
        if not 0 < width < math.inf:
            raise InputError(f"width={width!r}: a positive number of standard deviations")
        super().__init__(whole("window", window, least=2), width, part_of(part, self.PARTS))
        self.n = int(window)
        self.away = width * (self.PARTS.index(part) - 1)
        self.sum, self.spread = _Sum(self.n), _Spread(self.n, 0)

    def update(self, bar: Any) -> float:
        """The line asked for with this bar."""
        price = bar if type(bar) is float else _price(bar)
        middle = self.sum.update(price) / self.n
        return middle + self.away * self.spread.update(price) if self.away else middle


class Momentum(Rolling):
    """Simple return over a number of bars; see `indicators.momentum`. A price that is not positive: DataError."""

    def __init__(self, lookback: int, skip: int = 0) -> None:
        super().__init__(whole("lookback", lookback), whole("skip", skip, least=0))
        self.skip = int(skip)
        self.ring = [NAN] * (lookback + skip + 1)
        self.place = -1

    def update(self, bar: Any) -> float:
        """The return with this bar."""
        ring, size = self.ring, len(self.ring)
        self.place = place = (self.place + 1) % size
        ring[place] = _positive(bar if type(bar) is float else _price(bar))
        return ring[place - self.skip] / ring[(place + 1) % size] - 1.0


class RealisedVolatility(Rolling):
    """Annualised volatility of log returns; see `indicators.realised_volatility`. A price ≤ 0: DataError."""

    def __init__(self, window: int, periods_per_year: int = 252) -> None:
        super().__init__(whole("window", window, least=2), whole("periods_per_year", periods_per_year))
        self.scale = math.sqrt(periods_per_year)
        self.spread = _Spread(int(window), 1)
        self.before = NAN

    def update(self, bar: Any) -> float:
        """The volatility with this bar."""
        log = math.log(_positive(bar if type(bar) is float else _price(bar)))
        change, self.before = log - self.before, log
        return self.spread.update(change) * self.scale


class Rsi(Rolling):
    """Relative strength index; see `indicators.rsi`."""

    def __init__(self, window: int = 14) -> None:
        super().__init__(whole("window", window))
        self.up, self.down = _Smooth(int(window), 1 / window), _Smooth(int(window), 1 / window)
        self.before = NAN

    def update(self, bar: Any) -> float:
        """The index with this bar."""
        price = bar if type(bar) is float else _price(bar)
        if price != price:
            return NAN
        change, self.before = price - self.before, price
        if change != change:
            return NAN
        up = self.up.update(change if change > 0.0 else 0.0)
        down = self.down.update(-change if change < 0.0 else 0.0)
        both = up + down
        return 50.0 if both == 0.0 else 100.0 * up / both


class Atr(Rolling):
    """Average true range of bars; see `indicators.atr`."""

    whole_bar = True

    def __init__(self, window: int = 14) -> None:
        super().__init__(whole("window", window))
        self.smooth = _Smooth(int(window), 1 / window)
        self.before = NAN

    def update(self, bar: Any) -> float:
        """The range with this bar."""
        top, bottom, close, before = bar.high, bar.low, bar.close, self.before
        if top != top or bottom != bottom or close != close:
            return NAN
        if before > top:
            top = before
        if before < bottom:
            bottom = before
        self.before = close
        return self.smooth.update(top - bottom)


class Vwap(Rolling):
    """Volume-weighted average price of bars, of the day so far or of a window; see `indicators.vwap`."""

    whole_bar = True

    def __init__(self, window: int | None = None, zone: str = "UTC") -> None:
        super().__init__(window if window is None else whole("window", window), zone)
        self.windowed = window is not None
        n = int(window or 1)
        self.paid_sum, self.traded_sum, self.some = _Sum(n), _Sum(n), _Sum(n)
        self.day, self.paid, self.traded = 0, 0.0, 0.0

    def update(self, bar: Any) -> float:
        """The average with this bar."""
        paid = (bar.high + bar.low + bar.close) / 3 * bar.volume
        volume = bar.volume if paid == paid else NAN
        if self.windowed:
            paid, traded = self.paid_sum.update(paid), self.traded_sum.update(volume)
            return (
                float(paid / traded) if self.some.update(1.0 if volume > 0 else 0.0) > 0 and traded == traded else NAN
            )
        day = (bar.time - MOMENT).astimezone(ZoneInfo(self.made[1])).toordinal()
        if day != self.day:
            self.day, self.paid, self.traded = day, 0.0, 0.0
        if paid != paid:
            return NAN
        self.paid += paid
        self.traded += volume
        return float(self.paid / self.traded) if self.traded else NAN


TWINS: Mapping[str, type[Rolling]] = {
    "atr": Atr,
    "bollinger": Bollinger,
    "ema": Ema,
    "macd": Macd,
    "momentum": Momentum,
    "realised_volatility": RealisedVolatility,
    "rsi": Rsi,
    "sma": Sma,
    "vwap": Vwap,
}
