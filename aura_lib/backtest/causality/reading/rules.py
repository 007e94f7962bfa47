"""What in a source reads the future: one small function a rule, on the syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aura_lib.backtest.causality.reading.names import (
    LOADING,
    WINDOWS,
    Names,
    called,
    chain,
    is_decide,
    keyword,
    parameters,
    root_of,
    steps,
    used,
)

STATISTICS = (
    "mean", "std", "var", "median", "quantile", "max", "min", "sum", "skew", "kurt", "corr", "cov", "idxmax", "idxmin",
    "nlargest", "nsmallest", "describe", "mode", "argmax", "argmin", "nanmean", "nanstd", "percentile", "corrcoef",
)  # fmt: skip
TWO_SIDED = {
    "savgol_filter": "a Savitzky-Golay filter is centred", "filtfilt": "it runs forward and backward",
    "sosfiltfilt": "it runs forward and backward", "gaussian_filter": "its kernel is centred",
    "gaussian_filter1d": "its kernel is centred", "uniform_filter1d": "its window is centred",
    "medfilt": "its window is centred", "wiener": "its window is centred", "hilbert": "it transforms the whole sample",
    "detrend": "its trend is fitted to the whole sample", "argrelextrema": "an extreme is known after the fact",
    "argrelmax": "an extreme is known after the fact", "argrelmin": "an extreme is known after the fact",
    "find_peaks": "a peak is known after the fact", "hpfilter": "the Hodrick-Prescott filter is two-sided",
    "bkfilter": "the Baxter-King filter is centred", "cffilter": "the Christiano-Fitzgerald filter uses all data",
    "lowess": "its neighbourhood is two-sided", "UnivariateSpline": "a spline bends to later points",
    "CubicSpline": "a spline bends to later points", "interp1d": "it uses the next known point",
    "wavedec": "its coefficients use the whole sample", "rts_smoother": "a smoother uses all later observations",
    "smooth": "a smoother uses all later observations", "smoothed_state": "a smoother uses all later observations",
}  # fmt: skip
SUMMARIES = ("last", "max", "min", "mean", "sum", "ohlc", "agg", "std", "median", "close", "apply")
CUMULATIVE = ("cummax", "cummin", "cumsum", "cumprod", "ffill", "pad", "shift", *WINDOWS)
SHUFFLED = ("KFold", "StratifiedKFold", "ShuffleSplit", "StratifiedShuffleSplit", "RepeatedKFold")
NOW = ("now", "today", "utcnow")


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule and where it struck; a warning is told and refuses nothing."""

    rule: str
    node: ast.AST
    why: str
    instead: str
    warning: bool = False


Rule = Callable[[ast.AST, Names], Iterator[Hit]]


def negative(node: ast.expr | None, names: Names) -> bool:
    """Whether a number is, or can be, below zero."""
    values = names.constants(node)
    if values:
        return any(isinstance(v, int | float) and v < 0 for v in values)
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def shifts(node: ast.AST, names: Names) -> Iterator[Hit]:
    """`shift(-n)`, `pct_change(-n)`, `diff(-n)`, `np.roll(x, -n)`."""
    if not isinstance(node, ast.Call):
        return
    name = called(node)
    first = node.args[0] if node.args else None
    if name in ("shift", "pct_change", "diff", "tshift"):
        first = keyword(node, "periods") or keyword(node, "n") or first
    elif name == "roll":
        first = keyword(node, "shift") or (node.args[1] if len(node.args) > 1 else None)
    else:
        return
    if first is not None and negative(first, names):
        yield Hit(name, node, "a negative number of rows brings later rows forward", "use a positive number of rows")


