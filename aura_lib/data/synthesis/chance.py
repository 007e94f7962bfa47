"""Random numbers with a key: one stream for every purpose and number, so that no draw moves another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

PURPOSES = (
    *("regime", "market", "sector", "own", "character", "overnight", "high", "low", "volume"),
    *("split", "missing", "delisting", "minute", "minute high", "minute low", "minute volume", "bad"),
)
Values = npt.NDArray[np.float64]


def stream(seed: int, purpose: str, number: int = 0) -> np.random.Generator:
    """The stream of a purpose and a number (of a symbol or sector); drawing more does not change the first."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, PURPOSES.index(purpose), number])))
