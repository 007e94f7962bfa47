"""A long `%%aura backtest` in a real kernel says how far it is, and the result takes that line's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.project.readme_tree import ROOT

SLOW = """%%aura backtest from=2021-01-04
import time

def decide(market, account, mandate):
    time.sleep(0.08)
    return aura.TargetWeights({"KO": 0.5}, market.as_of)"""


class Watched(NotebookClient):  # type: ignore[misc]
    """Remembers what was shown on the way."""

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        content = msg["content"].get("data", {})
        self.seen.append((msg["msg_type"], content.get("text/plain", ""), "text/html" in content))
        return super().process_message(msg, cell, cell_index)


@pytest.mark.slow
def test_a_long_backtest_tells_how_far_it_is_and_its_result_takes_the_place(tmp_path: Path) -> None:
    sources = ["import aura_lib as aura\n%load_ext aura_lib", SLOW, "type(backtest).__name__"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client = Watched(made, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}})
    client.seen = []
    client.execute()
    told = [text for kind, text, _ in client.seen if kind in ("display_data", "update_display_data")]
    counts = [int(text.split()[1]) for text in told[:-1]]
    assert all(text.startswith("backtest: ") and text.endswith(" of 23 decisions") for text in told[:-1])
    assert counts == sorted(counts) and 0 < counts[0] < 23
    (output,) = made.cells[1].outputs
    assert "<svg" in output.data["text/html"] and output.data["text/plain"].startswith("Backtest")
    assert made.cells[2].outputs[0].data["text/plain"] == "'Backtest'"
