"""What every source of market data must do. A new one is found here, and fails until `sources/` has its facts."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Bars, Calendar, DataError, DataSource, InputError, Quote, Quoter
from aura_lib.core.frequency import FREQUENCIES
from aura_lib.core.market_data import FIELDS
from aura_lib.data import sources
from aura_lib.data.store.port import ACTIONS
from tests.contracts.sources import Facts, Scene, Server

STUMBLES = ("429", "500", "slow", "cut", "malformed")


def told(name: str) -> Any:
    """The module with the facts of a source; None where nobody wrote it."""
    module = f"tests.contracts.sources.{name.partition(':')[0]}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None


def variants(*having: str) -> list[str]:
    """The sources, each with the variants that its facts name; of those whose class has all these methods."""
    plain = [n for n in sources.names() if all(hasattr(_module(n).Source, method) for method in having)]
    return [variant for name in plain for variant in getattr(told(name), "VARIANTS", (name,))]


def _module(name: str) -> Any:
    return importlib.import_module(f"aura_lib.data.sources.{name}")


FILES = "files"  # no module of `data.sources`, and one all the same
EVERY, VENDORS, QUOTERS = [*variants(), FILES], variants("history"), variants("quotes")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def scene(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, request: pytest.FixtureRequest
) -> Scene:
    slow = "slow" in request.node.name  # what is slow takes 2.5 s
    return Scene(name, folder, monkeypatch, rng, patience=1.0 if slow else 10.0)


@pytest.fixture
def facts(scene: Scene) -> Iterator[Facts]:
    module = told(scene.name)
    if module is None:
        pytest.fail(f"the source {scene.name} has no facts: write tests/contracts/sources/{scene.name}.py")
    with module.standing(scene) as standing:
        yield standing


@pytest.fixture
def server(facts: Facts) -> Server:
    assert facts.server, "a vendor is tested against a server on loopback"
    return facts.server


def same(left: Bars, right: Bars) -> bool:
    return left.symbols == right.symbols and all(left.fields[f].equals(right.fields[f]) for f in left.fields)


def quietly(make: Any, symbols: Any, frequency: str = "1d") -> Bars:
    """Bars without what a source says of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        bars: Bars = make().fetch(symbols, frequency)
        return bars


