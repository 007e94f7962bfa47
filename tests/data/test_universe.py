"""What there is to trade: search, lists of one's own, who was in them when, and the sentence that says nobody knows."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib import data
from aura_lib.core import AuraError, Calendar, DataError, InputError, Instrument, Settings
from aura_lib.data import sources
from aura_lib.data.universe import Universe, names, of
from aura_lib.data.universe.listing import completed
from aura_lib.data.universe.members import history, members
from aura_lib.data.universe.table import Row

HEADER = "symbol,from,to\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AURA_HOME", str(tmp_path))
    (tmp_path / "universes").mkdir()
    return tmp_path / "universes"


def found(text: str, **chosen: str) -> list[str]:
    return list(of().search(text, **chosen)["symbol"])


# ---- the sample ----------------------------------------------------------------------------------------------------
def test_a_universe_is_still_a_tuple_of_symbols() -> None:
    universe = data.universe("sample")
    assert isinstance(universe, tuple) and universe == sources.get("sample").universe() and len(universe) == 20
    assert [s for s in universe if s != "AAPL"] == list(universe[1:]) and hash(universe) == hash(tuple(universe))
    again = pickle.loads(pickle.dumps(universe))
    assert (again, again.name, again.note) == (universe, "sample", universe.note)
    pd.testing.assert_frame_equal(again.table(), universe.table())


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("AAPL", "AAPL"), ("aapl", "AAPL"), ("apple", "AAPL"), ("Mircosoft", "MSFT"), ("coca cola", "KO"),
        ("s&p 500", "SP500"), ("johnson", "JNJ"), ("exon", "XOM"), ("morgan", "JPM"), ("depot", "HD"), ("  ge ", "GE"),
        ("procter gamble", "PG"), ("united health", "UNH"),
    ],
)  # fmt: skip
def test_a_search_finds_by_symbol_by_name_and_by_close_spelling(text: str, first: str) -> None:
    assert found(text)[0] == first


def test_what_a_search_finds_comes_in_order() -> None:
    assert found("p")[:3] == ["PG", "PEP", "PFE"]  # symbols that begin with it, short ones first; then words of names
    assert found("zzzzzz") == [] and found("&&") == []
    assert found("") == list(of().table()["symbol"])


def test_a_search_is_narrowed_by_exchange_sector_and_class() -> None:
    assert found("", exchange="XNAS") == ["AAPL", "AMD", "MSFT", "PEP"]
    assert found("", sector="energy") == ["CVX", "RRC", "XOM"]
    assert found("p", sector="Energy", asset_class="equity") == ["CVX", "RRC", "XOM"]  # "Corporation" … "Chevron Corp…"
    assert found("", asset_class="index") == ["SP500"]
    assert list(of().search(exchange=["XNAS"], sector=["Consumer Staples", "Energy"])["symbol"]) == ["PEP"]
    with pytest.raises(InputError, match=r"sample lists no sector \['Tech'\]; there is: Consumer Discretionary, "):
        of().search(sector="Tech")


# Apple's, Coca-Cola's and IBM's annual reports (Form 10-K) for 2022 and 2012; GICS of S&P as of then.
@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("sample", ("AAPL", "Apple Inc.", "XNAS", "Information Technology", "equity", "USD")),
        ("sample", ("KO", "The Coca-Cola Company", "XNYS", "Consumer Staples", "equity", "USD")),
        ("sample", ("SP500", "S&P 500", "", "", "index", "USD")),
        ("sample:ohlcv", ("FB", "Facebook, Inc.", "XNAS", "Information Technology", "equity", "USD")),
        ("sample:unadjusted", ("IBM", "International Business Machines Corporation", "XNYS", "Information Technology",
                               "equity", "USD")),
        ("sample:indices", ("NASDAQ", "NASDAQ Composite", "", "", "index", "USD")),
        ("synthetic:symbols=2", ("SYN0002", "Synthetic 0002", "XNYS", "Sector 2", "equity", "USD")),
        ("synthetic:symbols=1,calendar=XNSE,currency=INR", ("SYN0001", "Synthetic 0001", "XNSE", "Sector 1", "equity",
                                                             "INR")),
    ],
)  # fmt: skip
def test_the_shipped_symbols_have_names_and_sectors(source: str, row: tuple[str, ...]) -> None:
    table = of(source).table()
    assert list(table.columns) == ["symbol", "name", "exchange", "sector", "asset_class", "currency"]
    assert row in list(table.itertuples(index=False, name=None))
    assert set(of(source)) <= set(table["symbol"]) and table["name"].ne("").all()


def test_listings_agree_with_the_instruments_of_the_bars() -> None:
    for name in ("sample", "sample:ohlcv", "synthetic:symbols=2,years=1,calendar=24-7,kind=crypto"):
        source = sources.get(name)
        table = of(name).table().set_index("symbol")
        for symbol, what in source.fetch(source.symbols()).instruments.items():
            told = table.loc[symbol]
            assert told["asset_class"] == what.asset_class and told["currency"] == what.currency
            assert told["exchange"] in (what.venue, "") and (told["exchange"] or what.asset_class == "index")


def test_a_list_without_history_says_so_and_does_not_invent_one() -> None:
    universe = of("sample")
    assert universe.survivors and "this list has no membership history: it is today's list" in repr(universe)
    assert universe.table().attrs["caption"] == universe.note == universe.search("apple").attrs["caption"]
    with pytest.raises(DataError, match=r"no membership history: it is today's list.*2015-01-02.*members\.csv"):
        universe.members("2015-01-02")


class Coins:
    """A vendor that lists more than it has given."""

    name, adjusted, frequencies = "coins", False, ("1d",)
    asked = 0

    def symbols(self) -> tuple[str, ...]:
        return ()

    def universe(self) -> tuple[str, ...]:
        return ()

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> None: ...

    def history(self, symbols: Sequence[str], frequency: str = "1d", progress: object = None) -> None: ...

    def listings(self) -> pd.DataFrame:
        self.asked += 1
        return pd.DataFrame({"symbol": ["btc", "eth"], "name": ["Bitcoin", "Ether"]})


def test_a_vendor_s_universe_is_what_it_gave_and_its_search_what_it_lists() -> None:
    vendor = Coins()
    universe = of(vendor, given=lambda _: {"btc": Instrument("btc"), "old": Instrument("old", currency="EUR")})  # type: ignore[arg-type]
    assert tuple(universe) == ("btc", "old") and vendor.asked == 0  # the network is not asked for a tuple
    assert list(universe.search("ether")["symbol"]) == ["eth"]
    assert list(universe.table()["symbol"]) == ["btc", "eth", "old"] and vendor.asked == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=8), max_size=12), st.text(max_size=6))
def test_any_text_can_be_searched_for(words: list[str], text: str) -> None:
    listing = completed(pd.DataFrame({"symbol": [f"S{i}" for i in range(len(words))], "name": words}))
    universe = Universe(listing["symbol"], "made", lambda: listing)
    places = [universe.index(s) for s in universe.search(text)["symbol"]]
    assert len(set(places)) == len(places)
    exact = [i for i, s in enumerate(universe) if s.casefold() == text.strip().casefold()]
    assert places[: len(exact)] == exact


def test_one_of_ten_thousand_names_is_found_misspelled_too() -> None:
    random = np.random.default_rng(3)
    words = ["".join(letters) for letters in random.choice(list("abcdefghij"), (3000, 6))]
    drawn = [" ".join(three) for three in random.choice(words, (10_000, 3))]
    listing = completed(pd.DataFrame({"symbol": [f"S{i:05d}" for i in range(10_000)], "name": drawn}))
    universe = Universe(listing["symbol"], "made", lambda: listing)
    assert "S00077" in list(universe.search(drawn[77].split()[1])["symbol"])
    misspelled = drawn[77].replace(drawn[77][2], "", 1)
    assert "S00077" in list(universe.search(misspelled)["symbol"])


# ---- lists of one's own --------------------------------------------------------------------------------------------
def test_a_file_in_aura_home_is_a_universe_by_its_name(home: Path) -> None:
    (home / "banks.csv").write_text(
        'symbol,Name,sector,mine\nBAC,"Bank of America, N.A.",Financials,x\n\nJPM,Chase,,\n'
    )
    universe = data.universe("banks")
    assert universe == ("BAC", "JPM") and names() == ("banks",) and universe.survivors
    assert list(universe.table()["name"]) == ["Bank of America, N.A.", "Chase"]
    assert list(universe.search("chase")["symbol"]) == ["JPM"]


def test_an_unknown_universe_is_refused_with_the_lists_there_are(home: Path) -> None:
    (home / "banks.csv").write_text("symbol\nBAC\n")
    with pytest.raises(InputError, match=r"no data source 'bonks'.*Lists of your own \(AURA_HOME/universes\): banks"):
        data.universe("bonks")
    (home / "sample.csv").write_text("symbol\nBAC\n")
    with pytest.raises(InputError, match="has the name of a data source"):
        data.universe("sample")


def test_members_are_those_of_the_day(home: Path) -> None:
    # S&P Dow Jones Indices: Tesla joined the S&P 500 on 21 December 2020 in place of Apartment Investment (AIV),
    # Arch Capital (ACGL) on 1 November 2022 in place of Twitter
    (home / "some.members.csv").write_text(
        HEADER + "AIV,2003-03-14,2020-12-20\nTSLA,2020-12-21,\nTWTR,2018-06-07,2022-10-31\nACGL,2022-11-01,\n"
    )
    universe = data.universe("some")
    assert universe.members("2020-12-18") == ("AIV", "TWTR")
    assert universe.members(date(2020, 12, 21)) == ("TSLA", "TWTR")
    assert universe.members(Calendar.of("XNYS").moment("2022-10-31")) == ("TSLA", "TWTR")
    assert universe.members("2022-11-01") == ("ACGL", "TSLA") == universe and not universe.survivors
    assert universe.note == "" and "history" not in repr(universe)
    assert set(universe.table()["symbol"]) == {"AIV", "TSLA", "TWTR", "ACGL"}  # those who left can be looked up
    with pytest.raises(DataError, match="who was in it is known from 2003-03-14 on, not on 2003-03-13"):
        universe.members("2003-03-13")


def test_one_who_comes_back_is_a_member_twice(home: Path) -> None:
    (home / "one.csv").write_text(
        "symbol,from,to,name\nA,2001-01-01,2002-01-01,Alpha\nA,2003-01-01,,Alpha\nB,2000-01-01,,Beta\n"
    )
    universe = data.universe("one")
    assert [universe.members(f"{year}-06-01") for year in (2001, 2002, 2003)] == [("A", "B"), ("B",), ("A", "B")]
    assert list(universe.table()["name"]) == ["Alpha", "Beta"]


@settings(max_examples=60, deadline=None)
@given(
    spans=st.lists(
        st.tuples(st.sampled_from("ABC"), st.integers(0, 40), st.none() | st.integers(0, 20)), min_size=1, max_size=6
    ),
    asked=st.integers(0, 60),
)
def test_members_are_those_of_a_slow_loop(spans: list[tuple[str, int, int | None]], asked: int) -> None:
    zero, day = date(2020, 1, 1).toordinal(), date.fromordinal(date(2020, 1, 1).toordinal() + asked).isoformat()
    on: list[tuple[str, int]] = []  # who on which day
    told = []
    for symbol, begin, length in spans:
        last = 999 if length is None else begin + length
        on += [(symbol, number) for number in range(begin, last + 1)]
        end = "" if length is None else date.fromordinal(zero + last).isoformat()
        row = {"symbol": symbol, "from": date.fromordinal(zero + begin).isoformat(), "to": end}
        told.append(Row("x", len(told) + 2, row))
    if len(set(on)) < len(on):  # somebody twice on one day
        with pytest.raises(DataError, match="is a member from"):
            history(told, "x")
        return
    table = history(told, "x")
    if asked < min(begin for _, begin, _ in spans):
        with pytest.raises(DataError, match="is known from"):
            members(table, day, "x")
        return
    assert members(table, day, "x") == tuple(sorted(symbol for symbol, number in on if number == asked))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEADER + "A,2001-01-01,2000-01-01\n", r"x\.members\.csv, line 2: A is a member from 2001-01-01 to 2000-01-01"),
        (HEADER + "A,2001-13-01,\n", r"line 2: from='2001-13-01' is no day"),
        (HEADER + "A,01/02/2001,\n", r"line 2: from='01/02/2001' is no day such as 2015-06-30"),
        (HEADER + "A,,\n", "line 2: A has no `from`"),
        (HEADER + "\nA,2001-01-01,2002-01-01\nB,2001-01-01,\nA,2002-01-01,\n", "line 5: A .* line 3 up to 2002-01-01"),
        (HEADER + "A,2001-01-01,\nA,2005-01-01,\n", "line 3: A is a member from 2005-01-01 on, and in line 2 "),
        (HEADER + ",2001-01-01,\n", "line 2: a row without a symbol"),
        (HEADER, "has no row"),
        ("symbol,since\nA,2001-01-01\n", r"needs a column from, to; its first line has: symbol, since"),
        ("", "needs a column symbol, from, to"),
        ("symbol,from,to,to\n", "names a column twice"),
        (HEADER + "A,2001-01-01,,x\n", "line 2: more cells than columns"),
    ],
)  # fmt: skip
def test_a_damaged_membership_is_refused_with_its_line(home: Path, text: str, told: str) -> None:
    (home / "x.members.csv").write_text(text)
    with pytest.raises(DataError, match=told):
        data.universe("x")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"symbol,asset_class\nA,share\n", r"x\.csv, line 2: asset_class='share' is none of equity, etf"),
        (b"symbol\nA\nA\n", "line 3: A is in line 2 already"),
        (b"ticker\nA\n", "needs a column symbol; its first line has: ticker"),
        (b"symbol\n", "lists no symbol"),
        (b"symbol,name\nA,\xff\n", "cannot be read"),
    ],
)
def test_a_damaged_list_is_refused_with_its_line(home: Path, content: bytes, told: str) -> None:
    (home / "x.csv").write_bytes(content)
    with pytest.raises(DataError, match=told):
        data.universe("x")


def test_a_name_cannot_lead_out_of_the_folder(home: Path) -> None:
    (home.parent / "secret.csv").write_text("symbol\nA\n")
    with pytest.raises(AuraError):
        data.universe("../secret")
    assert not names(Settings.load())
