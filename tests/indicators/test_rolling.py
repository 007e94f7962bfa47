"""One bar after the other gives what the whole history gives."""

from __future__ import annotations

import inspect
import json
import math
import timeit
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_lib import indicators
from aura_lib.core import Bar, DataError, InputError, Tick
from aura_lib.indicators import rolling

SHORT: dict[str, list[dict[str, Any]]] = {  # arguments, as both the function and its twin take them
    "atr": [{"window": 1}, {"window": 5}],
    "bollinger": [{"window": 2}, {"window": 7, "width": 1.5}],
    "ema": [{"span": 1}, {"span": 6}],
    "macd": [{"fast": 1, "slow": 2, "signal": 1}, {"fast": 3, "slow": 6, "signal": 4}],
    "momentum": [{"lookback": 1}, {"lookback": 4, "skip": 3}],
    "realised_volatility": [{"window": 2}, {"window": 6, "periods_per_year": 365}],
    "rsi": [{"window": 1}, {"window": 5}],
    "sma": [{"window": 1}, {"window": 6}],
    "vwap": [{"window": 1}, {"window": 5}, {"zone": "America/New_York"}],
}
LONG: dict[str, dict[str, Any]] = {
    "atr": {"window": 14},
    "bollinger": {"window": 20},
    "ema": {"span": 20},
    "macd": {},
    "momentum": {"lookback": 126, "skip": 21},
    "realised_volatility": {"window": 21},
    "rsi": {"window": 14},
    "sma": {"window": 200},
    "vwap": {"window": 50},
}
FIELDS = ("open", "high", "low", "close", "volume")
START = datetime(2024, 3, 8, 14, tzinfo=UTC)


def market(rng: np.random.Generator, rows: int, gaps: float, step: str = "7min") -> pd.DataFrame:
    """A random walk with gaps: whole bars that are missing, and bars without a volume."""
    close = 100 * np.exp(np.cumsum(rng.standard_t(4, rows) * 1e-3))
    opened = close * np.exp(rng.normal(0, 1e-3, rows))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, 1e-3, rows)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, 1e-3, rows)))
    volume = rng.integers(0, 1_000_000, rows).astype(float)
    index = pd.date_range(START, periods=rows, freq=step)
    frame = pd.DataFrame(dict(zip(FIELDS, (opened, high, low, close, volume), strict=True)), index=index)
    frame[rng.random(rows) < gaps] = np.nan
    frame.loc[rng.random(rows) < gaps, "volume"] = np.nan
    return frame


def bars_of(frame: pd.DataFrame) -> list[Bar]:
    times = frame.index.to_pydatetime()  # type: ignore[attr-defined]
    return [Bar("AAA", t, *row) for t, row in zip(times, frame[list(FIELDS)].to_numpy().tolist(), strict=True)]


def lines(name: str, frame: pd.DataFrame, arguments: dict[str, Any]) -> dict[str, pd.Series]:
    """What the function gives, by the part that its twin is asked for."""
    function = getattr(indicators, name)
    needed = [p for p in inspect.signature(function).parameters if p in FIELDS]
    found = function(*(frame[n] for n in needed or ["close"]), **arguments)
    return found._asdict() if isinstance(found, tuple) else {"": found}


def check(name: str, frame: pd.DataFrame, arguments: dict[str, Any]) -> None:
    bars = bars_of(frame)
    scale = float(frame["close"].max())
    for part, expected in lines(name, frame, arguments).items():
        twin = rolling.TWINS[name](**arguments, **({"part": part} if part else {}))
        found = [twin.update(bar) for bar in bars]
        # Differences of averages and of a price and its band cross zero: to 1e-9 of what they are made of.
        atol = 1e-9 * scale if name in ("macd", "bollinger") else 1e-12
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=atol, err_msg=f"{name} {part} {arguments}")


def test_every_indicator_has_a_twin_and_every_twin_is_compared() -> None:
    assert set(rolling.TWINS) == set(indicators.__all__) == set(SHORT) == set(LONG)
    kinds = {k for _, k in inspect.getmembers(rolling, inspect.isclass) if issubclass(k, rolling.Rolling)}
    public = {k for k in kinds if not k.__name__.startswith("_")} - {rolling.Rolling}
    assert public == set(rolling.TWINS.values())


