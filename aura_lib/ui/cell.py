"""`%%aura backtest`: run a cell that defines `decide`, replay it over history, and show what came of it."""

from __future__ import annotations

import ast
import inspect
import shlex
from collections.abc import Callable, Mapping
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

from aura_lib.core import AuraError, Bars, InputError, Mandate, Schedule

if TYPE_CHECKING:
    from aura_lib.backtest import Backtest

SCHEDULE = "XNYS month-end close"
OPTIONS = ("bars", "mandate", "schedule", "from", "to", "warmup")  # all others are parameters of `decide`
PATIENCE = 1.0  # seconds after which progress is shown
RESULT = "backtest"  # what the result is called in the notebook


def run(shell: Any, line: str, cell: str) -> None:
    """Execute the cell in the user's namespace, backtest its `decide`, show the Backtest, leave it as `backtest`.

    An error shows the lines of the cell it came from, or, where the call was wrong, its message alone.
    """
    source = "\n" + shell.transform_cell(cell)  # the line of the magic counts: so they do in the notebook
    name = shell.compile.cache(source, shell.execution_count - 1, raw_code=cell)  # it counts before it runs
    progress = _Progress(shell)
    try:
        given = _options(line)
        exec(shell.compile(_parsed(source), name, "exec"), shell.user_ns)
        result = _backtest(shell.user_ns, given, progress)
    except BaseException as error:
        _shorten(shell, error, (name, _file(shell.user_ns.get("decide"))))
        raise
    shell.user_ns[RESULT] = result
    progress.end(result)


def _options(line: str) -> dict[str, str]:
    """What follows `%%aura`: name=value, each at most once."""
    try:
        first, *words = shlex.split(line) or [""]
    except ValueError as error:
        raise InputError(f"%%aura {line}: {error}") from None
    if first != "backtest":
        raise InputError(f"%%aura {first}: above a cell there is only %%aura backtest; `%aura help` lists the rest")
    given: dict[str, str] = {}
    for word in words:
        name, found, text = word.partition("=")
        if not found or not name.isidentifier() or name in given:
            raise InputError(f"%%aura backtest: {word!r} must be name=value, and each name once")
        given[name] = text
    return given


def _parsed(source: str) -> ast.Module:
    """The cell as Python; it must define `decide`, once."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise InputError(
            f"%%aura backtest: {error.msg} in line {error.lineno} of the cell: {(error.text or '').strip()}"
        ) from None
    made = [node for node in tree.body if "decide" in _names(node)]
    if len(made) != 1:
        told = f"defines decide {len(made)} times" if made else "defines no decide"
        raise InputError(
            f"%%aura backtest: the cell {told}. Write one function decide(market, account, mandate, ...) that returns "
            "TargetWeights"
        )
    return tree


def _names(node: ast.stmt) -> set[str]:
    """What a statement gives a name to."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name for alias in names}
        case ast.If(body=body, orelse=other) | ast.Try(body=body, orelse=other):
            return {name for part in (*body, *other) for name in _names(part)}
        case _:
            return {
                part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
            }


def _backtest(names: Mapping[str, Any], given: dict[str, str], progress: Callable[[int, int], None]) -> Backtest:
    from aura_lib import backtest

    decide, bars = names["decide"], _bars(names, given)
    params = _params(names, given, decide)
    schedule = str(Schedule.parse(given.get("schedule", SCHEDULE)))
    return backtest.run(
        decide,
        bars,
        _mandate(names, given, bars),
        params=params,
        schedule=schedule,
        start=given.get("from"),
        end=given.get("to"),
        warmup=_whole(given, "warmup"),
        progress=progress,
    )


def _bars(names: Mapping[str, Any], given: Mapping[str, str]) -> Bars:
    found: Bars | None = _noun(names, given, "bars", Bars)
    if found is not None:
        return found
    from aura_lib import data

    return data.load()


