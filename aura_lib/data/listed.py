"""Who is behind the symbols whose prices ship: names, and sectors of the GICS as of the end of each data set.

Names are those of the companies' annual reports (Form 10-K) for that time; sectors are GICS (S&P and MSCI): Facebook
and Google were Information Technology in 2013, before Communication Services was made in September 2018.
"""

from __future__ import annotations

TECHNOLOGY, HEALTH, FINANCIALS, ENERGY = "Information Technology", "Health Care", "Financials", "Energy"
DISCRETIONARY, STAPLES, INDUSTRIALS = "Consumer Discretionary", "Consumer Staples", "Industrials"

LISTED: dict[str, tuple[str, str]] = {  # symbol → name, sector
    "AAPL": ("Apple Inc.", TECHNOLOGY),
    "AMD": ("Advanced Micro Devices, Inc.", TECHNOLOGY),
    "BAC": ("Bank of America Corporation", FINANCIALS),
    "BBY": ("Best Buy Co., Inc.", DISCRETIONARY),
    "CVX": ("Chevron Corporation", ENERGY),
    "FB": ("Facebook, Inc.", TECHNOLOGY),
    "GE": ("General Electric Company", INDUSTRIALS),
    "GOOG": ("Google Inc.", TECHNOLOGY),
    "HD": ("The Home Depot, Inc.", DISCRETIONARY),
    "IBM": ("International Business Machines Corporation", TECHNOLOGY),
    "JNJ": ("Johnson & Johnson", HEALTH),
    "JPM": ("JPMorgan Chase & Co.", FINANCIALS),
    "KO": ("The Coca-Cola Company", STAPLES),
    "LLY": ("Eli Lilly and Company", HEALTH),
    "MRK": ("Merck & Co., Inc.", HEALTH),
    "MSFT": ("Microsoft Corporation", TECHNOLOGY),
    "NASDAQ": ("NASDAQ Composite", ""),
    "PEP": ("PepsiCo, Inc.", STAPLES),
    "PFE": ("Pfizer Inc.", HEALTH),
    "PG": ("The Procter & Gamble Company", STAPLES),
    "RRC": ("Range Resources Corporation", ENERGY),
    "SP500": ("S&P 500", ""),
    "UNH": ("UnitedHealth Group Incorporated", HEALTH),
    "WMT": ("Walmart Inc.", STAPLES),
    "XOM": ("Exxon Mobil Corporation", ENERGY),
}