def fills(node: ast.AST, names: Names) -> Iterator[Hit]:
    """`bfill`, `fillna(method="bfill")`, `reindex(method="nearest")`, `interpolate`."""
    if not isinstance(node, ast.Call):
        return
    name, way = called(node), names.constants(keyword(node, "method"))
    if name in ("bfill", "backfill"):
        yield Hit("bfill", node, "a gap is filled with a later value", "use ffill(), or leave the gap")
    elif name in ("fillna", "reindex", "reindex_like", "get_indexer", "asfreq", "get_loc"):
        if {"bfill", "backfill", "nearest"} & set(map(str, way)):
            yield Hit("bfill", node, f"method={way[0]!r} takes later values", 'use method="ffill"')
    elif name == "interpolate" and not {"pad", "ffill"} & set(map(str, way)):
        yield Hit("interpolate", node, "between two values stands what the later one says", "use ffill()")


def centred(node: ast.AST, names: Names) -> Iterator[Hit]:
    """`rolling(..., center=True)`, `np.convolve(..., mode="same")`."""
    if not isinstance(node, ast.Call):
        return
    if any(value is True for value in names.constants(keyword(node, "center"))):
        yield Hit("center", node, "half of a centred window lies in the future", "leave center out")
    if called(node) in ("convolve", "correlate", "fftconvolve"):
        mode = names.constants(keyword(node, "mode") or (node.args[2] if len(node.args) > 2 else None))
        if "same" in mode:
            yield Hit("center", node, 'mode="same" centres the kernel', 'use mode="full" and keep the first len(x)')


def two_sided(node: ast.AST, names: Names) -> Iterator[Hit]:
    """Filters and smoothers that look both ways, Fourier transforms of the sample, seasonal decomposition."""
    if not isinstance(node, ast.Call):
        return
    name = called(node)
    module = names.modules.get(name, "")
    if name in TWO_SIDED and not (name == "smooth" and not isinstance(node.func, ast.Attribute)):
        yield Hit("two-sided", node, TWO_SIDED[name], "use a one-sided filter, or apply it to a window that ends now")
    elif "fft" in steps(node) or module.startswith(("scipy.fft", "numpy.fft")):
        yield Hit("fft", node, "every coefficient knows the whole sample", "transform a window that ends now")
    elif name in ("seasonal_decompose", "STL", "MSTL"):
        one = names.constants(keyword(node, "two_sided"))
        if False not in one:
            yield Hit("two-sided", node, "the trend is centred", "two_sided=False, or a window that ends now")


def reversals(node: ast.AST, names: Names) -> Iterator[Hit]:
    """Cumulative or rolling steps on data turned round."""
    if not isinstance(node, ast.Call):
        return
    name, data = called(node), None
    if isinstance(node.func, ast.Attribute) and name in CUMULATIVE:
        data = node.func.value
    if name in ("cumsum", "cumprod", "accumulate") and node.args:
        data = node.args[0]
    if data is not None and _reversed(data, names):
        yield Hit("reversed", node, f"{name} on reversed rows runs from the end", "keep the order of time")


def _reversed(node: ast.AST, names: Names, depth: int = 0) -> bool:
    turns = 0
    for part in chain(node):
        if isinstance(part, ast.Subscript):
            pieces = part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice]
            turns += any(isinstance(p, ast.Slice) and p.step is not None and negative(p.step, names) for p in pieces)
        if isinstance(part, ast.Call) and called(part) in ("flip", "flipud", "reversed"):
            turns += 1
        if isinstance(part, ast.Call) and called(part) in ("sort_index", "sort_values"):
            turns += False in names.constants(keyword(part, "ascending"))
    root = root_of(node)
    if isinstance(root, ast.Name) and depth < 5:
        turns += any(_reversed(value, names, depth + 1) for value in names.values.get(root.id, []) if value is not node)
    return turns % 2 == 1


