"""`causality.check_notebook`: the cells again, from loading the data on, in worlds that went another way."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

from aura_lib.backtest.causality import stage
from aura_lib.backtest.causality.decisions import Made, check
from aura_lib.backtest.causality.finding import Causality, Finding
from aura_lib.backtest.causality.future import Future, NotData
from aura_lib.backtest.causality.reading import scan
from aura_lib.backtest.causality.reading.source import cells as read_cells
from aura_lib.backtest.causality.reading.source import plain_python
from aura_lib.backtest.causality.twin import own
from aura_lib.backtest.counting import uncounted
from aura_lib.backtest.warmup import Warmup, shortest
from aura_lib.core import Bars, InputError, Mandate

FINAL = "aura_lib.jobs.run"  # the module of `aura.run`: its call is the strategy of a notebook


class Reached(BaseException):
    """The notebook came to the call it was played for: the rest of it need not run."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of `aura.run` or `backtest.run`: the strategy, and with what it was called."""

    decide: Callable[..., Any]
    bars: Bars
    mandate: Mandate
    options: Mapping[str, Any]


def check_notebook(
    notebook: str | Path | list[str], *, parameters: Mapping[str, Any] | None = None, seed: int = 0, cuts: int = 120
) -> Causality:
    """Look for decisions of a notebook that know the future, by whatever cell it came in.

    The cells are run in a fresh namespace up to `aura.run(...)`, in research mode (or, where there is none, to the
    last `backtest.run(...)`). Then they are run again with loaders (`aura.data.load`, `pd.read_csv` …) that give other
    histories, the same up to a cut: features, fitted models, chosen parameters and universes are made again, and
    neither they nor a decision may move before the cut. `check` does the rest.

    Args:
        notebook: its path, or the sources of its cells.
        parameters: values for the cell tagged `parameters`; of a list of cells for the first one.
        seed: of the other futures.
        cuts: decisions asked again, as in `check`.

    Raises:
        InputError: a cell raises, or no cell calls `aura.run` or `backtest.run`.
    """
    book = _Notebook.of(notebook, dict(parameters or {}))
    call = _call(book)
    return check(call.decide, call.bars, call.mandate, **_options(call), seed=seed, cuts=cuts, make=book.make)


@dataclass(frozen=True, slots=True)
class Running:
    """A notebook at work in this kernel: its file, and the values that its parameters have here."""

    path: Path
    parameters: Mapping[str, Any]

    @staticmethod
    def here(path: Path) -> Running:
        """The notebook of a kernel: what is declared in its parameters cell has the values of `__main__`."""
        names, main = _parameters(path), vars(sys.modules["__main__"])
        return Running(path, {name: main[name] for name in sorted(names) if name in main})

    def read(self) -> list[Finding]:
        """What its source does that reads the future; warnings are left out."""
        return [finding for finding in scan(self.path) if not finding.warning]

    def make(self, future: Future | None, cut: pd.Timestamp) -> Made | None:
        """Its strategy, made again by its cells; InputError when they do not come to `aura.run` a second time."""
        made = _Notebook.of(self.path, dict(self.parameters)).make(future, cut)
        if made is None and future is None:
            raise InputError("its cells, run a second time, do not come to the same aura.run(...)")
        return made


def warmup_of(notebook: str | Path | list[str], *, parameters: Mapping[str, Any] | None = None) -> Warmup:
    """The shortest warm-up of the strategy of a notebook: `warmup.shortest` of what its cells call."""
    call = _call(_Notebook.of(notebook, dict(parameters or {})))
    return shortest(call.decide, call.bars, call.mandate, **_options(call))


def _call(book: _Notebook) -> Call:
    call = book.play(None, book.given)
    if call is None:
        raise InputError("no cell calls aura.run(...) or backtest.run(...): there is no strategy to check")
    return call


def _options(call: Call) -> dict[str, Any]:
    known = ("params", "schedule", "start", "end", "warmup", "costs", "name")
    return {name: value for name, value in call.options.items() if name in known}


