"""Tax lots, blotter and the statement of a month: as tables, as files, as one offline page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib.core import Calendar, DataError, InputError, utc
from aura_lib.ledger.accounting import Closed, Lot, Method, Statement, Sums, blotter, tax_lots
from aura_lib.ledger.accounting import statement as month_statement
from aura_lib.plan import decimal_price
from aura_lib.reports import figures, formats, tables
from aura_lib.reports.about import About
from aura_lib.reports.html import Check, Section, report

if TYPE_CHECKING:
    from aura_lib.core import Bars
    from aura_lib.execution import Terms
    from aura_lib.ledger import AccountView

FINEST = Decimal("1e-12")  # what a file shows of a share that has no end, such as a third of a cost
MONEY = (
    "cost a unit",
    "cost",
    "price",
    "value",
    "unrealised",
    "fee",
    "proceeds",
    "realised",
    "net",
    "deferred",
    "cash",
)
HELD = "Days held are counted from date to date (UTC); more than a year is long-term. Short sales are short-term."
NO_WASH_SALES = (
    f"Wash sales are not treated: a loss stands here in full even where the same was bought within 30 days. {HELD}"
)
WASH_SALES = (
    "Wash sales are deferred as US law has it: a loss goes into what was bought of the same symbol within 30 days, in "
    f"any book of the owner's accounts here. Options on it, and accounts elsewhere, are not seen. {HELD}"
)
LOTS = ("book", "symbol", "quantity", "cost a unit", "cost", "price", "value", "unrealised", "fee", "currency",
        "acquired", "days", "term", "deferred", "lot")  # fmt: skip
CLOSED = ("book", "symbol", "quantity", "acquired", "closed", "days", "term", "cost", "proceeds", "realised", "fee",
          "net", "deferred", "currency", "how", "lot", "by")  # fmt: skip
LINES = (
    ("opening", "Cash at the start"),
    ("deposits", "Paid in and out"),
    ("transfers", "From and to other books"),
    ("bought", "Bought"),
    ("sold", "Sold"),
    ("settled", "Options and corporate actions"),
    ("converted", "Converted"),
    ("income", "Dividends and interest"),
    ("fees", "Fees"),
    ("closing", "Cash at the end"),
    ("held", "Holdings at the end"),
    ("value", "Value at the end"),
    ("value_before", "Value at the start"),
    ("brought", "Units brought or moved, at cost"),
    ("realised", "Realised, before fees"),
    ("unrealised", "Change of unrealised"),
)


def closes(bars: Bars) -> Callable[[datetime], Mapping[str, Decimal]]:
    """What each symbol last closed at by a moment, from bars; symbols without a bar by then are missing."""
    known = bars.close.ffill()

    def at(moment: datetime) -> Mapping[str, Decimal]:
        row = int(known.index.searchsorted(pd.Timestamp(moment), side="right")) - 1
        if row < 0:
            return {}
        return {str(s): decimal_price(p) for s, p in known.iloc[row].items() if p == p}

    return at


def lots_table(lots: Iterable[Lot], prices: Mapping[str, Decimal], as_of: datetime) -> pd.DataFrame:
    """A row a lot that is held; amounts are exact Decimals in the row's currency, days are held until `as_of`.

    `deferred` is the loss of a wash sale that its cost contains, empty where there is none.
    """
    rows = []
    for lot in lots:
        price, moment = prices.get(lot.instrument.symbol), utc(as_of)
        unit = lot.cost / (lot.quantity * lot.instrument.multiplier)
        gain = None if price is None else lot.unrealised(price)
        value = None if price is None else lot.quantity * price * lot.instrument.multiplier
        told = (
            lot.book, lot.instrument.symbol, lot.quantity, unit, lot.cost, price, value, gain, lot.fee,
            lot.instrument.currency, lot.opened, lot.days(moment), lot.term(moment), lot.deferred or None, lot.id,
        )  # fmt: skip
        rows.append([_exact(cell) for cell in told])
    return pd.DataFrame(rows, columns=list(LOTS), dtype="object")


def closed_table(closed: Iterable[Closed]) -> pd.DataFrame:
    """A row for what was closed of each lot: gains are before fees, `net` after; amounts in the row's currency.

    `deferred` is the part of a loss that a wash sale put off; `realised` is without it.
    """
    rows = [
        (c.book, c.instrument.symbol, c.quantity, c.opened, c.closed, c.days, c.term, c.cost, c.proceeds, c.realised,
         c.fee, c.net, c.washed or None, c.instrument.currency, c.how, c.id, c.by)
        for c in closed
    ]  # fmt: skip
    return pd.DataFrame([[_exact(cell) for cell in row] for row in rows], columns=list(CLOSED), dtype="object")


def blotter_table(view: AccountView, book: str | None = None, **between: datetime | None) -> pd.DataFrame:
    """A row for everything that happened, in order of time (`after`, `until`); amounts in the row's currency."""
    rows = blotter(view, book, **between)
    columns = list(rows[0]) if rows else ["time", "book", "what", "symbol", "quantity", "price", "cash", "currency"]
    return pd.DataFrame([[_exact(cell) for cell in row.values()] for row in rows], columns=columns, dtype="object")


