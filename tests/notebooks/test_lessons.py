"""Each lesson, executed as a run is, says what a plain recomputation says."""

from __future__ import annotations

import csv
import gzip
import json
import statistics
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal
from importlib.util import find_spec
from math import e, exp, log, sqrt
from pathlib import Path
from typing import Any

import nbformat
import pytest
from skfolio.datasets import load_sp500_dataset

from aura_lib.core import RunStatus, Settings
from aura_lib.jobs.execute import execute
from aura_lib.jobs.kernels import environment
from tests.notebooks.test_notebooks import LESSONS, ROOT

SECONDS = 60.0  # a lesson takes, at most
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Lesson:
    """An executed notebook: the outputs of the cell whose source holds a text."""

    def __init__(self, path: Path) -> None:
        self.cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]

    def after(self, source: str, kind: str = "text/plain") -> Any:
        """What the only cell that holds this text showed."""
        (cell,) = [cell for cell in self.cells if source in cell.source]
        shown = [o["data"][kind] for o in cell.outputs if kind in o.get("data", {})]
        return shown[-1] if shown else "".join(o["text"] for o in cell.outputs if o.output_type == "stream")

    def said(self, source: str) -> str:
        """What the only cell that holds this text printed."""
        (cell,) = [cell for cell in self.cells if source in cell.source]
        return "".join(o["text"] for o in cell.outputs if o.output_type == "stream")

    def figures(self) -> list[Any]:
        """The plotly figures, in order."""
        kind = "application/vnd.plotly.v1+json"
        return [o["data"][kind] for cell in self.cells for o in cell.outputs if kind in o.get("data", {})]


def numbers(values: Any) -> list[float]:
    """A trace's values, which plotly may keep as base64."""
    import base64
    import struct

    if not isinstance(values, dict):
        return [float(v) for v in values]
    assert values["dtype"] == "f8"
    data = base64.b64decode(values["bdata"])
    return list(struct.unpack(f"<{len(data) // 8}d", data))


def tape(symbol: str) -> dict[str, dict[str, float]]:
    """The shipped prices of a stock, read with the standard library: day → column → value."""
    spec = find_spec("bokeh_sampledata")
    assert spec and spec.submodule_search_locations
    file = Path(next(iter(spec.submodule_search_locations))) / "_data" / "stocks.csv.gz"
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["Ticker"] == symbol]
    return {row["Date"]: {n: float(v) for n, v in row.items() if n not in ("Date", "Ticker")} for row in rows}


def data_and_its_quality(lesson: Lesson) -> None:
    traded, adjusted = lesson.figures()[0]["data"]
    apple = tape("AAPL")
    assert numbers(traded["y"]) == [row["Close"] for row in apple.values()]
    assert numbers(adjusted["y"]) == [row["Adj Close"] for row in apple.values()]
    assert "largest difference to what was written: 0.0000" in lesson.after("largest =")
    told = lesson.after("report = aura.data.read(file).quality")
    assert "3 errors, 3 warnings" in told
    days = [day for day in apple if "2004-01-02" <= day <= "2006-12-29"]
    lost, rest = days[100], days[:100] + days[101:]  # as planted, counted without our calendar
    assert f"{lost} 20:00:00+00:00 has no bar (1 such)" in told
    for row, what in ((200, "close at"), (300, "the high is below the low at"), (500, "6 identical closes from")):
        assert f"{what} {rest[row]}" in told
    assert f"at {rest[400]}" in told.split("jump")[1]
    assert "accept=['high below low', 'missing session', 'not positive']" in lesson.after("except aura.AuraError")


