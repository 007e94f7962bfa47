"""Which cells of its grid a sweep tried, each as a number that is the same in every sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 1_000_000  # of a sweep with more, the cells are counted but not told apart


def cells(
    space: Mapping[str, Any], parameters: Mapping[str, NDArray[Any]] | None, count: int
) -> NDArray[np.uint64] | None:
    """A 64-bit number for each combination that was tried; None where it is not known which were.

    The number is the sum of one for each parameter's value (as Zobrist's of 1970): a product grid takes one digest
    for each of its values, not for each combination.
    """
    if not 0 < count <= MOST:
        return None
    if parameters is not None:
        columns = [_marks(name, np.asarray(parameters[name])) for name in sorted(parameters)]
        whole = bool(columns) and all(len(column) == count for column in columns)
        return np.sum(columns, axis=0, dtype="uint64") if whole else None
    if not space or not all(isinstance(values, list) for values in space.values()):
        return None
    if math.prod(len(values) for values in space.values()) != count:
        return None  # some were left out, and nobody said which
    found = np.zeros(1, "uint64")
    for name in sorted(space):
        found = (found[:, None] + _marks(name, np.array(space[name], object))[None, :]).ravel()
    return found


def _marks(name: str, values: NDArray[Any]) -> NDArray[np.uint64]:
    if values.dtype.kind in "iufb":  # few distinct numbers, however many cells
        known, place = np.unique(values, return_inverse=True)
        texts = [_text(value) for value in known.tolist()]
    else:
        texts, place = [_text(value) for value in values.tolist()], np.arange(len(values))
    marks = {text: int(digest([name, text])[:16], 16) for text in dict.fromkeys(texts)}
    return np.array([marks[text] for text in texts], "uint64")[place.ravel()]


def _text(value: Any) -> str:
    return repr(float(value) + 0.0) if isinstance(value, int | float) else repr(value)  # 5 is 5.0
