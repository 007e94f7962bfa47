"""`aura.run` called by hand: what it refuses, and what an interactive kernel may and may not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aura_lib.backtest import Backtest
from aura_lib.core import AuraError, Bars, DataError, InputError, Mandate, PermissionDenied, TargetWeights
from aura_lib.jobs.run import run
from aura_lib.ledger import SYSTEM, Ledger
from aura_lib.strategies import momentum
from aura_lib.testing import sample_bars

MONTHLY = "XNYS month-end close"


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Bars:
    return sample_bars(tmp_path_factory.mktemp("home")).select(["AAPL", "KO", "XOM"])


def equal(market: Any, account: Any, mandate: Mandate, share: float = 0.3) -> TargetWeights:
    return TargetWeights(dict.fromkeys(mandate.universe, share), market.as_of)


def call(bars: Bars, **changes: Any) -> Any:
    given = {
        "decide": equal, "bars": bars, "mandate": Mandate(("AAPL", "KO", "XOM")), "schedule": MONTHLY,
        "as_of": "1991-12-31", **changes,
    }  # fmt: skip
    return run(given.pop("decide"), given.pop("bars"), given.pop("mandate"), **given)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"mode": "moon"}, InputError, r"mode='moon' does not exist: use research, paper or live"),
        ({"decide": "momentum"}, InputError, "decide must be a function"),
        ({"mandate": {"universe": "AAPL"}}, InputError, "takes Bars and a Mandate"),
        ({"schedule": "when the moon is full"}, InputError, "is no schedule"),
        ({"as_of": "1991-12-25"}, InputError, "no XNYS session"),
        ({"as_of": "1989-12-29"}, AuraError, "empty"),
        ({"params": {"shore": 0.3}}, InputError, "shore"),
        ({"params": {"share": 0.5}}, InputError, "sum to 1.5"),
        ({"params": {"share": float("nan")}}, InputError, "finite"),
        ({"mandate": Mandate(("AAPL", "ZZZ"))}, InputError, "ZZZ"),
        ({"decide": momentum.decide, "params": {"lookback": 9000}}, AuraError, "9000|9001"),
        ({"warmup": 9999}, InputError, "warmup=9999"),
        ({"mode": "paper"}, PermissionDenied, "no run token"),
        ({"mode": "live"}, PermissionDenied, "AURA_ALLOW_LIVE=1"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(
    bars: Bars, aura_home: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(bars, **changes)


def test_research_by_hand_counts_a_trial_once_and_leaves_no_evidence(bars: Bars, aura_home: Path) -> None:
    first, second = call(bars), call(bars)
    call(bars, params={"share": 0.2})
    assert isinstance(first, Backtest) and (first.equity == second.equity).all()
    with Ledger.open() as ledger:
        trials = ledger.journal.entries(SYSTEM, kinds=("trial",))
        assert [t.body["interactive"] for t in trials] == [True, True]
        assert ledger.evidence() == []


def test_nothing_after_as_of_is_looked_at(bars: Bars, aura_home: Path) -> None:
    early = call(bars, as_of="1991-06-28")
    late = call(bars, as_of="1991-12-31")
    assert early.bars.end < late.bars.end
    shared = early.equity.index
    assert (late.equity.loc[shared] == early.equity).all()


def test_live_stays_closed_even_when_it_is_allowed(
    bars: Bars, aura_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURA_ALLOW_LIVE", "1")
    with pytest.raises(PermissionDenied, match="no run token"):
        call(bars, mode="live")


def test_a_holding_or_target_without_a_price_is_named(bars: Bars, aura_home: Path) -> None:
    close = bars.close.copy()
    close.loc["1991-03-01":, "KO"] = float("nan")
    gone = Bars({"close": close}, "test", instruments=bars.instruments)
    with pytest.raises(DataError, match="KO"):
        call(gone)
