"""Moves too large to be believed, once the splits and dividends on record are taken out.

A move is held against the symbol's own: distance from the median in units of 1.4826 × the median absolute deviation,
the modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993). Where more than half of the
moves are equal that deviation is 0, and 1.2533 × the mean absolute deviation stands in, as they advise. Moves from
one session to the next are judged among themselves when bars are intraday.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pandas as pd

from aura_lib.core import utc
from aura_lib.data.quality.panel import Flags, Panel, Values
from aura_lib.data.quality.report import Finding, stamps
from aura_lib.data.quality.thresholds import Thresholds

__all__ = ["jumps"]

NORMAL, NORMAL_MEAN = 1.4826, 1.2533  # a normal variable's standard deviation over its median, and mean, deviation
LEAST = 3  # prices
WHOLE = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50)
SPLITS = (*(Fraction(n) for n in WHOLE), Fraction(3, 2), Fraction(5, 2))
RATIOS = (*SPLITS, *(1 / ratio for ratio in SPLITS))  # new shares for one old
UNIT = 100  # pence of a pound, paise of a rupee, cents of a dollar
UNIT_NEAR = 0.1  # in log: no market moves a hundredfold in a day, and a tenth more or less is that day's own move
BACK = 0.1  # of a jump: what the next bar may leave of a tick that is taken back
Pair = tuple[Values, Values]


def jumps(panel: Panel) -> Iterator[Finding]:
    """Moves beyond the threshold; what each looks like."""
    close = panel.values("close")
    if len(close) < LEAST:
        return
    moves = _moves(close)
    recorded = _recorded(panel, close)
    left = moves + recorded if not panel.adjustment else moves
    middle, spread = _judged(panel, left)
    away = np.abs(left - middle)
    far = away > _beyond(panel.limits, spread)
    overnight = _overnight(panel, close) if far.any() else moves
    for place in np.flatnonzero(far.any(axis=0)):
        rows = np.flatnonzero(far[:, place])
        column = (moves[:, place], overnight[:, place], recorded[:, place])
        looks = _looks(panel, rows, column, spread[rows, place])
        yield from _told(panel, panel.symbols[place], rows, moves[rows, place], looks)


def _beyond(limits: Thresholds, spread: Values) -> Values:
    """From where on a move is a jump: many deviations, though no more than what is told of anything not wild."""
    most = np.maximum(limits.most_jump, limits.wild * spread)
    return np.asarray(np.maximum(np.minimum(limits.jump * spread, most), limits.least_jump))


def _moves(values: Values) -> Values:
    """Log return from the last known price to each known one; NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(np.isfinite(values) & (values > 0), np.log(values), np.nan)
    before = _carried(logs)
    moves = np.full(logs.shape, np.nan)
    moves[1:] = logs[1:] - before[:-1]
    return moves


def _carried(values: Values) -> Values:
    """The last known value at each row; the frame itself when nothing is missing."""
    known = ~np.isnan(values)
    if known.all():
        return values
    last = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], 0), axis=0)
    return np.take_along_axis(values, last, axis=0)


def _overnight(panel: Panel, close: Values) -> Values:
    """Log of the open over the last close: a split shows in it with no day's trading on top; the move without opens."""
    opened = panel.values("open")
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.full(close.shape, np.nan)
        gap[1:] = np.log(opened[1:]) - np.log(_carried(np.where(close > 0, close, np.nan)))[:-1]
    return np.where(np.isfinite(gap), gap, _moves(close))


def _recorded(panel: Panel, close: Values) -> Values:
    """What the splits and dividends on record took off, in log, at the bar they first count in; 0: none."""
    taken = np.zeros(close.shape)
    actions = panel.actions
    if actions is None or actions.empty:
        return taken
    places = {symbol: place for place, symbol in enumerate(panel.symbols)}
    known = actions[actions["symbol"].isin(places)]
    session = panel.exchange.closes.searchsorted(stamps(known["time"]))
    known, session = known[session < len(panel.exchange.opens)], session[session < len(panel.exchange.opens)]
    rows = panel.times.searchsorted(panel.exchange.opens[session], side="right")  # its first bar, however long bars are
    before = _carried(np.where(close > 0, close, np.nan))
    for row, symbol, dividend, split in zip(rows, known["symbol"], known["dividend"], known["split"], strict=True):
        if 0 < row < len(close):
            place = places[symbol]
            taken[row, place] += np.log(split) if split > 0 else 0.0
            share = dividend / before[row - 1, place] if dividend > 0 else 0.0
            taken[row, place] -= np.log1p(-share) if 0 < share < 1 else 0.0
    return taken


