from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aura_lib import data
from aura_lib.core import InputError, SimulatedClock
from aura_lib.data.polite import Polite
from aura_lib.data.quoting import COLUMNS, quotes
from tests.data.gecko import Gecko
from tests.data.loopback import serving

NOW = datetime(2026, 1, 20, 14, 20, tzinfo=UTC)


@pytest.fixture
def gecko(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gecko]:
    with serving(lambda: Gecko(NOW)) as vendor:
        monkeypatch.setenv("COINGECKO_BASE_URL", vendor.url)
        yield vendor


@pytest.fixture
def polite(rng: np.random.Generator) -> Polite:
    return Polite("coingecko", per_second=1e9, sleep=lambda seconds: None, rng=rng)


def test_of_a_source_without_live_quotes_the_last_two_stored_bars_answer() -> None:
    bars = data.load(["MSFT", "AAPL"], source="sample:ohlcv")
    table = quotes(["MSFT", "AAPL"], source="sample:ohlcv")
    assert tuple(table.columns) == COLUMNS and list(table.index) == ["MSFT", "AAPL"]
    row = table.loc["AAPL"]
    last, before = bars.close["AAPL"].iloc[-1], bars.close["AAPL"].iloc[-2]
    assert (row["time"], row["price"], row["previous"]) == (bars.times[-1], last, before)
    assert row["change"] == pytest.approx(last / before - 1)
    assert (row["high"], row["volume"]) == (bars.high["AAPL"].iloc[-1], bars.volume["AAPL"].iloc[-1])
    assert (row["currency"], row["source"]) == ("USD", "sample:ohlcv") and np.isnan(row["bid"])
    assert str(table["time"].dtype) == "datetime64[us, UTC]" and table["price"].dtype == "float64"


def test_a_source_that_tells_no_more_than_closes_leaves_the_rest_open() -> None:
    row = quotes(["KO"]).loc["KO"]
    assert row["price"] > 0 and row["previous"] > 0
    assert row[["open", "high", "low", "bid", "ask", "volume"]].isna().all()


def test_a_vendor_is_asked_once_for_many(gecko: Gecko, polite: Polite) -> None:
    table = quotes(["BTC", "ethereum"], source="coingecko", polite=polite)
    assert [path for path, _, _ in gecko.asked] == ["/coins/markets"]
    assert table["price"].tolist() == pytest.approx([90_400.0, 3_200.0])
    assert table["change"].tolist() == pytest.approx([90_400 / 90_390 - 1, 3_200 / 3_190 - 1])


def test_symbols_of_several_sources_come_in_one_table(gecko: Gecko) -> None:
    table = quotes({"sample": ["KO"], "coingecko": ["BTC/INR"]})
    assert table["source"].tolist() == ["sample", "coingecko"]
    assert table["currency"].tolist() == ["USD", "INR"]


def test_a_symbol_without_an_answer_is_nan_and_named(gecko: Gecko, polite: Polite) -> None:
    with pytest.warns(UserWarning, match="coingecko: no quote of nope") as told:
        table = quotes(["nope", "BTC"], source="coingecko", polite=polite, clock=SimulatedClock(NOW))
    assert Path(told[0].filename) == Path(__file__)
    assert table.loc["nope"].drop(["currency", "source"]).isna().all() and table.at["BTC", "price"] > 0


def test_what_cannot_be_quoted_is_refused() -> None:
    with pytest.raises(InputError, match=r"sample has no \['KOO'\]: did you mean KO"):
        quotes(["KOO"])
    with pytest.raises(InputError, match="an empty list"):
        quotes([])
    with pytest.raises(InputError, match=r"names \['KO'\] more than once"):
        quotes({"sample": ["KO"], "coingecko": ["KO"]})
    with pytest.raises(InputError, match="a list of texts"):
        quotes("KO")
    with pytest.raises(InputError, match="no data source 'smaple'"):
        quotes(["KO"], source="smaple")
