"""Windows of a sweep: all bars, and train and test of each fold, cut into the segments they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.folds import Fold


@dataclass(frozen=True, eq=False, slots=True)
class Windows:
    """Segments that tile the bars, and the windows made of them.

    `bounds` (segments × 2) are first rows and rows after the last; window w is made of segments
    `members[first[w] : first[w + 1]]`, in order, and has `sizes[w]` bars.
    """

    labels: tuple[str, ...]
    bounds: NDArray[np.int64]
    first: NDArray[np.int64]
    members: NDArray[np.int64]
    sizes: NDArray[np.float64]

    @staticmethod
    def of(bars: int, folds: Sequence[Fold]) -> Windows:
        """The window of all bars, then train and test of each fold.

        Raises InputError for an empty fold or rows outside the bars.
        """
        masks = [np.ones(bars, dtype=bool)]
        labels = ["all"]
        for number, fold in enumerate(folds):
            for part, rows in (("train", fold.train), ("test", fold.test)):
                masks.append(_mask(bars, np.asarray(rows), f"{part} {number}"))
                labels.append(f"{part} {number}")
        inside = np.array(masks)
        cuts = np.flatnonzero((inside[:, 1:] != inside[:, :-1]).any(axis=0)) + 1
        edges = np.concatenate(([0], cuts, [bars])).astype(np.int64)
        bounds = np.column_stack([edges[:-1], edges[1:]])
        parts = [np.flatnonzero(mask[edges[:-1]]).astype(np.int64) for mask in inside]
        first = np.concatenate(([0], np.cumsum([len(p) for p in parts]))).astype(np.int64)
        return Windows(tuple(labels), bounds, first, np.concatenate(parts), inside.sum(axis=1).astype(np.float64))

    def rows(self, window: int) -> NDArray[np.int64]:
        """The rows of a window, ascending."""
        parts = self.members[self.first[window] : self.first[window + 1]]
        return np.concatenate([np.arange(*self.bounds[part], dtype=np.int64) for part in parts])


def _mask(bars: int, rows: NDArray[np.int64], name: str) -> NDArray[np.bool_]:
    if not len(rows) or rows.min() < 0 or rows.max() >= bars:
        raise InputError(f"fold {name} has {len(rows)} rows; it needs some, all from 0 to {bars - 1}")
    mask = np.zeros(bars, dtype=bool)
    mask[rows] = True
    return mask