def indicators_and_figures(lesson: Lesson) -> None:
    rows = [row for day, row in tape("IBM").items() if day <= "2012-12-31"]
    closes = [row["Adj Close"] for row in rows]
    assert f"{statistics.fmean(closes[-200:]):.2f}" in lesson.after("average = aura").splitlines()[-2]
    _, _, momentum, _, ranges = lesson.figures()
    assert numbers(momentum["data"][0]["y"])[-1] == pytest.approx(100 * (closes[-1] / closes[-127] - 1))
    returns = [log(b / a) for a, b in zip(closes[-22:], closes[-21:], strict=False)]
    squares = [log(row["High"] / row["Low"]) ** 2 for row in rows[-21:]]
    expected = [100 * statistics.stdev(returns) * sqrt(252), 100 * sqrt(252 / (4 * log(2)) * statistics.fmean(squares))]
    assert [numbers(trace["y"])[-1] for trace in ranges["data"]] == pytest.approx(expected)


def from_weights_to_orders(lesson: Lesson) -> None:
    close = load_sp500_dataset().loc["2021-11-30"]
    price = {s: Decimal(repr(float(close[s]))) for s in ("AAPL", "JNJ", "KO", "MSFT")}
    held = {"AAPL": Decimal(2000), "KO": Decimal(3000)}
    wished = {"AAPL": "0.30", "JNJ": "0.25", "KO": "0.205", "MSFT": "0.20"}
    equity = Decimal(120_000) + sum(n * price[s] for s, n in held.items())
    target = {
        s: (Decimal(w) * Decimal("0.98") * equity / price[s]).to_integral_value(ROUND_DOWN) for s, w in wished.items()
    }
    change = {s: target[s] - held.get(s, Decimal(0)) for s in wished}
    sells = [f"sell {-n} {s}" for s, n in sorted(change.items()) if n < 0]
    buys = [f"buy {n} {s}" for s, n in sorted(change.items()) if n > 0]
    told = lesson.after("for i in plan.intents]")
    assert [line.strip(" ['").split(":")[0] for line in told.splitlines()] == sells + buys
    after = {trace["name"]: numbers(trace["y"])[-1] for trace in lesson.figures()[0]["data"]}
    for symbol, units in target.items():
        assert after[symbol] == pytest.approx(float(units * price[symbol] / equity))


def the_life_of_a_run(lesson: Lesson) -> None:
    assert "NotPromoted" in lesson.after("except aura.AuraError")
    kinds = dict(line.split() for line in lesson.after('kinds[["verdict"').splitlines()[1:-1])
    assert kinds["verdict"] == "2" and kinds["order"] == kinds["fill"]
    assert lesson.after("again = [").strip() == f"{kinds['order']} orders, as before: {kinds['order']}"
    assert "problem=''" in lesson.after("verified = ")
    assert "approved, 0 rejected" in lesson.after("done = replay")
    life = lesson.after("life = [")
    assert life.index("'order'") < life.index("'sending'") < life.index("'fill'") < life.index("'filled'")


def what_was_known_when(lesson: Lesson) -> None:
    traded, adjusted = lesson.figures()[0]["data"]
    apple = tape("AAPL")
    assert numbers(traded["y"]) == [row["Close"] for row in apple.values()]
    shares = {day: (2 if day < "2000-06-21" else 1) * (2 if day < "2005-02-28" else 1) for day in apple}
    today = {day: row["Close"] / shares[day] for day, row in apple.items()}
    assert numbers(adjusted["y"]) == pytest.approx(list(today.values()))
    past = [day for day in apple if day <= "2005-02-25"]
    assert f"{len(past)} of {len(apple)} bars, the last one of 2005-02-25 21:00 UTC" in lesson.after("then = aura")
    assert lesson.after("again.snapshot,").strip().endswith("True")
    told = lesson.after("row = {")
    for day in ("2000-06-19", "2000-06-20"):  # known then: one split; known today: two
        line = next(line for line in told.splitlines() if line.startswith(day))
        assert [float(value) for value in line.split()[-3:]] == pytest.approx(
            [apple[day]["Close"], apple[day]["Close"] / 2, apple[day]["Close"] / 4], abs=1e-4
        )
    weeks = lesson.after("weekly = aura").splitlines()[1:]
    one = next(line for line in weeks if line.startswith("2001-09-10"))  # the week has no other session
    monday = apple["2001-09-10"]
    wanted = [monday[name] / 2 for name in ("Open", "High", "Low", "Close")]
    assert [float(value) for value in one.split()[2:6]] == pytest.approx(wanted, abs=0.01)
    assert len(weeks) == 4, "the weeks of 10, 17 and 24 September, and the one that ended on the 7th"
    ibm = {day: row["Close"] for day, row in tape("IBM").items()}
    assert f"{ibm['2012-06-15']:.2f} then, {ibm['2012-06-15'] + 1.5:.2f} now" in lesson.after("old = aura")
    assert lesson.after("kept = aura").count(str(sum(day.startswith("2012") for day in ibm))) == 2
    (change,) = lesson.after("change = aura").splitlines()[1:]
    assert "IBM 2012-06-15" in change and "close" in change
    assert f"{1.5 / ibm['2012-06-15']:.6f}" in change
    top = lesson.after("aura.data.sql").splitlines()
    for year in ("2010", "2011", "2012"):
        (line,) = [line for line in top if f" IBM  {year} " in line]
        assert float(line.split()[-1]) == max(value for day, value in ibm.items() if day.startswith(year))


