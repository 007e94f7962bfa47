from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aura_lib.core import Calendar
from aura_lib.data.sources import alpaca
from aura_lib.data.sources.alpaca.options import WITHHELD
from tests.contracts.sources import Facts, Scene, Server
from tests.data.alpaca_server import BARS, KEY, SECRET, SNAPSHOTS, Alpaca, Fault, serving
from tests.data.loopback import unplugged

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 1, 20, 18, 0, tzinfo=UTC)  # 13:00 in New York: the session is open
FAULTS = {
    "429": Fault(429, b'{"message":"too many requests."}', {"Retry-After": "7"}),
    "an hour": Fault(429, b'{"message":"too many requests."}', {"Retry-After": "3600"}),
    "500": Fault(500, b"<html>oops</html>"),
    "slow": Fault(delay=2.5),
    "cut": Fault(cut=True),
    "malformed": Fault(200, b"{ this is no json"),
}


def stock(server: Alpaca, symbol: str, price: float) -> None:
    """Days, half hours and minutes of 2026, all hours of the day; a dividend, and a split of two for one."""
    closes = Calendar.of("XNYS").closes_between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 21, tzinfo=UTC))
    nights = [close.to_pydatetime().astimezone(ZONE).replace(hour=0) for close in closes]
    for timeframe, step in (("1Day", 1440), ("30Min", 30), ("5Min", 5)):
        starts = [night + timedelta(minutes=n) for night in nights for n in range(0, 1440, step)]
        rows = [
            (when, price, price + 1, price - 1, price + n / 1000, 10) for n, when in enumerate(starts) if when <= NOW
        ]
        server.data.serve(symbol, timeframe, rows)
    ex, split = str(nights[3].date()), str(nights[7].date())
    server.data.actions["cash_dividends"].append({"symbol": symbol, "ex_date": ex, "process_date": split, "rate": 0.5})
    server.data.actions["forward_splits"].append(
        {"symbol": symbol, "ex_date": split, "process_date": split, "new_rate": 2, "old_rate": 1}
    )
    trade = {"t": "2026-01-20T17:59:59.5Z", "p": price, "s": 1}
    server.data.snapshots[symbol] = {"latestTrade": trade, "latestQuote": {}, "dailyBar": {}, "prevDailyBar": {}}


@contextmanager
def standing(scene: Scene) -> Iterator[Facts]:
    for name, value in zip(alpaca.KEYS, (KEY, SECRET), strict=True):
        scene.patch.setenv(name, value)
    with serving() as server:
        stock(server, "AAPL", 250.0)
        stock(server, "MSFT", 480.0)
        server.data.register("SILENT")
        address = [server.url]

        def make(now: datetime = NOW, **more: Any) -> alpaca.Source:
            """A key without a subscription gets everything so much later."""
            return alpaca.Source(**scene.words(now + WITHHELD), url=address[0], **more)

        def fail(kinds: list[str]) -> None:
            for path in (*BARS, *SNAPSHOTS):
                server.fail(path, *(FAULTS[kind] for kind in kinds))

        yield Facts(
            make=make,
            symbols=("MSFT", "AAPL"),
            currencies={"MSFT": "USD", "AAPL": "USD"},
            until=datetime(2026, 1, 16, 21, tzinfo=UTC),  # a Friday; Monday was Martin Luther King's day
            frequencies=("1d", "1h", "5m"),
            unknown="NOSUCH",
            package="alpaca",
            page=100,
            server=Server(
                fail=fail,
                asked=lambda: sum(path in BARS | SNAPSHOTS for path in server.paths()),
                hang_up=lambda: address.__setitem__(0, unplugged()),
                silent="SILENT",
            ),
        )
