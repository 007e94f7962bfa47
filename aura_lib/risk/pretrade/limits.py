"""Limits of trading: what a desk checks besides a book's limits, and how several of them become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from aura_lib.core import InputError
from aura_lib.risk.limits import Limits

MONEY_AND_WEIGHTS = (
    "max_order_value", "max_order_quantity", "collar", "max_sector_weight", "max_daily_loss",
    "max_account_daily_loss", "duplicate_seconds", "max_price_age", "orders_per_minute", "account_orders_per_minute",
)  # fmt: skip
COUNTS = ("max_orders", "orders_per_minute", "account_orders_per_minute")
ALLOWANCES = ("short", "extended_hours", "crossing")  # True is the looser value


@dataclass(frozen=True, slots=True)
class TradeLimits(Limits):
    """Limits, and what binds single orders and the day besides. None: not limited by that.

    `max_order_value` is money in the account's currency and `max_order_quantity` units: of what an order opens, a way
    out is never closed. `collar` is how far a limit price may be from the last one (0.05 is 5 %). `max_sector_weight`
    caps every sector as a fraction of the book's equity, `sector_caps` some of them by name; what nobody gave a sector
    counts as the sector "unknown". `max_daily_loss` is the fraction of the book's equity at the last close that may be
    lost before nothing new is opened, `max_account_daily_loss` the same of the whole account. `orders_per_minute`
    counts those of the book, `account_orders_per_minute` those of the account. `duplicate_seconds` is how long the
    same order of the same origin counts as a mistake. `max_price_age` (seconds of an open market) is the age from
    which a price is none; without it, one is none that was made before the session that ended last.
    `extended_hours` allows orders outside of regular hours, `crossing` orders that could trade with another one of
    the same account.

    Raises InputError for a limit that is no finite number of zero or more.
    """

    max_order_value: float | None = None
    max_order_quantity: float | None = None
    collar: float | None = None
    max_sector_weight: float | None = None
    sector_caps: Mapping[str, float] = field(default_factory=dict)
    max_daily_loss: float | None = None
    max_account_daily_loss: float | None = None
    orders_per_minute: int | None = None
    account_orders_per_minute: int | None = None
    duplicate_seconds: float | None = None
    max_price_age: float | None = None
    extended_hours: bool = False
    crossing: bool = False

    def __post_init__(self) -> None:
        Limits.__post_init__(self)
        numbers = {name: getattr(self, name) for name in MONEY_AND_WEIGHTS}
        if not isinstance(self.sector_caps, Mapping):
            raise InputError(f"sector_caps must map sectors to weights, not {self.sector_caps!r}")
        numbers |= {f"the cap of sector {name}": cap for name, cap in self.sector_caps.items()}
        for name, value in numbers.items():
            _checked(name, value)
        for name in COUNTS:
            if (count := getattr(self, name)) is not None and count != int(count):
                raise InputError(f"{name} must be a whole number, not {count!r}")
        for name in ALLOWANCES:
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} must be True or False, not {getattr(self, name)!r}")

    @staticmethod
    def over(limits: Limits) -> TradeLimits:
        """The limits of a book as limits of trading, with nothing more in them."""
        if isinstance(limits, TradeLimits):
            return limits
        return TradeLimits(**{f.name: getattr(limits, f.name) for f in fields(Limits)})

    def cap(self, sector: str) -> float | None:
        """The largest weight that a sector may have; None when it is not capped."""
        caps = [c for c in (self.max_sector_weight, self.sector_caps.get(sector)) if c is not None]
        return min(caps, default=None)


def _checked(name: str, value: object) -> None:
    if value is None and not name.startswith("the cap"):
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise InputError(f"{name} must be a finite number of zero or more, not {value!r}")


NAMES = tuple(f.name for f in fields(TradeLimits))


def tightest(*limits: TradeLimits) -> TradeLimits:
    """The limits that keep all of the given ones: of every number the smallest, of every permission what all give."""
    first, *others = limits
    return (
        replace(first, **{n: _tightest_of(n, [getattr(one, n) for one in limits]) for n in NAMES}) if others else first
    )


def _tightest_of(name: str, values: list[Any]) -> Any:
    if name in ALLOWANCES:
        return all(values)
    if name == "restricted":
        return tuple(sorted({symbol for value in values for symbol in value}))
    if name == "sector_caps":
        sectors = {sector for value in values for sector in value}
        return {s: min(value[s] for value in values if s in value) for s in sorted(sectors)}
    return min((value for value in values if value is not None), default=None)


def changed(limits: TradeLimits, values: Mapping[str, Any]) -> TradeLimits:
    """The limits with other values by name. An unknown name or an impossible value raises InputError."""
    if strange := [name for name in values if name not in NAMES]:
        raise InputError(f"no limit is called {', '.join(strange)}; there are {', '.join(sorted(NAMES))}")
    lists = {name: tuple(value) for name, value in values.items() if name == "restricted" and isinstance(value, list)}
    return replace(limits, **{**values, **lists})


def loosened(before: TradeLimits, after: TradeLimits) -> tuple[str, ...]:
    """The names of the limits that allow more after than before."""
    both = tightest(before, after)
    return tuple(name for name in NAMES if _as_set(getattr(both, name)) != _as_set(getattr(after, name)))


def _as_set(value: Any) -> Any:
    return set(value) if isinstance(value, tuple) else value