def positions(node: ast.AST, names: Names) -> Iterator[Hit]:
    """`x.iloc[i + 1]`, `x.iloc[i:i + 5]`, `x.loc[as_of:]`."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    first = parts[0]
    located = isinstance(node.value, ast.Attribute) and node.value.attr in ("iloc", "iat", "loc", "at", "values")
    if isinstance(first, ast.Slice):
        ahead = first.lower is not None and first.upper is None and first.step is None and _now(first.lower, names)
        far = _ahead(first.upper, names, least=2) or (_ahead(first.lower, names) and first.upper is not None)
        if ahead or far:
            yield Hit("position", node, "the slice reaches past the present row", "end the slice at the present row")
    elif (located or isinstance(node.value, ast.Name)) and _ahead(first, names) and not _written_there(node, names):
        yield Hit("position", node, "the index points past the present row", "use rows up to the present one")


def _ahead(node: ast.expr | None, names: Names, least: int = 1) -> bool:
    """Whether an index is the present place plus at least so many rows."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add):
        return False
    place, more = (node.left, node.right) if _place(node.left, names) else (node.right, node.left)
    if not _place(place, names):
        return False
    values = [v for v in names.constants(more) if isinstance(v, int | float)]
    if isinstance(more, ast.BinOp):  # i + n + 1
        return _ahead(more, names) or bool(used(more))
    return any(v >= least for v in values) if values else isinstance(more, ast.Name)


def _place(node: ast.expr, names: Names) -> bool:
    """Whether a name is where a loop, or a look-up of a moment, stands."""
    if isinstance(node, ast.Call):
        return called(node) in ("get_loc", "searchsorted", "index")
    if not isinstance(node, ast.Name):
        return False
    if any(True for _ in names._loops(node)):
        return True
    return any(isinstance(v, ast.Call) and called(v) in ("get_loc", "searchsorted") for v in _values(node, names))


def _values(node: ast.Name, names: Names) -> list[ast.expr]:
    return names.values.get(node.id, [])


def _now(node: ast.expr, names: Names) -> bool:
    text = ast.unparse(node)
    return bool(re.search(r"\bas_of\b", text)) or (isinstance(node, ast.Name) and _place(node, names))


def _written_there(node: ast.Subscript, names: Names) -> bool:
    """`x[i + 1] = f(y[i + 1])`: the row that is written is the present one."""
    above: ast.AST | None = node
    while above is not None and not isinstance(above, ast.Assign | ast.AugAssign):
        above = names.parents.get(above)
    targets = above.targets if isinstance(above, ast.Assign) else [above.target] if above is not None else []
    wanted = ast.unparse(node.slice)
    return any(isinstance(t, ast.Subscript) and ast.unparse(t.slice) == wanted for t in targets)