def _mandate(names: Mapping[str, Any], given: Mapping[str, str], bars: Bars) -> Mandate:
    return _noun(names, given, "mandate", Mandate) or Mandate(bars.symbols)


def _noun(names: Mapping[str, Any], given: Mapping[str, str], option: str, kind: type) -> Any:
    """What the notebook calls by the option's value, or by the option's own name; None when it has no such name."""
    name = given.get(option, option)
    if name not in names and option not in given:
        return None
    found = names.get(name)
    if not isinstance(found, kind):
        told = f"a {type(found).__name__}" if name in names else "not defined"
        raise InputError(f"%%aura backtest: {option}={name} must be a {kind.__name__}; {name} is {told}")
    return found


def _params(names: Mapping[str, Any], given: Mapping[str, str], decide: Any) -> dict[str, Any]:
    """The notebook's `params` and those of the line, which come first; all of them parameters of `decide`."""
    if not callable(decide):
        raise InputError(f"%%aura backtest: decide must be a function, not {decide!r}")
    known = names.get("params", {})
    if not isinstance(known, Mapping):
        raise InputError(f"%%aura backtest: params must be a dict of decide's parameters, not {known!r}")
    own = {name: _value(text) for name, text in given.items() if name not in OPTIONS}
    try:
        inspect.signature(decide).bind(None, None, None, **{**known, **own})
    except TypeError as error:
        takes = list(inspect.signature(decide).parameters)
        raise InputError(
            f"%%aura backtest calls decide(market, account, mandate, {', '.join([*known, *own]) or 'and no more'}): "
            f"{error}. Yours is decide({', '.join(takes)}); the options of the line are {', '.join(OPTIONS)}"
        ) from None
    return {**known, **own}


def _value(text: str) -> Any:
    """A number, a list, True, None as Python writes them; anything else is text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _whole(given: Mapping[str, str], option: str) -> int:
    text = given.get(option, "0")
    if not text.isdecimal():
        raise InputError(f"%%aura backtest: {option}={text} must be a whole number of bars")
    return int(text)


class _Progress:
    """A line that says how far a long backtest is, in a notebook; the result takes its place."""

    def __init__(self, shell: Any) -> None:
        self._watched = getattr(shell, "kernel", None) is not None
        self._since = monotonic()
        self._line: Any = None

    def __call__(self, done: int, total: int) -> None:
        if not self._watched or monotonic() - self._since < PATIENCE:
            return
        from IPython.display import display

        self._since = monotonic()
        told = {"text/plain": f"backtest: {done:,} of {total:,} decisions"}
        if self._line is None:
            self._line = display(told, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._line.update(told, raw=True)

    def end(self, result: Backtest) -> None:
        """Show the result."""
        from IPython.display import display

        if self._line is None:
            display(result)  # type: ignore[no-untyped-call]
        else:
            self._line.update(result)


def _file(decide: Any) -> str:
    code = getattr(inspect.unwrap(decide), "__code__", None) if callable(decide) else None
    return str(code.co_filename) if code else ""


def _shorten(shell: Any, error: BaseException, files: tuple[str, ...]) -> None:
    """Let IPython show the frames from the reader's own code on; of an error of ours without any, the message."""
    frames = _from(error, files)
    if frames is None and error.__cause__ is not None:  # raised again with its slot
        frames = _from(error.__cause__, files)
        error.__cause__, error.__suppress_context__ = None, True
    if frames is None and not isinstance(error, AuraError):
        return
    traceback = shell.InteractiveTB

    def render() -> list[str]:
        if frames is None:
            return list(traceback.get_exception_only(type(error), error))
        return list(traceback.structured_traceback(type(error), error, frames, tb_offset=0))

    error._render_traceback_ = render  # type: ignore[attr-defined]


def _from(error: BaseException, files: tuple[str, ...]) -> TracebackType | None:
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename not in files:
        frames = frames.tb_next
    return frames
