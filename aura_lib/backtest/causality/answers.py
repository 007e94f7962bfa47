"""Answers of a strategy, compared: equal up to the noise of floating-point sums, never further."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.core import TargetWeights

TOLERANCE = 1e-9  # of the size of what is compared: sums in another order differ by 1e-15 to 1e-12, leaks by more


@dataclass(frozen=True, slots=True)
class Raised:
    """A strategy that answered with an error: its kind counts, its words may differ."""

    kind: str
    said: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.said}"


def same(one: Any, other: Any, tolerance: float = TOLERANCE) -> bool:
    """Whether two answers are equal: floats up to `tolerance` of their size (at least of 1), all else exactly."""
    if isinstance(one, Raised) or isinstance(other, Raised):
        return isinstance(one, Raised) and isinstance(other, Raised) and one.kind == other.kind
    if isinstance(one, TargetWeights) and isinstance(other, TargetWeights):
        return one.as_of == other.as_of and _weights(one.weights, other.weights, tolerance)
    if type(one) is not type(other):
        return _number(one) and _number(other) and _close(one, other, tolerance)
    if isinstance(one, pd.DataFrame | pd.Series | pd.Index | np.ndarray):
        return _arrays(one, other, tolerance)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key], tolerance) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name), tolerance) for f in fields(one))
    return _close(one, other, tolerance) if isinstance(one, float) else bool(one == other)


def size(one: Any, other: Any) -> float:
    """How far two answers are apart: the sum of absolute differences of weights, else 1 when they differ."""
    if isinstance(one, TargetWeights) and isinstance(other, TargetWeights):
        names = one.weights.keys() | other.weights.keys()
        return sum(abs(one.weights.get(name, 0.0) - other.weights.get(name, 0.0)) for name in names)
    return 0.0 if same(one, other) else 1.0


def told(answer: Any) -> str:
    """An answer in a few words."""
    if isinstance(answer, TargetWeights):
        held = sorted(((w, s) for s, w in answer.weights.items() if w), key=lambda pair: (-pair[0], pair[1]))
        shown = ", ".join(f"{symbol} {weight:.4g}" for weight, symbol in held[:4])
        return (shown + (f" and {len(held) - 4} more" if len(held) > 4 else "")) or "nothing held"
    if isinstance(answer, list | tuple):
        parts = [f"{i.side.value} {i.quantity} {i.symbol}" if hasattr(i, "symbol") else repr(i) for i in answer[:4]]
        return (", ".join(parts) + (f" and {len(answer) - 4} more" if len(answer) > 4 else "")) or "no intents"
    text = str(answer)
    return text if len(text) <= 120 else text[:117] + "..."


def _weights(one: Mapping[str, float], other: Mapping[str, float], tolerance: float) -> bool:
    """A weight of zero is the same as none: what `plan` makes of both is the same."""
    return all(_close(one.get(name, 0.0), other.get(name, 0.0), tolerance) for name in one.keys() | other.keys())


def _number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _close(one: Any, other: Any, tolerance: float) -> bool:
    a, b = float(one), float(other)
    return a == b or (a != a and b != b) or abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))


def _arrays(one: Any, other: Any, tolerance: float) -> bool:
    if one.shape != other.shape:
        return False
    if isinstance(one, pd.DataFrame | pd.Series) and not one.index.equals(other.index):
        return False
    if isinstance(one, pd.DataFrame) and not one.columns.equals(other.columns):
        return False
    return not differing(np.asarray(one), np.asarray(other), tolerance).any()


def differing(one: np.ndarray, other: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Where two arrays of one shape differ. NaN equals NaN; floats by the largest finite number of their column."""
    if one.dtype.kind in "fc" and other.dtype.kind in "fciu":
        a, b = one.astype("float64"), other.astype("float64")
        known = np.where(np.isfinite(a), np.abs(a), 0.0)
        scale = known.max(axis=0, initial=0.0)
        with np.errstate(invalid="ignore"):
            near = np.abs(a - b) <= tolerance * np.maximum(scale, 1e-300)
        return np.asarray(~(near | (a == b) | (np.isnan(a) & np.isnan(b))))
    if one.dtype.kind == "O" or other.dtype.kind == "O" or one.dtype != other.dtype:
        blank = np.asarray(pd.isna(one)) & np.asarray(pd.isna(other))
        return np.asarray(~(blank | (one.astype(object) == other.astype(object))))
    return np.asarray(one != other)
