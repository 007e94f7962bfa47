"""The rehearsal broker is killed without warning; what it had answered is there when it comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import requests

from aura_lib.execution.brokers.rehearsal.server import KEY, SECRET
from tests.rehearsal import ask, rehearsal_server

ROOT = Path(__file__).parents[3]
CHILD = """
import sys, time
from pathlib import Path
from tests.rehearsal import rehearsal_server
with rehearsal_server(Path(sys.argv[1])) as broker:
    print(broker.port, flush=True)
    time.sleep(600)
"""
HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    file = tmp_path / "broker.db"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(file)], stdout=subprocess.PIPE, env=environment, cwd=ROOT
    )
    try:
        assert child.stdout is not None
        url = f"http://127.0.0.1:{int(child.stdout.readline())}"
        told = []
        for n, price in enumerate(("150", "160", None)):
            body = {"symbol": "AAPL", "qty": "5", "side": "buy", "time_in_force": "day", "client_order_id": f"k{n}"}
            body |= {"type": "market"} if price is None else {"type": "limit", "limit_price": price}
            told.append(requests.post(f"{url}/v2/orders", json=body, headers=HEADERS, timeout=60).json())
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout and child.stdout.close()
    with rehearsal_server(file) as broker:
        found = [ask(broker, "GET", f"/v2/orders/{order['id']}").json() for order in told]
        assert [(o["client_order_id"], o["status"]) for o in found] == [("k0", "new"), ("k1", "new"), ("k2", "filled")]
        assert ask(broker, "GET", "/v2/positions/AAPL").json()["qty"] == "5"
        broker.venue.tick("AAPL", "155")
        assert ask(broker, "GET", f"/v2/orders/{told[1]['id']}").json()["filled_avg_price"] == "155"
        assert ask(broker, "POST", "/v2/orders", {**found[0], "legs": None}).status_code == 422