def when_a_row_is_wrong(lesson: Lesson) -> None:
    import exchange_calendars

    days = len(exchange_calendars.get_calendar("XNYS").sessions_in_range("2015-01-01", "2016-12-31"))
    rows = 5 * (days + 1)  # one session was sent twice
    told = lesson.after("used, aside =")
    assert f"{rows} rows came: {rows - 15} are used, 15 are set aside" in told
    aside = lesson.after("admitted = aura")
    for check in ("high below low", "not positive", "duplicate"):
        assert sum(line.rstrip().endswith(check) for line in aside.splitlines()) == 5
    checks, symbols = (trace for trace in lesson.figures()[0]["data"] if trace["type"] == "heatmap")
    assert {"duplicate (5)", "not positive (5)", "high below low (5)", "stale (40)"} <= set(checks["y"])
    assert len(symbols["y"]) == 5
    apple = tape("AAPL")
    fall = apple["2000-09-29"]["Close"] / apple["2000-09-28"]["Close"] - 1
    left = lesson.after("actions=actions")
    assert f"close moved by {fall:+.1%} at 2000-09-29" in left and "2005-02-28" not in left
    refused = lesson.after("except aura.AuraError")
    assert "refused by the live policy" in refused and f"jump AAPL: close moved by {fall:+.1%}" in refused
    assert f"{fall:+.1%}" in lesson.after("accepted = aura")
    levels = {line.split("  ")[0].strip(): line.split()[-3:] for line in lesson.after("levels = aura").splitlines()}
    assert levels["jump"] == ["warn", "warn", "refuse"] and levels["stale"] == ["warn", "refuse", "refuse"]


def how_a_search_fools_you(lesson: Lesson) -> None:
    import re

    import numpy as np

    steps = np.random.default_rng(3).normal(0, 0.01, 2520)
    close = [100 * exp(total) for total in steps.cumsum()]
    assert f"{close[-1]:.2f}" in lesson.after("noise.close")
    row = lesson.after('found.best("sharpe", 3)').splitlines()[1].split()
    fast, slow, told = int(float(row[1])), int(float(row[2])), float(row[4])
    assert sharpe_of_crossover(close, fast, slow) == pytest.approx(told, abs=0.01) and told > 0.8
    words = lesson.after("aura.backtest.deflated_sharpe")
    found = {name: float(value) for name, value in re.findall(r"(\w+)=([-\d.e]+)", words)}
    normal, trials = statistics.NormalDist(), found["trials"]
    quantiles = normal.inv_cdf(1 - 1 / trials), normal.inv_cdf(1 - 1 / (trials * e))
    luck = sqrt(found["sharpe_variance"]) * (0.42278433509846714 * quantiles[0] + 0.5772156649015329 * quantiles[1])
    assert found["benchmark"] == pytest.approx(luck)
    ratio, n = found["sharpe"], found["observations"]
    error = sqrt((1 - found["skewness"] * ratio + (found["kurtosis"] - 1) / 4 * ratio**2) / (n - 1))
    assert found["probability"] == pytest.approx(normal.cdf((ratio - luck) / error)) and found["probability"] < 0.95
    assert "deflated sharpe" in lesson.after("returns, found.paths")
    assert "all 7 required findings passed" in lesson.after("again.returns(best)")


