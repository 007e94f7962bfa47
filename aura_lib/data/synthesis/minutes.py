"""The minutes of a synthetic day: a Brownian bridge from its open to its close, busy at both ends.

Variance and volume of a minute follow a U over the session (Wood, McInish and Ord, 1985, J. of Finance 40; Admati and
Pfleiderer, 1988, Rev. of Financial Studies 1). The bridge is folded back into the range of its day: the first open, the
highest high, the lowest low, the last close and the sum of the volumes are those of the day, to the last bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aura_lib.data.synthesis.chance import Values, stream
from aura_lib.data.synthesis.daily import Days, consistent, reach, tidy

EDGE, MIDDLE = 2.0, 0.5  # of the average minute: at the open and the close, at noon
FIELDS = ("open", "high", "low", "close", "volume")
Counts = npt.NDArray[np.int64]


def bell(length: int) -> Values:
    """How busy each minute of a session is, relative to the average: a U."""
    place = (np.arange(length) + 0.5) / length
    shape = MIDDLE + (EDGE - MIDDLE) * (2 * place - 1) ** 2
    return np.asarray(shape / shape.mean(), dtype=np.float64)


def minutes(seed: int, number: int, days: Days, row: int, counts: Counts) -> dict[str, Values]:
    """The fields of every minute of one symbol, flat; `row` is its place in `days`, `counts` the minutes of each."""
    begins, total = np.cumsum(counts) - counts, int(counts.sum())
    walk = stream(seed, "minute", number).standard_normal(total)
    draws = {n: stream(seed, f"minute {n}", number).random(total) for n in ("high", "low", "volume")}
    found = {name: np.empty(total) for name in FIELDS}
    for length in np.unique(counts):
        which = np.flatnonzero(counts == length)
        cells = begins[which][:, None] + np.arange(length)
        day = {name: days.fields[name][row, which][:, None] for name in FIELDS}
        made = _session(day, days.spread[row, which][:, None], walk[cells], {n: d[cells] for n, d in draws.items()})
        for name in FIELDS:
            found[name][cells] = made[name]
    return found


def _session(day: dict[str, Values], spread: Values, walk: Values, draws: dict[str, Values]) -> dict[str, Values]:
    """Sessions of one length, day × minute; the fields of `day` and `spread` are columns."""
    length = walk.shape[1]
    busy = bell(length)
    share = np.cumsum(busy) / length
    step = spread * np.sqrt(busy / length)
    free = np.cumsum(step * walk, axis=1)
    first, last = np.log(day["open"]), np.log(day["close"])
    path = first + free - share * (free[:, -1:] - (last - first))
    path = _folded(path, np.log(day["low"]), np.log(day["high"]))
    close = np.clip(tidy(np.exp(path)), day["low"], day["high"])
    close[:, -1:] = day["close"]
    opened = np.hstack([day["open"], close[:, :-1]])
    log_open, log_close = np.log(opened), np.log(close)
    top, bottom = (
        np.clip(tidy(np.exp(reach(log_open, log_close, step, draws[n], sign))), day["low"], day["high"])
        for n, sign in (("high", 1), ("low", -1))
    )
    made = consistent(opened, top, bottom, close)
    rows = np.arange(len(walk))
    made["high"][rows, made["high"].argmax(axis=1)] = day["high"][:, 0]
    made["low"][rows, made["low"].argmin(axis=1)] = day["low"][:, 0]
    weight = np.cumsum(busy * (0.5 + draws["volume"]), axis=1)
    filled = np.floor(day["volume"] * (weight / weight[:, -1:]))
    made["volume"] = np.diff(filled, axis=1, prepend=0.0)
    return made


def _folded(path: Values, low: Values, high: Values) -> Values:
    """A path thrown back wherever it leaves the range of its day."""
    width = np.maximum(high - low, 1e-12)
    inside: Values = low + width - np.abs(np.mod(path - low, 2 * width) - width)
    return inside


def grouped(fields: dict[str, Values], begins: Counts) -> dict[str, Values]:
    """Minutes joined to longer bars, each from one of `begins` up to the next."""
    ends = np.append(begins[1:], len(fields["close"])) - 1
    return {
        "open": fields["open"][begins],
        "high": np.maximum.reduceat(fields["high"], begins),
        "low": np.minimum.reduceat(fields["low"], begins),
        "close": fields["close"][ends],
        "volume": np.add.reduceat(fields["volume"], begins),
    }
