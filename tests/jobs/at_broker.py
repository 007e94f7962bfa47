"""Jobs at a real broker's interface, in January 2012: prices of the sample, a clock that is moved, venues on loopback.

Desks are processes as ever; a `sitecustomize` of their own lets their wall clock read a file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import nbformat
import pytest

from aura_lib import data
from aura_lib.backtest.evidence import Policy
from aura_lib.core import Bars, Mode, utc
from aura_lib.exchange import Costs
from aura_lib.execution import Terms, open_account
from aura_lib.execution.brokers.rehearsal import Asset, Listing, Market, Venue
from aura_lib.execution.brokers.rehearsal.server import Rehearsal
from aura_lib.ledger import Ledger, journal

ROOT = Path(__file__).parents[2]
SOURCE = "sample:unadjusted"
SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
PATIENCE = 120.0  # seconds that a busy machine may take for a step
# Closes at 16:00 and opens at 9:30 in New York, written out (standard time). The third Monday of January is a holiday.
FRI, MON_OPEN, MON = (utc(t) for t in ("2012-01-06T21:00Z", "2012-01-09T14:30Z", "2012-01-09T21:00Z"))
NEXT_FRI, TUE_OPEN, TUE = (utc(t) for t in ("2012-01-13T21:00Z", "2012-01-17T14:30Z", "2012-01-17T21:00Z"))
MINUTE = timedelta(minutes=1)
FREE = Costs(commission_bps=Decimal(0), slippage_bps=Decimal(0))

PARAMETERS = f"""\
top: int = 2  # names held
source: str = "{SOURCE}"  # where prices come from
schedule: str = "XNYS week-end close"  # when it decides
mode: str = "research"  # research, paper or live
as_of: str = "2011-12-30"  # end of history
book: str = "m"  # whose holdings"""
RUN = f"""\
import aura_lib as aura
import my_rule
bars = aura.data.load({SYMBOLS!r}, source=source, start="2010-12-31", as_of=as_of)
mandate = aura.Mandate(bars.symbols)
aura.run(
    my_rule.decide, bars, mandate, params=dict(top=top), schedule=schedule, mode=mode, as_of=as_of, book=book, warmup=9
)"""
RULE = """\
import aura_lib as aura


def decide(market, account, mandate, top):
    rise = market.close.iloc[-1] / market.close.iloc[-6] - 1
    return aura.TargetWeights(dict.fromkeys(rise.nlargest(top).index, 0.9 / top), market.as_of)
"""
# A strategy made up for a test shows nothing; its project asks for nothing but that it sees no future.
POLICY = "findings:\n" + "".join(
    f"  {name}: {{required_for: []}}\n" for name in Policy.shipped().thresholds if name != "causality"
)
SITE = """\
import os
from datetime import datetime
from pathlib import Path
from aura_lib.core import WallClock

WallClock.now = lambda self: datetime.fromisoformat(Path(os.environ["TEST_CLOCK"]).read_text())
"""


class Hands:
    """A clock that is moved by hand, here and, through a file, in every desk that is started."""

    def __init__(self, folder: Path, start: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "clock"
        self.move(start)
        site = folder / "site"
        site.mkdir()
        (site / "sitecustomize.py").write_text(SITE)
        monkeypatch.setenv("TEST_CLOCK", str(self.file))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(ROOT)]))

    def now(self) -> datetime:
        return self._now

    def move(self, to: datetime) -> None:
        self._now = to
        fresh = self.file.with_suffix(".new")
        fresh.write_text(to.isoformat())
        fresh.replace(self.file)


def write_project(root: Path, jobs: Mapping[str, str]) -> Path:
    """A project with one strategy notebook and jobs; its notebook."""
    (root / "pyproject.toml").touch()
    (root / "my_rule.py").write_text(RULE)
    (root / "evidence.yaml").write_text(POLICY)
    (root / "jobs").mkdir(exist_ok=True)
    cells = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(RUN)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "idea.ipynb")
    for name, text in jobs.items():
        (root / "jobs" / f"{name}.yaml").write_text(text)
    return root / "idea.ipynb"


def job_text(mode: str, account: str, more: str = "") -> str:
    return f"notebook: idea.ipynb\nmode: {mode}\nbook: m\naccount: {account}\ncapital: 60000\n{more}"


def prices() -> Bars:
    """The sample's bars of these days, with opens."""
    return data.load(SYMBOLS, source=SOURCE, start="2011-12-01", as_of="2012-02-01")


def venue_at(now: datetime, cash: str = "100000") -> Venue:
    """A venue whose market stands at a moment, with the last close of each symbol as its price."""
    venue = Venue(Market(Listing([Asset(s) for s in SYMBOLS]), now), cash=Decimal(cash))
    last = prices().until(now).close.iloc[-1]
    for symbol in SYMBOLS:
        venue.tick(symbol, str(round(float(last[symbol]), 2)))
    return venue


def open_market(rehearsal: Rehearsal, session_open: datetime, close: datetime) -> None:
    """The first trades of a session, at the opens of its bar."""
    opens = prices().open.loc[close]
    with rehearsal.venue.turn():
        for symbol in SYMBOLS:
            rehearsal.venue.tick(symbol, repr(float(opens[symbol])), at=max(session_open, rehearsal.venue.market.now))


def open_at(ledger: Ledger, name: str, kind: Mode, at: datetime, monkeypatch: pytest.MonkeyPatch) -> Terms:
    """Open an account at Alpaca, as if it had been in those days: what happened at the broker before is not asked."""

    class Then(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return at

    with monkeypatch.context() as patch:
        patch.setattr(journal, "datetime", Then)
        return open_account(ledger, Terms(name, kind, "alpaca", "wall", source=SOURCE, costs=FREE))


def keys_of(rehearsal: Rehearsal, kind: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that leads a class of account to a rehearsal."""
    live = "LIVE_" if kind is Mode.LIVE else ""
    for name, value in (
        ("API_KEY", rehearsal.key), ("SECRET_KEY", rehearsal.secret),
        ("TRADING_URL", rehearsal.url), ("STREAM_URL", rehearsal.stream_url),
    ):  # fmt: skip
        monkeypatch.setenv(f"ALPACA_{live}{name}", value)


def until(done: Callable[[], bool], said: Callable[[], str] = str) -> None:
    """Wait for something that comes."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, f"it never came; {said()}"
        time.sleep(0.05)


def sent(rehearsal: Rehearsal) -> list[str]:
    """The client ids of all orders that the broker has, in the order they came."""
    with rehearsal.venue.lock:
        return [ticket.client_order_id for ticket in rehearsal.venue.tickets.values()]


def posts(rehearsal: Rehearsal) -> int:
    return len([r for r in rehearsal.asked if r.method == "POST"])


def holds(rehearsal: Rehearsal) -> dict[str, Decimal]:
    with rehearsal.venue.lock:
        return {s: p.quantity for s, p in rehearsal.venue.exchange.account.positions.items() if p.quantity}
