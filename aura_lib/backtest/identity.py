"""What makes a trial another one: a strategy's code with what it calls, its parameters, its bars, as texts to hash."""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from aura_lib.core import Bars

PACKAGE = Path(__file__).parents[1]
INSTALLED = (str(PACKAGE), *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
ADDRESS = re.compile(r" at 0x[0-9a-f]+")

_known: WeakKeyDictionary[Bars, str] = WeakKeyDictionary()


def code_of(function: Any) -> str:
    """A hash of what a strategy does, with what it calls.

    It is over the byte-code of the function and of the project's functions it uses, their defaults and the plain
    values they read. Comments and names of files are no part of it, nor is what installed packages do.
    """
    sha = hashlib.sha256()
    for text in _code(function, set()):
        sha.update(text.encode() + b"\0")
    return sha.hexdigest()


def name_of(function: Any) -> tuple[str, str]:
    """Module and qualified name of a strategy; of a partial or an object, of what is behind it."""
    plain = _plain(function)
    kind = plain if hasattr(plain, "__qualname__") else type(plain)
    name = str(kind.__qualname__).replace("<locals>.", "").replace("<lambda>", "lambda")
    return str(getattr(kind, "__module__", "") or ""), name


def told(value: Any) -> Any:
    """A parameter as a JSON value: itself when it is one, arrays and frames by a hash of what is in them."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else repr(value)
    if isinstance(value, np.generic):
        return told(value.item())
    if isinstance(value, Enum):
        return told(value.value)
    if isinstance(value, Decimal | date):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): told(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [told(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted((told(part) for part in value), key=repr)
    return f"{type(value).__name__} {_content(value)}"


def numbers_of(bars: Bars) -> str:
    """The snapshot of bars, or a hash of every number in them when they came from memory."""
    return bars.snapshot or _numbers(bars)


def _numbers(bars: Bars) -> str:
    if bars not in _known:
        sha = hashlib.sha256(repr((bars.symbols, sorted(bars.fields), bars.frequency, bars.calendar)).encode())
        sha.update(bars.times.asi8.tobytes())
        for name in sorted(bars.fields):
            sha.update(np.ascontiguousarray(bars.fields[name].to_numpy()).data)
        _known[bars] = f"memory-{sha.hexdigest()}"
    return _known[bars]


def _content(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.dtype != object:
        return hashlib.sha256(repr((value.shape, value.dtype)).encode() + value.tobytes()).hexdigest()
    if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        return _pandas(value)
    if isinstance(value, Bars):
        return numbers_of(value)
    if callable(value):
        return code_of(value)
    if is_dataclass(value) and not isinstance(value, type):
        return repr({part.name: told(getattr(value, part.name)) for part in fields(value)})
    return ADDRESS.sub("", repr(value))


def _pandas(value: pd.DataFrame | pd.Series | pd.Index) -> str:
    names = value.columns if isinstance(value, pd.DataFrame) else value.name
    try:
        content = pd.util.hash_pandas_object(value).to_numpy().tobytes()
    except TypeError:  # objects that have no hash, as lists in a column
        content = repr(told(value.to_numpy().tolist())).encode()
    return hashlib.sha256(content + repr(names).encode()).hexdigest()


# ---- code ----------------------------------------------------------------------------------------------------------
def _plain(function: Any) -> Any:
    """What is behind a partial, a method, a decorated or a compiled function."""
    while True:
        inner = getattr(function, "func", None) if isinstance(function, functools.partial) else None
        inner = inner or getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)
        inner = inner or getattr(function, "py_func", None)
        if inner is None:
            return function
        function = inner


def _code(value: Any, seen: set[int]) -> Iterator[str]:
    if isinstance(value, functools.partial):
        yield repr((told(value.args), told(value.keywords)))
    plain = _plain(value)
    if id(plain) in seen:
        return
    seen.add(id(plain))
    if isinstance(plain, FunctionType):
        yield from _function(plain, seen)
    elif isinstance(plain, type):
        for name, part in sorted(vars(plain).items()):
            if isinstance(_plain(part), FunctionType) and not _installed(plain):
                yield from (name, *_code(part, seen))
    elif callable(plain):  # an object with a __call__ of its own: what it does and what it holds
        yield from _code(type(plain), seen)
        yield repr({name: told(part) for name, part in sorted(getattr(plain, "__dict__", {}).items())})
        yield f"{type(plain).__module__}.{type(plain).__qualname__}"


def _function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield from _bytes(function.__code__)
    yield repr((told(function.__defaults__ or ()), told(function.__kwdefaults__ or {})))
    for name, used in _used(function).items():
        yield name
        yield from _used_by(used, seen)


def _used_by(value: Any, seen: set[int]) -> Iterator[str]:
    """What a function uses: of the project its code, of installed packages its name, of values what they are."""
    if isinstance(value, ModuleType):
        yield value.__name__
    elif callable(value):
        yield "{}.{}".format(*name_of(value))
        if not _installed(value):
            yield from _code(value, seen)
    else:
        yield repr(told(value))


def _used(function: FunctionType) -> dict[str, Any]:
    """The names of its module, and of functions around it, that a function or one inside it reads."""
    names = {name for code in _codes(function.__code__) for name in _globals(code)}
    found = function.__globals__
    closed = inspect.getclosurevars(function).nonlocals
    return {**closed, **{name: found[name] for name in sorted(names) if name in found}}


def _globals(code: CodeType) -> set[str]:
    return {str(step.argval) for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _codes(const)


def _bytes(code: CodeType) -> Iterator[str]:
    for one in _codes(code):
        consts = [repr(const) for const in one.co_consts if not isinstance(const, CodeType)]
        yield from (one.co_name, one.co_code.hex(), repr(one.co_names), repr(one.co_varnames), repr(sorted(consts)))


def _installed(value: Any) -> bool:
    name = str(getattr(_plain(value), "__module__", None) or "builtins")
    file = getattr(sys.modules.get(name), "__file__", None)
    return name != "__main__" and (file is None or str(file).startswith(INSTALLED))
