"""The acts that make a job live: each that is missing is a sentence of its own, wherever it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aura_lib.access import who
from aura_lib.backtest.evidence import Policy
from aura_lib.core import (
    AuraError,
    BrokerUnavailable,
    Evidence,
    Examination,
    Finding,
    InputError,
    Mode,
    NotPromoted,
    PermissionDenied,
    Promotion,
    Run,
    RunStatus,
    Settings,
    encode,
    iso,
)
from aura_lib.execution import Terms, acts, give_capital, open_account
from aura_lib.execution.brokers.rehearsal.server import Rehearsal, Server
from aura_lib.execution.gate import run_key
from aura_lib.jobs import scheduler as scheduling
from aura_lib.jobs.job import load
from aura_lib.jobs.live import due_slot, run_now
from aura_lib.jobs.preview import preview
from aura_lib.jobs.promotion import candidate, promote
from aura_lib.jobs.replay import replay
from aura_lib.jobs.runner import Runner
from aura_lib.jobs.scheduler import check
from aura_lib.ledger import SYSTEM, Ledger
from tests.jobs.at_broker import FREE, FRI, MINUTE, MON, SOURCE, job_text, open_at, sent, venue_at, write_project
from tests.jobs.test_live_faults import BINDING, THU_NIGHT, Day, Standing

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
REAL, TRY = Terms("real", Mode.LIVE, "alpaca", "wall", source=SOURCE), Terms("try", broker="alpaca", clock="wall")


CAUSAL = Finding("causality", 0.0, 0.0, False, True, "Nothing moved.", (Mode.PAPER, Mode.LIVE))


def rights(home: Path, *lines: str) -> None:
    """Who may do what, as its owner writes it."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "permissions.yaml"
    file.write_text("users:\n" + f"  {who()}:\n" + "".join(f"    - {line}\n" for line in lines))
    file.chmod(0o600)