def statement_table(told: Statement) -> pd.DataFrame:
    """The lines of a statement by currency: what happened to the cash, then what the value came from."""
    kept = [(name, label) for name, label in LINES if _told(told.sums, name)]
    cells = {s.currency: [_exact(getattr(s, name)) for name, _ in kept] for s in told.sums}
    return pd.DataFrame(cells, index=[label for _, label in kept], dtype="object")


def _told(sums: Iterable[Sums], name: str) -> bool:
    return name in ("opening", "closing", "value", "value_before") or any(getattr(s, name) for s in sums)


def _exact(cell: Any) -> Any:
    """Amounts as a file shows them: without an exponent, shares without end cut off."""
    if not isinstance(cell, Decimal):
        return cell
    short = cell if cell.as_tuple().exponent >= -12 else cell.quantize(FINEST).normalize()  # type: ignore[operator]
    return short.quantize(Decimal(1)) if short == short.to_integral_value() and short.as_tuple().exponent > 0 else short  # type: ignore[operator]


def write_table(table: pd.DataFrame, path: Path | str) -> Path:
    """Write a table to a new .csv (times ISO 8601 with their zone) or .parquet file (amounts as decimals)."""
    target = Path(path)
    if target.suffix not in (".csv", ".parquet"):
        raise InputError(f"{target.name}: a table is written as .csv or .parquet")
    if target.exists():
        raise InputError(f"{target} exists: choose a new name, an export overwrites nothing")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(as_bytes(table, target.suffix[1:]))
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror or error}") from None
    return target


def as_bytes(table: pd.DataFrame, kind: str) -> bytes:
    """A table as the bytes of a csv or parquet file; a label a row becomes the column `line`."""
    flat = table if tables.counts_rows(table) else table.rename_axis("line").reset_index()
    if kind == "csv":
        text: str = flat.map(_word).to_csv(index=False)
        return text.encode()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.parquet"
        flat.to_parquet(file, index=False)
        return file.read_bytes()