def labels(node: ast.AST, names: Names) -> Iterator[Hit]:
    """`resample(...)` whose label stands before what it sums up; transforms within a period."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    if node.func.attr == "resample" and _left(node, names):
        outer = _methods_after(node, names)
        delayed = any(name == "shift" for name in outer)
        if set(SUMMARIES) & set(outer) and not delayed:
            why = "the label is the beginning of the period, the value is known at its end"
            yield Hit("resample", node, why, 'label="right", closed="right", or shift(1)')
    if node.func.attr == "transform" and _by_period(node.func.value, names):
        why = "every row of a period gets what is known at its end"
        yield Hit("groupby", node, why, "use expanding() within the period, or the period before")


def _left(node: ast.Call, names: Names) -> bool:
    label = names.constants(keyword(node, "label"))
    if label:
        return "left" in label
    rule = names.constants(keyword(node, "rule") or (node.args[0] if node.args else None))
    return any(isinstance(r, str) and re.search(r"(MS|QS|YS|AS|min|[0-9]*[hHTD]|[0-9]+s)(-\w+)?$", r) for r in rule)


def _methods_after(node: ast.AST, names: Names) -> list[str]:
    found = []
    above = names.parents.get(node)
    while isinstance(above, ast.Attribute | ast.Call | ast.Subscript):
        if isinstance(above, ast.Attribute):
            found.append(above.attr)
        above = names.parents.get(above)
    return found


def _by_period(node: ast.expr, names: Names) -> bool:
    call = next((p for p in chain(node) if isinstance(p, ast.Call) and called(p) == "groupby"), None)
    if call is None:
        return False
    keys = [ast.unparse(v) for a in call.args for v in [a, *(_values(a, names) if isinstance(a, ast.Name) else [])]]
    return any(
        re.search(r"\.(year|month|quarter|week|day\w*|date)\b|to_period|Grouper|floor|isocalendar", k) for k in keys
    )


def joins(node: ast.AST, names: Names) -> Iterator[Hit]:
    """`merge_asof(direction="forward" | "nearest")`."""
    if isinstance(node, ast.Call) and called(node) == "merge_asof":
        way = names.constants(keyword(node, "direction"))
        if {"forward", "nearest"} & set(map(str, way)):
            yield Hit("merge_asof", node, f"direction={way[0]!r} joins rows that come later", 'direction="backward"')


def splits(node: ast.AST, names: Names) -> Iterator[Hit]:
    """Training and test rows mixed over time."""
    if not isinstance(node, ast.Call):
        return
    name, shuffle = called(node), names.constants(keyword(node, "shuffle"))
    if name == "train_test_split" and False not in shuffle:
        yield Hit(
            "split", node, "shuffled rows train on what comes after the test", "shuffle=False, or folds.walk_forward"
        )
    elif name in SHUFFLED and (True in shuffle or "Shuffle" in name or name == "RepeatedKFold"):
        yield Hit("split", node, "shuffled folds train on what comes after the test", "use folds.walk_forward")


def fits(node: ast.AST, names: Names) -> Iterator[Hit]:
    """A model, a scaler or a polynomial fitted to the whole sample."""
    if not isinstance(node, ast.Call):
        return
    name = called(node)
    if name in ("fit", "fit_transform", "fit_predict", "partial_fit") and isinstance(node.func, ast.Attribute):
        given = [*node.args, *(k.value for k in node.keywords if k.arg in ("X", "y"))]
        if not given:  # OLS(y, X).fit()
            given = [a for p in chain(node) if isinstance(p, ast.Call) for a in p.args]
    elif name in ("polyfit", "curve_fit", "linregress", "lstsq", "zscore", "scale", "minmax_scale", "rankdata", "qcut"):
        given = node.args[:2]
    else:
        return
    data = [a for a in given if used(a) - names.modules.keys()]
    if data and not any(names.bounded(a) for a in data) and not _across(node, names):
        yield Hit(
            "fit", node, f"{name} sees rows that come after those it is used on", "fit on rows up to the decision"
        )


def normalised(node: ast.AST, names: Names) -> Iterator[Hit]:
    """`x - x.mean()`: a statistic of the whole sample applied to its own rows; ranks over time."""
    if isinstance(node, ast.BinOp):
        for one, other in ((node.left, node.right), (node.right, node.left)):
            for part in ast.walk(other):
                if _whole_statistic(part, names) and _same_data(one, part, names):
                    why = "a statistic of the whole sample scales each of its rows"
                    yield Hit("whole sample", part, why, "use rolling(n) or expanding() in place of the whole sample")
    elif isinstance(node, ast.Call) and called(node) == "rank" and isinstance(node.func, ast.Attribute):
        behind = steps(node.func.value)
        single = {*STATISTICS, "iloc", "loc", "groupby", *WINDOWS} & behind
        if not _across(node, names) and not single and not names.bounded(node.func.value):
            yield Hit("whole sample", node, "a rank over time knows all rows", "rank(axis=1), or rolling(n).rank()")
    elif isinstance(node, ast.Call) and called(node) == "dropna" and _across(node, names) and not names.bounded(node):
        why = "a column stays only if it has no gap in the whole sample: those that lived"
        yield Hit("survivors", node, why, "choose at each moment among what trades then")


def _whole_statistic(node: ast.AST, names: Names) -> bool:
    if not isinstance(node, ast.Call) or called(node) not in STATISTICS or _across(node, names):
        return False
    data = _data_of(node)
    if data is None or {*WINDOWS, "groupby", "resample"} & steps(node):
        return False
    return not names.bounded(data) and not _one_row(data)


def _one_row(node: ast.AST) -> bool:
    """A single row or column by number: what is reduced then is no time."""
    return any(
        isinstance(p, ast.Subscript) and isinstance(p.value, ast.Attribute) and p.value.attr in ("iloc", "loc")
        and not isinstance(p.slice, ast.Slice | ast.Tuple)
        for p in chain(node)
    )  # fmt: skip


def _data_of(node: ast.Call) -> ast.expr | None:
    """What a statistic is taken of: the object of a method, the first argument of a function."""
    root = root_of(node)
    if isinstance(node.func, ast.Attribute) and not (
        isinstance(root, ast.Name) and root.id in ("np", "numpy", "stats")
    ):
        return node.func.value
    return node.args[0] if node.args else None


def _same_data(one: ast.AST, statistic: ast.AST, names: Names) -> bool:
    """Whether both come from one name that is no scalar."""
    return bool((used(one) & used(statistic)) - names.modules.keys())


def _across(node: ast.Call, names: Names) -> bool:
    axis = names.constants(keyword(node, "axis"))
    if (
        not axis
        and isinstance(node.func, ast.Attribute)
        and called(node) in ("mean", "std", "sum", "rank", "max", "min")
    ):
        axis = names.constants(node.args[0]) if node.args else []
    return 1 in axis or "columns" in axis or -1 in axis


def captured(node: ast.AST, names: Names) -> Iterator[Hit]:
    """A statistic, or the last row, of the whole sample that a strategy, or its mandate, is given."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None or names.function_of(node) is not None:
        return
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    flowing = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)} & _flowing(names)
    if not flowing:
        return
    for part in ast.walk(node.value):
        if _whole_statistic(part, names) or _last_row(part, names):
            why = f"{', '.join(sorted(flowing))} reaches the strategy and knows the whole sample"
            yield Hit("captured", part, why, "compute it inside decide, from market")
            return


