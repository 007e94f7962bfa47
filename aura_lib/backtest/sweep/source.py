"""The text of an analyst's function and of what it calls: what a compiled module is written from."""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import textwrap
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from aura_lib.core import InputError

_MODULES = {"math": math, "numpy": np}


def function_text(function: Callable[..., Any], name: str) -> str:
    """The source of a function, without decorators and annotations, under another name.

    Raises InputError for a lambda, a class, a function without source (typed at a bare prompt), or one that reads
    the clock, draws random numbers or writes to a global.
    """
    function = getattr(function, "py_func", function)
    if not isinstance(function, types.FunctionType) or function.__name__ == "<lambda>":
        raise InputError(f"a step must be a function made with `def`, not {function!r}: give it a name")
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise InputError(
            f"the source of {function.__name__!r} cannot be read: define it in a notebook cell or a file"
        ) from None
    node = next(n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef))
    _allowed(node, function.__name__)
    node.name, node.decorator_list, node.returns = name, [], None
    for argument in [*node.args.args, *node.args.kwonlyargs]:
        argument.annotation = None
    return ast.unparse(ast.fix_missing_locations(_NoRaise().visit(node)))


class _NoRaise(ast.NodeTransformer):
    """`raise` becomes a NaN: threads cannot raise, and the combination is run again in Python to show the line."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self._arity = max((len(r.value.elts) if isinstance(r.value, ast.Tuple) else 1) for r in _returns(node))
        self.generic_visit(node)
        return node

    def _nan(self) -> ast.stmt:
        values = ", ".join(["math.nan"] * self._arity)
        return ast.parse(f"def f():\n return {values}").body[0].body[0]  # type: ignore[attr-defined,no-any-return]

    def visit_Raise(self, node: ast.Raise) -> ast.stmt:
        return self._nan()

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        return ast.If(ast.UnaryOp(ast.Not(), node.test), [self._nan()], [])


def _returns(node: ast.FunctionDef) -> list[ast.Return]:
    found = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
    if not found:
        raise InputError(f"{node.name!r} returns nothing: a step returns the desired weight (a number) or True/False")
    return found


def _allowed(node: ast.FunctionDef, name: str) -> None:
    for part in ast.walk(node):
        if isinstance(part, (ast.Global, ast.Nonlocal)):
            raise InputError(f"{name!r} writes to a variable outside itself (line {part.lineno}): declare it as state")
        if isinstance(part, ast.Attribute) and part.attr in ("random", "time", "now", "today"):
            raise InputError(f"{name!r} reads {ast.unparse(part)} (line {part.lineno}): a rule must be deterministic")


def surroundings(function: Callable[..., Any], seen: dict[str, str] | None = None) -> dict[str, str]:
    """What a function needs around it, name → one statement of source: numbers, modules, functions it calls.

    Raises InputError for anything else (a frame, a list, an object): a rule gets its numbers as parameters.
    """
    function = getattr(function, "py_func", function)
    found: dict[str, str] = {} if seen is None else seen
    cells = inspect.getclosurevars(function)
    for name, value in {**cells.globals, **cells.nonlocals}.items():
        if name in found:
            continue
        value = getattr(value, "py_func", value)
        if isinstance(value, types.FunctionType):
            found[name] = ""  # breaks recursion
            surroundings(value, found)
            found.pop(name)
            found[name] = "@njit(error_model='numpy')\n" + function_text(value, name)
        else:
            found[name] = _statement(name, value, function.__name__)
    return found


def _statement(name: str, value: object, function: str) -> str:
    if isinstance(value, (bool, int, float, np.integer, np.floating, np.bool_)):
        number = value.item() if isinstance(value, np.generic) else value
        return f"{name} = {number!r}" if math.isfinite(number) else f"{name} = float('{number}')"
    for module, known in _MODULES.items():
        if value is known:
            return f"import {module} as {name}"
        if getattr(known, name, None) is value and not hasattr(builtins, name):
            return f"from {module} import {name}"
    raise InputError(
        f"{function!r} uses {name} = {type(value).__name__} from outside: a rule may use numbers, math, numpy and "
        "functions of its own; give it everything else as a parameter, a feature or a price"
    )
