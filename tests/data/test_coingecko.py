"""The real CoinGecko client against its protocol on loopback; what every source must do is in `tests/contracts`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from aura_lib import data
from aura_lib.core import DataError, InputError, SimulatedClock
from aura_lib.data.polite import Polite
from aura_lib.data.sources import coingecko as adapter
from aura_lib.data.sources.coingecko import names
from tests.data.gecko import COINS, Gecko
from tests.data.loopback import serving

NOW = datetime(2026, 1, 20, 14, 20, tzinfo=UTC)


@pytest.fixture
def gecko() -> Iterator[Gecko]:
    with serving(lambda: Gecko(NOW)) as vendor:
        yield vendor


def fresh(gecko: Gecko, rng: np.random.Generator) -> adapter.Source:
    polite = Polite("coingecko", per_second=1e9, attempts=3, sleep=lambda seconds: None, rng=rng)
    return adapter.Source(polite=polite, clock=SimulatedClock(NOW), timeout=10.0, base_url=gecko.url)


@pytest.fixture
def source(gecko: Gecko, rng: np.random.Generator) -> adapter.Source:
    return fresh(gecko, rng)


# ── what comes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_day_closes_with_the_price_of_midnight(gecko: Gecko, source: adapter.Source) -> None:
    bars = source.fetch(["bitcoin"])
    assert bars.end == datetime(2026, 1, 20, tzinfo=UTC)  # the day that ended last; today has not
    assert bars.close["bitcoin"].iloc[-1] == pytest.approx(gecko.price("bitcoin", bars.end))
    assert bars.volume["bitcoin"].iloc[-1] == pytest.approx(1000)  # coins, made of a turnover in dollars
    assert set(bars.fields) == {"close", "volume"} and bars.calendar == "24/7"
    what = bars.instruments["bitcoin"]
    assert (what.asset_class, what.currency, what.venue) == ("crypto", "USD", "24/7")


def test_an_hour_has_a_close_and_no_volume(gecko: Gecko, source: adapter.Source) -> None:
    bars = source.fetch(["bitcoin"], "1h")  # CoinGecko tells the price of some seconds after the hour
    assert bars.end == datetime(2026, 1, 20, 14, tzinfo=UTC)
    assert bars.close["bitcoin"].iloc[-1] == pytest.approx(gecko.price("bitcoin", bars.end + timedelta(seconds=41)))
    assert tuple(bars.fields) == ("close",)
    assert "interval" not in gecko.asked[0][1]  # paid plans only


def test_a_coin_that_is_younger_is_nan_before(source: adapter.Source) -> None:
    bars = source.fetch(["bitcoin", "ethereum"])
    assert bars.close["ethereum"].isna().sum() == 20 and not bars.close["bitcoin"].isna().any()


def test_the_currency_is_behind_a_slash(gecko: Gecko, source: adapter.Source) -> None:
    bars = source.fetch(["BTC", "BTC/EUR", "ethereum/inr"])
    assert [bars.instruments[s].currency for s in bars.symbols] == ["USD", "EUR", "INR"]
    assert (bars.close["BTC/EUR"] / bars.close["BTC"]).to_numpy() == pytest.approx(0.8)
    assert [(path, query["vs_currency"]) for path, query, _ in gecko.asked] == [
        ("/coins/bitcoin/market_chart", "usd"),
        ("/coins/bitcoin/market_chart", "eur"),
        ("/coins/ethereum/market_chart", "inr"),
    ]


def test_a_currency_that_it_does_not_know_is_told(source: adapter.Source) -> None:
    with pytest.raises(InputError, match=r"HTTP 422.*invalid vs_currency"):
        source.fetch(["BTC/XYZ"])


def test_without_a_paid_plan_a_year_is_all_and_that_is_told(
    gecko: Gecko, source: adapter.Source, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    gecko.first["bitcoin"] = NOW - timedelta(days=800)
    found = source.history(["bitcoin"])
    assert gecko.asked[-1][1]["days"] == "365"
    assert found.remarks == ("CoinGecko has bars of 1d of the last 365 days only without the key of a paid plan",)
    monkeypatch.setenv("COINGECKO_PRO_API_KEY", "CG-paid")
    assert fresh(gecko, rng).history(["bitcoin"]).remarks == ()
    assert gecko.asked[-1][1]["days"] == "max"


@pytest.mark.parametrize(
    ("variable", "header"),
    [("COINGECKO_API_KEY", "x-cg-demo-api-key"), ("COINGECKO_PRO_API_KEY", "x-cg-pro-api-key")],
)
def test_a_key_is_sent_as_its_plan_wants_it(
    gecko: Gecko, source: adapter.Source, monkeypatch: pytest.MonkeyPatch, variable: str, header: str
) -> None:
    monkeypatch.setenv(variable, "CG-secret")
    source.fetch(["bitcoin"])
    assert gecko.asked[0][2][header] == "CG-secret"


def test_a_key_that_is_refused_is_named_and_not_shown(
    gecko: Gecko, source: adapter.Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_API_KEY", "CG-secret")
    monkeypatch.setattr(gecko, "answer", lambda path, query: (401, {"status": {"error_message": "invalid key"}}))
    with pytest.raises(InputError, match=r"refuses the key in COINGECKO_API_KEY.*HTTP 401.*invalid key") as told:
        source.fetch(["bitcoin"])
    assert "CG-secret" not in str(told.value)


def test_a_chart_that_is_none_is_told(gecko: Gecko, source: adapter.Source) -> None:
    gecko.faults = [b'{"prices": [["x", 1]], "total_volumes": []}']
    with pytest.raises(DataError, match="an answer for bitcoin that is no chart: ValueError"):
        source.fetch(["bitcoin"])


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_symbol_that_several_coins_have_is_refused_with_their_ids(gecko: Gecko, source: adapter.Source) -> None:
    with pytest.raises(InputError, match=r"2 coins have the symbol PEPE.*pepe \(Pepe\), pepe-on-sol \(Pepe on SOL\)"):
        source.fetch(["PEPE"])
    source.fetch(["AAVE", "BTC"])  # the list is asked for once
    assert [path for path, _, _ in gecko.asked].count("/coins/list") == 1


def test_every_unknown_coin_is_named_at_once(source: adapter.Source) -> None:
    with pytest.raises(InputError, match="CoinGecko has no NOPE, MOON"):
        source.fetch(["NOPE", "bitcoin", "MOON"])
    with pytest.raises(InputError, match="CoinGecko has no nope, moon"):
        source.fetch(["nope", "bitcoin", "moon"])


@pytest.mark.parametrize("name", ["Bitcoin", "/EUR", "BTC/", "BTC/E R", " BTC"])
def test_what_is_no_name_of_a_coin_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="coingecko"):
        names.coin(name, lambda: COINS)


def test_all_coins_are_listed(source: adapter.Source) -> None:
    table = source.listings()
    assert tuple(table.columns) == ("symbol", "name", "exchange", "sector", "asset_class", "currency")
    assert table.iloc[0].tolist() == ["bitcoin", "Bitcoin (BTC)", "", "", "crypto", "USD"]


# ── quotes and conversion ───────────────────────────────────────────────────────────────────────────────────────────


def test_quotes_come_250_at_a_time_and_by_currency(gecko: Gecko, source: adapter.Source) -> None:
    ids = [f"coin-{n}" for n in range(400)]
    gecko.first.update(dict.fromkeys(ids, gecko.first["aave"]))
    gecko.price = lambda coin, moment: 200.0  # type: ignore[method-assign]
    found = source.quotes([*ids, "BTC/EUR"])
    assert [quote.symbol for quote in found] == [*ids, "BTC/EUR"]
    pages = [(query["vs_currency"], query["ids"].count(",") + 1) for _, query, _ in gecko.asked]
    assert pages == [("usd", 250), ("usd", 150), ("eur", 1)]


def test_a_quote_compares_with_the_day_before(gecko: Gecko, source: adapter.Source) -> None:
    (quote,) = source.quotes(["BTC/EUR"])
    price = gecko.price("bitcoin", NOW) * 0.8
    assert (quote.price, quote.previous) == (pytest.approx(price), pytest.approx(price - 8))
    assert (quote.volume, quote.currency, quote.time) == (pytest.approx(1000), "EUR", NOW)
    assert np.isnan(quote.bid) and np.isnan(quote.open)


@pytest.mark.parametrize(
    ("base", "quote", "expected"),
    [
        ("BTC", "INR", 90_400.0 * 90),  # 40 days at 10 dollars each
        ("INR", "BTC", 1 / (90_400.0 * 90)),
        ("ethereum", "USD", 3_200.0),
        ("EUR", "INR", 90 / 0.8),
        ("ETH", "bitcoin", 3_200 / 90_400),
    ],
)
def test_amounts_are_converted_between_coins_and_currencies(
    source: adapter.Source, base: str, quote: str, expected: float
) -> None:
    assert source.convert(2, base, quote) == pytest.approx(2 * expected)


def test_what_nobody_knows_is_not_converted(source: adapter.Source) -> None:
    with pytest.raises(InputError, match="CoinGecko has no nope"):
        source.convert(1, "nope", "USD")


# ── through the store ───────────────────────────────────────────────────────────────────────────────────────────────


def test_coins_are_loaded_like_anything_else(gecko: Gecko, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINGECKO_BASE_URL", gecko.url)
    words = {"clock": SimulatedClock(NOW)}
    bars = data.load(["BTC", "ETH"], source="coingecko", as_of="2026-01-18", **words)
    assert bars.end == datetime(2026, 1, 19, tzinfo=UTC)  # the session of the 18th closes at midnight
    assert (bars.source, bars.calendar, len(bars)) == ("coingecko", "24/7", 39) and bars.snapshot
    asked = len(gecko.asked)
    assert data.load(["ETH"], source="coingecko", **words).close["ETH"].notna().any() and len(gecko.asked) == asked
