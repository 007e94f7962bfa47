"""How a number is written for people: the one place that decides signs, digits and units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from aura_lib.core.errors import InputError
from aura_lib.core.times import utc

NOTHING = "–"  # shown for NaN and None: there is no such number
MINUS = "−"
ZONE = "America/New_York"  # exchange time, where the reader is not told otherwise

Number = float | int | Decimal | None


class Kind(StrEnum):
    """What a number is, which decides how it is written."""

    RETURN = "return"
    PERCENT = "percent"
    RATIO = "ratio"
    MONEY = "money"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic of a book or an index: the label people read, and what kind of number it is."""

    label: str
    kind: Kind


STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        "runs": Statistic("Runs", Kind.COUNT),
        "n_runs": Statistic("Runs", Kind.COUNT),
        "n_orders": Statistic("Orders", Kind.COUNT),
        "n_fills": Statistic("Fills", Kind.COUNT),
        "n_slots": Statistic("Decisions", Kind.COUNT),
        "n_rejected": Statistic("Refused by a limit", Kind.COUNT),
        "n_unfilled": Statistic("Not wholly filled", Kind.COUNT),
        "n_open": Statistic("Open at the end", Kind.COUNT),
        "turnover": Statistic("Turnover a year", Kind.PERCENT),
        "costs": Statistic("Costs", Kind.MONEY),
        "fees": Statistic("Fees", Kind.MONEY),
        "slippage": Statistic("Slippage", Kind.MONEY),
        "final_equity": Statistic("Equity at the end", Kind.MONEY),
        "total_return": Statistic("Total return", Kind.RETURN),
        "annual_return": Statistic("Return a year", Kind.RETURN),
        "volatility": Statistic("Volatility a year", Kind.PERCENT),
        "max_drawdown": Statistic("Maximum drawdown", Kind.RETURN),
        "sharpe": Statistic("Sharpe ratio", Kind.RATIO),
        "sortino": Statistic("Sortino ratio", Kind.RATIO),
        "calmar": Statistic("Calmar ratio", Kind.RATIO),
        "exposure": Statistic("Invested on average", Kind.PERCENT),
        "var": Statistic("VaR 95%, a day", Kind.RETURN),
        "cvar": Statistic("CVaR 95%, a day", Kind.RETURN),
        "worst": Statistic("Worst day", Kind.RETURN),
        "best": Statistic("Best day", Kind.RETURN),
        "monthly_var": Statistic("VaR 95%, a month", Kind.RETURN),
        "monthly_cvar": Statistic("CVaR 95%, a month", Kind.RETURN),
        "win_rate": Statistic("Days that gained", Kind.PERCENT),
        "monthly_win_rate": Statistic("Months that gained", Kind.PERCENT),
        "omega_ratio": Statistic("Omega ratio", Kind.RATIO),
        "skewness": Statistic("Skewness", Kind.RATIO),
        "excess_kurtosis": Statistic("Excess kurtosis", Kind.RATIO),
        "alpha": Statistic("Alpha a year", Kind.RETURN),
        "beta": Statistic("Beta", Kind.RATIO),
        "correlation": Statistic("Correlation", Kind.RATIO),
        "tracking_error": Statistic("Tracking error a year", Kind.PERCENT),
        "information_ratio": Statistic("Information ratio", Kind.RATIO),
        "tail_ratio": Statistic("Tail ratio", Kind.RATIO),
        "treynor": Statistic("Treynor ratio", Kind.RATIO),
        "up_capture": Statistic("Up capture, months", Kind.PERCENT),
        "down_capture": Statistic("Down capture, months", Kind.PERCENT),
        "mean_return": Statistic("Mean return a year", Kind.RETURN),
        "best_month": Statistic("Best month", Kind.RETURN),
        "worst_month": Statistic("Worst month", Kind.RETURN),
        "best_year": Statistic("Best year", Kind.RETURN),
        "worst_year": Statistic("Worst year", Kind.RETURN),
        "yearly_win_rate": Statistic("Years that gained", Kind.PERCENT),
        "downside_deviation": Statistic("Downside deviation a year", Kind.PERCENT),
        "average_drawdown": Statistic("Average drawdown", Kind.RETURN),
        "drawdown_duration": Statistic("Longest drawdown, years", Kind.RATIO),
        "time_under_water": Statistic("Time below a high", Kind.PERCENT),
        "ulcer_index": Statistic("Ulcer index", Kind.PERCENT),
        "pain_index": Statistic("Pain index", Kind.PERCENT),
        "martin": Statistic("Martin ratio (UPI)", Kind.RATIO),
        "pain_ratio": Statistic("Pain ratio", Kind.RATIO),
        "sharpe_error": Statistic("Sharpe ratio, standard error", Kind.RATIO),
        "gain_to_pain": Statistic("Gain to pain, months", Kind.RATIO),
        "autocorrelation": Statistic("Autocorrelation", Kind.RATIO),
        "jarque_bera": Statistic("Jarque–Bera", Kind.RATIO),
        "jarque_bera_p": Statistic("Jarque–Bera, p-value", Kind.RATIO),
        "gross_exposure": Statistic("Gross exposure", Kind.PERCENT),
        "net_exposure": Statistic("Net exposure", Kind.PERCENT),
        "n_trades": Statistic("Round trips", Kind.COUNT),
        "hit_rate": Statistic("Round trips that gained", Kind.PERCENT),
        "payoff": Statistic("Payoff, mean gain over mean loss", Kind.RATIO),
        "expectancy": Statistic("Profit of a round trip", Kind.MONEY),
        "average_holding": Statistic("Days held", Kind.RATIO),
        "commission_cost": Statistic("Commission", Kind.MONEY),
        "spread_cost": Statistic("Spread", Kind.MONEY),
        "slippage_cost": Statistic("Slippage", Kind.MONEY),
        "impact_cost": Statistic("Market impact", Kind.MONEY),
        "borrow_cost": Statistic("Borrow", Kind.MONEY),
    }
)


