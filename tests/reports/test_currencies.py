"""What an account has in other currencies counts at the rates of its prices; without one it is told apart."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import AssetClass, Bars, BookingKind, Calendar, Instrument, iso
from aura_lib.execution import Terms
from aura_lib.ledger import AccountView
from aura_lib.reports.marking import Rates, apart, marked
from aura_lib.reports.standing import Standing
from aura_lib.ui.portfolio import _marks
from tests.ledger.journals import NAMES, D, Line, booking, entries, fill

DAYS = Calendar.of("XNYS").closes
FIRST = int(DAYS.searchsorted(pd.Timestamp("2024-01-02", tz="UTC")))
TIMES = DAYS[FIRST : FIRST + 10]
AT = [time.to_pydatetime() for time in TIMES]
SAP = Instrument("SAP", currency="EUR", venue="XETR")
PAIR = Instrument("EURUSD", AssetClass.FX, lot=D("0.01"), tick=D("0.0001"))
FRANC = Instrument("NESN", currency="CHF", venue="XSWX")
RATE = np.linspace(1.10, 1.19, 10)
PRICE = np.linspace(100.0, 109.0, 10)


def bars(pair: str = "EURUSD", rates: np.ndarray = RATE) -> Bars:
    closes = pd.DataFrame({"SAP": PRICE, "NESN": PRICE, "AAA": PRICE, pair: rates}, TIMES)
    known = {"SAP": SAP, "NESN": FRANC, "AAA": NAMES["AAA"], pair: Instrument(pair, AssetClass.FX)}
    return Bars({"close": closes}, source="made up", instruments=known)


def view_of(*lines: Line) -> AccountView:
    return AccountView("paper").apply(entries(lines))


def traded(number: int, instrument: Instrument, units: str, price: str, time: datetime) -> Line:
    NAMES[instrument.symbol] = instrument
    try:
        return fill(number, "core", instrument.symbol, D(units), D(price), time, "0")
    finally:
        del NAMES[instrument.symbol]


def paid(amount: str, currency: str, time: datetime) -> Line:
    return "cash", {"book": "core", "amount": amount, "currency": currency, "at": iso(time)}


def standing(view: AccountView, told: Bars) -> Standing:
    equity, cash, units, money = marked(view, told, None)
    return Standing(
        "paper", None, Terms("paper"), AT[-1], view.account(), told, equity, cash, units, money, None, (),
        tuple(view.fills), (), "", "", view,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "rates"), [("EURUSD", RATE), ("EUR/USD", RATE), ("EURUSD=X", RATE), ("USDEUR", 1 / RATE)]
)
def test_another_currency_counts_at_its_rate_of_every_bar(pair: str, rates: np.ndarray) -> None:
    view = view_of(paid("1000", "USD", AT[0]), paid("5000", "EUR", AT[0]), traded(1, SAP, "20", "101", AT[1]))
    equity, cash, units, money = marked(view, bars(pair, rates), None)
    euros = np.array([5000.0] + [5000.0 - 20 * 101] * 9)
    held = np.array([0.0] + [20.0] * 9) * PRICE
    assert equity.to_numpy() == pytest.approx(1000 + (euros + held) * RATE)
    assert cash.to_numpy() == pytest.approx(1000 + euros * RATE)
    assert money.iloc[0] == pytest.approx(1000 + 5000 * RATE[0]) and not money.iloc[1:].any()
    assert units["SAP"].tolist() == [0] + [20] * 9


def test_the_last_value_is_what_the_account_itself_says_at_these_prices() -> None:
    view = view_of(paid("9000", "USD", AT[0]), paid("5000", "EUR", AT[0]), traded(1, SAP, "20", "101", AT[1]),
                   traded(2, PAIR, "1000", "1.12", AT[2]))  # fmt: skip
    last = {s: D(repr(float(p))) for s, p in bars().close.iloc[-1].items()}
    assert marked(view, bars(), None)[0].iloc[-1] == pytest.approx(float(view.account().equity(last)))
    assert dict(view.account().balances) == {"EUR": D(5000) - 2020 + 1000}


def test_one_balance_traded_or_converted_into_another_is_money_and_no_holding() -> None:
    convert = booking(3, BookingKind.CONVERSION, D(-1150), AT[3], instrument=PAIR, quantity=D(1000), book="core")
    view = view_of(
        paid("9000", "USD", AT[0]), paid("0.5", "EUR", AT[0]), traded(1, PAIR, "1000", "1.12", AT[1]), convert
    )
    equity, _, units, money = marked(view, bars(), None)
    assert units.empty or not units.to_numpy().any()
    assert equity.iloc[-1] == pytest.approx(9000 - 1120 - 1150 + 2000.5 * RATE[-1])
    assert not money.iloc[1:].any()


def test_what_has_no_rate_is_told_apart_and_never_dropped_silently() -> None:
    view = view_of(paid("1000", "USD", AT[0]), paid("700", "CHF", AT[0]), traded(1, FRANC, "2", "100", AT[1]))
    shown = standing(view, bars())
    assert shown.equity.tolist() == [1000] * 10
    assert apart(view.account(), Rates(bars(), "USD")) == ["500 CHF", "2 NESN (CHF)"]
    sentence = "Not in these figures, for want of an exchange rate into USD: 500 CHF, 2 NESN (CHF)."
    assert shown.apart == sentence and (' class="aura-bad"', sentence) in list(_marks(shown))
    (row,) = shown.holdings().to_dict("records")
    assert (row["symbol"], row["quantity"]) == ("NESN", D(2)) and np.isnan(row["value"])


def test_gains_income_and_holdings_are_in_the_account_s_currency() -> None:
    view = view_of(
        paid("5000", "EUR", AT[0]),
        traded(1, SAP, "20", "101", AT[1]),
        traded(2, SAP, "-5", "111", AT[4]),
        booking(3, BookingKind.DIVIDEND, D(30), AT[6], instrument=NAMES["AAA"], book="core"),
    )
    shown = standing(view, bars())
    assert shown.apart == ""
    gains = shown.gains
    assert gains["realised"] == pytest.approx(5 * 10 * RATE[4])
    assert gains["unrealised"] == pytest.approx(15 * (109 - 101) * RATE[-1])
    assert (gains["income"], gains["fees"]) == (30.0, 0.0)
    (row,) = shown.holdings().to_dict("records")
    assert row["value"] == pytest.approx(15 * 109 * RATE[-1])
    assert row["weight"] == pytest.approx(15 * 109 * RATE[-1] / shown.equity.iloc[-1])
    assert shown.weights["SAP"].iloc[-1] == pytest.approx(row["weight"])


def test_before_its_first_price_a_pair_counts_as_at_it() -> None:
    late = np.array([np.nan, np.nan, *RATE[2:]])
    view = view_of(paid("100", "EUR", datetime(2023, 12, 1, tzinfo=UTC)))
    assert marked(view, bars(rates=late), None)[0].iloc[[0, 2]].tolist() == pytest.approx([100 * RATE[2]] * 2)
