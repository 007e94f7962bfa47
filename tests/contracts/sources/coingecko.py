from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from aura_lib.data.sources import coingecko
from tests.contracts.sources import Facts, Scene, Server
from tests.data.gecko import Gecko
from tests.data.loopback import serving, unplugged

NOW = datetime(2026, 1, 20, 14, 20, tzinfo=UTC)
FAULTS: dict[str, Any] = {"429": ("429", "7"), "malformed": b"{ this is no json", "an hour": ("429", "3600")}


@contextmanager
def standing(scene: Scene) -> Iterator[Facts]:
    for name in coingecko.OPTIONAL_KEYS:
        scene.patch.delenv(name, raising=False)
    with serving(lambda: Gecko(NOW)) as gecko:
        gecko.silent.add("aave")
        address = [gecko.url]
        yield Facts(
            make=lambda now=NOW, **more: coingecko.Source(**scene.words(now), base_url=address[0], **more),
            symbols=("ethereum", "BTC/INR"),
            currencies={"ethereum": "USD", "BTC/INR": "INR"},
            until=datetime(2026, 1, 20, tzinfo=UTC),
            frequencies=("1d", "1h"),
            unknown="no-such",
            package="coingecko_sdk",
            page=250,
            server=Server(
                fail=lambda kinds: gecko.faults.extend(FAULTS.get(kind, kind) for kind in kinds),
                asked=lambda: len(gecko.asked),
                hang_up=lambda: address.__setitem__(0, unplugged()),
                silent="aave",
            ),
        )
