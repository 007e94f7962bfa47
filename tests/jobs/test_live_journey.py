"""From research to paper to live at Alpaca's interface: the same notebook, byte for byte, and every order once."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from aura_lib.access import who
from aura_lib.backtest import replay
from aura_lib.core import Account, Mandate, Mode, NotPromoted, PermissionDenied, Run, Settings, iso
from aura_lib.exchange import FillModel
from aura_lib.execution import DeskProcess
from aura_lib.execution.brokers.rehearsal.server import Rehearsal, Server
from aura_lib.execution.reconcile import mending
from aura_lib.jobs.job import load
from aura_lib.jobs.kernels import Zygote
from aura_lib.jobs.parity import job_parity
from aura_lib.jobs.promotion import promote
from aura_lib.jobs.runner import Runner
from aura_lib.jobs.scheduler import Scheduler, check
from aura_lib.ledger import Ledger
from tests.jobs.at_broker import (
    FREE,
    FRI,
    MINUTE,
    MON,
    MON_OPEN,
    NEXT_FRI,
    TUE,
    TUE_OPEN,
    Hands,
    holds,
    job_text,
    keys_of,
    open_at,
    open_market,
    prices,
    sent,
    until,
    venue_at,
    write_project,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
BEFORE = FRI - timedelta(hours=2)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as warm:
        yield warm


def told_to(ledger: Ledger, account: str) -> str:
    view = ledger.account(account)
    return f"{account}: drift {view.drift!r}, reconciled {view.reconciled}, orders {list(view.orders.values())}"


def take_in_the_opening_balance(ledger: Ledger, account: str, hands: Hands) -> None:
    """What the account had before: the desk finds it, and a person says that it is right."""
    until(lambda: _moved(hands, MINUTE) and bool(ledger.account(account).differences), lambda: told_to(ledger, account))
    (difference,) = ledger.account(account).differences
    mending.ask(ledger, ledger.account(account), difference["id"], who="me", reason="opening balance")
    until(lambda: not ledger.account(account).drift, lambda: told_to(ledger, account))


def _moved(hands: Hands, by: timedelta) -> bool:
    hands.move(hands.now() + by / 60)
    return True


def slot_comes(scheduler: Scheduler, hands: Hands, ledger: Ledger, job: str) -> Run:
    """The scheduler looks, 5 minutes after the close, and the job's run is over."""
    scheduler.tick()
    runs = ledger.runs(job)
    assert runs and runs[-1].status == "succeeded", [run.error for run in runs]
    return runs[-1]


def filled(ledger: Ledger, account: str, rehearsal: Rehearsal) -> bool:
    view = ledger.account(account)
    return not view.live and view.account("m").holdings == holds(rehearsal)


