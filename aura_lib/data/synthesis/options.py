"""What a synthetic market is made of, as an object and as the name of a source."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from aura_lib.core import AssetClass, Calendar, InputError
from aura_lib.data.synthesis.blemishes import BLEMISHES

NAME = "synthetic"
KINDS = tuple(str(kind) for kind in (AssetClass.EQUITY, AssetClass.ETF, AssetClass.CRYPTO, AssetClass.FX))
MOST = 9999  # symbols have four digits


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a synthetic market. `str(options)` is the name of its source, without what is at its default.

    Args:
        seed: any whole number from 0 on; another one is another market.
        symbols: how many, 1 to 9999: SYN0001, SYN0002 …
        years: how many from `start` on, at least 1. More years leave the earlier ones as they are.
        start: first day, YYYY-MM-DD; the first session from then on.
        calendar: market identifier code whose sessions it has, half days too; in a name 24-7 stands for 24/7.
        sectors: how many; symbols are dealt to them in turn.
        correlation: of daily returns of two symbols of different sectors, 0 to below 1.
        sector_correlation: of two symbols of one sector, `correlation` to below 1.
        tail: degrees of freedom of the Student t shocks, above 4: the smaller, the fatter the tails.
        gaps: share of a day's variance that comes overnight, 0 to below 1.
        splits: two-for-one splits of a symbol a year, on average; with them prices are not adjusted.
        missing: sessions a year without a bar, on average.
        delistings: chance a year that a symbol ends.
        currency: that its prices are in, three letters; they are the same numbers in each.
        kind: what its symbols are: equity, etf, crypto or fx.
        bad: kinds of bad rows, joined by `+`, one each in every symbol: high_below_low, zero, stale, duplicate.

    Raises:
        InputError: an option is out of its range.

    Example:
        >>> str(Options(years=20, seed=7))
        'synthetic:seed=7,years=20'
        >>> Options.parse("years=20, seed=7") == Options(seed=7, years=20)
        True
    """

    seed: int = 0
    symbols: int = 20
    years: int = 10
    start: str = "2015-01-01"
    calendar: str = "XNYS"
    sectors: int = 5
    correlation: float = 0.3
    sector_correlation: float = 0.5
    tail: float = 6.0
    gaps: float = 0.25
    splits: float = 0.0
    missing: float = 0.0
    delistings: float = 0.0
    currency: str = "USD"
    kind: str = "equity"
    bad: str = ""

    def __post_init__(self) -> None:
        for of in fields(self):
            object.__setattr__(self, of.name, _typed(of.name, getattr(self, of.name), type(of.default)))
        _within("seed", self.seed, self.seed >= 0, "0 or more")
        _within("symbols", self.symbols, 1 <= self.symbols <= MOST, f"1 to {MOST}")
        _within("years", self.years, 1 <= self.years <= 100, "1 to 100")
        _within("sectors", self.sectors, self.sectors >= 1, "1 or more")
        _within("correlation", self.correlation, 0 <= self.correlation < 1, "0 to below 1")
        least = self.correlation
        inside = least <= self.sector_correlation < 1
        _within("sector_correlation", self.sector_correlation, inside, f"correlation ({least}) to below 1")
        _within("tail", self.tail, self.tail > 4, "above 4")
        _within("gaps", self.gaps, 0 <= self.gaps < 1, "0 to below 1")
        for name in ("splits", "missing", "delistings"):
            _within(name, getattr(self, name), 0 <= getattr(self, name) <= 50, "0 to 50 a year")
        told = self.currency
        _within("currency", told, len(told) == 3 and told.isascii() and told.isalpha(), "three letters, such as INR")
        _within("kind", self.kind, self.kind in KINDS, f"one of {', '.join(KINDS)}")
        unknown = [kind for kind in self.kinds if kind not in BLEMISHES]
        if unknown or len(set(self.kinds)) != len(self.kinds):
            raise InputError(f"{NAME}: bad={self.bad} must be some of {'+'.join(BLEMISHES)}, each once")
        Calendar.of(self.calendar)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of bad rows that are asked for."""
        return tuple(self.bad.split("+")) if self.bad else ()

    @property
    def first(self) -> date:
        """`start` as a date."""
        return date.fromisoformat(self.start)

    @property
    def adjustment(self) -> str:
        """What the prices are corrected for: there are no dividends, and no split unless asked for."""
        return "" if self.splits else "splits and dividends"

    def __str__(self) -> str:
        given = {of.name: getattr(self, of.name) for of in fields(self) if getattr(self, of.name) != of.default}
        told = [f"{name}={_short(value)}" for name, value in given.items()]
        return f"{NAME}:{','.join(told)}" if told else NAME

    @staticmethod
    def parse(text: str) -> Options:
        """Options from `name=value,name=value`. Raises InputError that names what is wrong."""
        given: dict[str, Any] = {}
        known = [of.name for of in fields(Options)]
        for part in text.split(",") if text.strip() else ():
            name, found, value = (word.strip() for word in part.partition("="))
            if not (found and value):
                raise InputError(f"{NAME}: {part.strip()!r} is no option: write {NAME}:seed=7,symbols=50,years=20")
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(known)}"
                raise InputError(f"{NAME} has no option {name!r}: {hint}")
            if name in given:
                raise InputError(f"{NAME}: {name} is given twice")
            given[name] = value
        return Options(**given)


def _typed(name: str, value: Any, kind: type) -> Any:
    what = {int: "a whole number", float: "a number", str: "a text"}[kind]
    try:
        if isinstance(value, bool) or (kind is int and isinstance(value, float)):
            raise ValueError(value)
        typed = kind(value)
        if kind is float and not math.isfinite(typed):
            raise ValueError(value)
        if name == "calendar":
            return typed.replace("-", "/")
        if name == "currency":
            return typed.upper()
        if name == "start":
            what = "a date such as 2015-01-01"
            return date.fromisoformat(typed).isoformat()
    except (TypeError, ValueError):
        raise InputError(f"{NAME}: {name}={value} must be {what}") from None
    return typed


def _short(value: object) -> str:
    """A value as a name has it: 5 for 5.0, and 24-7 for 24/7, since a slash would name a file."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).replace("/", "-")


def _within(name: str, value: object, inside: bool, expected: str) -> None:
    if not inside:
        raise InputError(f"{NAME}: {name}={value} must be {expected}")