def _last_row(node: ast.AST, names: Names) -> bool:
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Attribute) or node.value.attr != "iloc":
        return False
    first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
    return -1 in names.constants(first) and not names.bounded(node.value.value)


def _flowing(names: Names) -> set[str]:
    """Names that reach a strategy: read by it, by what it calls, or handed over with it; and what they are made of."""
    known: set[str] = getattr(names, "_reaching", set())
    if known:
        return known
    waiting = set()
    for function in names.functions.values():
        if is_decide(function):
            waiting |= used(function) - set(parameters(function))
    for calls in names.calls.values():
        for call, _ in calls:
            if call.args and called(call) in ("Mandate",):
                waiting |= used(call)
    for node in names.parents:
        if isinstance(node, ast.Call) and called(node) in ("run", "Mandate", "check", "replay") and node.args:
            waiting |= {n for a in [*node.args[2:], *(k.value for k in node.keywords)] for n in used(a)}
            waiting |= used(node.args[0])
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name in names.modules:
            continue
        seen.add(name)
        for value in names.values.get(name, []):
            waiting |= used(value)
        if name in names.functions:
            waiting |= used(names.functions[name]) - set(parameters(names.functions[name]))
    names._reaching = seen  # type: ignore[attr-defined]
    return seen


def clocks(node: ast.AST, names: Names) -> Iterator[Hit]:
    """`datetime.now()`, `today()`, `Timestamp("now")`; random numbers without a seed."""
    if not isinstance(node, ast.Call):
        return
    name, along = called(node), steps(node)
    inside = names.function_of(node)
    strategic = inside is not None and is_decide(inside)
    if name in NOW and along & {"datetime", "date", "Timestamp", "dt", "pd"}:
        yield Hit("clock", node, "a replay happens at another time than what it replays", "use market.as_of, or as_of")
    elif name in ("time", "time_ns", "localtime") and "time" in along and strategic:
        yield Hit("clock", node, "a replay happens at another time than what it replays", "use market.as_of")
    elif name in ("Timestamp", "to_datetime", "datetime64") and {"now", "today"} & set(
        map(str, names.constants(node.args[0] if node.args else None))
    ):
        yield Hit("clock", node, "a replay happens at another time than what it replays", "use market.as_of, or as_of")
    elif name == "default_rng" and not node.args and not node.keywords:
        yield Hit("random", node, "nobody can repeat numbers without a seed", "np.random.default_rng(seed)")
    elif strategic and _global_luck(node, names):
        yield Hit("random", node, "the global generator has no seed of this decision's", "np.random.default_rng(seed)")


