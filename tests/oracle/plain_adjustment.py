"""Back-adjustment, written out bar by bar and action by action. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

Action = tuple[int, float, float]  # index of the first bar with it, dividend (0: none), split (0: none)


def adjusted(
    prices: Sequence[float], closes: Sequence[float], actions: Sequence[Action], dividends: bool = True
) -> list[float]:
    """Prices of one symbol: each action in turn changes all bars before it."""
    found = list(prices)
    for first, dividend, split in actions:
        if not 0 < first < len(found):
            continue
        before = [close for close in closes[:first] if not isnan(close)]
        for bar in range(first):
            if split:
                found[bar] /= split
            if dividend and dividends and before:
                found[bar] *= 1 - dividend / (before[-1] / (split or 1))
    return found


def shares(volumes: Sequence[float], actions: Sequence[Action]) -> list[float]:
    """Volumes of one symbol, in shares of the last bar."""
    found = list(volumes)
    for first, _, split in actions:
        if split and 0 < first < len(found):
            for bar in range(first):
                found[bar] = found[bar] * split if not isnan(found[bar]) else nan
    return found