def sharpe_of_crossover(close: list[float], fast: int, slow: int, cost: float = 0.0006) -> float:
    """Annual Sharpe ratio: wished at a close while the quick mean is above the slow one, traded at the next."""
    held, wished, returns = False, False, []
    for today in range(1, len(close)):
        gain = close[today] / close[today - 1] - 1 if held else 0.0
        returns.append((1 + gain) * (1 - cost) - 1 if held != wished else gain)
        held = wished
        if today + 1 >= slow:
            known = close[today + 1 - slow : today + 1]
            wished = statistics.fmean(known[-fast:]) > statistics.fmean(known)
    return sqrt(252) * statistics.fmean(returns) / statistics.stdev(returns)


def the_life_of_an_order(lesson: Lesson) -> None:
    assert lesson.after("os.kill(") == "['sending']"
    life = [line.split() for line in lesson.after("pd.DataFrame(").splitlines()[2:]]
    statuses = [words[2] for words in life if words[1] == "status"]
    assert statuses == ["sending", "unknown", "sending", "accepted", "filled"], "looked up before it was sent again"
    kinds = [words[1] for words in life]
    assert [kinds.count(kind) for kind in ("desk.started", "verdict", "order", "fill")] == [2, 1, 1, 1]
    close = Decimal(str(tape("AAPL")["2011-03-08"]["Adj Close"]))  # the close after the one at which it was wished
    price = round(close * Decimal("1.0005"), 6)
    cash = 100_000 - 10 * price - round(10 * price * Decimal("0.0001"), 4)
    told = lesson.said("len(view.fills)")
    assert told.startswith("1 order, 1 fill, 10 AAPL") and Decimal(told.split()[-2]) == cash
    assert lesson.said("as before") == "1 order, as before\n"
    assert "problem=''" in lesson.after("verified =")


PROOFS: dict[str, Callable[[Lesson], None]] = {
    "01_data_and_its_quality": data_and_its_quality,
    "02_indicators_and_figures": indicators_and_figures,
    "03_from_weights_to_orders": from_weights_to_orders,
    "04_the_life_of_a_run": the_life_of_a_run,
    "05_what_was_known_when": what_was_known_when,
    "06_when_a_row_is_wrong": when_a_row_is_wrong,
    "07_how_a_search_fools_you": how_a_search_fools_you,
    "08_the_life_of_an_order": the_life_of_an_order,
}


def test_every_lesson_has_its_proof() -> None:
    assert [file.stem for file in LESSONS] == sorted(PROOFS)


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)
def test_a_lesson_runs_in_a_clean_kernel_and_what_it_shows_is_true(file: Path, tmp_path: Path, aura_home: Path) -> None:
    env = {**environment(), **Settings.load().child_environment()}
    done = execute(file, tmp_path / "output.ipynb", env=env, cwd=ROOT, timeout=240)
    assert done.status is RunStatus.SUCCEEDED, f"{done.error}\n" + "".join(done.traceback)
    assert done.seconds < SECONDS * 2, "a machine that tests has less time than a reader"
    PROOFS[file.stem](Lesson(tmp_path / "output.ipynb"))
    outputs = (tmp_path / "output.ipynb").read_text(encoding="utf-8")
    assert len(outputs) < 3_000_000 and "cdn.plot.ly" not in outputs
    assert not (aura_home / "ledger.db").exists(), "a lesson leaves the reader's ledger alone"


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)
def test_a_lesson_is_small_enough_to_be_read_before_it_is_run(file: Path) -> None:
    assert len(json.dumps(nbformat.read(file, as_version=4))) < 30_000
