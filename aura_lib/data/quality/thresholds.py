"""From where on something counts as odd, each number with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["STANDARD", "Thresholds"]


def _stale() -> MappingProxyType[str, int]:
    return MappingProxyType({"1m": 120, "5m": 39, "15m": 26, "1h": 14, "1d": 5, "1w": 5})


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The numbers of the checks. The reason stands beside each; `STANDARD` is what is used when none are given."""

    # Identical closes in a row. Daily: with moves of 1 % and ticks of a cent, four are chance, five a halt or a feed
    # that repeats itself. Intraday a price stands still for minutes: half a session of 5 minutes, two hours of one.
    stale: MappingProxyType[str, int] = field(default_factory=_stale)
    # Robust standard deviations: an unadjusted 3:2 split in a stock of 2 % a day is at 20; a crash rarely is beyond.
    jump: float = 20.0
    # In log return: no split is smaller (21:20 is 0.049), and a quiet series has small outliers.
    least_jump: float = 0.05
    # In log return: a move of this size is told however wild the symbol is (a 3:2 split is 0.405) ...
    most_jump: float = 0.4
    # ... unless it is within so many robust deviations: a coin or a stock of pennies has such days.
    wild: float = 8.0
    # Robust deviations of the symbol's own moves within which a jump counts as the simple ratio it is near.
    near_ratio: float = 3.0
    # ... and at most this much in log: two neighbouring ratios (5:2 and 3:1) are 0.18 apart.
    nearest_ratio: float = 0.05
    # Overnight gaps needed before they are judged among themselves; fewer are judged by the moves within sessions.
    overnights: int = 20
    # Of a price: vendors round what they adjust.
    rounding: float = 1e-6
    # Share of stamps that are no bar of the calendar, from where on the stamps as a whole are wrong, not single rows.
    zone: float = 0.9
    # ... of intraday bars: five hours off, a third of New York's session still lies within the session.
    zone_intraday: float = 0.3
    # Intraday bars needed to say so: a few minutes fit several zones.
    zone_bars: int = 30
    # Share of intraday bars that may be missing: in a quiet minute nobody trades, and vendors then give no bar.
    quiet_bars: float = 0.05
    # Bars in a row without volume, daily and weekly: a halt or a feed that lost the field; one day alone happens.
    no_volume: int = 5
    # Share of bars that must have volume before its absence is odd: indices and currencies come without any.
    has_volume: float = 0.5
    # Factor between the median volumes of two months: no market grows so from one day to the next, a unit does.
    volume_unit: float = 100.0
    # Bars of such a month: long enough that one wild day does not move the median.
    volume_block: int = 20
    # Share of a symbol's rows set aside from where on the whole load is unfit: one in twenty is no accident any more.
    unfit: float = 0.05
    # ... unless it is no more than this many: of a symbol that came last month, or of a week that is fetched anew, one
    # bad row is more than a twentieth.
    few: int = 3
    # Share of sessions that may be missing before a load is unfit: a vendor loses days, not a month a year.
    unfit_sessions: float = 0.05


STANDARD = Thresholds()