# ── every source ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", EVERY, indirect=True)
class TestSource:
    def test_it_is_a_source_and_knows_its_symbols(self, facts: Facts, name: str) -> None:
        source = facts.make()
        assert isinstance(source, DataSource) and isinstance(source, sources.Adapter)
        assert source.name == (facts.called or name)
        assert set(source.universe()) <= set(source.symbols())
        assert len(set(source.symbols())) == len(source.symbols())

    def test_its_module_says_what_it_is(self, facts: Facts) -> None:
        assert (sys.modules[type(facts.make()).__module__].__doc__ or "").strip()

    def test_bars_are_what_was_asked_for(self, facts: Facts, name: str) -> None:
        bars = quietly(facts.make, facts.symbols)
        assert bars.symbols == facts.symbols
        assert (bars.source, bars.frequency) == (facts.called or name, "1d")
        assert {"close"} <= set(bars.fields) <= set(FIELDS)
        for frame in bars.fields.values():
            assert (frame.dtypes == "float64").all() and frame.shape == (len(bars), len(facts.symbols))
        assert str(bars.times.dtype) == "datetime64[us, UTC]"
        assert bars.times.is_monotonic_increasing and bars.times.is_unique

    def test_days_are_stamped_with_the_close_of_their_session(self, facts: Facts) -> None:
        bars = quietly(facts.make, facts.symbols)
        sessions = Calendar.of(bars.calendar).closes_between(bars.start, bars.end)
        assert bars.times.equals(sessions)  # one without a trade is NaN, and there
        assert bars.end == facts.until
        assert bars.close.iloc[-1].notna().all()

    def test_minutes_and_hours_are_stamped_within_their_session(self, facts: Facts) -> None:
        for frequency in facts.frequencies:
            bars = quietly(facts.make, facts.symbols, frequency)
            calendar = Calendar.of(bars.calendar)
            session = calendar.closes.searchsorted(bars.times)
            assert (bars.times > calendar.opens[session]).all() and (bars.times <= calendar.closes[session]).all()
            assert bars.frequency == frequency and len(bars)

    def test_the_order_asked_for_is_the_order_given(self, facts: Facts) -> None:
        turned = facts.symbols[::-1]
        assert quietly(facts.make, turned).symbols == turned
        assert same(quietly(facts.make, turned).select(facts.symbols), quietly(facts.make, facts.symbols))

    def test_each_symbol_has_an_instrument_with_its_currency(self, facts: Facts) -> None:
        bars = quietly(facts.make, facts.symbols)
        assert {symbol: what.currency for symbol, what in bars.instruments.items()} == dict(facts.currencies)
        assert all(what.symbol == symbol and what.venue for symbol, what in bars.instruments.items())

    def test_asked_twice_it_says_the_same(self, facts: Facts) -> None:
        assert same(quietly(facts.make, facts.symbols), quietly(facts.make, facts.symbols))

    def test_an_unknown_symbol_is_refused_by_name(self, facts: Facts) -> None:
        with pytest.raises(InputError, match=facts.unknown):
            facts.make().fetch([facts.symbols[0], facts.unknown])

    @pytest.mark.parametrize("nothing", [[], ()])
    def test_no_symbols_are_refused(self, facts: Facts, nothing: Any) -> None:
        with pytest.raises(InputError, match="empty"):
            facts.make().fetch(nothing)

    def test_another_frequency_is_refused_by_name(self, facts: Facts) -> None:
        with pytest.raises(InputError, match="fortnight"):
            facts.make().fetch(facts.symbols, "fortnight")

    def test_without_its_package_it_says_how_to_get_it(self, facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
        for package in [facts.package] if facts.package else []:
            monkeypatch.setitem(sys.modules, package, None)
            with pytest.raises(DataError, match="pip install"):
                facts.make().fetch(facts.symbols)

    def test_nothing_but_its_own_warnings_comes_out(self, facts: Facts) -> None:
        quietly(facts.make, facts.symbols)  # the calendar's, when it is made
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", UserWarning)
            facts.make().fetch(facts.symbols)


# ── vendors on the network ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", VENDORS, indirect=True)
class TestVendor:
    def test_it_names_its_frequencies_keys_and_package(self, facts: Facts, name: str) -> None:
        source, module = facts.make(), _module(name)
        assert isinstance(source, sources.Vendor)
        assert set(facts.frequencies) <= set(source.frequencies) <= set(FREQUENCIES)
        assert isinstance(module.KEYS, tuple) and facts.package == module.PACKAGE

    def test_a_missing_key_is_a_sentence_that_names_it(
        self, facts: Facts, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for key in _module(name).KEYS:
            with monkeypatch.context() as patch:
                patch.delenv(key, raising=False)
                with pytest.raises(InputError, match=key):
                    facts.make().fetch(facts.symbols)

    def test_history_is_raw_bars_and_the_splits_and_dividends_of_their_symbols(self, facts: Facts) -> None:
        found = facts.make().history(facts.symbols)
        assert found.raw.adjustment == "" and found.raw.symbols == facts.symbols
        assert tuple(found.actions.columns) == ACTIONS
        assert set(found.actions["symbol"]) <= set(facts.symbols)
        assert str(found.actions["time"].dtype) == "datetime64[us, UTC]"
        assert (found.actions[["dividend", "split"]].sum(axis=1) > 0).all()
        assert not found.actions.duplicated(["time", "symbol"]).any()
        assert set(found.actions["time"]) <= set(Calendar.of(found.raw.calendar).closes)
        assert found.adjusted.adjustment == "splits and dividends"
        assert found.adjusted.close.iloc[-1].equals(found.raw.close.iloc[-1])

    def test_the_bars_are_those_it_was_made_for(self, facts: Facts) -> None:
        found = facts.make().history(facts.symbols)
        for adjusted, bars in ((True, found.adjusted), (False, found.raw)):
            assert same(quietly(lambda a=adjusted: facts.make(adjusted=a), facts.symbols), bars)

    def test_a_bar_that_has_not_closed_is_not_there(self, facts: Facts) -> None:
        for frequency in facts.frequencies:
            whole = facts.make(adjusted=False).fetch(facts.symbols, frequency)
            last, before = whole.times[-1], whole.times[-2]
            for moment, end in ((last, last), (last - timedelta(seconds=1), before)):
                assert quietly(lambda m=moment: facts.make(m.to_pydatetime()), facts.symbols, frequency).end == end

    def test_from_a_start_on_it_is_the_whole_cut(self, facts: Facts) -> None:
        for frequency in facts.frequencies:
            whole = facts.make().history(facts.symbols, frequency)
            times = whole.raw.times
            for start in (times[0], times[len(times) // 2], times[-2] + timedelta(seconds=1), times[-1]):
                found = facts.make().history(facts.symbols, frequency, start=start.to_pydatetime())
                assert same(found.raw, whole.raw.between(start, times[-1])), (frequency, start)
                expected = whole.actions[whole.actions["time"] >= start].reset_index(drop=True)
                pd.testing.assert_frame_equal(found.actions, expected)

    def test_nothing_new_is_no_bars(self, facts: Facts) -> None:
        for frequency in facts.frequencies:
            last = facts.make().history(facts.symbols, frequency).raw.end
            found = facts.make().history(facts.symbols, frequency, start=last + timedelta(seconds=1))
            assert len(found.raw) == 0 and found.raw.symbols == facts.symbols and found.actions.empty

    def test_progress_is_told_symbol_by_symbol(self, facts: Facts) -> None:
        so_far: list[tuple[int, int]] = []
        facts.make().history(facts.symbols, progress=lambda *done: so_far.append(done))
        assert so_far[-1] == (len(facts.symbols), len(facts.symbols)) and so_far == sorted(so_far)

    @pytest.mark.parametrize("fault", STUMBLES)
    def test_a_vendor_that_stumbles_is_asked_again(
        self, facts: Facts, server: Server, scene: Scene, fault: str
    ) -> None:
        expected = quietly(facts.make, facts.symbols)
        before = server.asked()
        server.fail([fault])
        assert same(quietly(facts.make, facts.symbols), expected)
        assert server.asked() - before == before + 1
        assert max(scene.waits) == (7.0 if fault == "429" else pytest.approx(0.75, abs=0.25))

    @pytest.mark.parametrize("fault", STUMBLES)
    def test_a_vendor_that_keeps_failing_is_told_in_one_sentence(
        self, facts: Facts, server: Server, name: str, fault: str
    ) -> None:
        server.fail([fault] * 3)
        sentence = rf"{name} did not give .* in 3 attempt\(s\), the last time: .+\. Try again later"
        with pytest.raises(DataError, match=sentence):
            facts.make().fetch(facts.symbols)

    def test_a_vendor_that_wants_to_be_left_alone_for_an_hour_is(self, facts: Facts, server: Server) -> None:
        server.fail(["an hour"])
        with pytest.raises(DataError, match=r"HTTP 429.* asks to wait 3600 s"):
            facts.make().fetch(facts.symbols)

    def test_no_network_is_told_in_one_sentence(self, facts: Facts, server: Server, name: str) -> None:
        server.hang_up()
        with pytest.raises(DataError, match=rf"{name} did not give .* in 3 attempt"):
            facts.make().fetch(facts.symbols)

    def test_a_symbol_without_a_single_bar_is_named(self, facts: Facts, server: Server) -> None:
        with pytest.raises(DataError, match=f"no prices of {server.silent}"):
            facts.make().fetch([server.silent])

    def test_two_at_a_time_do_not_disturb_each_other(self, facts: Facts) -> None:
        expected = [facts.make().history([symbol]).raw for symbol in facts.symbols]
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda symbol: facts.make().history([symbol]).raw, facts.symbols))
        assert all(same(*pair) for pair in zip(found, expected, strict=True))


# ── those that know what things are worth now ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", QUOTERS, indirect=True)
class TestQuoter:
    def test_it_quotes_what_it_knows_in_one_call(self, facts: Facts, server: Server, name: str) -> None:
        source = facts.make()
        assert isinstance(source, Quoter) and facts.page > 1
        (some,) = {facts.currencies[symbol] for symbol in facts.symbols[:1]}
        wanted = [symbol for symbol in facts.symbols if facts.currencies[symbol] == some]
        found = source.quotes([*wanted, facts.unknown])
        assert [quote.symbol for quote in found] == wanted and server.asked() == 1
        for quote in found:
            assert isinstance(quote, Quote) and quote.price > 0
            assert quote.time.utcoffset() == timedelta(0)
            assert (quote.currency, quote.source) == (facts.currencies[quote.symbol], name)

    @pytest.mark.parametrize("fault", STUMBLES)
    def test_it_is_asked_again_when_it_stumbles(self, facts: Facts, server: Server, fault: str) -> None:
        server.fail([fault])
        assert facts.make().quotes(facts.symbols[:1])
        assert server.asked() == 2

    def test_no_symbols_are_refused(self, facts: Facts) -> None:
        with pytest.raises(InputError, match="empty"):
            facts.make().quotes([])


# ── the suite itself ────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_source_has_facts() -> None:
    missing = [name for name in sources.names() if told(name) is None]
    assert not missing, f"write tests/contracts/sources/{missing[0]}.py"
