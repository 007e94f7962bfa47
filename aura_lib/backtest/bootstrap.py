"""How sure a figure is: the stationary bootstrap of returns, and intervals from it.

Blocks of random length keep what returns remember of each other (Politis & Romano, The Stationary Bootstrap, Journal
of the American Statistical Association 1994); their mean length is chosen from the data (Politis & White, Econometric
Reviews 2004, corrected by Patton, Politis & White 2009). All statistics see the same resampled histories.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aura_lib.backtest.statistics.periods import periods_per_year
from aura_lib.backtest.statistics.sample import Returns, Sample
from aura_lib.core import InputError
from aura_lib.risk.measures import Statistic, chosen, evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.int64]

DRAWS = 1000
LEAST_DRAWS = 100
LONG = 50_000  # returns; more are compounded into days first
FEWEST = 20  # returns; fewer have no interval worth the name
CELLS = 1 << 17  # returns drawn at a time: they stay in the processor's cache
MOST_LUGSAIL = 2.0  # times the variance of the draws: where covariances are too uncertain to say more
GROUPS = 40  # blocks left out one at a time, for the acceleration
NORMAL = NormalDist()


def intervals(
    returns: Returns,
    statistics: Iterable[str] | None = None,
    *,
    benchmark: Returns | None = None,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
    periods: float | None = None,
) -> pd.DataFrame:
    """Intervals of statistics of simple returns (Series with times, or array), by the stationary bootstrap.

    A row a statistic of `risk.measures.CATALOGUE` (all when not named): value, low, high, error (the standard
    deviation of the draws) and method. "bca": bias-corrected and accelerated (Efron, Journal of the American
    Statistical Association 1987), the acceleration from leaving out 1/40 of the history at a time; on heavy-tailed
    returns it misses as often above as below, where percentiles of VaR or the downside miss on one side only.
    Its ends lie farther out than those of the draws by `widening`: blocks of a finite history know too little.
    "percentile": the middle `level` of the draws, for skewness and kurtosis (there BCa covers too seldom) and for
    drawdowns, of which it is the range of other histories of the same length. "none": NaN.

    More than 50,000 returns are compounded into days first (`attrs["notes"]` says so), fewer than 20 have NaN.
    The same seed gives the same numbers. A level or number of draws out of range raises InputError.
    """
    sample = shortened(Sample.of(returns, benchmark, periods=periods))
    wanted = chosen(statistics, benchmark=benchmark is not None)
    return of_sample(sample, wanted, level=level, draws=draws, seed=seed)


def shortened(sample: Sample, days: float | None = None) -> Sample:
    """A sample whose histories can be drawn in seconds: days, `days` a year, of one that is very long."""
    if len(sample) <= LONG:
        return sample
    weekend = sample.times is not None and bool((sample.times.day_of_week >= 5).any())
    return sample.daily(days or periods_per_year("1d", "24/7" if weekend else "XNYS"))


def of_sample(sample: Sample, wanted: Sequence[Statistic], *, level: float, draws: int, seed: int) -> pd.DataFrame:
    """The table of `intervals` of a sample."""
    in_range(level, draws)
    values = evaluate(sample.path, wanted)
    block = common_block([sample])
    rng = np.random.default_rng(seed)
    (drawn,) = resampled([sample], unsure(wanted), draws, block, rng) if len(sample) >= FEWEST else ({},)
    wider = widening([sample], block, level)
    without = left_out(sample, [one for one in wanted if one.interval == "bca"]) if drawn else {}
    rows = {}
    for one in wanted:
        value, found = float(values[one.name][0]), drawn.get(one.name)
        low, high, error = (math.nan,) * 3
        if found is not None and math.isfinite(value):
            low, high = bounds(found, level, value, without.get(one.name), wider if one.interval == "bca" else 1.0)
            error = float(np.nanstd(found, ddof=1)) if math.isfinite(low) else math.nan
        rows[one.name] = (value, low, high, error, one.interval if math.isfinite(low) else "none")
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high", "error", "method"])
    table.index.name = "statistic"
    table.attrs.update(
        level=level, draws=draws, seed=seed, block=block, periods=sample.periods, returns=len(sample),
        notes=list(sample.notes),
    )  # fmt: skip
    return table


def unsure(wanted: Iterable[Statistic]) -> list[Statistic]:
    """The statistics of which draws tell something."""
    return [one for one in wanted if one.interval != "none"]


def in_range(level: float, draws: int) -> None:
    """Refuse a level or a number of draws that no interval can be made of."""
    if not 0.5 <= level < 1:
        raise InputError(f"level={level!r}: give a fraction from 0.5 to below 1, such as 0.95")
    if draws < LEAST_DRAWS:
        raise InputError(f"draws={draws!r}: an interval needs at least {LEAST_DRAWS}, better {DRAWS}")


def bounds(
    drawn: Array, level: float, value: float, without: Array | None = None, wider: float = 1.0
) -> tuple[float, float]:
    """The interval of a statistic from its draws: BCa with the values `without` each part, else percentiles.

    It ends `wider` times as many standard deviations of a normal out as `level` says. NaN when a tenth of the draws or
    more have no value.
    """
    known = np.sort(drawn[np.isfinite(drawn)])
    if len(known) < 0.9 * len(drawn):
        return math.nan, math.nan
    out = wider * NORMAL.inv_cdf((1 + level) / 2)
    shares = (NORMAL.cdf(-out), NORMAL.cdf(out))
    if without is not None:
        shares = _accelerated(known, value, without[np.isfinite(without)], shares)
    low, high = np.quantile(known, shares)
    return float(low), float(high)


def _accelerated(known: Array, value: float, without: Array, shares: tuple[float, float]) -> tuple[float, float]:
    """Where in the ordered draws a BCa interval ends."""
    below = float(((known < value).sum() + (known <= value).sum()) / 2 / len(known))
    bias = NORMAL.inv_cdf(min(max(below, 1 / len(known)), 1 - 1 / len(known)))
    gap = without.mean() - without if len(without) else np.zeros(1)
    scale = float((gap**2).sum()) ** 1.5
    bend = float((gap**3).sum()) / (6 * scale) if scale > 0 else 0.0

    def moved(share: float) -> float:
        z = bias + NORMAL.inv_cdf(share)
        return NORMAL.cdf(bias + z / (1 - bend * z))

    return moved(shares[0]), moved(shares[1])


def left_out(sample: Sample, wanted: Sequence[Statistic]) -> Mapping[str, Array]:
    """Each statistic of the history without one of its parts (40, or as many as there are returns)."""
    groups = min(GROUPS, len(sample))
    size = len(sample) // groups
    every = np.arange(len(sample) - size)
    rows = every + size * (every >= np.arange(groups)[:, None] * size)
    return evaluate(sample.drawn(rows), wanted)


def resampled(
    samples: Sequence[Sample], wanted: Sequence[Statistic], draws: int, block: float, rng: np.random.Generator
) -> list[dict[str, Array]]:
    """Each statistic of `draws` resampled histories, a dictionary a sample; all samples see the same rows."""
    parts: list[list[Mapping[str, Array]]] = [[] for _ in samples]
    for rows in histories(len(samples[0]), draws, block, rng):
        for sample, part in zip(samples, parts, strict=True):
            part.append(evaluate(sample.drawn(rows), wanted))
    return [{one.name: np.concatenate([found[one.name] for found in part]) for one in wanted} for part in parts]


def histories(count: int, draws: int, block: float, rng: np.random.Generator) -> Iterator[Rows]:
    """Rows of resampled histories, draws × count, some at a time: blocks of mean length `block`, wrapped at the end.

    The lengths are geometric: after every return a new block begins with probability 1 / block.
    """
    step = max(1, CELLS // count)
    for first in range(0, draws, step):
        paths = min(step, draws - first)
        begins = rng.random((paths, count)) < 1 / block
        begins[:, 0] = True
        places = np.flatnonzero(begins)
        shift = rng.integers(0, count, len(places)) - places % count
        rows = np.repeat(shift, np.diff(places, append=paths * count)).reshape(paths, count) + np.arange(count)
        yield rows % count


def common_block(samples: Sequence[Sample]) -> float:
    """The mean block length that samples of one window share: the longest that returns, or their squares, ask for.

    Squares remember longer than returns (volatility comes in clusters), and the spread and the tail depend on them.
    """
    series = [values for sample in samples for values in (sample.returns, sample.returns**2)]
    return max((block_length(values) for values in series), default=1.0)


def widening(samples: Sequence[Sample], block: float, level: float) -> float:
    """How many times wider than the draws an interval must be: what blocks of a finite history leave out.

    Blocks that end cut what returns, or their squares, remember: the variance of the draws is put right by that of
    blocks half as long (twice the one less the other: the lugsail window of Vats & Flegal, Biometrika 2022), for
    returns that swing back also downward. Covariances about the sample's own mean are too small by
    (2 × block − 1) / n. And the variance is itself an estimate, of 2n / Σ w² degrees of freedom for the weights w of
    the blocks (Priestley, Spectral Analysis and Time Series 1981, §6.2): Student's quantile, not the normal one.
    """
    n = min((len(sample) for sample in samples), default=0)
    if n < FEWEST:
        return 1.0
    weights = _weights(block, n)
    freedom = max(2 * n / (1 + 2 * float((weights**2).sum())), 5.0)
    student = _student((1 + level) / 2, freedom) / NORMAL.inv_cdf((1 + level) / 2)
    own_mean = 1 / max(1 - (2 * block - 1) / n, 0.5)
    cut = max(_cut_off(sample, block) for sample in samples)
    return student * math.sqrt(cut * own_mean)


def _cut_off(sample: Sample, block: float) -> float:
    """The variance that is there over that of the draws, by what blocks cut of returns and of their squares."""
    plain, squares = (_lugsail(values, block) for values in (sample.returns, sample.returns**2))
    return max(plain, squares) if plain >= 1 else plain * max(squares, 1.0)


def _lugsail(values: Array, block: float) -> float:
    n, centred = len(values), values - values.mean()
    if not float(centred @ centred) > 1e-30 * n:
        return 1.0
    weights, short = _weights(block, n), _weights(max(block / 2, 1.0), n)
    lags = max(len(weights), len(short))
    covariance = np.array([float(centred[lag:] @ centred[: n - lag]) for lag in range(lags + 1)])
    drawn, half = (float(covariance[0] + 2 * (w * covariance[1 : len(w) + 1]).sum()) for w in (weights, short))
    return min(max(2 - half / drawn, 1 / MOST_LUGSAIL), MOST_LUGSAIL) if drawn > 0 else 1.0


def _weights(block: float, n: int) -> Array:
    """By how much draws in blocks of a mean length know the covariance at each lag from 1 on."""
    return np.asarray((1 - 1 / block) ** np.arange(1, min(n - 1, math.ceil(8 * block) + 1) + 1))


def _student(share: float, freedom: float) -> float:
    """The quantile of Student's t, from the normal one (Cornish & Fisher; Abramowitz & Stegun 1972, 26.7.5)."""
    z = NORMAL.inv_cdf(share)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def block_length(values: Array) -> float:
    """Mean block length for the stationary bootstrap of a series, in periods, from 1 to min(3√n, n/3).

    (2 G² / D)^(1/3) n^(1/3) with G = Σ λ(k/M)|k| R(k) and D = 2 (Σ λ(k/M) R(k))², R the autocovariances, λ the
    flat-top window, M twice the lag after which K_n autocorrelations in a row are insignificant, K_n = max(5, log10 n)
    (Politis & White 2004; D as corrected by Patton, Politis & White 2009). A series that does not move has 1.
    """
    n = len(values)
    centred = values - values.mean() if n else values
    if n < 8 or not float(centred @ centred) > 1e-30 * n:
        return 1.0
    streak = max(5, int(math.log10(n)))
    most = math.ceil(math.sqrt(n)) + streak
    lags = min(most, n - 1)
    covariance = np.array([float(centred[lag:] @ centred[: n - lag]) for lag in range(lags + 1)]) / n
    reach = min(2 * _last_lag(covariance / covariance[0], n, streak), lags)
    lag = np.arange(1, reach + 1)
    window = np.minimum(1.0, 2 * (1 - lag / max(reach, 1)))
    bend = 2 * float((window * lag * covariance[1 : reach + 1]).sum())
    level = float(covariance[0] + 2 * (window * covariance[1 : reach + 1]).sum())
    limit = math.ceil(min(3 * math.sqrt(n), n / 3))
    length = (bend**2 / level**2 * n) ** (1 / 3) if level else limit
    return float(min(max(length, 1.0), limit))


def _last_lag(correlation: Array, n: int, streak: int) -> int:
    """The first lag from 1 on that `streak` autocorrelations within 2√(log10 n / n) follow, else the last beyond it."""
    beyond = np.abs(correlation[2:]) >= 2 * math.sqrt(math.log10(n) / n)
    for lag in range(len(beyond) - streak + 1):
        if not beyond[lag : lag + streak].any():
            return lag + 1
    last = np.flatnonzero(beyond)
    return int(last[-1]) + 2 if len(last) else 1
