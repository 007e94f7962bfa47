"""The twin of a function: the same code, reaching copies of everything the original can reach.

Followed are its globals, closure, defaults, the arguments of a partial, the object a method is bound to, functions and
classes of one's own that it calls, and what those reach; in dicts, lists and attributes to any depth. Data may be
replaced on the way (`replace`). Installed packages, the standard library and aura_lib are left as they are.
"""

from __future__ import annotations

import abc
import collections
import copy
import functools
import site
import sys
import sysconfig
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aura_lib.backtest.causality.future import NOT_DATA
from aura_lib.core import Bars

Replace = Callable[[str, Any], Any]
DEPTH = 40
LARGE = 20_000  # entries of a container without data that are still looked through
ATOMS = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), range, slice)
PLAIN = (type, abc.ABCMeta)  # classes that can be made again from their parts
DATA = (pd.DataFrame, pd.Series, pd.Index, np.ndarray, Bars)


def twin(function: Callable[..., Any], replace: Replace | None = None) -> Callable[..., Any]:
    """A function that does the same and shares nothing that can change with the original.

    `replace(path, value)` is asked for everything on the way and answers what stands there in the twin, or NOT_DATA to
    go on as usual.
    """
    made: Callable[..., Any] = _Copier(replace or (lambda path, value: NOT_DATA)).of(function, "")
    return made


@dataclass(frozen=True, slots=True)
class Reach:
    """What a function can reach besides its arguments, by path: `data`, `state` that can change, and plain `values`.

    `names` are the globals and attributes that it, and functions of one's own that it reaches, speak of.
    """

    data: Mapping[str, Any]
    state: Mapping[str, Any]
    values: Mapping[str, Any]
    names: frozenset[str] = frozenset()

    @property
    def nothing(self) -> bool:
        """Whether it can reach neither data nor state."""
        return not self.data and not self.state


def reach(function: Callable[..., Any], is_data: Callable[[Any], bool]) -> Reach:
    """What a function can reach. `is_data` says which values hold times."""
    found: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {})
    names: set[str] = set()

    def look(path: str, value: Any) -> Any:
        if isinstance(value, types.FunctionType) and own(value):
            names.update(names_of(value.__code__), [value.__name__])
        if is_data(value):
            found[0].setdefault(path, value)
            return value
        if isinstance(value, DATA):
            found[2].setdefault(path, value)
            return value
        if isinstance(value, dict | list | set | bytearray | collections.deque) or _has_state(value):
            found[1].setdefault(path, value)
        elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
            found[2].setdefault(path, value)
        return NOT_DATA

    _Copier(look).of(function, "")
    return Reach(*found, names=frozenset(names))


def own(thing: Any) -> bool:
    """Whether a function, class or module is the user's: not installed, not Python's, not aura_lib's."""
    module = thing if isinstance(thing, types.ModuleType) else sys.modules.get(getattr(thing, "__module__", "") or "")
    if module is None:
        return True  # of a notebook that was executed aside
    name = module.__name__.partition(".")[0]
    if name in ("aura_lib", "builtins") or name in sys.stdlib_module_names:
        return False
    file = getattr(module, "__file__", None)
    if file is None:
        return name == "__main__" or not hasattr(module, "__spec__") or module.__spec__ is None
    return not any(Path(file).resolve().is_relative_to(folder) for folder in _installed())


@cache
def _installed() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [*(sysconfig.get_path(name) for name in names), *site.getsitepackages(), site.getusersitepackages()]
    return tuple({Path(folder).resolve() for folder in folders})


def _has_state(value: Any) -> bool:
    if isinstance(value, np.random.Generator | np.random.RandomState):
        return True
    kind = type(value)
    if isinstance(value, type | types.ModuleType | types.FunctionType) or kind.__module__ == "builtins":
        return isinstance(value, types.GeneratorType)
    return hasattr(value, "__next__") or (own(kind) and bool(getattr(value, "__dict__", None)))