def _global_luck(node: ast.Call, names: Names) -> bool:
    parts = [p.attr for p in chain(node) if isinstance(p, ast.Attribute)]
    root = root_of(node)
    module = names.modules.get(root.id, "") if isinstance(root, ast.Name) else ""
    draws = (
        "rand",
        "randn",
        "random",
        "choice",
        "normal",
        "uniform",
        "shuffle",
        "permutation",
        "randint",
        "sample",
        "gauss",
    )
    return bool(parts) and parts[0] in draws and (module == "random" or (module == "numpy" and "random" in parts))


def memories(node: ast.AST, names: Names) -> Iterator[Hit]:
    """A strategy that remembers between calls: `global`, a mutable default."""
    if not isinstance(node, ast.FunctionDef) or not is_decide(node):
        return
    for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]:
        if isinstance(default, ast.List | ast.Dict | ast.Set) or (
            isinstance(default, ast.Call) and called(default) in ("list", "dict", "set", "defaultdict", "deque")
        ):
            yield Hit("memory", default, "a mutable default lives from call to call", "use None and make it inside")
    for inner in ast.walk(node):
        if isinstance(inner, ast.Global | ast.Nonlocal):
            yield Hit("memory", inner, "what is written here lives from call to call", "use market and account")


def loads(node: ast.AST, names: Names) -> Iterator[Hit]:
    """Data loaded inside a strategy without `as_of`."""
    if not isinstance(node, ast.Call) or called(node) not in LOADING:
        return
    inside = names.function_of(node)
    while inside is not None and not is_decide(inside):
        inside = names.function_of(inside)
    bounded = any(k.arg in ("as_of", "end", "known") for k in node.keywords)
    if inside is not None and not bounded and not names.bounded(_whole_expression(node, names)):
        yield Hit("load", node, "inside decide it loads what came later too", "pass as_of=market.as_of, or use market")


def _whole_expression(node: ast.AST, names: Names) -> ast.AST:
    above = names.parents.get(node)
    while isinstance(above, ast.Attribute | ast.Call | ast.Subscript):
        node, above = above, names.parents.get(above)
    return node


def levels(node: ast.AST, names: Names) -> Iterator[Hit]:
    """Prices adjusted with later splits and dividends, compared with a level."""
    if not isinstance(node, ast.Compare) or len(node.comparators) != 1:
        return
    sides = [node.left, node.comparators[0]]
    for one, other in (sides, sides[::-1]):
        level = [v for v in names.constants(other) if isinstance(v, int | float) and abs(v) >= 1]
        if level and isinstance(other, ast.Constant | ast.Name) and _adjusted(one, names):
            why = "an adjusted price depends on later splits and dividends: its level was never quoted"
            yield Hit("adjusted", node, why, "compare prices as they traded (adjusted=False)")


def _adjusted(node: ast.AST, names: Names, depth: int = 0) -> bool:
    ratio = any(isinstance(p, ast.Call) and called(p) in ("pct_change", "rank", "diff") for p in chain(node))
    if ratio or depth > 5:
        return False
    if re.search(r"adj[ _]?close|adjusted=True", ast.unparse(node), re.IGNORECASE) and not isinstance(node, ast.BinOp):
        return True
    root = root_of(node)
    return isinstance(root, ast.Name) and any(_adjusted(v, names, depth + 1) for v in names.values.get(root.id, []))


FUTURE: tuple[Rule, ...] = (
    shifts, fills, centred, two_sided, reversals, positions, labels, joins, splits, fits, normalised, captured, levels,
)  # fmt: skip
ANYWHERE: tuple[Rule, ...] = (clocks, memories, loads)  # what matters inside a strategy too
