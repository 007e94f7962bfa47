"""A vendor is asked for what is missing, what it changes is told, and what was known at a moment stays known."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aura_lib import data
from aura_lib.core import Bars, Calendar, DataError, InputError, Instrument, Settings, WallClock, utc
from aura_lib.data.answering import answering
from aura_lib.data.store import Version
from aura_lib.data.vendor import History

CALENDAR = Calendar.of("XNYS")
CLOSES = CALENDAR.closes_between(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 3, 29, 23, tzinfo=UTC))


@dataclass
class Told:
    """A vendor of which a test says what it knows. It remembers what it was asked."""

    closes: dict[str, dict[pd.Timestamp, float]]
    actions: list[tuple[pd.Timestamp, str, float, float]] = field(default_factory=list)
    asked: list[tuple[tuple[str, ...], datetime | None]] = field(default_factory=list)
    name: str = "told"
    adjusted: bool = True
    frequencies: tuple[str, ...] = ("1d",)

    def symbols(self) -> tuple[str, ...]:
        return ()

    def universe(self) -> tuple[str, ...]:
        return ()

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> Bars:
        return self.history(symbols, frequency).adjusted

    def history(
        self,
        symbols: Sequence[str],
        frequency: str = "1d",
        progress: Callable[[int, int], None] | None = None,
        *,
        start: datetime | None = None,
    ) -> History:
        self.asked.append((tuple(symbols), start))
        unknown = [s for s in symbols if s not in self.closes]
        if unknown:
            raise InputError(f"told has no {unknown}")
        now = pd.Timestamp(WallClock().now())
        first = 0 if start is None else CLOSES.searchsorted(pd.Timestamp(start))
        times = CLOSES[first : CLOSES.searchsorted(now, side="right")]
        close = pd.DataFrame({s: [self.closes[s].get(t, np.nan) for t in times] for s in symbols}, times)
        some = [row for row in self.actions if row[1] in symbols and times[0] <= row[0] <= now]
        actions = pd.DataFrame(some, columns=["time", "symbol", "dividend", "split"]).astype({"time": CLOSES.dtype})
        if progress:
            progress(len(symbols), len(symbols))
        instruments = {s: Instrument(s) for s in symbols}
        return History(Bars({"close": close}, self.name, adjustment="", instruments=instruments), actions, ())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, "")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[object], datetime]:
    """Set the clock of this machine, ten minutes after the close of a session of 2024 by its number."""

    def turn(session: object) -> datetime:
        moment = utc(CLOSES[session]) + timedelta(minutes=10) if isinstance(session, int) else utc(session)
        monkeypatch.setattr(WallClock, "now", lambda _: moment)
        return moment

    return turn


def vendor(seed: int = 1, symbols: tuple[str, ...] = ("A", "B")) -> Told:
    rng = np.random.default_rng(seed)
    return Told(
        {s: dict(zip(CLOSES, 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(CLOSES)))), strict=True)) for s in symbols}
    )


def test_a_refresh_asks_for_what_is_missing_and_five_sessions_again(
    settings: Settings, at: Callable[[object], datetime]
) -> None:
    source = vendor()
    at(20)
    first = data.load(["A", "B"], source=source, settings=settings)
    assert source.asked == [(("A", "B"), None)]
    assert first.end == CLOSES[20]
    at(30)
    assert data.load(["A"], source=source, settings=settings).end == CLOSES[20]  # the store answers until it is asked
    data.fetch(source, settings=settings)
    assert source.asked[1:] == [(("A", "B"), utc(CLOSES[16]))]
    after = data.load(["B", "A"], source=source, settings=settings)
    assert after.symbols == ("B", "A")
    pd.testing.assert_frame_equal(after.close, source.fetch(["B", "A"]).close, check_freq=False)
    data.fetch(source, settings=settings)  # all is there: nothing is asked
    assert len(source.asked) == 3


def test_a_symbol_that_came_later_gets_its_whole_history(settings: Settings, at: Callable[[object], datetime]) -> None:
    source = vendor()
    at(20)
    data.fetch(source, symbols=["A"], settings=settings)
    at(25)
    bars = data.load(["A", "B"], source=source, settings=settings)
    assert source.asked[1:] == [(("A",), utc(CLOSES[16])), (("B",), None)]
    pd.testing.assert_frame_equal(bars.close, source.fetch(["A", "B"]).close, check_freq=False)


def test_a_symbol_that_was_not_asked_for_lately_does_not_look_as_if_it_had_stopped_trading(
    settings: Settings, at: Callable[[object], datetime]
) -> None:
    source = vendor()
    at(20)
    data.fetch(source, symbols=["A", "B"], settings=settings)
    at(25)
    data.fetch(source, symbols=["A"], settings=settings)
    assert data.load(["A"], source=source, settings=settings).end == CLOSES[25]
    assert data.load(["A", "B"], source=source, settings=settings).end == CLOSES[20]
    with pytest.raises(DataError, match="as_of=2024-02-05 asks for"):
        data.load(["B"], source=source, as_of="2024-02-05", settings=settings)


def test_a_changed_close_is_told_and_both_versions_stay(settings: Settings, at: Callable[[object], datetime]) -> None:
    source = vendor()
    at(20)
    before = data.load(["A"], source=source, settings=settings)
    source.closes["A"][CLOSES[19]] *= 1.01
    at(21)
    with pytest.warns(UserWarning, match=f"changed 1 value.*aura data diff {before.snapshot}"):
        data.fetch(source, settings=settings)
    after = data.load(["A"], source=source, settings=settings)
    assert after.close["A"].iloc[19] == pytest.approx(before.close["A"].iloc[19] * 1.01)
    again = data.load(["A"], source=source, snapshot=before.snapshot, settings=settings)
    pd.testing.assert_frame_equal(again.close, before.close, check_exact=True)
    assert (again.snapshot, again.adjustment) == (before.snapshot, "splits and dividends")


def test_what_a_run_saw_at_its_slot_it_sees_a_year_later(settings: Settings, at: Callable[[object], datetime]) -> None:
    source = vendor()
    at(20)
    slot = CLOSES[20].to_pydatetime()
    seen = data.load(["A"], source=source, as_of=slot, settings=settings)
    source.closes["A"] = {
        time: price * (1.02 if time <= CLOSES[25] else 1) for time, price in source.closes["A"].items()
    }
    source.actions.append((CLOSES[18], "A", 0.0, 2.0))  # a split that is told late
    at(40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.fetch(source, full=True, settings=settings)
    year = data.load(["A"], source=source, as_of=slot, settings=settings)
    assert year.snapshot == seen.snapshot
    pd.testing.assert_frame_equal(year.close, seen.close, check_exact=True)
    now = data.load(["A"], source=source, end="2024-01-31", settings=settings)
    assert now.snapshot != seen.snapshot
    assert now.close["A"].iloc[17] == pytest.approx(seen.close["A"].iloc[17] * 1.02 / 2)


def test_a_dividend_that_came_later_does_not_move_prices_as_they_were_known(
    settings: Settings, at: Callable[[object], datetime]
) -> None:
    source = vendor()
    source.actions.append((CLOSES[30], "A", 1.5, 0.0))
    at(40)
    all_of_it = data.load(["A"], source=source, settings=settings).close["A"]
    then = data.load(["A"], source=source, as_of=CLOSES[29].to_pydatetime(), settings=settings).close["A"]
    raw = data.load(["A"], source=source, adjusted=False, settings=settings)
    assert raw.adjustment == ""
    pd.testing.assert_series_equal(then, raw.close["A"].iloc[:30], check_freq=False)
    kept = 1 - 1.5 / raw.close["A"].iloc[29]
    np.testing.assert_allclose(all_of_it.iloc[:30], raw.close["A"].iloc[:30] * kept)
    np.testing.assert_array_equal(all_of_it.iloc[30:], raw.close["A"].iloc[30:])


def test_known_gives_the_version_of_a_moment(settings: Settings, at: Callable[[object], datetime]) -> None:
    source = vendor()
    one = at(20)
    first = data.fetch(source, symbols=["A"], settings=settings)
    at(25)
    second = data.fetch(source, settings=settings)
    assert data.load(["A"], source=source, known=one, settings=settings).snapshot == first
    assert data.load(["A"], source=source, known=CLOSES[27].to_pydatetime(), settings=settings).snapshot == second
    with pytest.raises(
        InputError, match="nothing of told was recorded by then; the first version is of 2024-01-31T21:10"
    ):
        data.load(["A"], source=source, known=CLOSES[3].to_pydatetime(), settings=settings)


def test_weeks_are_made_of_days(settings: Settings, at: Callable[[object], datetime]) -> None:
    source = vendor()
    at(40)
    weeks = data.load(["A"], source=source, frequency="1w", settings=settings)
    days = data.load(["A"], source=source, settings=settings)
    assert (weeks.frequency, weeks.snapshot) == ("1w", days.snapshot)
    assert weeks.close["A"].iloc[0] == days.close["A"].loc["2024-01-05"].item()
    with pytest.raises(InputError, match=r"holds told 1d, not told 1m"):
        data.load(["A"], source=source, frequency="1m", settings=settings, snapshot=days.snapshot)


def test_progress_counts_all_symbols_over_all_questions(settings: Settings, at: Callable[[object], datetime]) -> None:
    source, told = vendor(symbols=("A", "B", "C")), list[tuple[int, int]]()
    at(20)
    data.fetch(source, symbols=["A"], settings=settings)
    at(21)
    data.fetch(
        source, symbols=["A", "B", "C"], settings=settings, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 3), (3, 3)]


def test_an_address_of_no_store_is_refused_without_what_may_be_a_password(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="AURA_DATA_URL is postgress:") as refused:
        data.load(["KO"], settings=Settings(tmp_path, "", data_url="postgress://me:hunter2@host/db"))
    assert "hunter2" not in str(refused.value)


def test_the_newest_version_that_has_all_symbols_answers(settings: Settings) -> None:
    keeper = data.fetching.kept(settings)
    rows = {s: np.arange(1.0, 4.0) for s in ("A", "B")}
    both = keeper.put(Bars({"close": pd.DataFrame(rows, CLOSES[:3])}, "whole")).snapshot
    one = keeper.put(Bars({"close": pd.DataFrame({"A": rows["A"]}, CLOSES[:3])}, "whole")).snapshot
    kept = keeper.versions("whole")
    assert [answering(kept, some).snapshot for some in (["A"], ["A", "B"], [])] == [one, both, one]  # type: ignore[union-attr]
    assert answering(kept, ["C"]) is None


def test_the_newest_version_answers_without_a_look_into_the_older_ones(
    settings: Settings, at: Callable[[object], datetime]
) -> None:
    source, looked = vendor(), list[int]()
    for session in range(20, 26):
        at(session)
        data.fetch(source, symbols=["A", "B"], settings=settings)

    class Held(dict[str, object]):
        def __init__(self, version: Version) -> None:
            super().__init__(version.held)
            self.number = version.number

        def __contains__(self, symbol: object) -> bool:
            looked.append(self.number)
            return super().__contains__(symbol)

    kept = [replace(version, held=Held(version)) for version in data.fetching.kept(settings).versions("told")]
    assert [version.number for version in kept] == [1, 2, 3, 4, 5, 6]
    assert answering(kept, ["A", "B"]) is kept[-1]
    assert set(looked) == {6}
    assert answering(kept, ["A"], as_of=CLOSES[22].to_pydatetime()) is kept[2]
