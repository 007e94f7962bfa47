"""What Bombay and the National Stock Exchange of India did outside their yearly list of holidays, with sources.

exchange_calendars knows XBOM, the holidays that BSE announces each December; NSE announces the same. What both add
later (budget days at weekends, the hour of Muhurat trading on Diwali, tests of the recovery site, elections) is here:
every day since 2014 that we could establish, with where it was read. Muhurat trading of 8 November 2026 (a Sunday) is
not: its hours were not to be had when this was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

WHOLE = "09:15-15:30"
EVENING = "18:15-19:15"
HALVES = "09:15-10:00 11:30-12:30"  # the primary site, then the recovery site


@dataclass(frozen=True, slots=True)
class Special:
    """One day that was not as the yearly list has it; `hours` in Mumbai's time, empty when both were closed."""

    day: date
    hours: str
    why: str
    source: str
    only: str = ""  # one of the two; empty: both


SPECIAL = (
    Special(
        date(2014, 3, 22), "11:15-12:45", "recovery site, Saturday", "Calcutta Stock Exchange, notice of 20 Mar 2014"
    ),
    Special(date(2014, 10, 23), "18:30-19:30", "Muhurat, Thursday", "teluguinvestor.com, October 2014"),
    Special(date(2015, 2, 28), WHOLE, "budget, Saturday", "India TV, 22 Jan 2020"),
    Special(date(2015, 11, 11), "17:45-18:45", "Muhurat, Wednesday", "planetarypositions.com, 9 Nov 2015, quoting NSE"),
    Special(date(2016, 10, 30), "18:30-19:30", "Muhurat, Sunday", "Sakshi, 29 Oct 2016"),
    Special(date(2017, 10, 19), "18:30-19:30", "Muhurat, Thursday", "upcomingipocalendar.com, October 2017 (NSE)"),
    Special(date(2018, 11, 7), "17:30-18:30", "Muhurat, Wednesday", "Mint, 6 Nov 2018"),
    Special(date(2019, 10, 27), EVENING, "Muhurat, Sunday", "moneycontrol.com, 22 Oct 2019"),
    Special(date(2020, 2, 1), WHOLE, "budget, Saturday", "circulars of both, in Firstpost, 23 Jan 2020"),
    Special(date(2020, 11, 14), EVENING, "Muhurat, Saturday", "circulars of both, in moneycontrol.com, 4 Nov 2020"),
    Special(date(2021, 2, 24), "09:15-11:40 15:45-17:00", "outage of NSE", "Mint, 24 Feb 2021", only="XNSE"),
    Special(date(2021, 2, 24), "09:15-17:00", "outage of NSE", "SEBI's statement, in Mint, 24 Feb 2021", only="XBOM"),
    Special(date(2021, 11, 4), EVENING, "Muhurat, Thursday", "Free Press Journal, 4 Nov 2021"),
    Special(date(2022, 10, 24), EVENING, "Muhurat, Monday", "notices of both, in Mint, 21 Oct 2022"),
    Special(date(2023, 11, 12), EVENING, "Muhurat, Sunday", "Angel One, announcement for 12 Nov 2023"),
    Special(date(2024, 1, 20), WHOLE, "Saturday for Monday the 22nd", "circulars of both, in DT Next, 20 Jan 2024"),
    Special(date(2024, 3, 2), HALVES, "recovery site, Saturday", "Zee News, 15 Feb 2024 (NSE circular of 14 Feb)"),
    Special(date(2024, 5, 18), HALVES, "recovery site, Saturday", "Zerodha bulletin 377895, 8 May 2024"),
    Special(date(2024, 11, 1), "18:00-19:00", "Muhurat, Friday", "circulars of both, in Business Times, 21 Oct 2024"),
    Special(date(2025, 2, 1), WHOLE, "budget, Saturday", "Zerodha bulletin 400094, 23 Dec 2024"),
    Special(date(2025, 10, 21), "13:45-14:45", "Muhurat, Tuesday", "NDTV Profit, 22 Sep 2025 (NSE circular)"),
    Special(date(2026, 1, 15), "", "elections in Maharashtra", "circulars of both, in Economic Times, 12 Jan 2026"),
    Special(date(2026, 2, 1), WHOLE, "budget, Sunday", "circulars of both, in Business Standard, 16 Jan 2026"),
)

# Regular trading at NSE began at 09:15 with the pre-open auction of 18 October 2010 (learnstockmarket.in, "Stock Market
# Timings in India"), at 09:00 from 4 January 2010 and at 09:55 before (NSE's announcements as gathered in
# pandas_market_calendars #479, August 2026). Before June 1999 hours changed often: those given here are not exact.
NSE_OPENED = ((date(1990, 1, 1), "09:55"), (date(2010, 1, 4), "09:00"), (date(2010, 10, 18), "09:15"))
