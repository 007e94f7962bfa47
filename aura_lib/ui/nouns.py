"""What each noun looks like: one function a noun, each returns a Card."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aura_lib.core import InputError, Side
from aura_lib.reports import formats, picture, tables
from aura_lib.reports.about import About
from aura_lib.ui.card import Card

if TYPE_CHECKING:
    from aura_lib.backtest import Backtest, Sweep
    from aura_lib.core import Account, Bars, Order, Position, Run, TargetWeights
    from aura_lib.data.files import Reading
    from aura_lib.data.quality import Quality
    from aura_lib.execution import Proposal
    from aura_lib.ledger.trials import Trials
    from aura_lib.plan import Plan

SHOWN = 20  # rows of a table in a notebook


def card(noun: Any) -> Card:
    """The Card of a noun; something that has none raises InputError."""
    for kind in type(noun).__mro__:
        show = SHOW.get(kind.__name__)
        if show is not None and kind.__module__.startswith("aura_lib."):
            return show(noun)
    raise InputError(f"a {type(noun).__name__} has no card; these have one: {', '.join(SHOW)}")


def bars(given: Bars) -> Card:
    """Span, source and snapshot, and for each symbol its first and last bar."""
    if not len(given):
        return Card("Bars: none", (f"{given.source}, {given.frequency}",))
    close = given.close
    rows = [
        {"symbol": symbol, "first": prices.first_valid_index(), "last": prices.last_valid_index(),
         "bars": int(prices.count()), "missing": int(prices.isna().sum()), "last close": _last(prices)}
        for symbol, prices in close.iloc[:, :SHOWN].items()
    ]  # fmt: skip
    lines = (
        f"{formats.moment(given.start)} to {formats.moment(given.end)}",
        (
            f"Source: {given.source}, {given.frequency}, adjusted for {given.adjustment or 'nothing'}; "
            f"snapshot {given.snapshot[:12] or 'none (from memory)'}"
        ),
    )
    title = f"Bars: {_many(len(given.symbols), 'symbol')} × {_many(len(given), 'bar')}"
    about = About(
        "the bars", source=given.source, as_of=given.end, currency=given.instruments[given.symbols[0]].currency
    )
    drawn = picture.closes(close.iloc[:, :SHOWN], about=about)
    return Card(title, lines, pd.DataFrame(rows), more=max(0, close.shape[1] - SHOWN), picture=drawn)


def backtest(given: Backtest) -> Card:
    """The figures of a backtest, and its curve."""
    from aura_lib.reports.performance import HEAD, SUBJECT

    about = About(f"the {SUBJECT}", source=given.bars.source, as_of=given.bars.end, currency=given.mandate.currency)
    lines = (
        (
            f"{formats.day(given.bars.start)} to {formats.day(given.bars.end)}, {given.schedule}, "
            f"{len(given.replay.slots)} slots, {len(given.replay.fills):,} fills"
        ),
        "On one sheet: aura.reports.tear_sheet(backtest)",
    )
    summary = tables.summary({SUBJECT: {name: given.stats[name] for name in HEAD}})
    return Card(
        "Backtest", lines, tables.against(summary, about.currency), picture=picture.curve(given.equity, about=about)
    )


def sweep(given: Sweep) -> Card:
    """The best combinations of a search, and where they lie."""
    from aura_lib.reports.figures.sweep.table import best_table, field

    table = best_table(given, SHOWN // 2)
    names = list(given.parameters)
    lines = (
        f"{formats.day(given.times[0])} to {formats.day(given.times[-1])}, {_many(len(given.job.symbols), 'symbol')}",
        f"{_many(given.count, 'combination')} of {', '.join(names)}, each counted as a trial"
        + ("; stopped before its end" if given.interrupted else ""),
        _chosen_by(given),
    )
    found = field(given)
    drawn = "" if found is None else picture.cells(found.values, found.title, marked=found.marked)
    more = max(0, min(given.count, len(given.kept.parameters)) - len(table))
    return Card(f"{type(given).__name__}: {given.job.rule.name}", lines, table, more=more, picture=drawn)


def _chosen_by(given: Sweep) -> str:
    """What the best were chosen by, and what that is worth."""
    if len(given.job.labels) == 1:
        return "Chosen on these very bars: nothing here is out of sample"
    metric = getattr(given, "sought", "")
    return f"Chosen by {metric} in train; test beside it" if metric else "Chosen over all bars, test parts included"


def target_weights(given: TargetWeights) -> Card:
    """The weights, largest first, and what they leave in cash."""
    rows = sorted(((s, w) for s, w in given.weights.items() if w), key=lambda row: (-abs(row[1]), row[0]))
    cash = 1 - sum(given.weights.values())
    table = pd.DataFrame(rows[:SHOWN], columns=["symbol", "weight"])
    title = f"Target weights: {_many(len(rows), 'holding')}"
    lines = (f"As of {formats.moment(given.as_of)}; {formats.percent(cash, sign=False)} cash",)
    drawn = picture.bars({**{s: (w,) for s, w in rows[:SHOWN]}, "cash": (cash,)}, "Weights, of equity")
    return Card(title, lines, table, more=max(0, len(rows) - SHOWN), picture=drawn)


def plan(given: Plan) -> Card:
    """The orders that lead to the targets, with weights before and after."""
    table = given.table()
    moved = {row["symbol"]: (row["weight before"], row["weight after"]) for row in table.head(SHOWN).to_dict("records")}
    for name in ("weight before", "weight after", "target"):
        table[name] = [formats.percent(float(value), sign=False) for value in table[name]]
    currency = given.account.currency
    lines = (
        (
            f"Turnover {formats.percent(given.turnover, sign=False)} of {formats.money(given.equity, currency)}; "
            f"estimated cost {formats.money(given.estimated_cost, currency)}"
        ),
    )
    title = _legs(len(given.intents), (i.side for i in given.intents))
    drawn = picture.bars(moved, "Weights before (above, pale) and after") if moved else ""
    return Card(title, lines, table, currency=currency, picture=drawn)


def order(given: Order) -> Card:
    """Everything about one order."""
    wish = given.intent
    facts = {
        "status": f"{given.status.value}{f': {given.reason}' if given.reason else ''}",
        "type": f"{wish.type.value}, {wish.time_in_force.value}",
        "filled": f"{formats.quantity(given.filled)} of {formats.quantity(wish.quantity)}",
        "account, book": f"{given.account}, {given.book}",
        "time": formats.moment(given.time),
        "why": wish.reason,
        "client id": given.client_id,
    }
    done = float(given.filled / wish.quantity)
    drawn = picture.bars({"filled": (done,), "open": (1 - done,)}, "Share of the order")
    title = f"Order: {wish.side.value} {formats.quantity(wish.quantity)} {wish.symbol}"
    return Card(title, (), _facts(facts), picture=drawn)


def run(given: Run) -> Card:
    """What one execution of a notebook did."""
    took = f"{(given.ended - given.started).total_seconds():.1f} s" if given.ended else "not ended"
    facts = {
        "status": given.status.value,
        "mode": given.mode.value,
        "slot": formats.moment(given.slot) if given.slot else "",
        "notebook": given.notebook,
        "output": given.output,
        "started": f"{formats.moment(given.started)}, {took}",
        "orders": _verdicts(given),
        "error": given.error,
    }
    verdicts = {name: int(given.results.get(name, 0)) for name in ("approved", "rejected")}
    orders = sum(verdicts.values())
    drawn = picture.bars({n: (v / orders,) for n, v in verdicts.items()}, "What the desk said") if orders else ""
    return Card(f"Run {given.id}" + (f" of {given.job}" if given.job else ""), (), _facts(facts), picture=drawn)


def account(given: Account) -> Card:
    """Cash and holdings, weighed by what they cost: an account knows no prices."""
    held = {symbol: p for symbol, p in sorted(given.positions.items()) if p.quantity}
    rows = [
        {"symbol": symbol, "quantity": p.quantity, "average cost": round(p.average_cost, 4),
         "realised": formats.amount(p.realised)}
        for symbol, p in held.items()
    ]  # fmt: skip
    when = f"; as of {formats.moment(given.as_of)}" if given.as_of else ""
    paid = f"; fees paid {formats.money(given.fees, given.currency)}"
    lines = (f"Cash {formats.money(given.cash, given.currency)}{paid}{when}",)
    table = pd.DataFrame(rows, columns=["symbol", "quantity", "average cost", "realised"])
    title = f"Account {given.name}: {_many(len(rows), 'holding')}"
    return Card(title, lines, table, currency=given.currency, picture=_at_cost(given, held))


def proposal(given: Proposal) -> Card:
    """A basket, and the desk's verdict on each of its legs."""
    from aura_lib.reports import outcome_table

    basket = given.basket
    lines = (
        f"Book {basket.book} on account {basket.account}, slot {formats.moment(basket.slot)}",
        f"{given.approved} approved, {len(given.rejected)} rejected; fills come when the market gives them",
    )
    title = _legs(len(basket.intents), (i.side for i in basket.intents)).replace("Plan", "Proposal")
    return Card(title, lines, outcome_table(given))


