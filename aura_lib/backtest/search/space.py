"""What a search may choose from: named parameters, a few values or an interval each, and what rules some out."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aura_lib.core import InputError

Where = Callable[..., Any]
FLAT = 1 << 20  # combinations that are numbered one by one; of a larger space points are drawn
Points = NDArray[np.float64]  # n × parameters: the position of a value among its parameter's, or a number between


@dataclass(frozen=True, slots=True)
class Between:
    """Any number from `low` to `high`, drawn evenly, or evenly in its logarithm.

    Example:
        >>> Between(0.01, 0.2, log=True)
        Between(low=0.01, high=0.2, log=True)
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(f"Between({self.low}, {self.high}): two numbers are expected, the lower one first")
        if self.log and self.low <= 0:
            raise InputError(f"Between({self.low}, {self.high}, log=True): a logarithm needs numbers above 0")

    def at(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """The numbers at these shares of the way, 0 to 1."""
        if self.log:
            return np.clip(self.low * (self.high / self.low) ** share, self.low, self.high)
        return self.low + (self.high - self.low) * share


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values; `ordered` numbers have neighbours, words have none."""

    values: tuple[Any, ...]
    ordered: bool

    def at(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """The positions at these shares of the way, 0 to 1."""
        return np.minimum(np.floor(share * len(self.values)), len(self.values) - 1)


@dataclass(frozen=True, eq=False)
class Space:
    """Named parameters and what each may be. `where` is asked with columns by name, or with one value of each."""

    parameters: Mapping[str, Choice | Between]
    where: Where | None = field(default=None, repr=False)

    @staticmethod
    def of(given: Mapping[str, Any], where: Where | str | None = None) -> Space:
        """A space from what a person writes: ranges, lists of numbers or words, a `Between`, one plain value.

        Raises InputError for an empty space, a parameter without a value, and numbers that are none.
        """
        if not isinstance(given, Mapping) or not given:
            raise InputError(
                f"a space names parameters and what they may be, such as {{'fast': range(5, 60, 5)}}, not {given!r}"
            )
        parameters = {str(name): _parameter(str(name), what) for name, what in given.items()}
        return Space(parameters, _condition(where, tuple(parameters)))

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, in their order."""
        return tuple(self.parameters)

    @property
    def size(self) -> float:
        """Combinations before `where`; infinite where a parameter may be any number of an interval."""
        kinds = self.parameters.values()
        if any(isinstance(kind, Between) for kind in kinds):
            return math.inf
        return math.prod(len(kind.values) for kind in kinds if isinstance(kind, Choice))

    def at(self, shares: NDArray[np.float64]) -> Points:
        """The points at these places of the unit cube, n × parameters."""
        return np.column_stack([kind.at(shares[:, i]) for i, kind in enumerate(self.parameters.values())])

    def flat(self, numbers: NDArray[np.int64]) -> Points:
        """The points of these numbers in a finite space: the last parameter changes fastest."""
        shape = tuple(len(kind.values) for kind in self.parameters.values() if isinstance(kind, Choice))
        return np.column_stack(np.unravel_index(numbers, shape)).astype("float64")

    def columns(self, points: Points) -> dict[str, NDArray[Any]]:
        """The values at these points, a column a parameter: numbers where they are, else objects."""
        return {name: _column(kind, points[:, i]) for i, (name, kind) in enumerate(self.parameters.items())}

    def matrix(self, points: Points) -> NDArray[np.float64]:
        """The values at these points as numbers, n × parameters. A parameter of words raises InputError."""
        for name, kind in self.parameters.items():
            if isinstance(kind, Choice) and _words(kind.values):
                raise InputError(
                    f"{name} may be {', '.join(map(repr, kind.values[:4]))}: a compiled rule takes numbers; "
                    "number the cases, or search over a Python `decide`"
                )
        return np.column_stack([column.astype("float64") for column in self.columns(points).values()])

    def codes(self, points: Points) -> NDArray[np.float64]:
        """The values at these points as numbers, words by their place, n × parameters."""
        columns = [_code(kind, points[:, i]) for i, kind in enumerate(self.parameters.values())]
        return np.column_stack(columns) if columns else points

    def rows(self, points: Points) -> list[dict[str, Any]]:
        """The values at these points as they were given, a dictionary a point."""
        kinds = list(self.parameters.items())
        return [
            {name: kind.values[int(x)] if isinstance(kind, Choice) else float(x) for (name, kind), x in row}
            for row in ([*zip(kinds, point, strict=True)] for point in points)
        ]

    def allowed(self, points: Points) -> NDArray[np.bool_]:
        """Which of these points `where` lets through."""
        if self.where is None or not len(points):
            return np.ones(len(points), dtype=bool)
        try:
            answer = np.asarray(self.where(**self.columns(points)))
            if answer.shape == (len(points),):
                return answer.astype(bool)
        except InputError:
            raise
        except (TypeError, ValueError, KeyError):
            pass  # written for one combination: asked one by one, where a real mistake shows itself
        return np.array([bool(self._one(row)) for row in self.rows(points)], dtype=bool)

    def _one(self, row: Mapping[str, Any]) -> Any:
        assert self.where is not None
        try:
            return self.where(**row)
        except TypeError as error:
            raise InputError(
                f"where= could not be asked about {dict(row)}: {error}; "
                f"it takes the parameters by name, as lambda {', '.join(self.names)}: ..."
            ) from error


def key(point: Points) -> bytes:
    """What two equal points have in common."""
    return np.ascontiguousarray(point + 0.0).tobytes()


def _condition(where: Where | str | None, names: tuple[str, ...]) -> Where | None:
    """What is asked whether a combination counts: text becomes a function, a function gets what it asks for."""
    if where is None:
        return None
    if isinstance(where, str):
        return _Text(where)
    if not callable(where):
        raise InputError(f"where={where!r} must be a function of parameters by name, or text such as 'fast < slow'")
    asked = inspect.signature(where).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in asked):
        return where
    unknown = [parameter.name for parameter in asked if parameter.name not in names]
    if unknown:
        raise InputError(f"where= asks for {', '.join(unknown)}; the space has {', '.join(names)}")
    return _Asked(where, tuple(parameter.name for parameter in asked))