@dataclass(frozen=True)
class _Notebook:
    sources: tuple[str, ...]
    parameters_cell: int | None
    folder: Path | None
    given: Mapping[str, Any]

    @staticmethod
    def of(notebook: str | Path | list[str], given: dict[str, Any]) -> _Notebook:
        read = read_cells(notebook)
        sources = tuple("\n".join(cell.lines) for cell in read)
        if isinstance(notebook, list | tuple):
            return _Notebook(sources, 0 if given else None, None, given)
        path = Path(notebook)
        tagged = _tagged(path) if path.suffix == ".ipynb" else None
        return _Notebook(sources, tagged, path.resolve().parent, _research(_parameters(path), given))

    def make(self, future: Future | None, cut: pd.Timestamp) -> Made | None:
        """The strategy as the cells make it where what follows a cut is another future; None where they do not."""

        def alter(value: Any) -> Any:
            other = value if future is None else future.of(value, cut)
            return value if isinstance(other, NotData) else other

        again = self.play(alter, self.given, forgiving=future is not None)
        if again is None or cut not in again.bars.times:
            return None
        return Made(again.decide, again.bars, dict(again.options.get("params") or {}), again.mandate)

    def play(self, alter: stage.Alter | None, given: Mapping[str, Any], *, forgiving: bool = False) -> Call | None:
        """Run the cells up to the call; the call, or None when it was not reached."""
        scope = types.ModuleType("__notebook__").__dict__
        calls: list[Call] = []
        with self._world(alter, calls):
            try:
                for number, source in enumerate(self.sources):
                    self._cell(number, source, scope, forgiving)
                    if number == self.parameters_cell:
                        scope.update(given)
            except Reached:
                pass
        return calls[-1] if calls else None

    def _cell(self, number: int, source: str, scope: dict[str, Any], forgiving: bool) -> None:
        code = compile(plain_python(source), f"<cell {number + 1}>", "exec")
        errors = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError)
        try:
            exec(code, scope)
        except (*errors, RuntimeError, TypeError, ValueError) as error:
            if not forgiving:  # in another world a cell may fail that only shows something
                raise InputError(f"cell {number + 1} raises {type(error).__name__}: {error}") from error

    @contextlib.contextmanager
    def _world(self, alter: stage.Alter | None, calls: list[Call]) -> Iterator[None]:
        from aura_lib import backtest

        real = backtest.run

        def run(decide: Any, bars: Bars, mandate: Mandate, **options: Any) -> Any:
            final = sys._getframe(1).f_globals.get("__name__") == FINAL
            calls.append(Call(decide, bars, mandate, options))
            if final:
                raise Reached
            return real(decide, bars, mandate, **options)

        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(uncounted())
            stack.enter_context(stage.same_luck(0))
            stack.enter_context(_fresh_modules(self.sources, self.folder))
            stack.enter_context(patch.object(backtest, "run", run))
            if alter is not None:
                stack.enter_context(stage.altered_loaders(alter))
            yield


def _tagged(path: Path) -> int | None:
    """The number of the cell tagged `parameters` among the code cells, from 0."""
    found = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    return next((i for i, c in enumerate(found) if "parameters" in c.get("metadata", {}).get("tags", [])), None)


def _parameters(path: Path) -> set[str]:
    tagged = _tagged(path) if path.suffix == ".ipynb" else None
    return _declared(read_cells(path)[tagged].tree) if tagged is not None else set()


def _declared(tree: ast.Module) -> set[str]:
    return {n.target.id for n in tree.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}


def _research(declared: set[str], given: dict[str, Any]) -> dict[str, Any]:
    """The values to inject: what was given, and research mode where there is a mode."""
    strange = sorted(given.keys() - declared)
    if strange:
        raise InputError(f"there is no parameter {', '.join(strange)}; it has {', '.join(sorted(declared)) or 'none'}")
    return {**given, **({"mode": "research"} if "mode" in declared else {})}


@contextlib.contextmanager
def _fresh_modules(sources: tuple[str, ...], folder: Path | None) -> Iterator[None]:
    """Within, the modules of one's own that the cells import are imported anew: they may load data as they do."""
    wanted = {name for source in sources for name in _imported(source)}
    stale = {n: m for n, m in sys.modules.items() if n.partition(".")[0] in wanted and m is not None and own(m)}
    for name in stale:
        del sys.modules[name]
    before = set(sys.modules)
    if folder is not None:
        sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if folder is not None:
            sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            module = sys.modules[name]
            if name.partition(".")[0] in wanted and own(module):
                del sys.modules[name]
        sys.modules.update(stale)


def _imported(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(plain_python(source))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
