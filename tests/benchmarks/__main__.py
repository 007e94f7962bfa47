"""python -m tests.benchmarks [NAME]: run every suite (bench_*.py here), or one; print a table, write the rows.

A suite is a module with `rows() -> Iterable[Row]`. A missed goal fails nothing: a benchmark measures, tests decide.
"""

from __future__ import annotations

import json
import sys
import traceback
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.rows import Row

HERE = Path(__file__).parent
OUTPUT = HERE.parents[1] / "build" / "bench.json"
MARKS = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def table(rows: list[Row]) -> Table:
    """All rows, one line each."""
    shown = Table("id", "value", "unit", "goal", "peer", "peer value", "ratio", "ok")
    for row in rows:
        goal = f"{'≥' if row.more_is_better else '≤'} {_number(row.goal)}" if row.goal is not None else ""
        numbers = (_number(row.peer_value), _number(row.ratio))
        shown.add_row(row.id, _number(row.value), row.unit, goal, row.peer or "", *numbers, MARKS[row.ok])
    return shown


def main(only: str = "") -> int:
    """Run the suites; 1 when one of them broke, 2 when there is none of that name."""
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    if only and only not in names:
        print(f"no suite {only!r}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    broken = 0
    for name in [only] if only else names:
        try:
            for row in import_module(f"tests.benchmarks.bench_{name}").rows():
                print(f"· {row.id}: {_number(row.value)} {row.unit}", file=sys.stderr, flush=True)
                rows.append(row)
        except Exception:  # noqa: BLE001 - one broken suite must not hide what the others measured
            traceback.print_exc()
            broken += 1
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps([row.as_dict() for row in rows], indent=2) + "\n", "utf-8")
    Console(width=None if sys.stdout.isatty() else 120).print(table(rows))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