@pytest.fixture
def all_done(aura_home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The installation allows real trading, and this user may do it."""
    monkeypatch.setenv("AURA_ALLOW_LIVE", "1")
    rights(aura_home, "{do: all, on: all}")
    return Settings.load()


# ---- as a function -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mode", "terms", "rules"),
    [
        (Mode.PAPER, Terms("paper"), []),
        (Mode.LIVE, Terms("paper"), ["mode"]),
        (Mode.PAPER, TRY, []),
        (Mode.LIVE, TRY, ["mode", "allow_live"]),
        (Mode.PAPER, REAL, ["mode", "allow_live", "permission"]),
        (Mode.LIVE, REAL, ["allow_live", "permission"]),
    ],
)
def test_what_is_missing_without_any_act(mode: Mode, terms: Terms, rules: list[str], aura_home: Path) -> None:
    settings = Settings.load()
    settings.ensure_home()
    found = acts.missing(mode, terms, who(), settings)
    assert [one.rule for one in found] == rules
    assert len({one.why for one in found}) == len(found)


def test_somebody_who_may_trade_on_paper_may_not_trade_live_nor_on_another_account(all_done: Settings) -> None:
    assert acts.missing(Mode.LIVE, REAL, who(), all_done) == ()
    rights(all_done.home, "{do: trade-paper, on: all}", "{do: trade-live, on: other}")
    (only,) = acts.missing(Mode.LIVE, REAL, who(), all_done)
    assert only.rule == "permission" and "may not `trade-live` on real" in only.why
    (only,) = acts.missing(Mode.PAPER, TRY, "eve", all_done)
    assert only.rule == "permission" and "eve may not `trade-paper` on try" in only.why


# ---- asked by the scheduler, a preview and the runner --------------------------------------------------------------
@pytest.fixture
def runner(tmp_path: Path, aura_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """A project with a live job on a live account, tested and not promoted; no kernel is started."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path, {"job": job_text("live", "real"), "other": job_text("paper", "real")})
    settings = Settings.load()
    with Ledger.open(settings) as ledger:
        open_account(ledger, REAL)
        made = Runner(settings, ledger, tmp_path)
        given = {"mode": "live", "book": "m"}
        now = candidate(tmp_path / "idea.ipynb", given, tmp_path).bound
        evidence = Evidence(
            "idea-1", now.binding, "idea.ipynb", now.parameters, now.sources, "snap", {}, datetime.now(UTC),
            Examination((CAUSAL,), "Enough.", policy=Policy.load(root=tmp_path).id),
        )  # fmt: skip
        ledger.journal.append(SYSTEM, "evidence", encode(evidence))
        yield made


def promoted(runner: Runner) -> None:
    """The runner's notebook, promoted to live as it is."""
    from aura_lib.access import Vault

    vault = Vault(runner.settings.home)
    (evidence,) = runner.ledger.evidence()
    made = Promotion(evidence.binding, Mode.LIVE, "idea.ipynb", "idea-1", who(), datetime.now(UTC), vault.public_key)
    signed = replace(made, signature=vault.sign(made.message()))
    runner.ledger.journal.append(SYSTEM, "promotion", encode(signed))


def everything(runner: Runner, monkeypatch: pytest.MonkeyPatch, but: str = "") -> None:
    """All acts but one."""
    if but != "allow_live":
        monkeypatch.setenv("AURA_ALLOW_LIVE", "1")
    rights(runner.settings.home, "{do: view, on: all}" if but == "permission" else "{do: all, on: all}")
    if but != "promotion":
        promoted(runner)
    runner.settings = Settings.load()


SENTENCES = {
    "mode": "mode is paper and account real is a live account: say `mode: live` where real money is meant",
    "allow_live": "real trading needs AURA_ALLOW_LIVE=1 in the environment, and it is not set",
    "permission": "may not `trade-live` on real",
    "promotion": "it was tested but never promoted to live: run `aura promote`",
}
ACTS = [(name, "other" if name == "mode" else "job") for name in SENTENCES]


@pytest.mark.parametrize(("act", "job"), ACTS)
def test_the_scheduler_does_not_start_without_any_of_them(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, act: str, job: str
) -> None:
    everything(runner, monkeypatch, but=act)
    with pytest.raises((PermissionDenied, NotPromoted)) as caught:
        check(runner, job)
    assert SENTENCES[act] in str(caught.value)
    assert [name for name, told in SENTENCES.items() if told in str(caught.value)] == [act]


def test_with_all_of_them_it_does(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    everything(runner, monkeypatch)
    assert check(runner, "job") == REAL


@pytest.mark.parametrize(("act", "job"), ACTS)
def test_a_preview_names_each_of_them(runner: Runner, monkeypatch: pytest.MonkeyPatch, act: str, job: str) -> None:
    everything(runner, monkeypatch, but=act)
    monkeypatch.setattr(runner, "preview", lambda *_, **__: {"intents": [], "decisions": []})
    found = preview(runner, load(job, runner.root), "2012-01-06")
    assert SENTENCES[act] in "; ".join([*found.missing, found.not_promoted])
    assert any("its orders would be refused: the session that they were for ended" in note for note in found.notes)
    assert any("alpaca has 0 USD, of which 0 belong to no book" in note for note in found.notes)


@pytest.mark.parametrize(("act", "job"), ACTS)
def test_the_runner_refuses_before_a_kernel_starts_and_writes_down_why(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, act: str, job: str
) -> None:
    everything(runner, monkeypatch, but=act)
    with pytest.raises((PermissionDenied, NotPromoted)):
        runner.slot(load(job, runner.root), FRI)
    (run,) = runner.ledger.runs()
    assert run.status is RunStatus.REFUSED and SENTENCES[act] in run.error and run.who == who()


def test_promotion_to_live_needs_its_own_permission_and_names_the_account_class(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook, given = runner.root / "idea.ipynb", {}
    with pytest.raises(PermissionDenied, match=r"may not `promote` on ALL"):
        promote(runner.ledger, runner.settings, notebook, given, "live", runner.root)
    rights(runner.settings.home, "{do: promote, on: real}")
    with pytest.raises(PermissionDenied, match=r"may not `promote` on ALL"):
        promote(runner.ledger, runner.settings, notebook, given, "live", runner.root)
    rights(runner.settings.home, "{do: promote, on: all}")
    made = promote(runner.ledger, runner.settings, notebook, given, "live", runner.root)
    assert (made.account_class, made.who) == (Mode.LIVE, who())


# ---- asked by the desk ---------------------------------------------------------------------------------------------
@pytest.fixture
def live_day(tmp_path: Path, all_done: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    write_project(tmp_path, {"job": job_text("live", "real")})
    with Server(Rehearsal(venue_at(THU_NIGHT))) as rehearsal, Ledger.open(all_done) as ledger:
        open_at(ledger, "real", Mode.LIVE, THU_NIGHT, monkeypatch)
        made = Day(tmp_path, ledger, all_done, rehearsal, Mode.LIVE)
        made.opened()
        with made.stack:
            yield made


def proposed(day: Day, mode: Mode | None = Mode.LIVE, by: str = "") -> list[tuple[bool, str, str]]:
    """What the desk says to a basket of a run of that mode; None: nobody wrote the run down."""
    day.close()
    if mode is not None:
        run = Run(
            "r1", "job", iso(FRI), 1, mode, "idea.ipynb", BINDING, {}, RunStatus.RUNNING, FRI, who=by or who()
        )  # fmt: skip
        day.ledger.journal.append(SYSTEM, "run", encode(run), key=run_key("r1"))
    day.put(load("job", day.root), FRI, "r1")
    day.work()
    (verdict,) = day.ledger.account("real").verdicts.values()
    return [(d.approved, d.rule, d.value) for d in verdict.decisions]


def test_a_live_desk_takes_the_basket_of_a_live_run_when_all_was_done(live_day: Day) -> None:
    assert [(ok, rule) for ok, rule, _ in proposed(live_day)] == [(True, "limits")] * 2
    assert len(sent(live_day.rehearsal)) == 2


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("mode", "mode is paper and account real is a live account"),
        ("allow_live", "AURA_ALLOW_LIVE=1"),
        ("permission", "may not `trade-live` on real"),
        ("who", "eve may not `trade-live` on real"),
        ("run", "no runner wrote down the run"),
        ("promotion", BINDING.id[:12]),
    ],
)
def test_a_live_desk_asks_for_every_act_again(
    live_day: Day, monkeypatch: pytest.MonkeyPatch, rule: str, words: str
) -> None:
    home, mode, by = live_day.settings.home, Mode.LIVE, ""
    if rule == "mode":
        mode = Mode.PAPER
    elif rule == "allow_live":
        monkeypatch.delenv("AURA_ALLOW_LIVE")
    elif rule == "permission":
        (home / "permissions.yaml").unlink()
    elif rule == "who":
        by = "eve"
    elif rule == "promotion":
        monkeypatch.setattr("aura_lib.execution.gate.verify", lambda *_: False)
    told = proposed(live_day, None if rule == "run" else mode, by)
    assert [(ok, name) for ok, name, _ in told] == [(False, "permission" if rule == "who" else rule)] * 2
    assert words in told[0][2] and not sent(live_day.rehearsal)


# ---- the capital of a book -----------------------------------------------------------------------------------------
def asked(ledger: Ledger, amount: int, book: str = "n", patience: float = 0.0) -> Callable[[], None]:
    from decimal import Decimal

    return lambda: give_capital(ledger, "real", book, Decimal(amount), who="me", reason="test", patience=patience)


@pytest.fixture
def answered(live_day: Day, monkeypatch: pytest.MonkeyPatch) -> Day:
    """Whoever waits for the desk lets it work."""
    monkeypatch.setattr("aura_lib.execution.capital.wait_until", lambda *_: live_day.work())
    return live_day


def test_a_book_is_opened_once_with_money_that_no_book_has(answered: Day) -> None:
    ledger = answered.ledger
    asked(ledger, 30_000)()
    asked(ledger, 30_000)()
    view = ledger.account("real")
    assert {b: view.account(b).cash for b in view.books} == {"": 10_000, "m": 60_000, "n": 30_000}
    assert view.account().cash == 100_000 and not view.drift, "the broker knows nothing of books"


def test_what_the_broker_does_not_have_is_no_capital_and_may_be_asked_for_again(answered: Day) -> None:
    ledger = answered.ledger
    with pytest.raises(InputError, match=r"n of account real cannot be opened with 40,001 USD: alpaca has 100,000"):
        asked(ledger, 40_001)()
    body = {"book": "n", "amount": "40001", "who": "me", "reason": "past the question"}
    ledger.inbox.ask("real", "allocate", body, "raced")
    answered.work()
    entry = ledger.journal.find("real", "raced")
    assert entry is not None and entry.kind == "request.refused" and "40,000 belong to no book" in entry.body["why"]
    asked(ledger, 40_000)()
    assert ledger.account("real").account("n").cash == 40_000


def test_two_that_ask_at_once_open_a_book_once(answered: Day) -> None:
    body = {"book": "n", "amount": "10000", "who": "me", "reason": "one of two"}
    for key in ("one", "two"):
        answered.ledger.inbox.ask("real", "allocate", body, key)
    answered.work()
    assert answered.ledger.account("real").account("n").cash == 10_000
    refused = answered.ledger.journal.find("real", "two")
    assert refused is not None and refused.body["why"] == "book n of account real is open already"


def test_nothing_is_given_before_ledger_and_broker_were_compared_or_while_they_differ(
    tmp_path: Path, aura_home: Path
) -> None:
    with Ledger.open(Settings.load()) as ledger:
        open_account(ledger, REAL)
        with pytest.raises(BrokerUnavailable, match="has not compared ledger and broker yet"):
            asked(ledger, 1)()
        ledger.journal.append("real", "drift", {"what": "cash USD: 0 here, 5 there"})
        with pytest.raises(InputError, match=r"ledger and broker differ, cash USD.*aura reconcile real"):
            asked(ledger, 1)()


# ---- one slot, now -------------------------------------------------------------------------------------------------
def test_only_the_slot_whose_session_is_not_over_can_be_run_now(runner: Runner) -> None:
    job = load("job", runner.root)
    assert due_slot(runner, job, REAL, FRI) == due_slot(runner, job, REAL, MON - MINUTE) == (FRI, MON)
    with pytest.raises(InputError, match=r"ended at 2012-01-09T21:00.* and the next slot is 2012-01-13T21:00"):
        due_slot(runner, job, REAL, MON)


def test_the_past_is_not_replayed_at_a_broker_and_a_simulated_account_is_not_run_now(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(runner, monkeypatch)
    with pytest.raises(InputError, match=r"at alpaca, where the past cannot be traded. `aura job run job` without"):
        replay(runner, load("job", runner.root), "2012-01-06", "2012-01-06")
    open_account(runner.ledger, Terms("here", source=SOURCE, costs=FREE))
    write_project(runner.root, {"sim": job_text("paper", "here")})
    with pytest.raises(InputError, match="say which slots to replay, with --from and --to"):
        run_now(runner, load("sim", runner.root))


def test_a_job_that_lacks_an_act_is_not_run_now(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    everything(runner, monkeypatch, but="allow_live")
    with pytest.raises(AuraError, match="AURA_ALLOW_LIVE=1"):
        run_now(runner, load("job", runner.root), now=lambda: FRI + MINUTE)


def test_the_desk_of_an_account_at_a_broker_stands_while_the_scheduler_lives(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(runner, monkeypatch)
    made: list[Any] = []
    monkeypatch.setattr(scheduling, "DeskProcess", lambda *given: made.append(Standing(*given)) or made[-1])
    with scheduling.Scheduler(runner, ["job"]) as scheduler:
        now = datetime.now(UTC)
        assert (scheduler.round(now) - now).total_seconds() <= 5, "its book has no money yet: it looks again soon"
        scheduler.round(now)
        assert len(made) == 1 and not made[0].stopped
    assert made[0].stopped


# ---- what people are told ------------------------------------------------------------------------------------------
def test_the_command_schedules_what_it_can_and_says_what_may_not_trade_and_why(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aura_lib.cli.jobs import _on_wall_clocks

    with pytest.raises(InputError, match=r"there is no job to schedule.*AURA_ALLOW_LIVE=1.*mode is paper"):
        _on_wall_clocks(runner)
    open_account(runner.ledger, Terms("try", broker="alpaca", clock="wall", source=SOURCE))
    write_project(runner.root, {"third": job_text("paper", "try")})
    good, left_out = _on_wall_clocks(runner)
    assert [Path(name).stem for name in good] == ["third"]
    assert len(left_out) == 2 and all("may not trade on real" in why for why in left_out)


def test_a_preview_shows_what_is_missing_before_it_says_that_nothing_was_sent(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aura_lib.cli.jobs import preview_answer

    everything(runner, monkeypatch, but="allow_live")
    monkeypatch.setattr(runner, "preview", lambda *_, **__: {"intents": [], "decisions": []})
    answer = preview_answer(preview(runner, load("job", runner.root), "2012-01-06"), [])
    lines = str(answer.show[-1]).splitlines()
    assert f"MISSING: {SENTENCES['allow_live']}." in lines and lines[-2:] == ["Promoted.", "Nothing was sent."]
    assert answer.data["missing"] == (SENTENCES["allow_live"],) and answer.data["promoted"]


def test_the_doctor_tells_of_orders_that_nobody_follows_and_of_an_account_that_is_rehearsed(
    live_day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aura_lib.cli import doctor

    proposed(live_day)
    for name in ("API_KEY", "SECRET_KEY"):
        monkeypatch.setenv(f"ALPACA_LIVE_{name}", "k")
    monkeypatch.setenv("ALPACA_LIVE_TRADING_URL", "http://127.0.0.1:9000")
    patient = doctor.Patient(live_day.settings, live_day.root, datetime.now(UTC), live_day.ledger, "")
    assert "at http://127.0.0.1:9000 in place of alpaca (ALPACA_LIVE_TRADING_URL)" in doctor.brokers(patient).found
    assert doctor._desk(live_day.ledger, "real").found.startswith("real: a desk is at work")
    live_day.leave()
    found = doctor._desk(live_day.ledger, "real")
    assert found.found == "real: 2 orders are at its broker, and no desk books their fills"
    assert "`aura job schedule`" in found.todo
