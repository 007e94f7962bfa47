"""What a strategy gets from outside `market`: files, the interpreter's tables, the order of sets, a typed universe."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aura_lib.backtest.causality.reading.names import Function, Names, called, is_decide, keyword, root_of, steps, used
from aura_lib.backtest.causality.reading.rules import Hit, Rule

FILES = (
    "open", "read_text", "read_bytes", "read_json", "read_sql", "read_sql_query", "read_table", "read_hdf", "read_orc",
    "loadtxt", "genfromtxt", "fromfile", "memmap", "urlopen", "urlretrieve", "scan_csv", "scan_parquet",
)  # fmt: skip
WEB = ("requests", "httpx", "urllib", "urllib.request", "sqlite3")
INSIDE = ("_getframe", "currentframe", "get_objects", "get_referrers", "import_module", "__import__", "eval", "exec")
TABLES = ("globals", "vars", "locals")
DUNDER = ("__globals__", "__closure__", "__code__", "f_globals", "f_locals", "f_back")
MADE_SETS = ("set", "frozenset", "intersection", "union", "difference", "symmetric_difference")


def _strategic(node: ast.AST, names: Names) -> bool:
    """Whether a node is run when a strategy decides: in `decide`, or in a function of the notebook that it calls."""
    inside = names.function_of(node)
    while inside is not None:
        if id(inside) in _deciding(names):
            return True
        inside = names.function_of(inside)
    return False


def _deciding(names: Names) -> set[int]:
    """Strategies, and what they call by name, and what that calls."""
    known: set[int] | None = getattr(names, "_deciding", None)
    if known is not None:
        return known
    waiting: list[Function] = [f for f in names.functions.values() if is_decide(f)]
    found: set[int] = set()
    while waiting:
        function = waiting.pop()
        if id(function) not in found:
            found.add(id(function))
            waiting += [names.functions[name] for name in used(function) if name in names.functions]
    names._deciding = found  # type: ignore[attr-defined]
    return found


def files(node: ast.AST, names: Names) -> Iterator[Hit]:
    """A file or an address that is read when the strategy decides."""
    if not isinstance(node, ast.Call) or not _strategic(node, names):
        return
    root = root_of(node)
    module = names.modules.get(root.id, "") if isinstance(root, ast.Name) else ""
    if called(node) in FILES or (module in WEB and isinstance(node.func, ast.Attribute)):
        why = "what is read at the moment of decision was written at another: a replay sees today's"
        yield Hit("file", node, why, "load it before, dated by when it was known, and hand it over as features=")


def tables(node: ast.AST, names: Names) -> Iterator[Hit]:
    """The interpreter's own tables, by which a strategy reaches what it was not given."""
    if not _strategic(node, names):
        return
    hidden = isinstance(node, ast.Attribute) and node.attr in DUNDER
    if isinstance(node, ast.Attribute) and node.attr == "modules" and "sys" in steps(node):
        hidden = True
    if isinstance(node, ast.Call):
        name = called(node)
        plain = isinstance(node.func, ast.Name)
        hidden = name in INSIDE[:5] or (plain and name in (*INSIDE[5:], *TABLES) and not (name == "vars" and node.args))
    if hidden:
        why = "what a strategy reaches behind its arguments is not cut at the moment of decision"
        yield Hit("hidden", node, why, "use market, account and params")


def orders(node: ast.AST, names: Names) -> Iterator[Hit]:
    """The first of a set, a slice of one, its numbering: words stand in another order in every process."""
    if not _strategic(node, names):
        return
    taken: ast.expr | None = None
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call) and called(node.value) in ("list", "tuple"):
        taken = node.value.args[0] if node.value.args else None
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        lists = [v for v in names.values.get(node.value.id, []) if isinstance(v, ast.Call)]
        lists = [v for v in lists if isinstance(v.func, ast.Name) and v.func.id in ("list", "tuple") and v.args]
        taken = next((v.args[0] for v in lists if _a_set(v.args[0], names)), None)
    elif (
        isinstance(node, ast.Call) and called(node) == "pop" and not node.args and isinstance(node.func, ast.Attribute)
    ):
        taken = node.func.value
    elif (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("iter", "enumerate", "zip")
    ):
        taken = next((a for a in node.args if _a_set(a, names)), None)
    elif isinstance(node, ast.For) and any(isinstance(n, ast.Break) for n in ast.walk(node)):
        taken = node.iter
    if taken is not None and _a_set(taken, names):
        why = "the order of a set of words is another in every process: paper would not decide as the test did"
        yield Hit("order", node, why, "iterate over sorted(...)")


def _a_set(node: ast.expr, names: Names, depth: int = 0) -> bool:
    """Whether an expression is a set, through names and operators."""
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        method = isinstance(node.func, ast.Attribute)
        if called(node) not in MADE_SETS:
            return False
        data = node.func.value if isinstance(node.func, ast.Attribute) else None
        return not method or (data is not None and _a_set(data, names, depth + 1))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.Sub | ast.BitXor):
        return _a_set(node.left, names, depth + 1) or _a_set(node.right, names, depth + 1)
    if isinstance(node, ast.Name) and depth < 5:
        values = names.values.get(node.id, [])
        return bool(values) and all(_a_set(value, names, depth + 1) for value in values)
    return False


def typed(node: ast.AST, names: Names) -> Iterator[Hit]:
    """A mandate over a list of symbols that somebody typed: a warning."""
    if not isinstance(node, ast.Call) or called(node) != "Mandate":
        return
    given = keyword(node, "universe") or (node.args[0] if node.args else None)
    listed = given if given is None else _list_of(given, names)
    if listed is not None and len(listed) > 1:
        why = f"survivorship: the universe is a list typed today ({len(listed)} symbols); who typed it knew who lived"
        instead = "take who was a member then: aura.data.universe(...).members(day); or say `# causal: why these`"
        yield Hit("survivorship", node, why, instead, warning=True)


def _list_of(node: ast.expr, names: Names, depth: int = 0) -> list[ast.expr] | None:
    """The items of a literal list of words, through names; None for anything else."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        words = [item for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        return [*words] if len(words) == len(node.elts) else None
    if isinstance(node, ast.Call) and called(node) in ("list", "tuple", "sorted") and len(node.args) == 1:
        return _list_of(node.args[0], names, depth + 1)
    if isinstance(node, ast.Call) and called(node) == "split" and isinstance(node.func, ast.Attribute):
        text = node.func.value
        words_of = text.value.split() if isinstance(text, ast.Constant) and isinstance(text.value, str) else []
        return [ast.Constant(word) for word in words_of] or None
    if isinstance(node, ast.Name) and depth < 5:
        found = [_list_of(value, names, depth + 1) for value in names.values.get(node.id, [])]
        return found[0] if len(found) == 1 else None
    return None


RULES: tuple[Rule, ...] = (files, tables, orders, typed)
