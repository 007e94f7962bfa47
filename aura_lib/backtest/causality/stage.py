"""The stage a check is played on: loaders that give another history, a clock that can be moved, no trial counted."""

from __future__ import annotations

import datetime as real
import random
import time
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from aura_lib import data
from aura_lib.core import Bars

Alter = Callable[[Any], Any]

LOADERS = ("load", "read", "fetch")  # of aura_lib.data
READERS = (
    "read_csv", "read_table", "read_parquet", "read_feather", "read_excel", "read_pickle", "read_json", "read_sql",
    "read_hdf",
)  # fmt: skip


def loaders() -> dict[int, Callable[..., Any]]:
    """Every function that brings data from outside, by identity."""
    found = [getattr(data, name) for name in LOADERS] + [getattr(pd, name) for name in READERS if hasattr(pd, name)]
    return {id(function): function for function in found}


def altering(function: Callable[..., Any], alter: Alter) -> Callable[..., Any]:
    """A loader whose answer has another future; asked up to a moment, it tells nothing later, as the true one does."""

    def load(*args: Any, **kwargs: Any) -> Any:
        true = function(*args, **kwargs)
        upto = isinstance(true, Bars) and any(kwargs.get(name) is not None for name in ("as_of", "end"))
        other = alter(true)
        return other.until(true.end) if upto and isinstance(other, Bars) else other

    return load


@contextmanager
def altered_loaders(alter: Alter) -> Iterator[None]:
    """Within, what is loaded has another future."""
    with ExitStack() as stack:
        for name in LOADERS:
            stack.enter_context(patch.object(data, name, altering(getattr(data, name), alter)))
        for name in READERS:
            if hasattr(pd, name):
                stack.enter_context(patch.object(pd, name, altering(getattr(pd, name), alter)))
        yield


@contextmanager
def same_luck(seed: int) -> Iterator[None]:
    """Within, the global generators of Python and numpy start from one state; afterwards they are as they were."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - a strategy may use them: that is checked
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


# ---- the clock -----------------------------------------------------------------------------------------------------
@contextmanager
def moved_clock(by: real.timedelta) -> Iterator[Callable[[str, Any], Any]]:
    """Within, `time.time` and `pd.Timestamp.now` tell another time.

    Yields a replacement for `twin`, by which the datetime classes that a function can reach do so too.
    """
    seconds, now, today = time.time, pd.Timestamp.now, pd.Timestamp.today
    other = _classes(by)
    module = types.ModuleType("datetime")
    module.__dict__.update({**vars(real), "datetime": other[real.datetime], "date": other[real.date]})

    def replace(path: str, value: Any) -> Any:
        from aura_lib.backtest.causality.future import NOT_DATA

        if value is real:
            return module
        return other.get(value, NOT_DATA) if isinstance(value, type) else NOT_DATA

    with ExitStack() as stack:
        stack.enter_context(patch.object(time, "time", lambda: seconds() + by.total_seconds()))
        stack.enter_context(patch.object(pd.Timestamp, "now", staticmethod(lambda tz=None: now(tz) + by)))
        stack.enter_context(patch.object(pd.Timestamp, "today", staticmethod(lambda tz=None: today(tz) + by)))
        yield replace


def _classes(by: real.timedelta) -> dict[type, type]:
    class AnyMoment(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real.datetime)

    class AnyDay(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real.date)

    class Moment(real.datetime, metaclass=AnyMoment):
        @classmethod
        def now(cls, tz: real.tzinfo | None = None) -> Any:
            return real.datetime.now(tz) + by

        @classmethod
        def utcnow(cls) -> Any:
            return real.datetime.now(real.UTC).replace(tzinfo=None) + by

        @classmethod
        def today(cls) -> Any:
            return real.datetime.now().astimezone().replace(tzinfo=None) + by

    class Day(real.date, metaclass=AnyDay):
        @classmethod
        def today(cls) -> Any:
            return real.date.today() + by

    return {real.datetime: Moment, real.date: Day}


@contextmanager
def nothing() -> Iterator[None]:
    """No change at all."""
    yield
