"""Currencies: several in one panel, one that the exchange does not quote in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from aura_lib.core import AssetClass, utc
from aura_lib.data.quality.panel import Panel
from aura_lib.data.quality.report import Finding

__all__ = ["currencies"]

# What the shares of an exchange are quoted in. London has lines in four (its rulebook allows any; others are rare).
QUOTED = {
    **dict.fromkeys(("XNYS", "XNAS", "ARCX", "BATS", "XASE"), ("USD",)),
    **dict.fromkeys(("XNSE", "XBOM"), ("INR",)),
    "XLON": ("GBP", "GBX", "USD", "EUR"),
    **dict.fromkeys(("XPAR", "XAMS", "XETR", "XMAD", "XMIL"), ("EUR",)),
    "XTKS": ("JPY",),
    "XHKG": ("HKD", "CNY", "USD"),
    "XTSE": ("CAD", "USD"),
    "XASX": ("AUD",),
    "XSWX": ("CHF", "EUR", "USD"),
}
UNQUOTED = (AssetClass.INDEX, AssetClass.FX, AssetClass.CRYPTO)  # points, rates, and coins that have no exchange


def currencies(panel: Panel) -> Iterator[Finding]:
    """What the instruments say of their money. Nothing is known of a frame without instruments."""
    known = {s: panel.instruments[s] for s in panel.symbols if s in panel.instruments}
    priced = {s: i for s, i in known.items() if i.asset_class not in UNQUOTED}
    if not len(panel.times):
        return
    counts = Counter(i.currency for i in priced.values())
    ends = panel.times[[0, -1]]  # it is so all the time: at the last bar too
    if len(counts) > 1:
        told = ", ".join(f"{name} ({count})" for name, count in counts.most_common())
        detail = f"prices in {told} side by side: convert before comparing"
        yield Finding("currency", "warn", "", len(counts), utc(ends[0]), detail, ends)
    for symbol, instrument in priced.items():
        usual = QUOTED.get(instrument.venue)
        if usual and instrument.currency not in usual:
            detail = f"is said to be in {instrument.currency}, and {instrument.venue} quotes in {', '.join(usual)}"
            yield Finding("currency", "warn", symbol, 1, utc(ends[0]), detail, ends)
