"""Schedules of a sliced order: when each slice is due, and how much it takes of what is left. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from aura_lib.core import DataError, InputError, utc

if TYPE_CHECKING:
    from aura_lib.core import Bars

ZERO, ONE = Decimal(0), Decimal(1)
QUANTUM = Decimal("0.000001")
MOST = 10_000  # slices


@dataclass(frozen=True, slots=True)
class Schedule:
    """Due times, ascending, the end of the last slice, and how the quantity is spread over them (any positive scale).

    Raises InputError for times that do not ascend, or weights that are not positive or not as many.
    """

    due: tuple[datetime, ...]
    end: datetime
    weights: tuple[Decimal, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "due", tuple(utc(moment, "due") for moment in self.due))
        object.__setattr__(self, "end", utc(self.end, "end"))
        if not self.due or len(self.due) != len(self.weights):
            raise InputError(f"a schedule has as many weights as due times: {len(self.due)} and {len(self.weights)}")
        if any(later <= earlier for earlier, later in zip(self.due, (*self.due[1:], self.end), strict=True)):
            raise InputError("the due times of a schedule ascend, and it ends after the last")
        if any(not w.is_finite() or w < 0 for w in self.weights) or not sum(self.weights):
            raise InputError(f"the weights of a schedule are zero or more, and some positive: {self.weights}")

    def place(self, now: datetime) -> int | None:
        """The slice that is on at a moment; None before the first and from the end on."""
        if not self.due[0] <= now < self.end:
            return None
        return max(n for n, moment in enumerate(self.due) if moment <= now)

    def share(self, place: int) -> Decimal:
        """What a slice takes of all that is left when it is due; the last one takes everything."""
        left = sum(self.weights[place:], ZERO)
        return self.weights[place] / left if left else ZERO


def twap(start: datetime, end: datetime, slices: int) -> Schedule:
    """The same quantity in every slice, from `start` on, evenly until `end`."""
    due = _evenly(start, end, slices)
    return Schedule(due, utc(end), (ONE,) * len(due))


def twap_every(start: datetime, end: datetime, minutes: float) -> Schedule:
    """The same quantity every so many minutes; the last slice may be shorter."""
    if not 0 < minutes < float("inf"):
        raise InputError(f"minutes between slices must be positive, not {minutes}")
    first, last, step = utc(start), utc(end), timedelta(minutes=minutes)
    if last <= first or not step or (last - first) / step > MOST:
        raise InputError(f"from {first} to {last} there are no slices of {minutes:g} minutes, or more than {MOST}")
    due = [first]
    while due[-1] + step < last:
        due.append(due[-1] + step)
    return Schedule(tuple(due), last, (ONE,) * len(due))


def vwap(start: datetime, end: datetime, curve: Sequence[Decimal]) -> Schedule:
    """Slices in proportion to the volume that is traded in them: one for each part of a curve (`volume_curve`)."""
    return Schedule(_evenly(start, end, len(curve)), utc(end), tuple(curve))


def _evenly(start: datetime, end: datetime, slices: int) -> tuple[datetime, ...]:
    if isinstance(slices, bool) or not 1 <= slices <= MOST:
        raise InputError(f"an order is cut into 1 to {MOST} slices, not {slices}")
    first, last = utc(start), utc(end)
    if last <= first:
        raise InputError(f"a schedule ends after it begins: {first} to {last}")
    return tuple(first + (last - first) * n / slices for n in range(slices))


def volume_curve(bars: Bars, symbol: str, start: datetime, end: datetime, slices: int) -> tuple[Decimal, ...]:
    """The share of volume in each of the slices of a window of the day, averaged over the sessions that bars have.

    `bars` are intraday ones of the past; a bar counts to the slice in which it closed, each session the same. Raises
    DataError when there is no volume in the window.
    """
    if symbol not in bars.symbols:
        raise InputError(f"these bars have no {symbol}")
    edges = _evenly(start, end, slices)
    width, first = (utc(end) - utc(start)) / slices, edges[0]
    volume = bars.volume[symbol].dropna()
    zone = _zone(bars)
    shares: dict[date, list[Decimal]] = {}
    opening = first.astimezone(zone)
    for stamp, value in zip(volume.index, volume.to_numpy().tolist(), strict=True):
        local = utc(stamp).astimezone(zone)
        begin = local.replace(hour=opening.hour, minute=opening.minute, second=opening.second, microsecond=0)
        place = -(-(local - begin) // width) - 1  # the slice that it closes in: (begin, begin + width] is the first
        if 0 <= place < slices and value > 0:
            shares.setdefault(local.date(), [ZERO] * slices)[place] += Decimal(repr(float(value)))
    if not shares:
        raise DataError(f"no volume of {symbol} from {first:%H:%M} to {utc(end):%H:%M} UTC in {bars.source}")
    days = [[value / sum(day) for value in day] for day in shares.values()]
    return tuple((sum(parts, ZERO) / len(days)).quantize(QUANTUM) for parts in zip(*days, strict=True))


def _zone(bars: Bars) -> tzinfo:

    from aura_lib.core import Calendar

    return ZoneInfo(Calendar.of(bars.calendar).zone)


def quantity(
    schedule: Schedule, place: int, whole: Decimal, filled: Decimal, at_work: Decimal, lot: Decimal
) -> Decimal:
    """What a slice sends: its share of what is neither filled nor at work, in whole lots; zero for none.

    Planned anew each time: what earlier slices missed is spread over those that are left, and the last takes all.
    """
    left = max(whole - filled - at_work, ZERO)
    lots = (left * schedule.share(place) / lot).to_integral_value(ROUND_HALF_UP)
    return min(lots * lot, left // lot * lot)
