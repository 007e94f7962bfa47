"""A parameter grid: axes and constraints, counted and walked through without being written out."""

from __future__ import annotations

import ast
import inspect
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.sweep.rule import Rule

Constraint = Callable[..., Any]
STEP = 1 << 16  # combinations looked at together


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """Every combination of the axes' values that the constraint allows, the last axis fastest."""

    names: tuple[str, ...]
    axes: tuple[NDArray[np.float64], ...]
    where: Constraint | None = None

    @staticmethod
    def of(rule: Rule, given: Mapping[str, Any], where: Constraint | str | None = None) -> Grid:
        """A grid for a rule: parameter → a list, range or array of finite numbers, or one number.

        `where` says which combinations count: a function of arrays by parameter name, or the same as text
        (`"fast < slow"`). Raises InputError for unknown or missing parameters, values that are no finite numbers, not
        ascending or repeated, and a constraint that gives anything but one True or False a combination.
        """
        unknown = [name for name in given if name not in rule.parameters]
        missing = [name for name in rule.parameters if name not in given and name not in rule.defaults]
        if unknown or missing:
            raise InputError(
                f"rule {rule.name!r} takes {', '.join(rule.parameters) or 'no parameters'}; the grid "
                + " and ".join(
                    [f"has unknown {', '.join(unknown)}"] * bool(unknown)
                    + [f"misses {', '.join(missing)}"] * bool(missing)
                )
            )
        values = {name: rule.defaults.get(name) for name in rule.parameters} | dict(given)
        axes = tuple(_axis(name, values[name]) for name in rule.parameters)
        return Grid(rule.parameters, axes, _condition(where, rule.parameters))

    @property
    def size(self) -> int:
        """Combinations before the constraint."""
        return math.prod(len(axis) for axis in self.axes)

    def chunks(self, most: int = STEP) -> Iterator[NDArray[np.float64]]:
        """The combinations in order, at most that many rows at a time."""
        for first in range(0, self.size, most):
            rows = self.rows(np.arange(first, min(first + most, self.size), dtype=np.int64))
            if self.where is not None:
                rows = rows[self._allowed(rows)]
            if len(rows):
                yield rows

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """The combinations of these places in the whole grid, constraint or not."""
        made, left = np.empty((len(numbers), len(self.axes))), numbers
        for column in range(len(self.axes) - 1, -1, -1):
            axis = self.axes[column]
            left, place = np.divmod(left, len(axis))
            made[:, column] = axis[place]
        return made

    def count(self) -> int:
        """Combinations that the constraint allows."""
        return self.size if self.where is None else sum(len(rows) for rows in self.chunks())

    def _allowed(self, rows: NDArray[np.float64]) -> NDArray[np.bool_]:
        assert self.where is not None
        answer = np.asarray(self.where(**dict(zip(self.names, rows.T, strict=True))))
        if answer.shape != (len(rows),) or answer.dtype != np.bool_:
            raise InputError(
                f"the constraint gave {answer.dtype} {answer.shape} for {len(rows)} combinations: it must compare "
                "arrays, one True or False each (`lambda fast, slow: fast < slow`; & and | instead of `and` and `or`)"
            )
        return answer


def _axis(name: str, given: Any) -> NDArray[np.float64]:
    values = [given] if isinstance(given, (int, float, np.number)) and not isinstance(given, bool) else given
    if isinstance(values, (str, bytes, bool, Mapping)) or not hasattr(values, "__len__"):
        raise InputError(f"{name}={given!r} must be a list, range or array of numbers, or one number")
    array = np.asarray(values)
    if array.ndim != 1 or not len(array):
        raise InputError(
            f"{name} has no values: the grid is empty" if not array.size else f"{name} must be flat, not {array.shape}"
        )
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name} holds {array.dtype} values, {array.tolist()[0]!r} first: numbers are needed")
    axis = array.astype(np.float64)
    if not np.isfinite(axis).all():
        raise InputError(
            f"{name}: value {int(np.argmin(np.isfinite(axis)))} is {axis[~np.isfinite(axis)][0]}; all must be finite"
        )
    steps = np.diff(axis)
    if (steps <= 0).any():
        at = int(np.argmax(steps <= 0))
        what = "appears twice" if steps[at] == 0 else f"is followed by {axis[at + 1]:g}"
        raise InputError(f"{name}: {axis[at]:g} {what}; values must ascend without repeats (np.unique sorts them)")
    return axis


def _condition(where: Constraint | str | None, names: Sequence[str]) -> Constraint | None:
    if where is None:
        return None
    if isinstance(where, str):
        return _Expression(where, tuple(names))
    if not callable(where):
        raise InputError(f"where={where!r} must be a function of arrays, or text like 'fast < slow'")
    asked = inspect.signature(where).parameters
    if any(p.kind is p.VAR_KEYWORD for p in asked.values()):
        return where
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise InputError(f"the constraint asks for {', '.join(unknown)}; the grid has {', '.join(names)}")
    wanted = where
    return lambda **given: wanted(**{name: given[name] for name in asked})


_COMPARE: dict[type, Any] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_COMPUTE: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv, ast.Pow: operator.pow,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Expression:
    """A condition written as text: comparisons, arithmetic, and, or, not. Nothing is called, nothing looked up."""

    text: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        try:
            self(**dict.fromkeys(self.names, np.ones(1)))
        except (SyntaxError, TypeError, KeyError) as error:
            raise InputError(
                f"where={self.text!r} is no condition on {', '.join(self.names)} ({error}): write it like 'fast < slow'"
            ) from None

    def __call__(self, **given: Any) -> Any:
        return _value(_parsed(self.text), given)


@lru_cache(maxsize=16)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _value(node: ast.expr, given: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return given[name]
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _COMPUTE:
            return _COMPUTE[type(op)](_value(left, given), _value(right, given))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, given)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(_value(operand, given))
        case ast.BoolOp(op=op, values=values):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return join.reduce([_value(each, given) for each in values])
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARE for op in ops):
            terms = [_value(each, given) for each in (left, *others)]
            pairs = zip(ops, terms[:-1], terms[1:], strict=True)
            return np.logical_and.reduce([_COMPARE[type(op)](a, b) for op, a, b in pairs])
    raise TypeError(f"{ast.unparse(node)!r} is not understood")
