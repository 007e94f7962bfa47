"""Why a rule went wrong: the combination again in plain Python, up to the bar and the line."""

from __future__ import annotations

import ast
import inspect
import linecache
import math
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from aura_lib.backtest.sweep.rule import PRICES
from aura_lib.core import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_lib.backtest.sweep.chunk import Job
    from aura_lib.backtest.sweep.rule import Rule


def went_wrong(
    job: Job, row: NDArray[np.float64], table: NDArray[np.float64], columns: NDArray[np.uint32]
) -> ModelError:
    """The error of a combination whose step gave NaN, infinity or more than its limit: where, what and which line."""
    rule, step = job.rule, getattr(job.rule.step, "py_func", job.rule.step)
    given = dict(zip(rule.parameters, row.tolist(), strict=True))
    for symbol in range(job.live.shape[1]):
        state, position = dict(rule.state), 0.0
        for bar in np.flatnonzero(job.live[:, symbol]).tolist():
            known = {name: float(job.prices[PRICES.index(name), bar, symbol]) for name in rule.prices}
            known |= {f.name: float(table[columns[i], symbol, bar]) for i, f in enumerate(rule.features)}
            known |= {**given, **state, "position": position}
            where = f"rule {rule.name!r} at {job.symbols[symbol]}, {job.times[bar]:%Y-%m-%d %H:%M}, {_told(given)}"
            line, answer, error = _asked(step, [known[name] for name in rule.arguments])
            if error is not None:
                raise ModelError(f"{where}: {type(error).__name__}: {error}\n  {line}") from error
            wish, *after = answer if isinstance(answer, tuple) else (answer,)
            if not rule.invested and not abs(wish) <= rule.limit:
                seen = _told({name: known[name] for name in rule.arguments if name not in given})
                why = f"more than its limit of {rule.limit:g}" if math.isfinite(wish) else "no finite number"
                return ModelError(f"{where}: it wants {wish!r}, {why}; it was given {seen}\n  {line}")
            state, position = dict(zip(state, map(float, after), strict=True)), float(wish)
    return ModelError(
        f"rule {rule.name!r} with {_told(given)} gives NaN when compiled and none in Python: it is not deterministic, "
        "or does what only Python does (integers of any size, changes to what it was given)"
    )


def not_compiled(rule: Rule, error: Exception) -> ModelError:
    """The error of a rule that numba cannot compile, with the line of the step it stops at."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    reasons = [line.strip() for line in text.splitlines() if line.strip()]
    what = next((line for line in reasons if not line.startswith(("Failed in", "- Resolution", "During:"))), reasons[0])
    found = re.findall(r'File "([^"]*rule_[0-9a-f]+\.py)", line (\d+)', text)
    places = (_line_of(rule, "".join(linecache.getlines(path)), int(number)) for path, number in reversed(found))
    line = next((place for place in places if place), "")
    return ModelError(f"rule {rule.name!r} does not compile: {what}{line and chr(10) + '  ' + line}")


def _line_of(rule: Rule, source: str, number: int) -> str:
    """The line of the analyst's source for one of the generated module."""
    lines = source.splitlines()
    said = lines[number - 1].strip() if number <= len(lines) else ""
    return _original(rule.step, said) if said and said in rule.text else ""


def _original(step: Callable[..., Any], said: str) -> str:
    plain = getattr(step, "py_func", step)
    lines, first = inspect.getsourcelines(plain)
    for node in ast.walk(ast.parse(textwrap.dedent("".join(lines)))):
        if isinstance(node, ast.stmt) and ast.unparse(node).splitlines()[0].strip() == said:
            return f"line {first + node.lineno - 1}: {lines[node.lineno - 1].strip()}"
    return said


def _asked(step: Callable[..., Any], given: list[float]) -> tuple[str, Any, Exception | None]:
    """The last line of the step that was reached, its answer, and what it raised."""
    code, reached = step.__code__, [step.__code__.co_firstlineno]

    def watch(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is code:
            reached[0] = frame.f_lineno
            return watch
        return None

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        answer, error = step(*given), None
    except Exception as raised:  # noqa: BLE001 - whatever an analyst's step raises is told with its line
        answer, error = math.nan, raised
    finally:
        sys.settrace(before)
    line = linecache.getline(code.co_filename, reached[0]).strip()
    return f"line {reached[0]}: {line}", answer, error


def _told(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in numbers.items()) or "no parameters"
