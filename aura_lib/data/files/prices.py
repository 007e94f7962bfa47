"""What is done to prices before they are bars: scaled to the adjusted close, or left out where they cannot be true."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aura_lib.core.market_data import FIELDS
from aura_lib.data.files.dialect import Dialect

ADJUSTED = "splits and dividends"
Frames = dict[str, pd.DataFrame]


def adjusted(frames: Frames, how: Dialect) -> tuple[Frames, str, list[str]]:
    """Frames with one close, what they are adjusted for, and remarks.

    Where there is a close and an adjusted close, open, high and low are multiplied by adjusted close / close. Volume
    stays as it is.
    """
    given = {name: frames[name] for name in FIELDS if name in frames}
    close = frames.get("adjusted close")
    if close is None or (not how.adjusted and "close" in frames):
        return given, how.adjustment, []
    if "close" not in frames:
        return {**given, "close": close}, ADJUSTED, []
    factor = close / frames["close"]
    scaled = [name for name in ("open", "high", "low") if name in given]
    given |= {"close": close} | {name: given[name] * factor for name in scaled}
    remark = "close is the adjusted close" + (f"; {', '.join(scaled)} scaled with it" if scaled else "")
    return given, ADJUSTED, [f"{remark} (adjusted=False leaves them as they are)"]


def without_false(frames: Frames, how: Dialect) -> tuple[Frames, list[str]]:
    """Prices that cannot be true become missing, where that is accepted."""
    if "not positive" not in how.accept:
        return frames, []
    wrong = {n: ((f < 0) if n == "volume" else (f <= 0)) | np.isinf(f) for n, f in frames.items()}
    count = sum(int(w.to_numpy().sum()) for w in wrong.values())
    told = [f"{count} value(s) that are not positive count as missing"] if count else []
    return {n: f.mask(wrong[n]) for n, f in frames.items()}, told