def quality(given: Quality) -> Card:
    """What the checks found, errors first; how many symbols each check concerns, and what was set aside."""
    errors = len(given.errors)
    found = sorted(given.findings, key=lambda f: f.severity != "error")
    rows = [
        {n: getattr(f, n) for n in ("severity", "check", "symbol", "count", "first", "detail")} for f in found[:SHOWN]
    ]
    title = f"Quality: {_many(errors, 'error')}, {_many(len(found) - errors, 'warning')}"
    lines = (f"{given.source}: {_many(given.bars, 'bar')} of {_many(given.symbols, 'symbol')}", *_aside(given))
    more, table = max(0, len(found) - SHOWN), pd.DataFrame(rows) if rows else None
    return Card(title, lines, table, more=more, picture=_shares(given))


def reading(given: Reading) -> Card:
    """What was recognised in a file, and what the checks found."""
    close = given.frames["close"]
    span = f"{formats.day(close.index[0])} to {formats.day(close.index[-1])}" if len(close) else "no row"
    size = f"{_many(len(given.symbols), 'symbol')} × {_many(len(close), 'bar')} of {given.frequency}, {span}"
    found = [f"{f.severity}: {f}" for f in given.quality.findings[:SHOWN]] or ["The checks found nothing"]
    more = max(0, len(given.recognised) - SHOWN)
    lines = (size, *given.notes, *given.remarks, *found)
    return Card(f"File: {given.source}", lines, given.table().head(SHOWN), more=more)


