"""What names stand for in a notebook: constants, modules, functions; what holds the past only, what all data."""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from aura_lib.backtest.causality.reading.source import Cell

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
LOADING = ("load", "read", "fetch", "read_csv", "read_parquet", "read_feather", "download", "read_excel", "read_pickle")
WINDOWS = ("rolling", "expanding", "ewm")
CUTTING = ("until", "between", "head", "truncate")


@dataclass
class Names:
    """Everything assigned, imported and defined, over all cells."""

    values: dict[str, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    modules: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    calls: dict[str, list[tuple[ast.Call, Function | None]]] = field(default_factory=lambda: defaultdict(list))
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    _past: dict[int, set[str]] = field(default_factory=dict)

    @staticmethod
    def of(cells: Iterable[Cell]) -> Names:
        """The names of all cells together, in order."""
        names = Names()
        for cell in cells:
            for node in ast.walk(cell.tree):
                for child in ast.iter_child_nodes(node):
                    names.parents[child] = node
                names._note(node)
        for cell in cells:
            for node in ast.walk(cell.tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    names.calls[node.func.id].append((node, names.function_of(node)))
        return names

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._assign(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr | ast.AugAssign) and node.value is not None:
            self._assign(node.target, node.value)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                self.modules[alias.asname or alias.name.partition(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                self.modules[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.functions[node.name] = node

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.values[target.id].append(value)
        elif isinstance(target, ast.Tuple | ast.List):
            parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value] * len(target.elts)
            for one, part in zip(target.elts, parts, strict=False):
                self._assign(one, part)
        elif isinstance(target, ast.Subscript) and isinstance(root := root_of(target), ast.Name):
            self.values[root.id].append(value)  # a column of a frame

    def function_of(self, node: ast.AST) -> Function | None:
        """The innermost function around a node."""
        above = self.parents.get(node)
        while above is not None and not isinstance(above, Function):
            above = self.parents.get(above)
        return above

    # ---- constants -------------------------------------------------------------------------------------------------
    def constants(self, node: ast.expr | None, depth: int = 0) -> list[object]:
        """The literal values an expression can have, through assignments; empty when nobody can say."""
        if node is None or depth > 8:
            return []
        if isinstance(node, ast.Constant):
            return [node.value]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return [-v for v in self.constants(node.operand, depth + 1) if _number(v)]  # type: ignore[operator]
        if isinstance(node, ast.Name):
            return self._of_name(node, depth)
        if isinstance(node, ast.BinOp):
            return self._arithmetic(node, depth)
        if isinstance(node, ast.Tuple | ast.List):
            return [v for item in node.elts for v in self.constants(item, depth + 1)]
        if isinstance(node, ast.IfExp):
            return self.constants(node.body, depth + 1) + self.constants(node.orelse, depth + 1)
        return []

    def _of_name(self, node: ast.Name, depth: int) -> list[object]:
        found = [v for value in self.values.get(node.id, []) for v in self.constants(value, depth + 1)]
        for loop in self._loops(node):
            found += self.constants(loop, depth + 1)
        inside = self.function_of(node)
        while inside is not None:
            found += [v for value in self._given(inside, node.id) for v in self.constants(value, depth + 1)]
            inside = self.function_of(inside)
        return found

    def _loops(self, node: ast.Name) -> Iterator[ast.expr]:
        above = self.parents.get(node)
        while above is not None:
            if isinstance(above, ast.For) and isinstance(above.target, ast.Name) and above.target.id == node.id:
                yield above.iter
            for part in getattr(above, "generators", []):
                if isinstance(part.target, ast.Name) and part.target.id == node.id:
                    yield part.iter
            above = self.parents.get(above)

    def _given(self, function: Function, name: str) -> Iterator[ast.expr]:
        """What a parameter is given: its default, and the arguments of the calls that can be seen."""
        arguments = function.args
        plain = [*arguments.posonlyargs, *arguments.args]
        for one, value in zip(plain[len(plain) - len(arguments.defaults) :], arguments.defaults, strict=True):
            if one.arg == name:
                yield value
        for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if one.arg == name and default is not None:
                yield default
        if not isinstance(function, ast.Lambda):
            for call, _ in self.calls.get(function.name, []):
                yield from _argument(function, call, name)

    def _arithmetic(self, node: ast.BinOp, depth: int) -> list[object]:
        left, right = self.constants(node.left, depth + 1), self.constants(node.right, depth + 1)
        if len(left) != 1 or len(right) != 1 or not _number(left[0]) or not _number(right[0]):
            return []
        a, b = float(left[0]), float(right[0])  # type: ignore[arg-type]
        if isinstance(node.op, ast.Add | ast.Sub | ast.Mult):
            return [a + b if isinstance(node.op, ast.Add) else a - b if isinstance(node.op, ast.Sub) else a * b]
        return []

    # ---- the past --------------------------------------------------------------------------------------------------
    def past_only(self, node: ast.AST) -> bool:
        """Whether an expression stands in a function and holds nothing but what the function was given of the past."""
        function = self.function_of(node)
        return function is not None and self._free(node, self.known_past(function))

    def _free(self, node: ast.AST, known: set[str]) -> bool:
        inner = {n.arg for part in ast.walk(node) if isinstance(part, ast.Lambda) for n in part.args.args}
        return all(name in known or name in inner or self._timeless(name) for name in used(node))

    def _timeless(self, name: str, above: frozenset[str] = frozenset()) -> bool:
        """Whether a name is a module, a function, or made of nothing that was loaded: it knows no future."""
        if name in self.modules or name in self.functions or hasattr(builtins, name):
            return True
        values = self.values.get(name, [])
        known = above | {name}
        return bool(values) and all(self._made_of_nothing(value, known) for value in values)

    def _made_of_nothing(self, value: ast.expr, above: frozenset[str]) -> bool:
        if any(isinstance(n, ast.Call) and called(n) in (*LOADING, "open") for n in ast.walk(value)):
            return False
        return all(name in above or self._timeless(name, above) for name in used(value))

    def known_past(self, function: Function) -> set[str]:
        """The names of a function that hold the past only."""
        if id(function) in self._past:
            return self._past[id(function)]
        known = self._past[id(function)] = set(self._safe_parameters(function))
        outer = self.function_of(function)
        if outer is not None:
            known |= self.known_past(outer)
        for _ in range(2):  # twice: names may be used before the line that sets them, in a loop
            for node in ast.walk(function):
                self._learn(node, known)
        return known

    def _learn(self, node: ast.AST, known: set[str]) -> None:
        pairs: list[tuple[ast.expr, ast.expr]] = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            pairs = [(node.target, node.value)]
        elif isinstance(node, ast.For):
            pairs = [(node.target, node.iter)]
        for part in getattr(node, "generators", []):
            pairs.append((part.target, part.iter))
        for target, value in pairs:
            names = [n.id for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
            if self._free(value, known):
                known.update(names)
            elif isinstance(target, ast.Name):
                known.discard(target.id)

    def _safe_parameters(self, function: Function) -> Iterator[str]:
        names = parameters(function)
        if is_decide(function):
            yield from names  # of what `self` holds the dynamic check knows more
            return
        if isinstance(function, ast.Lambda):
            outer = self.function_of(function)
            if outer is not None and is_decide(outer):
                yield from names
            return
        calls = self.calls.get(function.name, [])
        for name in names:
            given = [value for call, _ in calls for value in _argument(function, call, name)]
            if given and all(self._called_with_past(value) for value in given):
                yield name

    def _called_with_past(self, value: ast.expr) -> bool:
        return _literal(value) or self.past_only(value)

    # ---- how much of the data --------------------------------------------------------------------------------------
    def bounded(self, node: ast.AST, depth: int = 0) -> bool:
        """Whether an expression is a part of the data with an end: a slice up to somewhere, a training set."""
        if depth > 8:
            return False
        for part in chain(node):
            if isinstance(part, ast.Subscript) and _has_end(part):
                return True
            if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in CUTTING:
                return True
            if isinstance(part, ast.Call) and called(part) == "train_test_split":
                return True
        root = root_of(node)
        if isinstance(root, ast.Name):
            values = self.values.get(root.id, [])
            return bool(values) and all(self.bounded(value, depth + 1) for value in values)
        if isinstance(root, ast.BinOp):
            return self.bounded(root.left, depth + 1) and (
                isinstance(root.right, ast.Constant) or self.bounded(root.right, depth + 1)
            )
        return False


def _argument(function: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call, name: str) -> Iterator[ast.expr]:
    plain = [a.arg for a in [*function.args.posonlyargs, *function.args.args]]
    if name in plain and plain.index(name) < len(call.args):
        yield call.args[plain.index(name)]
    yield from (keyword.value for keyword in call.keywords if keyword.arg == name)


def _has_end(node: ast.Subscript) -> bool:
    """A slice with an end that is not counted from the end of all; or chosen rows (`x.iloc[train]`)."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    first = parts[0]
    if isinstance(first, ast.Slice):
        upper = first.upper
        return upper is not None and not (isinstance(upper, ast.UnaryOp) and isinstance(upper.op, ast.USub))
    rows = isinstance(node.value, ast.Attribute) and node.value.attr in ("iloc", "loc")
    return rows and isinstance(first, ast.Name | ast.Compare | ast.BinOp)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def parameters(function: Function) -> list[str]:
    """The names of all parameters."""
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *([given.vararg] if given.vararg else [])]
    return [a.arg for a in [*every, *([given.kwarg] if given.kwarg else [])]]


def is_decide(function: Function) -> bool:
    """Whether a function is a strategy: called decide, or given a market."""
    names = [name for name in parameters(function) if name != "self"]
    return getattr(function, "name", "") == "decide" or bool(names and names[0] == "market")


def used(node: ast.AST) -> set[str]:
    """The names an expression reads."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def chain(node: ast.AST) -> Iterator[ast.AST]:
    """An expression from its last step to its first: calls, attributes and subscripts."""
    current: ast.AST = node
    while True:
        yield current
        if isinstance(current, ast.Call):
            current = current.func
        elif isinstance(current, ast.Attribute | ast.Subscript | ast.Starred):
            current = current.value
        else:
            return


def root_of(node: ast.AST) -> ast.AST:
    """What an expression begins with."""
    *_, last = chain(node)
    return last


def called(node: ast.Call) -> str:
    """The last part of the name of what is called."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def steps(node: ast.AST) -> set[str]:
    """The names of the methods and attributes along an expression."""
    found = {part.attr for part in chain(node) if isinstance(part, ast.Attribute)}
    return found | {part.id for part in chain(node) if isinstance(part, ast.Name)}


def keyword(node: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((k.value for k in node.keywords if k.arg == name), None)
