"""python -m tests.backtest.causality.measure: which check finds which leak, and the rates, by part of the corpus."""

from __future__ import annotations

from types import ModuleType

from tests.backtest.causality import world
from tests.backtest.causality.corpus import (
    first_clean,
    first_leaks,
    second_clean,
    second_leaks,
    third_clean,
    third_leaks,
)


def counted(part: ModuleType, *, leaking: bool) -> tuple[int, int]:
    """How many pieces there are, and how many were found; a line each."""
    found = every = 0
    for of, pieces in ((world.of_strategy, part.STRATEGIES), (world.of_indicator, part.INDICATORS)):
        for name, (where, source) in pieces.items():
            verdict = of(source)
            every, found = every + 1, found + verdict.found
            by = f"{'dynamic' if verdict.dynamic else '-':8}{'static' if verdict.static else '-':7}"
            print(f"{by} {name}: {where}" + ("" if verdict.found == leaking else f"   <- WRONG {verdict}"))
    return every, found


def main() -> None:
    parts = (
        ("first", first_leaks, first_clean),
        ("second", second_leaks, second_clean),
        ("third", third_leaks, third_clean),
    )
    for half, leaks, clean in parts:
        every, found = counted(leaks, leaking=True)
        print(f"== {half} part: {found} of {every} leaks found: recall {found / every:.1%}")
        every, found = counted(clean, leaking=False)
        print(f"== {half} part: {found} of {every} clean pieces reported: false alarms {found / every:.1%}")


if __name__ == "__main__":
    main()
