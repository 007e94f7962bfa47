"""Frames computed from bars, kept: what was computed once from the same numbers by the same code is read again."""

from __future__ import annotations

import dis
import hashlib
import importlib
import inspect
import os
import sys
import sysconfig
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from aura_lib.core import Bars, InputError, Settings

__all__ = ["derived"]

ROOM = 4 * 2**30  # bytes kept at most: the frames used longest ago go first
PLAIN = (bool, int, float, str, bytes, type(None))
PACKAGE = Path(__file__).parents[1]
INSTALLED = (str(PACKAGE), *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})

_known: WeakKeyDictionary[Bars, str] = WeakKeyDictionary()


def derived(
    function: Callable[..., pd.DataFrame], bars: Bars, *, settings: Settings | None = None, **parameters: Any
) -> pd.DataFrame:
    """`function(bars, **parameters)`, computed once and kept under AURA_HOME.

    It is computed anew when a number in the bars, a parameter, the code of the function or of what it calls, or the
    version of Aura, numpy or pandas is another. So a feature can be written in a notebook, and changed there.

    Args:
        function: pure, at the top of a notebook or module; what it uses must be functions, modules and plain values.
        bars: what it is computed from.
        settings: where AURA_HOME is; from the environment when not given.
        parameters: numbers, texts, and lists or dictionaries of them.

    Returns:
        float64, the times and symbols of the bars.

    Raises:
        InputError: the function uses what cannot be told apart from one run to the next, or returns no such frame.

    """
    sha = hashlib.sha256()
    for part in ("derived 1", _numbers(bars), *_told(function, set()), *_told(parameters, set())):
        sha.update(part.encode() + b"\0")
    path = (settings or Settings.load()).home / "data" / "derived" / f"{sha.hexdigest()}.npy"
    values = _read(path, (len(bars), len(bars.symbols)))
    if values is None:
        values = _computed(function, bars, parameters)
        _keep(path, values)
    return pd.DataFrame(values, bars.times, list(bars.symbols), copy=False)


def _computed(function: Callable[..., pd.DataFrame], bars: Bars, parameters: Mapping[str, Any]) -> np.ndarray:
    frame = function(bars, **parameters)
    if not isinstance(frame, pd.DataFrame) or not (
        frame.index.equals(bars.times) and list(frame.columns) == list(bars.symbols)
    ):
        raise InputError(f"{_name(function)} must return a DataFrame with the times and symbols of its bars")
    return np.ascontiguousarray(frame.to_numpy("float64"))


# ---- what makes a result another one -------------------------------------------------------------------------------
def _numbers(bars: Bars) -> str:
    """A hash of every number and name in the bars (not their snapshot: bars may have been changed since)."""
    if bars not in _known:
        sha = hashlib.blake2b(repr((bars.symbols, sorted(bars.fields), bars.frequency, bars.calendar)).encode())
        sha.update(bars.times.asi8.tobytes())
        for name in sorted(bars.fields):
            sha.update(np.ascontiguousarray(bars.fields[name].to_numpy()).data)
        _known[bars] = sha.hexdigest()
    return _known[bars]


def _told(value: Any, seen: set[int]) -> Iterator[str]:
    """Everything that decides what a value is or a function does, as texts."""
    if isinstance(value, PLAIN):
        yield repr(value)
    elif isinstance(value, tuple | list):
        yield type(value).__name__
        for part in value:
            yield from _told(part, seen)
    elif isinstance(value, frozenset | set):
        yield from ("set", *sorted(text for part in value for text in _told(part, seen)))
    elif isinstance(value, Mapping):
        for key in sorted(value, key=repr):
            yield repr(key)
            yield from _told(value[key], seen)
    elif isinstance(value, CodeType):
        yield from (value.co_name, value.co_code.hex(), repr(value.co_names))
        yield from _told(value.co_consts, seen)
    elif isinstance(value, ModuleType):
        yield _version(value.__name__)
    elif isinstance(value, FunctionType) and not _foreign(value):
        yield from _of_function(value, seen)
    elif callable(value) and _foreign(value):
        yield f"{_version(value.__module__)}.{getattr(value, '__qualname__', '')}"
    else:
        raise InputError(
            f"{value!r} ({type(value).__name__}) may be another thing in the next run: "
            "use numbers, texts, lists, dictionaries, modules and functions"
        )


def _of_function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    if id(function) in seen:
        return
    seen.add(id(function))
    yield f"python {sys.version_info[:2]} {_version('numpy')} {_version('pandas')}"
    yield from _told(function.__code__, seen)
    yield from _told(function.__defaults__, seen)
    yield from _told(function.__kwdefaults__ or {}, seen)
    for name, used in {**inspect.getclosurevars(function).nonlocals, **_globals(function)}.items():
        yield name
        yield from _told(used, seen)


def _globals(function: FunctionType) -> dict[str, Any]:
    """The global names that a function, or one inside it, reads."""

    def names(code: CodeType) -> set[str]:
        inner = [const for const in code.co_consts if isinstance(const, CodeType)]
        own = {str(step.argval) for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"}
        return own.union(*map(names, inner))

    found = function.__globals__
    return {name: found[name] for name in sorted(names(function.__code__)) if name in found}


def _foreign(value: Any) -> bool:
    """Whether it comes from an installed package, or from Python, whose version says what it does."""
    module = sys.modules.get(str(getattr(value, "__module__", None) or "builtins"))
    file = getattr(module, "__file__", None)
    return (file is None and module is not sys.modules.get("__main__")) or str(file).startswith(INSTALLED)


@cache
def _version(module: str) -> str:
    top = module.partition(".")[0]
    if top == PACKAGE.name:
        sha = hashlib.sha256()
        for path in sorted(PACKAGE.rglob("*.py")):
            sha.update(path.read_bytes())
        return f"{module} {sha.hexdigest()}"
    return f"{module} {getattr(importlib.import_module(top), '__version__', '')}"


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", function))


# ---- kept ----------------------------------------------------------------------------------------------------------
def _read(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """What is kept, None when there is nothing, or nothing whole. Mapped, not copied: who writes to it gets a copy."""
    try:
        values: np.ndarray = np.load(path, mmap_mode="c", allow_pickle=False)
        os.utime(path)
    except (OSError, ValueError, EOFError):
        return None
    return values if values.shape == shape and values.dtype == np.float64 else None


def _keep(path: Path, values: np.ndarray) -> None:
    """Keep values; a disk that is full or read-only only means that they are computed again."""
    aside = path.with_name(f".{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("xb") as file:
            np.save(file, values)
        aside.replace(path)
        _make_room(path.parent)
    except OSError:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _make_room(folder: Path) -> None:
    files = sorted(((f.stat().st_mtime, f.stat().st_size, f) for f in folder.iterdir()), reverse=True)
    total = 0
    for _, size, file in files:
        total += size
        if total > ROOM:
            file.unlink(missing_ok=True)
