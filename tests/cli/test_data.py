"""`aura data`: what it tells of the store, its exit codes, and its answers for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from aura_lib import data
from aura_lib.cli import app
from aura_lib.cli.data.words import age, size
from aura_lib.core import Bars, Calendar, Settings
from aura_lib.data import quality

CLOSES = Calendar.of("XNYS").closes
FIRST = int(CLOSES.searchsorted(pd.Timestamp("2021-01-01", tz="UTC")))


def aura(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", *arguments])


def told(*arguments: str) -> Any:
    done = aura(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def bars(rows: int = 60, source: str = "mine", scale: float = 1.0) -> Bars:
    steps = np.random.default_rng(3).normal(0, 0.01, (rows, 2))
    close = pd.DataFrame(100 * scale * np.exp(np.cumsum(steps, axis=0)), CLOSES[FIRST : FIRST + rows], ["A", "B"])
    return Bars({"close": close}, source)


def test_a_fetch_tells_what_it_became_by_place_or_by_option(aura_home: Path) -> None:
    by_place, by_option = told("fetch", "sample:indices"), told("fetch", "--source", "sample:indices")
    assert by_place == by_option | {"version": by_place["version"]}
    assert (by_place["source"], by_place["symbols"], by_place["bars"], by_place["ok"]) == (
        "sample:indices",
        2,
        5031,
        True,
    )
    assert by_place["remarks"] == [] and by_place["warnings"] == 0
    assert told("fetch")["source"] == "sample", "which is the usual one"
    shown = aura("fetch").output
    assert "snapshot" in shown and "The findings: `aura data verify sample`" in shown
    both = aura("fetch", "sample", "--source", "yfinance")
    assert both.exit_code == 2 and "two sources are named" in both.stderr


def test_the_status_has_a_row_a_series_and_reads_no_bars(aura_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told("status")["series"] == []
    assert "empty: `aura data fetch`" in aura("status").output
    data.keep(bars())
    kept = data.keep(bars(61))
    data.keep(bars(10, "another"))
    monkeypatch.setattr(data.store.Store, "get", lambda *_, **__: pytest.fail("bars were read"))
    found = told("status")
    assert found["store"] == "AURA_HOME/data" and found["bytes"] > 1000
    mine, another = found["series"]
    assert (mine["source"], mine["versions"], mine["symbols"], mine["bars"]) == ("mine", 2, 2, 122)
    assert (mine["snapshot"], mine["start"], mine["end"]) == (kept.snapshot, "2021-01-04", "2021-03-31")
    assert mine["age"].endswith(" d") and another["bars"] == 20
    assert [row["source"] for row in told("status", "sample")["series"]] == []
    shown = aura("status").output
    assert "mine" in shown and kept.snapshot in shown


def test_the_status_tells_the_quality_that_was_noted(aura_home: Path) -> None:
    report = quality.check(bars())
    keeper = data.store.at(Settings.load())
    keeper.put(bars(), notes={"quality": report.summary()})
    keeper.put(bars(20, "odd"), notes={"quality": {"errors": 1, "warnings": 2, "set_aside": 3}})
    first, second = told("status")["series"]
    assert first["quality"] == "no finding"
    assert second["quality"] == "1 error(s), 2 warning(s), 3 row(s) set aside"


def test_a_fetch_notes_the_quality_of_what_it_kept(aura_home: Path) -> None:
    told("fetch", "sample:ohlcv")
    told("fetch", "sample:indices")
    assert [row["quality"] for row in told("status")["series"]] == ["1 warning(s)", "no finding"]


def test_an_address_with_a_password_is_not_shown(aura_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_lib.cli.data import kept

    monkeypatch.setenv("AURA_DATA_URL", "postgresql://me:secret@127.0.0.1/db")
    assert kept._place(Settings.load()) == "postgresql" and kept._bytes(Settings.load()) is None


def test_what_is_stored_is_verified_series_by_series(aura_home: Path) -> None:
    assert told("verify") == {"ok": True, "damaged": [], "checked": [], "findings": []}
    data.keep(bars())
    jumped = bars(60, "odd").close.copy()
    jumped.iloc[30:, 1] *= 0.5
    odd = data.keep(Bars({"close": jumped}, "odd"))
    found = told("verify")
    assert [(row["source"], row["warnings"], row["errors"]) for row in found["checked"]] == [
        ("mine", 0, 0),
        ("odd", 1, 0),
    ]
    (jump,) = found["findings"]
    assert (jump["source"], jump["check"], jump["symbol"], jump["snapshot"]) == ("odd", "jump", "B", odd.snapshot)
    assert told("verify", "--snapshot", odd.snapshot)["findings"] == [jump]
    shown = aura("verify").output
    assert "Every file is what its name says." in shown and "unrecorded split, 2:1" in shown.replace("\n", " ")


def test_two_versions_are_told_apart_value_by_value(aura_home: Path) -> None:
    first = data.keep(bars())
    changed = bars(62).close.copy()
    changed.iloc[5, 1] *= 1.25
    second = data.keep(Bars({"close": changed}, "mine"))
    found = told("diff", first.snapshot, second.snapshot)
    assert not found["same"] and [(row["symbol"], row["added"], row["revised"]) for row in found["changes"]] == [
        ("A", 2, 0),
        ("B", 2, 1),
    ]
    (revised,) = found["revised"]
    assert (revised["symbol"], revised["field"]) == ("B", "close") and revised["change"] == pytest.approx(0.25)
    assert str(CLOSES[FIRST + 5]) == revised["time"]
    assert told("diff", first.snapshot, first.snapshot)["same"]
    shown = aura("diff", first.snapshot, second.snapshot).output
    assert "values revised: 1" in shown and "+25.0000%" in shown and "bars added: 4" in shown


def test_the_last_two_versions_of_a_file_are_compared_by_its_name(
    aura_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for price in (1240, 1250):
        Path("DAX.csv").write_text(f"date,close\n2021-12-30,1234\n2021-12-31,{price}\n")
        data.load("DAX.csv")
    (revised,) = told("diff", "DAX.csv")["revised"]
    assert (revised["symbol"], revised["old"], revised["new"]) == ("DAX", 1240, 1250)


def test_unfit_data_end_with_code_3(aura_home: Path) -> None:
    data.keep(Bars({"close": bars().close.drop(bars().times[10])}, "holes"))
    done = aura("verify", "--json")
    assert done.exit_code == 3
    found = json.loads(done.stdout)
    assert not found["ok"] and [row["check"] for row in found["findings"]] == ["missing session"]


def test_damage_ends_with_code_3_and_names_the_file(aura_home: Path) -> None:
    data.keep(bars())
    victim = next((aura_home / "data" / "parts").glob("*.parquet"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 3] ^= 255
    victim.write_bytes(bytes(content))
    done = aura("verify", "--json")
    assert done.exit_code == 3
    assert any(victim.name in line for line in json.loads(done.stdout)["damaged"])
    assert "damaged" in aura("verify").output


def test_rows_that_were_set_aside_are_in_the_verdict_and_on_the_map(aura_home: Path, tmp_path: Path) -> None:
    close = bars().close.copy()
    close.iloc[7, 0] = -1.0
    admitted = quality.admit({"close": close}, source="mine")
    admitted.quarantine.keep(aura_home)
    data.keep(admitted.bars)
    done = aura("verify", "--figure", str(tmp_path / "map.html"), "--json")
    (checked,) = json.loads(done.stdout)["checked"]
    assert (done.exit_code, checked["set_aside"]) == (0, 1)
    page = (tmp_path / "map.html").read_text("utf-8")
    assert "Quality of mine, 1d" in page and "the close is not positive (close is -1)" in page
    assert "<script src=" not in page and "<link" not in page
    missing = aura("verify", "--figure", str(tmp_path / "map.html" / "below.html"))
    assert missing.exit_code == 2 and "cannot be written" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("verify", "sample"), 2, "nothing of sample is kept: `aura data fetch sample`"),
        (("verify", "smaple"), 2, "no data source 'smaple'"),
        (("verify", "--snapshot", "0" * 24), 2, "0" * 24),
        (("status", "moon"), 2, "no data source 'moon'"),
        (("diff", "sample"), 2, "0 version(s), two are compared"),
        (("diff", "0" * 24), 2, "name the later snapshot too"),
        (("fetch", "sample", "--symbols", "AAPL"), 2, "fetched whole"),
        (("fetch", "sample", "--frequency", "1m"), 2, "1d"),
        (("sql", "select 1", "--source", "sample"), 2, "nothing of sample 1d is kept"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(
    aura_home: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = aura(*arguments)
    assert done.exit_code == code, done.output
    assert message in done.stderr.replace("\n", " ")


@pytest.mark.filterwarnings("ignore:Arrow output")
def test_a_stored_version_answers_sql(aura_home: Path) -> None:
    kept = data.keep(bars())
    query = "select symbol, count(*) as n, max(close) as top from bars group by symbol order by symbol"
    rows = told("sql", query, "--snapshot", kept.snapshot)
    top = kept.close.max()
    assert [(row["symbol"], row["n"], row["top"]) for row in rows] == [("A", 60, top["A"]), ("B", 60, top["B"])]
    assert f"{top['A']:,.6g}" in aura("sql", query, "--snapshot", kept.snapshot).output
    long = aura("sql", "select symbol, time, close from bars", "--snapshot", kept.snapshot).output
    assert "and 70 more rows: --json has all" in long


def test_quotes_of_a_source_without_live_prices_are_its_last_bars(aura_home: Path) -> None:
    aapl, fb = told("quotes", "AAPL, FB", "--source", "sample:ohlcv")
    bars = data.load(["AAPL"], source="sample:ohlcv")
    before, last = bars.close["AAPL"].iloc[-2:]
    assert (aapl["symbol"], aapl["price"], aapl["currency"]) == ("AAPL", last, "USD")
    assert aapl["change"] == pytest.approx(last / before - 1) and aapl["bid"] is None
    assert fb["symbol"] == "FB"
    shown = aura("quotes", "AAPL", "--source", "sample:ohlcv").output
    assert "AAPL" in shown and f"{last / before - 1:+.2%}" in shown
    nobody = aura("quotes", "NOPE", "--source", "sample:ohlcv")
    assert nobody.exit_code == 2 and "NOPE" in nobody.stderr and aura("quotes", ",").exit_code == 2


def test_ages_and_sizes_are_in_units_that_say_something() -> None:
    now = pd.Timestamp("2022-01-10", tz="UTC").to_pydatetime()
    ago = [now - pd.Timedelta(text).to_pytimedelta() for text in ("3d", "5h", "4min", "7s", "-1d")]
    assert [age(then, now) for then in ago] == ["3 d", "5 h", "4 min", "7 s", "0 s"]
    assert [size(n) for n in (5, 5_000, 5_000_000, 5_000_000_000)] == ["5 B", "5.0 kB", "5.0 MB", "5.0 GB"]
