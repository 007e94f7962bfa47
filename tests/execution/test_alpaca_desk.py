"""The desk as a process of its own, at Alpaca's interface: from the inbox to the fill, and both sides agree."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from aura_lib.access import Vault, who
from aura_lib.core import Basket, Binding, Calendar, Intent, Mode, Promotion, Settings, Side, encode, iso
from aura_lib.core import Instrument as Thing
from aura_lib.execution import DeskProcess, Terms, open_account
from aura_lib.execution.limits import set_limits
from aura_lib.ledger import SYSTEM, Ledger, Token
from tests.rehearsal import rehearsal_server

BINDING = Binding("cells", "parameters", "sources")
PATIENCE = 90.0


def until(done: Callable[[], bool], desk: DeskProcess) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, f"it never came; the desk said last: {desk.last_words()}"
        time.sleep(0.05)


def test_a_desk_process_trades_at_alpaca_and_agrees_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    today = Calendar.of("XNYS").next_close(datetime.now(UTC) + timedelta(days=2))
    with rehearsal_server(now=today - timedelta(hours=2)) as rehearsal:  # its market is open, whatever the hour here
        for name, value in (
            ("ALPACA_API_KEY", rehearsal.key), ("ALPACA_SECRET_KEY", rehearsal.secret),
            ("ALPACA_TRADING_URL", rehearsal.url), ("ALPACA_STREAM_URL", rehearsal.stream_url),
        ):  # fmt: skip
            monkeypatch.setenv(name, value)
        settings = Settings.load()
        vault = Vault(settings.ensure_home())
        with Ledger.open(settings) as ledger:
            open_account(ledger, Terms("try", broker="alpaca", clock="wall"))
            forever = {"max_price_age": 1e9}  # the sample's prices are of years ago
            set_limits(ledger, settings.home, "try", forever, who=who(), reason="prices of the sample")
            ledger.inbox.ask("try", "cash", {"book": "m", "amount": "100000", "why": "its opening balance"}, "cash")
            promotion = Promotion(BINDING, Mode.PAPER, "n.ipynb", "run", "me", datetime.now(UTC), vault.public_key)
            signed = replace(promotion, signature=vault.sign(promotion.message()))
            ledger.journal.append(SYSTEM, "promotion", encode(signed))
            with DeskProcess(settings, "try") as desk:
                until(lambda: ledger.account("try").reconciled is not None, desk)
                now = datetime.now(UTC)
                token = Token("r1", "job", iso(now), "try", "m", BINDING.id)
                wish = Intent(Thing("AAPL", venue="XNAS"), Side.BUY, Decimal(10))
                basket = Basket("job", now, "try", "m", now, (wish,), "snap", "r1")
                ledger.inbox.put(basket, ledger.control.issue(token, 3600))
                until(lambda: bool(ledger.account("try").verdicts), desk)
                verdict = next(iter(ledger.account("try").verdicts.values()))
                assert [d.approved for d in verdict.decisions] == [True], verdict.decisions
                until(lambda: ledger.account("try").account("m").holdings == {"AAPL": 10}, desk)
                until(lambda: bool(rehearsal.streams), desk)
            view = ledger.account("try")
    assert view.account().cash == 98_000 and not view.drift and not view.differences
    assert len([r for r in rehearsal.asked if r.method == "POST"]) == 1