def trials(given: Trials) -> Card:
    """How often a family was tried and by whom, the last of it as a table, and how the Sharpe ratios lie."""
    if not given.count:
        return Card(f"Trials of {given.family}: none", ("Every backtest and every cell of a sweep is counted here.",))
    year = given.periods**0.5
    spread = formats.ratio(given.sharpe_variance * given.periods)
    lines = (
        f"{formats.moment(given.first)} to {formats.moment(given.last)}, by {', '.join(given.who) or 'nobody named'}",
        f"{_many(given.sweeps, 'sweep')}; {formats.count(given.abandoned)} abandoned",
        (
            f"Sharpe ratios a year: best {formats.ratio(given.sharpe_best * year)}, "
            f"mean {formats.ratio(given.sharpe_mean * year)}, variance {spread}"
        ),
        *given.problems,
    )
    table = given.table().drop(columns="family").iloc[::-1]
    latest = table.head(SHOWN).reset_index(drop=True)
    drawn = _sharpes(given.sharpes * year) if len(given.sharpes) else ""
    title = f"Trials of {given.family}: {formats.count(given.count)}"
    return Card(title, lines, latest, more=max(0, len(table) - SHOWN), picture=drawn)


SHOW: dict[str, Callable[[Any], Card]] = {
    "Bars": bars,
    "Backtest": backtest,
    "Sweep": sweep,
    "TargetWeights": target_weights,
    "Plan": plan,
    "Order": order,
    "Run": run,
    "Account": account,
    "Proposal": proposal,
    "Quality": quality,
    "Reading": reading,
    "Trials": trials,
}


def _sharpes(annual: np.ndarray) -> str:
    """The share of trials whose Sharpe ratio lies between two numbers, whole or halves."""
    low, high = np.floor(annual.min()), np.ceil(annual.max())
    edges = np.arange(low, max(high, low + 1) + 0.25, 0.5 if high - low <= 4 else max(1.0, np.ceil((high - low) / 8)))
    counts, edges = np.histogram(annual, np.append(edges, edges[-1] + edges[1] - edges[0]))
    rows = {f"{formats.ratio(a)} on": (float(n) / len(annual),) for a, n in zip(edges, counts, strict=False)}
    while len(rows) > 1 and not list(rows.values())[-1][0]:
        rows.popitem()
    return picture.bars(rows, "Sharpe ratios a year, share of trials")


def _aside(given: Quality) -> tuple[str, ...]:
    """What was set aside, and where to see more."""
    counts = ", ".join(f"{name} {count}" for name, count in given.quarantine.counts().items())
    aside = (f"{_many(len(given.quarantine), 'row')} set aside: {counts}",) if counts else ()
    return (*aside, "On one map: aura.reports.quality(report)") if given.findings or counts else ()


def _shares(given: Quality) -> str:
    """The share of symbols that each check concerns; one that concerns all alike counts as all."""
    concerned: dict[str, set[str]] = {}
    for finding in given.findings:
        concerned.setdefault(finding.check, set()).add(finding.symbol)
    total = max(given.symbols, 1)
    shares = {check: (1.0 if "" in of else len(of) / total,) for check, of in concerned.items()}
    return picture.bars(shares, "Share of symbols concerned") if shares else ""


def _last(prices: pd.Series) -> float:
    known = prices.dropna()
    return float(known.iloc[-1]) if len(known) else float("nan")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _legs(count: int, sides: Iterable[Side]) -> str:
    sells = sum(side is Side.SELL for side in sides)
    return f"Plan: {_many(count, 'order')}, {sells} to sell and {count - sells} to buy"


def _verdicts(given: Run) -> str:
    if "approved" not in given.results:
        return ""
    return f"{given.results['approved']} approved, {given.results.get('rejected', 0)} rejected"


def _at_cost(given: Account, held: dict[str, Position]) -> str:
    """Holdings and cash as fractions of what they cost together; nothing where that is no positive amount."""
    worth = {symbol: p.value(p.average_cost) for symbol, p in held.items()}
    total = given.cash + sum(worth.values())
    if not held or total <= 0:
        return ""
    largest = sorted(worth.items(), key=lambda row: (-abs(row[1]), row[0]))[:SHOWN]
    fractions = {symbol: (float(value / total),) for symbol, value in (*largest, ("cash", given.cash))}
    return picture.bars(fractions, "Weights, at average cost")


def _facts(facts: dict[str, str]) -> pd.DataFrame:
    told = {formats.label(name): value for name, value in facts.items() if value}
    return pd.DataFrame({" ": list(told.values())}, index=list(told))
