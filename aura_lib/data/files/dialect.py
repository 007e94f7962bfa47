"""How a file is to be read: what is not given is found out from the file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from aura_lib.core import Calendar, InputError

ROLES = ("date", "time", "symbol", "open", "high", "low", "close", "adjusted close", "volume")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the reader of a file may be told.

    Args:
        columns: role → name of the column, such as {"date": "Datum", "close": "Schlusskurs"}. The roles are date,
            time, symbol, open, high, low, close, adjusted close and volume.
        symbol: whose prices they are, where the file does not say (default: the file's name).
        sheet: of a workbook, by name or by number from 0.
        encoding: of a text file, such as "cp1252".
        decimal: "." or ",".
        thousands: "." or "," (spaces and apostrophes need no telling).
        dayfirst: whether 01/02/2021 is the first of February.
        tz: IANA time zone of times that are written without one.
        stamp: whether the times of intraday bars are those of their open (a bar is then known one step later) or close.
        calendar: exchange whose sessions daily bars are held against; "24/7" for what never closes.
        frequency: 1m … 1h, 1d, 1w or 1mo.
        currency: of the prices.
        adjusted: take the adjusted close where there is one, and scale open, high and low with it.
        adjustment: what the prices were corrected for, where the file does not say.
        duplicates: which of two rows of the same symbol and time counts, "first" or "last".
        accept: names of checks whose errors are known and do not matter. "unexpected bar" leaves those rows out, "not
            positive" makes those prices missing.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    symbol: str = ""
    sheet: str | int | None = None
    encoding: str = ""
    decimal: str = ""
    thousands: str = ""
    dayfirst: bool | None = None
    tz: str = ""
    stamp: Literal["open", "close"] = "open"
    calendar: str = "XNYS"
    frequency: str = ""
    currency: str = "USD"
    adjusted: bool = True
    adjustment: str = "unknown"
    duplicates: Literal["", "first", "last"] = ""
    accept: Sequence[str] = ()

    def __post_init__(self) -> None:
        unknown = [role for role in self.columns if role not in ROLES]
        if unknown:
            raise InputError(f"columns= knows the roles {', '.join(ROLES)}, not {', '.join(map(repr, unknown))}")
        for name, choices in (
            ("decimal", ("", ".", ",")), ("thousands", ("", ".", ",")), ("stamp", ("open", "close")),
            ("duplicates", ("", "first", "last")), ("dayfirst", (None, True, False)),
        ):  # fmt: skip
            if getattr(self, name) not in choices:
                raise InputError(
                    f"{name}={getattr(self, name)!r}: use one of {', '.join(repr(c) for c in choices if c != '')}"
                )
        if self.decimal and self.decimal == self.thousands:
            raise InputError(f"decimal and thousands are both {self.decimal!r}")
        if isinstance(self.accept, str):
            raise InputError(f'accept= is a list of checks, such as ["{self.accept}"]')
        Calendar.of(self.calendar)

    @staticmethod
    def of(options: Mapping[str, Any]) -> Dialect:
        """A Dialect from keyword arguments; one that does not exist raises InputError with the nearest name."""
        known = [f.name for f in fields(Dialect)]
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                raise InputError(
                    f"no option {name!r}: " + (f"did you mean {near[0]}=?" if near else f"there is {', '.join(known)}")
                )
        return Dialect(**options)
