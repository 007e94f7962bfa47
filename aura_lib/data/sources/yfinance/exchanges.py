"""Yahoo's words for exchanges and kinds of instrument, in ours."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aura_lib.core import AssetClass, DataError, Instrument

TICK = Decimal("0.0001")  # adjusted prices are no multiples of a cent
FINE = {AssetClass.CRYPTO: Decimal("0.00000001"), AssetClass.FX: Decimal("0.000001")}

# Yahoo's code of an exchange → its calendar and venue (ISO 10383).
OWN_CALENDAR = {  # … where both have one name
    **dict.fromkeys(("LSE", "IOB", "FGI"), "XLON"),
    **dict.fromkeys(("JPX", "OSA"), "XTKS"),
    "GER": "XETR", "FRA": "XFRA", "PAR": "XPAR", "AMS": "XAMS", "BRU": "XBRU", "LIS": "XLIS", "MIL": "XMIL",
    "MCE": "XMAD", "EBS": "XSWX", "STO": "XSTO", "HEL": "XHEL", "OSL": "XOSL", "VIE": "XWBO", "TOR": "XTSE",
    "SAO": "BVMF", "MEX": "XMEX", "JNB": "XJSE", "TLV": "XTAE", "HKG": "XHKG", "SHH": "XSHG", "KSC": "XKRX",
    "TAI": "XTAI", "SES": "XSES", "ASX": "XASX", "NZE": "XNZE",
}  # fmt: skip
EXCHANGES = {
    **dict.fromkeys(("NMS", "NGM", "NCM", "NAS", "NIM"), ("XNYS", "XNAS")),
    **dict.fromkeys(("NYQ", "NYS", "SNP", "DJI", "WCB", "CXI"), ("XNYS", "XNYS")),
    "ASE": ("XNYS", "XASE"),
    "PCX": ("XNYS", "ARCX"),
    "BTS": ("XNYS", "BATS"),
    "NSI": ("XNSE", "XNSE"),
    "BSE": ("XBOM", "XBOM"),
    "CCC": ("24/7", "24/7"),  # coins
    "CCY": ("24/5", "24/5"),  # currencies
    **{code: (venue, venue) for code, venue in OWN_CALENDAR.items()},
}
KINDS = {
    "EQUITY": AssetClass.EQUITY,
    "ETF": AssetClass.ETF,
    "MUTUALFUND": AssetClass.ETF,
    "INDEX": AssetClass.INDEX,
    "CRYPTOCURRENCY": AssetClass.CRYPTO,
    "CURRENCY": AssetClass.FX,
}
HUNDREDTHS = {"GBp": "GBP", "ZAc": "ZAR", "ILA": "ILS"}  # quoted in pence, cents, agorot


def described(symbol: str, meta: Mapping[str, Any]) -> tuple[Instrument, str]:
    """The instrument and its calendar, from what Yahoo says of it."""
    exchange, kind, currency = (meta.get(key) for key in ("exchangeName", "instrumentType", "currency"))
    if exchange not in EXCHANGES or kind not in KINDS or not currency:
        raise DataError(
            f"yfinance: {symbol} is a {kind} on {exchange} in {currency}; this source knows equities, funds, indices, "
            f"coins and currencies on {', '.join(sorted(EXCHANGES))}"
        )
    calendar, venue = EXCHANGES[exchange]
    asset = KINDS[kind]
    lot = FINE[asset] if asset is AssetClass.CRYPTO else Decimal(1)
    tick = FINE.get(asset, TICK)
    return Instrument(symbol, asset, HUNDREDTHS.get(currency, currency), venue, lot=lot, tick=tick), calendar


def unit(currency: str | None) -> float:
    """What one of Yahoo's units is in the currency: a hundredth where it quotes in pence."""
    return 0.01 if currency in HUNDREDTHS else 1.0