# ---- how large is large --------------------------------------------------------------------------------------------
def _judged(panel: Panel, moves: Values) -> Pair:
    """Middle and spread to hold each move against."""
    inside = _scale(moves)
    if not panel.intraday:
        return _broadcast(inside, moves)
    crossing = _crossing(panel)
    within, across = _scale(moves[~crossing]), _scale(moves[crossing])
    per_session = max(len(moves) / max(int(crossing.sum()), 1), 1.0)
    few = (~np.isnan(moves[crossing])).sum(axis=0) < panel.limits.overnights
    across = (np.where(few, within[0], across[0]), np.where(few, within[1] * np.sqrt(per_session), across[1]))
    rows = crossing[:, None]
    return np.where(rows, across[0], within[0]), np.where(rows, across[1], within[1])


def _broadcast(pair: Pair, moves: Values) -> Pair:
    return np.broadcast_to(pair[0], moves.shape), np.broadcast_to(pair[1], moves.shape)


def _crossing(panel: Panel) -> Flags:
    """Which bars are the first of their session."""
    session = panel.exchange.closes.searchsorted(panel.times)
    return np.asarray(np.r_[True, session[1:] != session[:-1]], dtype=np.bool_)


def _scale(moves: Values) -> Pair:
    """Median and robust standard deviation of each column; infinite where fewer than two moves are known."""
    middle = _median(moves)
    away = np.abs(moves - middle)
    spread = NORMAL * _median(away)
    flat = spread == 0
    if flat.any():
        count = np.maximum((~np.isnan(away[:, flat])).sum(axis=0), 1)
        spread[flat] = NORMAL_MEAN * np.nansum(away[:, flat], axis=0) / count
    enough = (~np.isnan(moves)).sum(axis=0) >= LEAST - 1
    return middle, np.where(enough, spread, np.inf)


def _median(values: Values) -> Values:
    """Median of each column over what is known; NaN where nothing is. (`nanmedian` is ten times slower.)"""
    ordered = np.sort(np.ascontiguousarray(values.T), axis=1)  # NaN comes last
    count = (~np.isnan(ordered)).sum(axis=1)
    if not ordered.shape[1]:
        return np.full(len(ordered), np.nan)
    rows, low, high = np.arange(len(ordered)), np.maximum(count - 1, 0) // 2, count // 2
    return np.asarray((ordered[rows, low] + ordered[rows, np.minimum(high, ordered.shape[1] - 1)]) / 2)


# ---- what it looks like --------------------------------------------------------------------------------------------
def _looks(panel: Panel, rows: np.ndarray, column: tuple[Values, Values, Values], spread: Values) -> list[str]:
    """For each jump of one symbol: a split, a unit, a tick that was taken back, or nothing known."""
    moves, overnight, recorded = column
    usual = spread
    if "open" in panel.fields and not panel.intraday:
        usual = np.full(len(rows), float(_scale(overnight[:, None])[1][0]))
    near = np.minimum(panel.limits.near_ratio * usual, panel.limits.nearest_ratio)
    return [
        _look(panel, float(moves[row]), float(overnight[row]), float(recorded[row]), _next(moves, row), float(close))
        for row, close in zip(rows, near, strict=True)
    ]


def _next(moves: Values, row: int) -> float:
    later = moves[row + 1 :]
    known = later[~np.isnan(later)]
    return float(known[0]) if len(known) else 0.0


def _look(panel: Panel, move: float, overnight: float, recorded: float, after: float, near: float) -> str:
    if abs(abs(overnight) - np.log(UNIT)) <= max(near, UNIT_NEAR):
        return f"×{UNIT} or ÷{UNIT}: a price in another unit (pence for pounds, paise for rupees)?"
    if abs(move + after) <= BACK * abs(move):
        return "and back at the next bar: a bad tick?"
    if recorded and not panel.adjustment and abs(move) <= panel.limits.least_jump:
        return "the split on record is not in these prices"
    if recorded and panel.adjustment and abs(overnight + recorded) <= panel.limits.nearest_ratio:
        return "the split on record was not taken out of these adjusted prices"
    ratio = min(RATIOS, key=lambda r: abs(overnight + np.log(float(r))))
    if abs(overnight + np.log(float(ratio))) <= near:
        return f"looks like an unrecorded split, {ratio.numerator}:{ratio.denominator}"
    return "no split explains it"


def _told(panel: Panel, symbol: str, rows: np.ndarray, moves: Values, looks: list[str]) -> Iterator[Finding]:
    """Jumps of one symbol: those of units as `currency`, the others as one finding that tells the first."""
    unit = np.array(["another unit" in look for look in looks])
    for check, which in (("jump", ~unit), ("currency", unit)):
        if which.any():
            places = np.flatnonzero(which)
            at: pd.DatetimeIndex = panel.times[rows[places]]
            each = tuple(
                f"close moved by {np.expm1(moves[place]):+.1%} at {moment} ({{n}} such): {looks[place]}"
                for place, moment in zip(places, at, strict=True)
            )
            said = each[0].replace("{n}", str(len(at)))
            yield Finding(check, "warn", symbol, len(at), utc(at[0]), said, at, each)
