"""How tests/ledger/schema_1.sql was made: a small ledger, written by the code that had schema 1, as SQL text.

    git worktree add /tmp/v1 d51e53a && cp tests/ledger/make_schema_1.py /tmp/v1/tests/ledger/
    cd /tmp/v1 && python -m tests.ledger.make_schema_1 > schema_1.sql

An account that was funded and traded twice, a promotion, two runs, a slot, a halt: every table has a row. It is
never made again: what it stands for is a file on somebody's disk.
"""

from __future__ import annotations

import getpass
import socket
import sqlite3
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

socket.gethostname = lambda: "laptop"
getpass.getuser = lambda: "analyst"

from aura_lib.access import Vault  # noqa: E402
from aura_lib.core import Mode, Run, RunStatus, encode, iso  # noqa: E402
from aura_lib.execution.accounts import Terms, open_account  # noqa: E402
from aura_lib.execution.brokers.paper import PaperBroker  # noqa: E402
from aura_lib.execution.feed import Feed  # noqa: E402
from aura_lib.ledger import SYSTEM, Ledger  # noqa: E402
from tests.execution.conftest import BINDING, Floor, made_up_bars  # noqa: E402


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        ledger = Ledger(f"sqlite:///{home / 'ledger.db'}")
        terms, bars = open_account(ledger, Terms("paper")), made_up_bars()
        floor = Floor(
            ledger, home, bars, terms, Vault(home),
            lambda clock: PaperBroker(home / "brokers" / "paper.db", Feed(bars), clock, terms.costs),
        )  # fmt: skip
        floor.promote()
        floor.fund()
        desk = floor.desk(3)
        for session, wishes in ((3, [("AAA", "buy", 10), ("BBB", "buy", 20)]), (8, [("AAA", "sell", 4)])):
            floor.settle(desk, session)
            run(ledger, floor, session)
            floor.propose(session, *wishes)
            floor.settle(desk, session + 1)
        ledger.control.switch("ALL", True, "storm", "analyst")
        ledger.control.switch("ALL", False, "over", "analyst")
        ledger.close()
        with sqlite3.connect(home / "ledger.db") as database:
            print("\n".join(database.iterdump()))


def run(ledger: Ledger, floor: Floor, session: int) -> None:
    """A run of a slot, from its claim to its end."""
    slot, name = floor.time(session), f"r{session}"
    claim = ledger.control.claim("job", slot, name)
    assert claim is not None
    began = Run(
        name, "job", iso(slot), 1, Mode.PAPER, "n.ipynb", BINDING, {"top": 2}, RunStatus.RUNNING, datetime.now(UTC)
    )
    for status in (RunStatus.RUNNING, RunStatus.SUCCEEDED):
        with ledger.write() as connection:
            ledger.journal.append_in(connection, SYSTEM, "run", encode(replace(began, status=status)))
            ledger.control.finish(connection, claim, status.value)


if __name__ == "__main__":
    main()