def statistic(name: str) -> Statistic:
    """The statistic of that name; an unknown one is a plain number under its own name.

    Example:
        >>> statistic("max_drawdown").label, statistic("tail_ratio").label
        ('Maximum drawdown', 'Tail ratio')
    """
    return STATISTICS.get(name) or Statistic(label(name), Kind.RATIO)


def label(name: object) -> str:
    """A column's name as a heading.

    Example:
        >>> label("average_cost")
        'Average cost'
    """
    text = str(name).replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _number(value: Number, spec: str, scale: int = 1) -> str:
    if value is None or not math.isfinite(value):
        return NOTHING
    text = format(value * scale, spec)
    if not text.strip("+-0.,"):  # rounds to zero: no sign
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def percent(value: Number, *, digits: int = 1, sign: bool = True) -> str:
    """A fraction as per cent, with its sign.

    Example:
        >>> percent(0.1234), percent(-0.02), percent(0.2, sign=False), percent(float("nan"))
        ('+12.3%', '−2.0%', '20.0%', '–')
    """
    text = _number(value, f"{'+' if sign else ''},.{digits}f", 100)
    return text if text == NOTHING else text + "%"


def points(value: Number, *, digits: int = 1) -> str:
    """A difference of two fractions in percentage points.

    Example:
        >>> points(0.031)
        '+3.1 pp'
    """
    text = _number(value, f"+,.{digits}f", 100)
    return text if text == NOTHING else text + " pp"


def money(value: Number, currency: str = "USD", *, digits: int = 2) -> str:
    """An amount with its currency and thousands.

    Example:
        >>> money(1234567.891), money(Decimal("-1200"), "EUR", digits=0)
        ('USD 1,234,567.89', 'EUR −1,200')
    """
    text = _number(value, f",.{digits}f")
    return text if text == NOTHING else f"{currency} {text}"