@dataclass(frozen=True, slots=True)
class _Asked:
    where: Where
    names: tuple[str, ...]

    def __call__(self, **given: Any) -> Any:
        return self.where(**{name: given[name] for name in self.names})


@dataclass(frozen=True, slots=True)
class _Text:
    text: str

    def __call__(self, **given: Any) -> Any:
        import pandas as pd

        frame = pd.DataFrame({name: np.atleast_1d(np.asarray(values)) for name, values in given.items()})
        try:
            return np.asarray(frame.eval(self.text, engine="python"))
        except (pd.errors.UndefinedVariableError, SyntaxError, AttributeError, NotImplementedError) as error:
            raise InputError(f"where={self.text!r} is no condition on {', '.join(given)}: {error}") from None


def _parameter(name: str, what: Any) -> Choice | Between:
    if isinstance(what, Between):
        return what
    values = _listed(name, what)
    numbers = not _words(values)
    if numbers and not all(math.isfinite(value) for value in values):
        raise InputError(f"{name} may be {values!r}: every value must be a finite number")
    kept = tuple(dict.fromkeys(values))
    return Choice(tuple(sorted(kept)) if numbers else kept, ordered=numbers and not isinstance(kept[0], bool))


def _listed(name: str, what: Any) -> Sequence[Any]:
    if isinstance(what, str) or not isinstance(what, Iterable):
        return [what]
    values = what.tolist() if isinstance(what, np.ndarray) else list(what)
    if not values:
        raise InputError(f"{name} has no value to choose from: give a range, a list, or Between(low, high)")
    return values


def _words(values: Sequence[Any]) -> bool:
    return not all(isinstance(value, int | float | np.number) for value in values)


def _code(kind: Choice | Between, at: NDArray[np.float64]) -> NDArray[np.float64]:
    if isinstance(kind, Choice) and _words(kind.values):
        return at
    return _column(kind, at).astype("float64")


def _column(kind: Choice | Between, at: NDArray[np.float64]) -> NDArray[Any]:
    if isinstance(kind, Between):
        return at
    places = at.astype("int64")
    values: NDArray[Any] = np.empty(len(kind.values), dtype=object)
    values[:] = kind.values
    found: NDArray[Any] = (values if _words(kind.values) else np.array(kind.values))[places]
    return found
