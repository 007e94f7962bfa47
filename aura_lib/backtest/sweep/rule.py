"""Rule: a small step function, what it is fed bar by bar, and its parameters."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.sweep.source import function_text, surroundings
from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.core import Bars

PRICES = ("open", "high", "low", "close", "volume")
Feature = Callable[..., "NDArray[np.float64]"]


@dataclass(frozen=True, slots=True)
class Input:
    """One feature of a rule: a function of whole price columns, computed once for all that share its numbers."""

    name: str
    function: Feature
    prices: tuple[str, ...]  # the price columns it reads, in the order of its signature
    parameters: tuple[str, ...]  # the rule's parameters it takes after them


@dataclass(frozen=True, eq=False)
class Rule:
    """A trading rule that a sweep can run: `step` is called once a bar and symbol and returns what it wants to hold.

    `arguments` are the step's, in order; each is a price of this bar, `position` (what it wanted last), one of
    `state`, a feature or a parameter. A step that returns True or False is long with everything, or flat
    (`invested`); one that returns a number wants that fraction of its equity, negative is short. Traded is only when
    what it wants changes. With `state` it returns a tuple: the wish, then each state's next value.
    """

    name: str
    step: Callable[..., Any]
    arguments: tuple[str, ...]
    parameters: tuple[str, ...]
    state: Mapping[str, float]
    features: tuple[Input, ...]
    defaults: Mapping[str, float]
    invested: bool
    limit: float
    text: str = field(repr=False)
    around: str = field(repr=False)

    @property
    def prices(self) -> tuple[str, ...]:
        """The prices of the bar that the step reads."""
        return tuple(name for name in self.arguments if name in PRICES)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        """What the rule stands for: its trials are those of its step, whether it was swept, searched or run."""
        return self.step

    @property
    def code(self) -> str:
        """A hash of the rule's source: step, helpers, features, state, limit."""
        said = [self.name, self.text, self.around, repr(dict(self.state)), repr(self.limit), repr(self.arguments)]
        for each in self.features:
            said += [each.name, _text_of(each.function), repr((each.prices, each.parameters))]
        return hashlib.sha256("\0".join(said).encode()).hexdigest()[:32]

    def positions(self, bars: Bars, **parameters: float) -> NDArray[np.float64]:
        """What the rule wants to hold at each bar (time × symbol, fraction of equity), as the sweep would compute it.

        A bar without a close keeps what was wanted before. Raises InputError for a parameter that is missing or
        unknown, ModelError when the step returns NaN, infinity or more than `limit`.
        """
        from aura_lib.backtest.sweep.chunk import Job, path

        job = Job.of(self, bars)
        return path(job, self.values(parameters)).wanted

    def values(self, given: Mapping[str, float]) -> NDArray[np.float64]:
        """Parameters by name as one row in the rule's order, defaults filled in.

        Raises InputError for one that is missing, unknown or no finite number.
        """
        unknown = [name for name in given if name not in self.parameters]
        merged = {**self.defaults, **given}
        missing = [name for name in self.parameters if name not in merged]
        if unknown or missing:
            raise InputError(
                f"rule {self.name!r} takes {', '.join(self.parameters) or 'no parameters'}; "
                + "; ".join(
                    f"{what}: {', '.join(names)}"
                    for what, names in (("unknown", unknown), ("missing", missing))
                    if names
                )
            )
        row = [_number(self.name, name, merged[name]) for name in self.parameters]
        return np.array(row, dtype=np.float64)


def rule(
    step: Callable[..., Any],
    params: Sequence[str] | None = None,
    *,
    state: Mapping[str, float] | None = None,
    features: Mapping[str, tuple[Any, ...]] | None = None,
    limit: float = 1.0,
    name: str | None = None,
) -> Rule:
    """Make a Rule of a step function.

    Arguments of `step` are told by their names: `open`, `high`, `low`, `close`, `volume` of this bar; `position`, what
    it wanted before; the names in `state` (with their first values), which it returns after its wish; the names in
    `features`; all others are parameters (a default makes one optional). A feature is `(function, *parameters)`:
    `function(close, window)` gets whole price columns by name and the rule's parameters by place, and
    returns one number a bar (NaN: not known yet). `limit` is the largest weight, long or short, that the step may want.

    Raises InputError when the source cannot be compiled to a rule: see `source.function_text`.

    Example:
        >>> from aura_lib.backtest.sweep.features import sma
        >>> def above(close, mean):
        ...     return close > mean
        >>> rule(above, features={"mean": (sma, "window")}).parameters  # doctest: +SKIP
        ('window',)
    """
    state, features = dict(state or {}), dict(features or {})
    label = name or str(getattr(step, "__name__", "rule"))
    text, around = function_text(step, "step"), "\n\n".join(surroundings(step).values())
    signature = inspect.signature(getattr(step, "py_func", step))
    arguments = tuple(signature.parameters)
    inputs = tuple(_input(key, *value) for key, value in features.items())
    own = [a for a in arguments if a not in (*PRICES, "position", *state, *features)]
    found = [*own, *(p for each in inputs for p in each.parameters)]
    names = tuple(dict.fromkeys(params if params is not None else found))
    if set(names) != set(found):
        raise InputError(
            f"rule {label!r}: params says {list(names)}, its step and features take {list(dict.fromkeys(found))}"
        )
    missing = [s for s in (*state, *features) if s not in arguments]
    if missing:
        raise InputError(
            f"rule {label!r}: its step has no argument {', '.join(missing)}; it has {', '.join(arguments)}"
        )
    defaults = {
        k: float(p.default) for k, p in signature.parameters.items() if p.default is not inspect.Parameter.empty
    }
    # a step that may raise gives NaN where it does: only as a weight is that seen
    invested = _invested(step, arguments, label, len(state)) and "math.nan" not in text + around
    return Rule(
        label,
        step,
        arguments,
        names,
        {k: float(v) for k, v in state.items()},
        inputs,
        defaults,
        invested,
        float(limit),
        text,
        around,
    )


def _input(name: str, function: Feature, *parameters: str) -> Input:
    arguments = tuple(inspect.signature(function).parameters)
    prices = tuple(a for a in arguments if a in PRICES)
    return Input(name, function, prices, parameters)


def _invested(step: Callable[..., Any], arguments: Sequence[str], name: str, states: int) -> bool:
    """Whether a step answers with True or False: it is asked once, with ones."""
    try:
        answer = getattr(step, "py_func", step)(*[1.0] * len(arguments))
    except Exception:  # noqa: BLE001 - ones may be out of its world: then it is asked for weights
        return False
    if states and (not isinstance(answer, tuple) or len(answer) != states + 1):
        raise InputError(
            f"rule {name!r} has {states} state(s): its step must return the wish and {states} number(s), not {answer!r}"
        )
    wish = answer[0] if states else answer
    if not isinstance(wish, (bool, int, float, np.number, np.bool_)):
        raise InputError(f"rule {name!r} returned {wish!r}: a step returns a number or True/False")
    return isinstance(wish, (bool, np.bool_))


def _number(rule: str, name: str, value: object) -> float:
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise InputError(f"rule {rule!r}: {name}={value!r} must be a finite number")
    return float(value)


def _text_of(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, "__qualname__", repr(function))
