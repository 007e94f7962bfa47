from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aura_lib.core import Calendar
from aura_lib.data.sources import yfinance
from tests.contracts.sources import Facts, Scene, Server
from tests.data.loopback import unplugged
from tests.data.yahoo import Yahoo, certificate, serving

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 1, 20, 18, 0, tzinfo=UTC)  # 13:00 in New York: the session is open
META = {"currency": "USD", "exchangeName": "NMS", "instrumentType": "EQUITY", "exchangeTimezoneName": str(ZONE)}
FAULTS: dict[str, Any] = {"429": ("429", "7"), "malformed": b"{ this is no json", "an hour": ("429", "3600")}


def stock(yahoo: Yahoo, symbol: str, price: float) -> None:
    """Days and hours of 2026 up to the hour that is not over yet; a dividend, and a split of two for one."""
    nyse = Calendar.of("XNYS")
    closes = nyse.closes_between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 21, tzinfo=UTC))
    opens = [close.to_pydatetime().astimezone(ZONE).replace(hour=9, minute=30) for close in closes]
    days = [(day, price + n, price + n + 2, price + n - 2, price + n + 1, 1000, 1.0) for n, day in enumerate(opens)]
    dividend, split = int(opens[3].timestamp()), int(opens[7].timestamp())
    events = {
        "dividends": {str(dividend): {"date": dividend, "amount": 0.5}},
        "splits": {str(split): {"date": split, "numerator": 2.0, "denominator": 1.0}},
    }
    yahoo.serve(symbol, META, days, events)
    starts = [day + timedelta(hours=n) for day in opens for n in range(7)]
    hours = [(when, price, price + 1, price - 1, price + n / 100, 10, 1.0) for n, when in enumerate(starts)]
    sessions = [(day, day.replace(hour=16, minute=0)) for day in opens]
    yahoo.serve(symbol, META, [row for row in hours if row[0] <= NOW], events, "1h", sessions)
    yahoo.prices[symbol] = {"currency": "USD", "regularMarketPrice": price, "regularMarketTime": int(NOW.timestamp())}


@contextmanager
def standing(scene: Scene) -> Iterator[Facts]:
    cert, key = scene.folder / "yahoo.pem", scene.folder / "yahoo.key"
    if not cert.exists():
        certificate(scene.folder)
    with serving(cert, key) as yahoo:
        stock(yahoo, "AAPL", 250.0)
        stock(yahoo, "MSFT", 480.0)
        for interval in ("1d", "1h"):
            yahoo.serve("SILENT", META, [], interval=interval)

        def reach(proxy: str) -> None:
            for name in ("https_proxy", "HTTPS_PROXY"):
                scene.patch.setenv(name, proxy)

        def fail(kinds: list[str]) -> None:
            for where in ("MSFT", "quotes"):
                yahoo.faults[where][:] = [FAULTS.get(kind, kind) for kind in kinds]

        reach(f"http://127.0.0.1:{yahoo.port}")
        scene.patch.setenv("REQUESTS_CA_BUNDLE", str(cert))
        yield Facts(
            make=lambda now=NOW, **more: yfinance.Source(**scene.words(now), **more),
            symbols=("MSFT", "AAPL"),
            currencies={"MSFT": "USD", "AAPL": "USD"},
            until=datetime(2026, 1, 16, 21, tzinfo=UTC),  # a Friday; Monday was Martin Luther King's day
            frequencies=("1d", "1h"),
            package="yfinance",
            page=100,
            server=Server(
                fail=fail,
                asked=lambda: len(yahoo.asked) + len(yahoo.quoted),
                hang_up=lambda: reach(unplugged()),
                silent="SILENT",
            ),
        )