def names_of(code: types.CodeType) -> set[str]:
    """The global names and attributes that a code object and those inside it speak of."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= names_of(constant)
    return found


@dataclass
class _Copier:
    replace: Replace
    memo: dict[int, Any] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)  # ids stay theirs as long as they live
    depth: int = 0

    def of(self, value: Any, path: str) -> Any:
        """What stands in the twin for a value."""
        if isinstance(value, ATOMS) and type(value) in ATOMS:
            self.replace(path, value)
            return value
        if id(value) in self.memo:
            return self.memo[id(value)]
        self.kept.append(value)
        other = self.replace(path, value)
        if other is not NOT_DATA:
            self.memo[id(value)] = other
            return other
        if self.depth > DEPTH:
            return value
        self.depth += 1
        try:
            return self._copy(value, path)
        finally:
            self.depth -= 1

    def _keep(self, value: Any, made: Any) -> Any:
        self.memo[id(value)] = made
        return made

    def _copy(self, value: Any, path: str) -> Any:
        if isinstance(value, types.FunctionType):
            return self._function(value, path) if own(value) else value
        if isinstance(value, types.MethodType):
            made = types.MethodType(self.of(value.__func__, path), self.of(value.__self__, path))
            return self._keep(value, made)
        if isinstance(value, functools.partial):
            return self._partial(value, path)
        if hasattr(value, "cache_parameters") and hasattr(value, "__wrapped__"):
            return self._keep(value, functools.lru_cache(**value.cache_parameters())(self.of(value.__wrapped__, path)))
        if isinstance(value, types.ModuleType):
            return self._module(value, path) if own(value) else value
        if isinstance(value, type):
            return self._class(value, path) if own(value) and type(value) in PLAIN else value
        if isinstance(value, DATA):
            return self._keep(value, value.copy() if not isinstance(value, Bars) else value)
        if isinstance(value, Mapping | list | tuple | set | frozenset | collections.deque):
            return self._container(value, path)
        return self._object(value, path)

    # ---- functions -------------------------------------------------------------------------------------------------
    def _function(self, value: types.FunctionType, path: str) -> Any:
        cells = tuple(types.CellType() for _ in value.__closure__ or ())
        scope = self._scope(value.__globals__)
        made = types.FunctionType(value.__code__, scope, value.__name__, None, cells or None)
        self.memo[id(value)] = made
        self._reveal(value.__globals__, scope, names_of(value.__code__))
        made.__defaults__ = self._defaults(value, path)
        if value.__kwdefaults__:
            made.__kwdefaults__ = {k: self.of(v, _join(path, f"default {k}")) for k, v in value.__kwdefaults__.items()}
        made.__dict__.update({k: self.of(v, _join(path, k)) for k, v in value.__dict__.items()})
        made.__module__, made.__qualname__ = value.__module__, value.__qualname__
        for name, cell, old in zip(value.__code__.co_freevars, cells, value.__closure__ or (), strict=True):
            try:
                content = old.cell_contents
            except ValueError:  # not yet bound
                continue
            cell.cell_contents = self.of(content, _join(path, name))
        return made

    def _defaults(self, value: types.FunctionType, path: str) -> tuple[Any, ...] | None:
        given = value.__defaults__
        if not given:
            return None
        names = value.__code__.co_varnames[: value.__code__.co_argcount][-len(given) :]
        return tuple(self.of(v, _join(path, f"default {n}")) for n, v in zip(names, given, strict=True))

    def _scope(self, names: dict[str, Any]) -> dict[str, Any]:
        """The globals of the twin: one dict for all functions of a module, so that `global` means the same."""
        if id(names) not in self.memo:
            self.kept.append(names)
            self.memo[id(names)] = dict(names)
        scope: dict[str, Any] = self.memo[id(names)]
        return scope

    def _reveal(self, names: dict[str, Any], scope: dict[str, Any], used: set[str]) -> None:
        """Copy what is used of the globals; all of it where somebody asks for `globals()`."""
        chosen = set(names) if {"globals", "vars", "eval"} & used else used & names.keys()
        for name in sorted(chosen):
            if not name.startswith("__"):
                scope[name] = self.of(names[name], name)

    def _partial(self, value: functools.partial[Any], path: str) -> Any:
        args = [self.of(a, _join(path, f"argument {i}")) for i, a in enumerate(value.args)]
        named = {k: self.of(v, _join(path, k)) for k, v in value.keywords.items()}
        return self._keep(value, functools.partial(self.of(value.func, path), *args, **named))

    def _module(self, value: types.ModuleType, path: str) -> Any:
        made = types.ModuleType(value.__name__)
        self.memo[id(value)] = made
        scope = self._scope(value.__dict__)
        for name in sorted(name for name in value.__dict__ if not name.startswith("__")):
            scope[name] = self.of(value.__dict__[name], _join(path, name))
        made.__dict__.update(scope)
        return made

    def _class(self, value: type, path: str) -> Any:
        if "__slots__" in value.__dict__:
            return value
        bases = tuple(self.of(base, path) for base in value.__bases__)
        named = {"__module__": value.__module__, "__qualname__": value.__qualname__}
        try:
            made = type(value)(value.__name__, bases, named)
        except TypeError:
            return value
        self.memo[id(value)] = made
        for name, part in vars(value).items():
            if name not in ("__dict__", "__weakref__", "__module__", "__qualname__"):
                setattr(made, name, self._part(part, _join(path, name)))
        return made

    def _part(self, part: Any, path: str) -> Any:
        if isinstance(part, classmethod | staticmethod):
            return type(part)(self.of(part.__func__, path))
        if isinstance(part, property):
            get, put, drop = (f and self.of(f, path) for f in (part.fget, part.fset, part.fdel))
            return property(get, put, drop, part.__doc__)
        if isinstance(part, functools.cached_property):
            made = functools.cached_property(self.of(part.func, path))
            made.attrname = part.attrname
            return made
        return self.of(part, path)

    # ---- containers and objects ------------------------------------------------------------------------------------
    def _container(self, value: Any, path: str) -> Any:
        if isinstance(value, types.MappingProxyType):
            return self._keep(value, types.MappingProxyType(self.of(dict(value), path)))
        if isinstance(value, tuple | frozenset):
            items = [self.of(item, f"{path}[{i}]") for i, item in enumerate(value)]
            if all(a is b for a, b in zip(items, value, strict=False)):
                return self._keep(value, value)
            return self._keep(value, type(value)(*items) if hasattr(value, "_fields") else type(value)(items))
        if not isinstance(value, dict | list | set | collections.deque):
            return self._object(value, path)
        made = self._keep(value, copy.copy(value))
        if len(value) > LARGE:
            return made
        if isinstance(value, dict):
            for key, item in value.items():
                made[key] = self.of(item, f"{path}[{key!r}]")
        elif isinstance(value, list | collections.deque):
            for i, item in enumerate(value):
                made[i] = self.of(item, f"{path}[{i}]")
        return made

    def _object(self, value: Any, path: str) -> Any:
        kind = type(value)
        if isinstance(value, np.random.Generator | np.random.RandomState) or kind.__module__ in ("random", "itertools"):
            return self._keep(value, copy.deepcopy(value))
        inside = getattr(value, "__dict__", None)
        if not isinstance(inside, dict) or kind.__module__.startswith("aura_lib.core"):
            return self._keep(value, value)
        try:
            made = copy.copy(value)
        except (TypeError, ValueError, AttributeError, RecursionError):
            return self._keep(value, value)
        if made is value:
            return self._keep(value, value)
        self.memo[id(value)] = made
        for name, item in list(inside.items()):
            made.__dict__[name] = self.of(item, _join(path, name))
        if own(kind) and type(kind) in PLAIN:
            other = self.of(kind, kind.__name__)
            if other is not kind:
                made = self._as(made, other, value)
        return made

    def _as(self, made: Any, kind: type, value: Any) -> Any:
        """The copy as an instance of the twin class, so that its methods reach what the twin reaches."""
        try:
            object.__setattr__(made, "__class__", kind)
        except TypeError:
            return made
        return self._keep(value, made)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
