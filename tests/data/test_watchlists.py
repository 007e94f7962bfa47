"""Watchlists: kept whole, whoever writes at the same time, and never under a name that is no file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aura_lib.core import DataError, InputError, Settings
from aura_lib.data import watchlists


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AURA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_watchlist_comes_back_in_its_order_with_the_source_of_each() -> None:
    assert watchlists.names() == ()
    watchlists.save("US tech", ["MSFT", "AAPL", ("bitcoin", "coingecko")])
    assert watchlists.get("US tech") == (("MSFT", "sample"), ("AAPL", "sample"), ("bitcoin", "coingecko"))
    watchlists.save("Überblick", ["RELIANCE.NS", "^NSEI"], source="yfinance")
    assert watchlists.names() == ("US tech", "Überblick")
    assert [item.symbol for item in watchlists.get("Überblick")] == ["RELIANCE.NS", "^NSEI"]


def test_a_symbol_of_two_sources_is_two_lines_and_a_name_with_options_is_kept() -> None:
    pairs = [("AAPL", "sample"), ("AAPL", "sample:ohlcv"), ("SYN0001", "synthetic:seed=7,years=20")]
    watchlists.save("both", pairs)
    assert list(watchlists.get("both")) == pairs


def test_a_watchlist_is_replaced_emptied_and_forgotten() -> None:
    watchlists.save("mine", ["AAPL"])
    watchlists.save("mine", [])
    assert watchlists.get("mine") == ()
    watchlists.delete("mine")
    assert watchlists.names() == ()
    for gone in (watchlists.get, watchlists.delete):
        with pytest.raises(InputError, match="no watchlist 'mine': there is: none yet"):
            gone("mine")
    watchlists.save("Mine", ["AAPL"])
    with pytest.raises(InputError, match="did you mean 'Mine'"):
        watchlists.get("mine")


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "../x", "a/b", "a\\b", ".hidden", "x ", " x", "a\nb", "x\0", "x" * 65, None]
)
def test_a_name_that_is_no_file_is_refused(name: Any, home: Path) -> None:
    for use in (lambda: watchlists.save(name, ["AAPL"]), lambda: watchlists.get(name), lambda: watchlists.delete(name)):
        with pytest.raises(InputError, match="cannot name a watchlist"):
            use()
    assert not home.exists()


@pytest.mark.parametrize(
    ("symbols", "told"),
    [
        ("AAPL", "must be a list"),
        (["AAPL", "AAPL"], "AAPL: on the list twice"),
        ([""], "no symbol with its source"),
        ([" AAPL"], "no symbol with its source"),
        (["A\nB"], "no symbol with its source"),
        ([("AAPL", "")], "no symbol with its source"),
        ([("AAPL", 5)], "no symbol with its source"),
    ],
)
def test_what_is_no_symbol_is_refused_and_the_old_list_stays(symbols: Any, told: str) -> None:
    watchlists.save("mine", ["KO"])
    with pytest.raises(InputError, match=told):
        watchlists.save("mine", symbols)
    assert watchlists.get("mine") == (("KO", "sample"),)


def test_a_damaged_file_is_named(home: Path) -> None:
    watchlists.save("mine", ["KO"])
    (home / "watchlists" / "mine.csv").write_text("symbol,source\nKO,\n")
    with pytest.raises(DataError, match=r"mine\.csv has a line without a symbol or a source"):
        watchlists.get("mine")


def test_readers_see_one_whole_list_while_many_write(home: Path) -> None:
    lists = [[f"S{n}_{i}" for i in range(50 + n)] for n in range(8)]
    watchlists.save("mine", lists[0])

    def write(symbols: Iterable[str]) -> None:
        for _ in range(10):
            watchlists.save("mine", symbols)

    with ThreadPoolExecutor(9) as pool:
        writing = [pool.submit(write, symbols) for symbols in lists]
        while not all(one.done() for one in writing):
            assert [item.symbol for item in watchlists.get("mine")] in lists
        for one in writing:
            one.result()
    assert [path.name for path in (home / "watchlists").iterdir()] == ["mine.csv"]  # no drafts are left


def test_a_writer_that_is_killed_leaves_the_old_list(home: Path) -> None:
    watchlists.save("mine", ["KO"])
    killed = (
        "import os; from aura_lib.data import watchlists\n"
        "os.replace = lambda *_: os._exit(9)\n"  # dies at the last step
        "watchlists.save('mine', ['AAPL'])"
    )
    assert subprocess.run([sys.executable, "-c", killed], check=False, cwd=Path(__file__).parents[2]).returncode == 9
    assert watchlists.get("mine") == (("KO", "sample"),) and watchlists.names() == ("mine",)


@pytest.mark.parametrize("item", [("AAPL", "sample", "third"), ("AAPL",), 7, None])
def test_what_is_neither_a_symbol_nor_a_pair_is_refused(item: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no symbol: give texts, or pairs"):
        watchlists.save("mine", [item], settings=Settings(tmp_path, ""))  # type: ignore[list-item]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "watchlists").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        watchlists.save("mine", ["AAPL"], settings=Settings(tmp_path, ""))