@pytest.mark.parametrize("name", rolling.TWINS)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 120), gaps=st.sampled_from([0.0, 0.02, 0.3]))
def test_bar_by_bar_is_the_same_as_all_at_once(name: str, seed: int, count: int, gaps: float) -> None:
    frame = market(np.random.default_rng(seed), count, gaps, "173min")
    for arguments in SHORT[name]:
        check(name, frame, arguments)


@pytest.mark.parametrize("name", rolling.TWINS)
def test_after_a_hundred_thousand_bars_it_still_is(name: str, rng: np.random.Generator) -> None:
    check(name, market(rng, 100_000, 2e-4), LONG[name])


def test_the_average_of_the_day_stays_the_same_too(rng: np.random.Generator) -> None:
    check("vwap", market(rng, 20_000, 1e-3), {"zone": "America/New_York"})


@pytest.mark.parametrize("name", rolling.TWINS)
def test_a_state_that_was_written_down_goes_on_as_if_nothing_had_happened(name: str, rng: np.random.Generator) -> None:
    bars = bars_of(market(rng, 600, 0.01))
    whole, first, second = (rolling.TWINS[name](**LONG[name]) for _ in range(3))
    expected = [whole.update(bar) for bar in bars]
    for bar in bars[:333]:
        first.update(bar)
    second.restore(json.loads(json.dumps(first.state())))
    np.testing.assert_array_equal([second.update(bar) for bar in bars[333:]], expected[333:])


def test_the_state_of_other_arguments_is_refused() -> None:
    with pytest.raises(InputError, match="state of another indicator"):
        rolling.Sma(20).restore(rolling.Sma(50).state())
    with pytest.raises(InputError, match="state of another indicator"):
        rolling.Rsi(20).restore(rolling.Sma(20).state())


def test_closes_may_come_as_numbers_and_ticks() -> None:
    average = rolling.Sma(3)
    told = [average.update(p) for p in (1.0, 2, np.float64(3))]
    assert told[2] == 2.0 and math.isnan(told[1])
    assert average.update(Tick("AAA", START, 7.0)) == 4.0


def test_a_price_that_has_no_logarithm_is_refused() -> None:
    for twin in (rolling.Momentum(1), rolling.RealisedVolatility(2)):
        with pytest.raises(DataError, match="positive"):
            twin.update(0.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: rolling.Sma(0),
        lambda: rolling.Bollinger(1),
        lambda: rolling.Bollinger(20, part="centre"),
        lambda: rolling.Macd(26, 12),
        lambda: rolling.Ema(2.5),  # type: ignore[arg-type]
        lambda: rolling.Bollinger(20, width=-1),
    ],
)
def test_arguments_are_checked_as_in_the_functions(make: Any) -> None:
    with pytest.raises(InputError):
        make()


def test_prices_that_do_not_move_have_no_width() -> None:
    upper, lower = rolling.Bollinger(5, part="upper"), rolling.Bollinger(5, part="lower")
    for price in [1e6, 3.3e-3, 977.1, *[0.1] * 12]:
        bands = (lower.update(price), upper.update(price))
    assert bands == (0.1, 0.1)


def test_a_longer_window_takes_no_longer(rng: np.random.Generator) -> None:
    prices = rng.uniform(1, 2, 4000).tolist()

    def taken(window: int) -> float:
        band = rolling.Bollinger(window, part="upper")
        return min(timeit.repeat(lambda: [band.update(p) for p in prices], number=1, repeat=5))

    assert taken(1000) < 3 * taken(10) + 1e-3


def test_times_go_with_the_bars() -> None:
    average = rolling.Vwap(zone="America/New_York")
    bars = [Bar("AAA", START + timedelta(hours=h), p, p, p, p, 1.0) for h, p in ((0, 10.0), (1, 20.0), (24, 50.0))]
    assert [average.update(bar) for bar in bars] == [10, 15, 50]