def amount(value: Number) -> str:
    """An amount of money in a column whose heading names the currency.

    Example:
        >>> amount(1234.5)
        '1,234.50'
    """
    return _number(value, ",.2f")


def ratio(value: Number, *, sign: bool = False) -> str:
    """A ratio such as Sharpe's, two decimals.

    Example:
        >>> ratio(1.236), ratio(-0.5), ratio(0.1, sign=True)
        ('1.24', '−0.50', '+0.10')
    """
    return _number(value, "+,.2f" if sign else ",.2f")


def count(value: Number, *, sign: bool = False) -> str:
    """A whole number with thousands.

    Example:
        >>> count(8313), count(12.0)
        ('8,313', '12')
    """
    return _number(value, "+,.0f" if sign else ",.0f")


def quantity(value: Number) -> str:
    """A number whose digits matter (shares, a price): all of them, at most six decimals.

    Example:
        >>> quantity(1500.0), quantity(Decimal("0.2500")), quantity(-3.125)
        ('1,500', '0.25', '−3.125')
    """
    text = _number(value, ",.6f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def value(number: Number, kind: Kind, currency: str = "USD") -> str:
    """A number written the way of its kind.

    Example:
        >>> value(0.18, Kind.PERCENT), value(0.18, Kind.RETURN), value(0.18, Kind.RATIO)
        ('18.0%', '+18.0%', '0.18')
    """
    match kind:
        case Kind.RETURN:
            return percent(number)
        case Kind.PERCENT:
            return percent(number, sign=False)
        case Kind.MONEY:
            return money(number, currency)
        case Kind.COUNT:
            return count(number)
        case Kind.RATIO:
            return ratio(number)


def difference(number: Number, kind: Kind, currency: str = "USD") -> str:
    """A difference of two numbers of a kind: returns and volatilities in percentage points.

    Example:
        >>> difference(0.021, Kind.RETURN), difference(-0.1, Kind.RATIO)
        ('+2.1 pp', '−0.10')
    """
    match kind:
        case Kind.RETURN | Kind.PERCENT:
            return points(number)
        case Kind.MONEY:
            return money(number, currency)
        case Kind.COUNT:
            return count(number, sign=True)
        case Kind.RATIO:
            return ratio(number, sign=True)


def zone_name(zone: str) -> str:
    """What people call a time zone: its city.

    Example:
        >>> zone_name("America/New_York"), zone_name("UTC")
        ('New York', 'UTC')
    """
    return zone.rsplit("/", 1)[-1].replace("_", " ")


def time_zone(zone: str) -> ZoneInfo:
    """The IANA time zone of that name; an unknown one raises InputError."""
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise InputError(f"unknown time zone {zone!r}: give an IANA name such as 'America/New_York' or 'UTC'") from None


def moment(time: Any, zone: str = ZONE) -> str:
    """A moment in exchange time, with the zone named. None and NaT give a dash.

    Example:
        >>> moment("2022-11-30T21:00:00+00:00")
        '30 Nov 2022, 16:00 New York'
    """
    if time is None or time != time:
        return NOTHING
    return f"{utc(time).astimezone(time_zone(zone)):%-d %b %Y, %H:%M} {zone_name(zone)}"


def clock(time: datetime, zone: str = ZONE) -> str:
    """A moment in exchange time in a column whose heading names the zone.

    Example:
        >>> clock(utc("2022-11-30T21:00:00+00:00"))
        '2022-11-30 16:00'
    """
    return f"{utc(time).astimezone(time_zone(zone)):%Y-%m-%d %H:%M}"


def day(time: datetime, zone: str = ZONE) -> str:
    """The date of a moment in exchange time.

    Example:
        >>> day(utc("2022-11-30T21:00:00+00:00"))
        '30 Nov 2022'
    """
    return f"{utc(time).astimezone(time_zone(zone)):%-d %b %Y}"