def _word(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return cell.isoformat()
    return f"{cell:f}" if isinstance(cell, Decimal) else cell


def statement(
    view: AccountView,
    terms: Terms,
    month: str,
    bars: Bars,
    path: Path | str,
    *,
    book: str | None = None,
    wash_sales: bool = False,
    beside: Sequence[AccountView] = (),
) -> Path:
    """Write the statement of a month ("2024-03", by the clock of the account's exchange) as one offline page.

    With `wash_sales` losses are deferred by what was bought in any book, also in the accounts `beside` it. Raises
    InputError for a month that is none or a path that cannot be written, DataError where a holding has no price.
    """
    zone = str(Calendar.of(terms.calendar).zone)
    told = month_statement(view, month, closes(bars), book=book, zone=zone, wash_sales=wash_sales, beside=beside)
    name = f"{view.name} · {book}" if book else view.name
    whose = f" of {told.owner}" if told.owner else ""
    about = About(name, source=f"ledger of account {view.name}, prices of {bars.source}", as_of=told.end, zone=zone)
    return report(
        f"Statement {month}: {name}{whose}",
        summary=_summary(told, name),
        as_of=told.end,
        path=path,
        figures=[figures.attribution(_profit(view, told), about=about)],
        sections=_sections(view, told),
        checks=[_adds_up(told)],
        notices=[WASH_SALES if wash_sales else NO_WASH_SALES],
        currency=told.currency,
        zone=zone,
    )


def _summary(told: Statement, name: str) -> pd.DataFrame:
    own = told.sums[0]
    facts = {"value at the start": own.value_before, "value at the end": own.value, "cash": own.closing,
             "realised": own.realised, "change of unrealised": own.unrealised, "income": own.income}  # fmt: skip
    return tables.summary({name: {key: float(amount) for key, amount in facts.items()}})


def _adds_up(told: Statement) -> Check:
    evidence = "; ".join(
        f"{s.currency}: {formats.amount(s.opening)} and {formats.amount(s.flows)} are {formats.amount(s.closing)}"
        for s in told.sums
    )
    return Check("Every amount adds up, to the last digit", told.adds_up, evidence)


def _profit(view: AccountView, told: Statement) -> pd.Series:
    """Where the month's profit in the account's own currency came from."""
    profit: dict[str, Decimal] = {}
    for c in told.closed:
        if c.instrument.currency == told.currency:
            profit[c.instrument.symbol] = profit.get(c.instrument.symbol, Decimal(0)) + c.realised
    own = told.sums[0]
    profit |= {"change of unrealised": own.unrealised, "income": own.income, "fees": own.fees}
    return pd.Series({name: float(amount) for name, amount in profit.items()}, dtype="float64")


def _sections(view: AccountView, told: Statement) -> list[Section]:
    lots = lots_table(told.lots, told.prices, told.end)
    happened = blotter_table(view, told.book, after=told.start, until=told.end)
    words = statement_table(told).map(lambda cell: formats.amount(cell))
    return [
        Section("Cash and value", words, "Cash at the start and what happened to it; then what the value came from."),
        Section("Lots held", to_the_cent(lots), "What each unit cost and since when it is held."),
        Section("Lots closed", to_the_cent(closed_table(told.closed)), "Gains before fees, net after them."),
        Section("Blotter", to_the_cent(happened), "Everything that happened, in order."),
    ]


def to_the_cent(table: pd.DataFrame) -> pd.DataFrame:
    """A table for a page: without ids and columns that say nothing; money to the cent, in the row's currency."""
    kept = table[[c for c in table.columns if c not in ("lot", "by", "id", "order") and table[c].map(_says).any()]]
    for name in [c for c in kept.columns if c in MONEY]:
        kept = kept.assign(
            **{name: kept[name].map(lambda cell: formats.NOTHING if not _says(cell) else formats.amount(cell))}
        )
    return kept.rename(columns={name: name.capitalize() for name in MONEY})  # whose currency is in a column of its own


def _says(cell: Any) -> bool:
    return cell is not None and str(cell) != ""


def lots_of(
    view: AccountView,
    bars: Bars,
    *,
    book: str | None = None,
    method: str | None = None,
    as_of: datetime | None = None,
    wash_sales: bool = False,
    beside: Sequence[AccountView] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The lots held and those closed, as tables, at the last prices known at a moment (the end of the bars).

    With `wash_sales` losses are deferred by what was bought in any book, also in the accounts `beside` it.
    """
    moment = utc(as_of) if as_of is not None else bars.end
    if method is not None and method not in set(Method):
        raise InputError(f"a method is one of {', '.join(Method)}, not {method!r}")
    lots = tax_lots(view, method=method, as_of=as_of, wash_sales=wash_sales, beside=beside)
    prices = closes(bars)(moment)
    if missing := {p.instrument.symbol for p in lots.open(book)} - set(prices):
        raise DataError(f"no price for {', '.join(sorted(missing))}, of which lots are held")
    return lots_table(lots.open(book), prices, moment), closed_table(lots.gone(book))
