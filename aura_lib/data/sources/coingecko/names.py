"""Which coin a name means: `bitcoin`, `BTC`, `BTC/EUR`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from aura_lib.core import InputError
from aura_lib.data.sources.coingecko.client import Unknown

# Symbols that everybody means one coin with; CoinGecko lists copies, wrapped and bridged ones beside them.
MAJORS = {
    "BTC": "bitcoin", "ETH": "ethereum", "USDT": "tether", "BNB": "binancecoin", "SOL": "solana", "XRP": "ripple",
    "USDC": "usd-coin", "ADA": "cardano", "DOGE": "dogecoin", "TRX": "tron", "AVAX": "avalanche-2",
    "LINK": "chainlink", "DOT": "polkadot", "LTC": "litecoin", "BCH": "bitcoin-cash", "XLM": "stellar",
    "XMR": "monero", "ETC": "ethereum-classic", "ATOM": "cosmos", "UNI": "uniswap", "DAI": "dai", "SHIB": "shiba-inu",
}  # fmt: skip
TOLD = 10  # candidates in a message


@dataclass(frozen=True, slots=True)
class Coin:
    """An id of CoinGecko's, and the currency that its price is in (capitals)."""

    id: str
    currency: str


def coin(name: str, listed: Callable[[], Iterable[Mapping[str, str]]]) -> Coin:
    """The coin of a name: an id in small letters, or a symbol in capitals; `/EUR` behind it, or dollars.

    `listed` gives CoinGecko's list of coins (id, symbol, name); it is asked for only where a symbol needs it. A symbol
    that several coins have raises InputError that names them; one that none has, Unknown.
    """
    base, slash, currency = name.partition("/")
    if not base or base != base.strip() or (slash and not currency.isalpha()):
        raise InputError(f"coingecko: {name!r} is no coin: write bitcoin, BTC or BTC/EUR")
    return Coin(_identity(base, listed), (currency or "USD").upper())


def _identity(base: str, listed: Callable[[], Iterable[Mapping[str, str]]]) -> str:
    if base == base.lower():
        return base
    if base != base.upper():
        raise InputError(f"coingecko: {base!r}: write an id in small letters (bitcoin), or a symbol in capitals (BTC)")
    if base in MAJORS:
        return MAJORS[base]
    found = [one for one in listed() if one["symbol"].upper() == base]
    if not found:
        raise Unknown(f"CoinGecko has no {base}")
    if len(found) > 1:
        some = ", ".join(f"{one['id']} ({one['name']})" for one in found[:TOLD])
        more = f" and {len(found) - TOLD} more" if len(found) > TOLD else ""
        raise InputError(f"coingecko: {len(found)} coins have the symbol {base}; name one by its id: {some}{more}")
    return found[0]["id"]