def test_the_same_notebook_from_research_to_paper_to_live(
    tmp_path: Path, aura_home: Path, zygote: Zygote, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = {"paper": job_text("paper", "try"), "real": job_text("live", "real")}
    notebook = write_project(tmp_path, jobs)
    bytes_of_it = hashlib.sha256(notebook.read_bytes()).hexdigest()
    hands = Hands(tmp_path, BEFORE, monkeypatch)
    settings = Settings.load()
    with (
        Server(Rehearsal(venue_at(BEFORE))) as paper,
        Server(Rehearsal(venue_at(BEFORE, cash="70000"), key="LIVEKEY", secret="live-secret")) as live,
        Ledger.open(settings) as ledger,
        Runner(settings, ledger, tmp_path, zygote) as runner,
    ):
        for rehearsal, kind in ((paper, Mode.PAPER), (live, Mode.LIVE)):
            keys_of(rehearsal, kind, monkeypatch)
        open_at(ledger, "try", Mode.PAPER, BEFORE, monkeypatch)
        terms = open_at(ledger, "real", Mode.LIVE, BEFORE, monkeypatch)

        # research
        research = runner.research(notebook)
        promote(ledger, settings, notebook, {}, "paper", tmp_path)

        # paper: decided at Friday's close, traded at Monday's open
        with Scheduler(runner, ["paper"], clock=hands) as scheduler:
            scheduler.tick()
            take_in_the_opening_balance(ledger, "try", hands)
            hands.move(hands.now() + MINUTE)
            scheduler.tick()
            assert ledger.account("try").account("m").cash == 60_000
            assert ledger.account("try").account("").cash == 40_000, "what no book has"
            paper.venue.advance(FRI + MINUTE)
            hands.move(FRI + 5 * MINUTE)
            first = slot_comes(scheduler, hands, ledger, "paper")
            until(lambda: len(sent(paper)) == 2)
            assert not holds(paper) and not ledger.account("try").fills, "the market is closed"
            standing = scheduler.desk_of(load("paper", tmp_path))
            os.kill(int(standing.split()[1].strip(",")), signal.SIGKILL)  # between the slot and the open
            hands.move(MON_OPEN + MINUTE)
            open_market(paper, MON_OPEN, MON)
            until(lambda: filled(ledger, "try", paper), lambda: told_to(ledger, "try"))
            assert sum(holds(paper).values()) > 0

            # live: four acts, each missing at first
            job = load("real", tmp_path)
            with pytest.raises(PermissionDenied, match=r"real may not trade on real: .*AURA_ALLOW_LIVE=1"):
                check(runner, "real")
            with pytest.raises(PermissionDenied, match="may not `promote`"):
                promote(ledger, settings, notebook, {}, "live", tmp_path)
            rights = f"users:\n  {who()}:\n    - {{do: all, on: all}}\n"
            (aura_home / "permissions.yaml").write_text(rights)
            (aura_home / "permissions.yaml").chmod(0o600)
            monkeypatch.setenv("AURA_ALLOW_LIVE", "1")
            settings = runner.settings = Settings.load()
            with pytest.raises(NotPromoted, match="not promoted to live: it was tested but never promoted to live"):
                check(runner, "real")
            made = promote(ledger, settings, notebook, {}, "live", tmp_path)
            assert made.binding == research.binding and made.account_class is Mode.LIVE
            assert check(runner, "real") == terms

            # a week later both decide; a holiday follows, and both trade on Tuesday
            with Scheduler(runner, ["real"], clock=hands) as second, DeskProcess(settings, "real"):  # two desks
                second.tick()
                take_in_the_opening_balance(ledger, "real", hands)
                live.venue.advance(NEXT_FRI + MINUTE)
                paper.venue.advance(NEXT_FRI + MINUTE)
                hands.move(NEXT_FRI - MINUTE)
                second.tick()
                assert ledger.account("real").account("m").cash == job.capital
                hands.move(NEXT_FRI + 5 * MINUTE)
                again = slot_comes(scheduler, hands, ledger, "paper")
                real = slot_comes(second, hands, ledger, "real")
                until(lambda: len(sent(live)) == 2)
                verdicts = ledger.account("real").verdicts.values()
                told = [decision.value for verdict in verdicts for decision in verdict.decisions]
                assert told == ["for the session of 2012-01-17, which opens 2012-01-17 14:30 UTC"] * 2
                hands.move(TUE_OPEN + MINUTE)
                for rehearsal, account in ((paper, "try"), (live, "real")):
                    open_market(rehearsal, TUE_OPEN, TUE)
                    until(lambda r=rehearsal, a=account: filled(ledger, a, r), lambda: told_to(ledger, "real"))

        # the notebook is the same, and so is what decided
        for run in (research, first, again, real):
            seen = (settings.home / "runs" / run.id / "input.ipynb").read_bytes()
            assert hashlib.sha256(seen).hexdigest() == bytes_of_it == hashlib.sha256(notebook.read_bytes()).hexdigest()
            assert run.binding == research.binding
        assert [run.mode for run in (first, real)] == [Mode.PAPER, Mode.LIVE] and real.who == who()

        # every order once
        for rehearsal, account in ((paper, "try"), (live, "real")):
            orders = ledger.account(account).orders
            assert sorted(sent(rehearsal)) == sorted(orders) and orders
            assert not ledger.account(account).drift

        # parity is a number
        for name, slots in (("paper", 2), ("real", 1)):
            found = job_parity(runner, load(name, tmp_path))
            assert found.holds and found.compared["slot"] == slots and found.compared["fill"] > 0, found.differences

    # and the backtest, in which market orders of a close fill at the next open, wishes the same from slot to slot
    monkeypatch.syspath_prepend(str(tmp_path))
    import my_rule

    bars = prices()
    tested = replay(
        my_rule.decide, bars, Mandate(bars.symbols), slots=[FRI, NEXT_FRI], params={"top": 2}, costs=FREE,
        fills=FillModel(at="open"), account=Account("m", Decimal(60_000)),
    )  # fmt: skip
    sys.modules.pop("my_rule")
    with Ledger.open(settings) as ledger:
        for result in tested.slots:
            basket = ledger.inbox.find(f"paper@{iso(result.slot)}")
            assert basket is not None
            wished = [(i.symbol, i.side, i.quantity) for i in basket.intents]
            assert wished == [(i.symbol, i.side, i.quantity) for i in result.intents]
