"""What research only warns of, a job that trades refuses; and how that is said."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aura_lib.core import Bars, DataError, InputError, decode, encode
from aura_lib.data import quality
from tests.data.test_quality_checks import CLOSES, FIRST, market, scaled


def bars(row: int = 295) -> Bars:
    """Bars of 300 sessions with a jump of −40 % in B."""
    return Bars(scaled(market(), row, 0.6), "test")


def test_research_warns_of_what_live_refuses() -> None:
    report = quality.check(bars())
    with pytest.warns(UserWarning, match="jump B: close moved by -"):
        quality.LEVELS["research"].enforce(report)
    with pytest.warns(UserWarning, match="jump B"):
        quality.LEVELS["paper"].enforce(report)
    with pytest.raises(
        DataError, match=r"refused by the live policy, 1 finding\(s\): jump B: .* quality: \{jump: warn"
    ):
        quality.LEVELS["live"].enforce(report)


def test_each_level_refuses_what_the_one_before_it_does_and_more() -> None:
    refused = [
        {check for check, action in quality.LEVELS[name].actions.items() if action == "refuse"}
        for name in ("research", "paper", "live")
    ]
    assert refused[0] < refused[1] < refused[2]
    assert set(quality.CHECKS) < set(quality.LEVELS["live"].actions)


def test_only_the_last_bars_of_a_job_count() -> None:
    live = quality.LEVELS["live"]
    assert live.recent == 20
    with pytest.raises(DataError, match="jump B"):
        quality.judge(bars(281), live)
    assert quality.judge(bars(279), live).findings == ()


def test_a_jump_in_the_last_bars_is_held_against_the_years_before() -> None:
    """Twenty bars alone would call it usual."""
    with pytest.raises(DataError, match="jump B"):
        quality.judge(Bars(scaled(scaled(market(), 290, 0.6), 295, 0.6), "test"), quality.LEVELS["live"])


def test_a_last_bar_that_is_missing_or_was_set_aside_is_refused(tmp_path: Path) -> None:
    given = {name: frame.copy() for name, frame in market().items()}
    given["close"].iloc[-1, 1] = -1.0
    admitted = quality.admit(given, source="test")
    admitted.quarantine.keep(tmp_path)
    with pytest.raises(DataError, match=r"quarantine B: 1 row\(s\) were set aside.*missing last bar B: no price at"):
        quality.judge(admitted.bars, quality.LEVELS["paper"], home=tmp_path)
    assert quality.judge(admitted.bars.select(["A"]), quality.LEVELS["paper"], home=tmp_path).findings == ()
    gone = Bars({n: f.assign(B=f["B"].where(np.arange(300) < 200)) for n, f in market().items()}, "test")
    assert quality.judge(gone, quality.LEVELS["live"]).findings == (), "delisted long ago"


def test_a_stale_run_that_goes_on_is_refused_however_long_ago_it_began() -> None:
    close = market()["close"].copy()
    close.iloc[270:, 1] = close.iloc[270, 1]
    with pytest.raises(DataError, match=r"stale B: 20 from .* 30 identical closes"):
        quality.judge(Bars({"close": close}, "test"), quality.LEVELS["paper"])


def test_a_refusal_tells_everything_in_its_first_line() -> None:
    with pytest.raises(DataError) as told:
        quality.judge(bars(), quality.LEVELS["live"])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "mode", "name", "checked"),
    [
        (None, "live", "live", {"jump": "refuse"}),
        ("research", "live", "research", {"jump": "warn"}),
        ({"jump": "warn"}, "live", "live with changes", {"jump": "warn", "stale": "refuse"}),
        ({"missing_last_bar": "warn", "level": "paper"}, "live", "paper with changes", {"missing last bar": "warn"}),
        ({"recent": 5}, "paper", "paper", {"stale": "refuse"}),
    ],
)
def test_a_job_names_a_level_or_changes_single_checks(
    given: Any, mode: str, name: str, checked: dict[str, str]
) -> None:
    policy = quality.Policy.of(given, mode)
    assert policy.name == name and checked.items() <= dict(policy.actions).items()
    assert policy.recent == (5 if isinstance(given, dict) and "recent" in given else policy.recent)
    assert decode(quality.Policy, encode(policy)) == policy, "it reaches the kernel as it is"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("livee", "unknown level 'livee'; did you mean 'live'"),
        ({"jmup": "warn"}, "unknown check 'jmup'; did you mean 'jump'"),
        ({"jump": "refused"}, "unknown action 'refused'; did you mean 'refuse'"),
        ({"recent": 0}, "recent must be a whole number of bars from 1"),
        ({"recent": True}, "recent must be"),
        ({"level": "lenient"}, "unknown level 'lenient'; there is: research, paper, live"),
        (["jump"], "must be a level .* or a mapping"),
    ],
)
def test_a_policy_that_nobody_meant_is_refused_by_name(given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        quality.Policy.of(given)


def test_what_is_ignored_is_not_told() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quality.Policy.of({"jump": "ignore"}).enforce(quality.check(bars()))


def test_the_first_of_the_last_bars_is_among_them() -> None:
    report = quality.recent(bars(280), 20)
    assert [f.first for f in report.findings] == [CLOSES[FIRST + 280]]
