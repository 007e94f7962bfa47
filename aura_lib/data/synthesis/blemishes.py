"""Bad rows on demand, so that the checks have something to find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aura_lib.data.synthesis.chance import stream

RUN = 8  # identical closes of a stale run
SPOTS = {"high_below_low": 10, "zero": 60, "stale": 110, "duplicate": 160}  # first row it can be in
SPAN = 40  # rows from there on
BLEMISHES = tuple(SPOTS)


def spoil(
    fields: Mapping[str, pd.DataFrame], kinds: Sequence[str], seed: int, numbers: Sequence[int]
) -> dict[str, pd.DataFrame]:
    """Frames with one bad row of each kind in every symbol (a duplicate: in all at once), among the first 200 rows."""
    spoiled = {name: frame.copy() for name, frame in fields.items()}
    for column, number in enumerate(numbers):
        draws = stream(seed, "bad", number).integers(0, SPAN, len(SPOTS))
        for kind, offset in zip(SPOTS, draws.tolist(), strict=True):
            if kind in kinds:
                _spoil(spoiled, kind, SPOTS[kind] + offset, column)
    if "duplicate" in kinds:
        row = SPOTS["duplicate"] + int(stream(seed, "bad").integers(0, SPAN))
        spoiled = {n: pd.concat([f.iloc[: row + 1], f.iloc[row:]]) for n, f in spoiled.items()}
    return spoiled


def _spoil(fields: dict[str, pd.DataFrame], kind: str, row: int, column: int) -> None:
    if kind == "high_below_low":
        low = fields["low"].to_numpy()[row, column]
        fields["high"].iloc[row, column] = np.round(low * 0.99, 2)
    elif kind == "zero":
        fields["close"].iloc[row, column] = 0.0
    elif kind == "stale":
        close = fields["close"].to_numpy()[row, column]
        for name in ("open", "high", "low", "close"):
            fields[name].iloc[row : row + RUN, column] = close
