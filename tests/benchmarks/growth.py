"""python -m tests.benchmarks.growth [draw]: how time and memory of sweeps grow, into docs/growth.json and its pictures.

Every sweep is measured in a process of its own: the least processor time of three, all cores together, and the most
memory that was allocated at once beyond what was there before. With `draw` the pictures are made anew from the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

DOCS = Path(__file__).parents[2] / "docs"
MEASURED = DOCS / "growth.json"
THEMES = ("light", "dark")
BARS, LEVELS = 5_000, 32  # of the series in which only the other grows; a grid is 10 × levels × levels
MORE_BARS, MORE_LEVELS = (1_250, 5_000, 20_000, 80_000), (10, 32, 100, 316)
POINTS = [
    *(("more combinations, the best 1,000 kept", BARS, levels, 1_000) for levels in MORE_LEVELS),
    *(("more combinations, all kept", BARS, levels, 10 * levels**2) for levels in MORE_LEVELS),
    *(("more bars, 10,240 combinations", bars, LEVELS, 1_000) for bars in MORE_BARS),
]

CHILD = """
import gc, json, sys, time, tracemalloc
import numpy as np
from tests.benchmarks.proof_sweep import CLOSE, random_bars, rules, sweep
bars, levels, keep = map(int, sys.argv[1:])
prices = random_bars(bars)
def run(levels):
    low, high = np.linspace(10, 45, levels), np.linspace(55, 90, levels)
    grid = {"window": range(5, 55, 5), "oversold": low, "overbought": high}
    found = sweep(rules.rsi_reversion, prices, grid, keep=keep, **CLOSE)
    found.kept.settle()
    return found
run(2)
taken = []
for _ in range(3):
    began = time.process_time()
    count = run(levels).count
    taken.append(time.process_time() - began)
gc.collect()
tracemalloc.start()
run(levels)
print(json.dumps({"combinations": count, "bars": bars, "seconds": round(min(taken), 4),
                  "megabytes": round(tracemalloc.get_traced_memory()[1] / 1e6, 2)}))
"""


def measure() -> list[dict[str, Any]]:
    """A row a sweep."""
    rows = []
    with TemporaryDirectory() as home:
        for series, bars, levels, keep in POINTS:
            told = subprocess.run(
                [sys.executable, "-c", CHILD, str(bars), str(levels), str(keep)],
                env={**os.environ, "AURA_HOME": home},
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            rows.append({"series": series, **json.loads(told.stdout)})
            print(rows[-1], flush=True)
    return rows


def figure(text: str, theme: Any = "light") -> Any:
    """The figure of the file."""
    from aura_lib.reports.about import About
    from aura_lib.reports.figures.sweep import growth

    told = json.loads(text)
    about = About("sweeps", source="python -m tests.benchmarks.growth", as_of=datetime.fromisoformat(told["measured"]))
    return growth(pd.DataFrame(told["sweeps"]), about=about, theme=theme)


def stamp(text: str) -> str:
    """What a picture says about the file it was made from."""
    return f"<!-- growth.json {hashlib.sha256(text.encode()).hexdigest()} -->"


def draw(text: str) -> None:
    """The pictures of the file, as SVG beside it."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"]).new_page()
        for theme in THEMES:
            page.set_content(figure(text, theme).to_html(include_plotlyjs=True))
            page.wait_for_selector(".main-svg")
            given = page.evaluate(
                "Plotly.toImage(document.querySelector('.js-plotly-plot'), {format: 'svg', width: 820, height: 560, "
                "imageDataOnly: true})"
            )
            (DOCS / "gallery" / f"growth-{theme}.svg").write_text(f"{given}\n{stamp(text)}\n", "utf-8")


def main() -> None:
    """Measure and draw."""
    if sys.argv[1:] != ["draw"]:
        now = datetime.now(UTC).isoformat(timespec="minutes")
        rows = ",\n".join(f"  {json.dumps(row)}" for row in measure())
        MEASURED.write_text(f'{{"measured": "{now}", "sweeps": [\n{rows}\n]}}\n', "utf-8")
    draw(MEASURED.read_text("utf-8"))


if __name__ == "__main__":
    main()
