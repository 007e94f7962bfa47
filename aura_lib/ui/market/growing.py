"""Growing: the bars of one symbol in a frame, the last one still open, kept up to date bar by bar."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from aura_lib.core import Bar, Tick, utc
from aura_lib.data.stream import Grid

NAN = float("nan")


class Growing:
    """Bars of a frequency, from history and from finer (or the same) bars or ticks that come in after it."""

    def __init__(self, frame: pd.DataFrame, frequency: str, calendar: str) -> None:
        self._grid = Grid(frequency, calendar)
        self._fields = list(frame.columns)
        self._times: list[datetime] = [utc(time) for time in frame.index]
        self._rows: list[list[float]] = frame.to_numpy(dtype="float64").tolist()
        self._seen = self._times[-1] if self._times else None  # what is in the rows

    def __len__(self) -> int:
        return len(self._times)

    @property
    def seen(self) -> datetime | None:
        """The moment up to which everything is in."""
        return self._seen

    def add(self, event: Bar | Tick) -> bool:
        """Take a bar or trade that came after what is here; whether it changed anything."""
        end = self._grid.end(event.time, isinstance(event, Tick))
        if end is None or (self._seen is not None and event.time <= self._seen):
            return False
        self._seen = event.time
        told = _told(event)
        if not self._times or end > self._times[-1]:
            self._times.append(end)
            self._rows.append([told[name] for name in self._fields])
        else:
            self._rows[-1] = [
                _joined(name, old, told[name]) for name, old in zip(self._fields, self._rows[-1], strict=True)
            ]
        return True

    def frame(self, last: int | None = None) -> pd.DataFrame:
        """The bars, the last so many of them, by the moment each closes (the last one may still be open)."""
        cut = slice(-last if last else None, None)
        index = pd.DatetimeIndex(self._times[cut], tz="UTC").as_unit("us")
        return pd.DataFrame(self._rows[cut], index, self._fields)

    def trim(self, most: int) -> None:
        """Forget the oldest bars beyond so many."""
        if len(self._times) > most:
            del self._times[:-most], self._rows[:-most]


def _told(event: Bar | Tick) -> dict[str, float]:
    if isinstance(event, Tick):
        return {**dict.fromkeys(("open", "high", "low", "close"), event.price), "volume": event.size}
    known = {name: getattr(event, name) for name in ("open", "high", "low")}
    return {**{n: event.close if v != v else v for n, v in known.items()}, "close": event.close, "volume": event.volume}


def _joined(name: str, old: float, new: float) -> float:
    if new != new or name == "open":
        return old
    if old != old:
        return new
    match name:
        case "high":
            return max(old, new)
        case "low":
            return min(old, new)
        case "volume":
            return old + new
        case _:
            return new
