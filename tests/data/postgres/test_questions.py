"""A question fetches what its answer needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aura_lib.core import Bars
from aura_lib.data.store import Store as LocalStore
from aura_lib.data.store.postgres import Store, wire
from tests.data.postgres.cases import DAYS, days

QUESTIONS = {  # the symbols, fields and times that an answer needs; None: all
    "SELECT time, close FROM bars WHERE symbol = 'A'": ("A", ["close"], None),
    "SELECT max(volume) FROM bars WHERE symbol IN ('A', 'it''s') AND time >= '2021-01-10T21:00Z'": (
        "A", ["volume"], (6, None),
    ),
    "SELECT count(*) FROM bars": (None, [], None),
    "SELECT sum(b.close - a.close) FROM bars a JOIN bars b USING (time) WHERE a.symbol = 'A' AND b.symbol = 'B'": (
        "AB", ["close"], None,
    ),
    "WITH x AS (FROM bars) SELECT avg(close) FROM x WHERE symbol = 'B' AND volume > 5": (
        "B", ["close", "volume"], None,
    ),
    "SELECT sum(close) FROM bars WHERE time BETWEEN '2021-01-05' AND '2021-01-07'": (None, ["close"], (1, 2)),
    "SELECT sum(close) FROM bars WHERE symbol = 'A' OR close > 3": (None, ["close"], None),
    "SELECT sum(close) FROM bars WHERE symbol <> 'A'": (None, ["close"], None),
    "SELECT sum(close) FROM bars WHERE symbol LIKE 'A%'": (None, ["close"], None),
    "SELECT sum(close) FROM bars WHERE symbol = (SELECT min(symbol) FROM instruments)": (None, ["close"], None),
    "SELECT count(*) FROM instruments": ("", [], None),
    "SUMMARIZE bars": (None, ["close", "volume"], None),
    "PIVOT bars ON symbol USING sum(close) GROUP BY time ORDER BY time": (None, ["close", "volume"], None),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_fetches_what_its_answer_needs_and_is_answered_as_a_store_on_disk_does(
    store: Store, tmp_path: Path, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = days(0, 20, symbols="ABC")
    bars = Bars({name: frame * np.arange(1, 4) for name, frame in bars.fields.items()}, "made up")
    snapshot = store.put(bars).snapshot
    fetched, read = [], wire.read
    monkeypatch.setattr(wire, "read", lambda *asked: (fetched.append(asked), read(*asked))[1])
    answer = store.query(question, snapshot)
    pd.testing.assert_frame_equal(answer, _on_disk(tmp_path, bars).query(question, snapshot), check_exact=False)
    symbols, fields, times = QUESTIONS[question]
    ((_, sizes, names, _, low, high),) = fetched
    assert len(sizes) == (3 if symbols is None else len(symbols))
    assert list(names) == fields or not sizes
    moments = [None if moment is None else pd.Timestamp(moment, unit="us", tz="UTC") for moment in (low, high)]
    if times is None:
        assert moments == [None, None]
    else:
        first, last = times
        assert moments[0] is not None and moments[0] <= DAYS[first] and moments[0] > DAYS[first - 1]
        assert moments[1] is None if last is None else DAYS[last] <= moments[1] < DAYS[last + 1]


def _on_disk(folder: Path, bars: Bars) -> LocalStore:
    local = LocalStore(folder)
    local.put(bars)
    return local
