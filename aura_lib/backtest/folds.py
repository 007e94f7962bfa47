"""Folds: which rows train and which rows test, for walk-forward and combinatorial purged cross-validation.

Folds are row numbers, nothing else: no calendar, no prices. Purging drops training rows whose outcome reaches into
the test rows; an embargo drops training rows that follow the test rows, whose features still remember them.

Source: López de Prado, Advances in Financial Machine Learning, 2018, chapters 7 (purging) and 12 (combinatorial).
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from aura_lib.core import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 100_000  # folds; more is a slip of the keyboard: each is a fit


@dataclass(frozen=True, eq=False, slots=True)
class Fold:
    """Rows to choose on and rows to judge on, ascending row numbers (int64), never one in both."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("train", "test"):
            array = np.array(getattr(self, name), dtype=np.int64)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if not len(self.train) or not len(self.test):
            raise InputError(f"a fold needs rows on both sides; given {len(self.train)} train, {len(self.test)} test")

    def __repr__(self) -> str:
        return f"<Fold train {_spans(self.train)}, test {_spans(self.test)}>"


def walk_forward(
    rows: int,
    *,
    train: int,
    test: int,
    step: int | None = None,
    anchored: bool = False,
    purge: int = 0,
    embargo: int = 0,
) -> list[Fold]:
    """Train on the past, test on what follows, move on.

    Args:
        rows: rows there are.
        train: training rows of each fold, `purge` and `embargo` not among them; of the first when `anchored`.
        test: test rows of each fold; the last fold tests what is left and may be shorter.
        step: rows from one fold to the next; without it `test`, so that the tests follow each other without a gap.
        anchored: every training starts at row 0 and grows, instead of rolling.
        purge: rows left out between training and test: as many as an outcome takes to be known.
        embargo: as many again, for what the newest training rows still share with the test.

    Raises:
        InputError: a size that is no whole number in its range, or too few rows for a single test row.
    """
    rows, train, test = (_whole(n, v, 1) for n, v in (("rows", rows), ("train", train), ("test", test)))
    gap = _whole("purge", purge, 0) + _whole("embargo", embargo, 0)
    step = test if step is None else _whole("step", step, 1)
    first = train + gap
    if first >= rows:
        raise InputError(
            f"{rows} rows leave none to test: train={train} and a gap of {gap} take them all. Shorten the training"
        )
    starts = range(first, rows, step)
    _few(len(starts))
    return [
        Fold(np.arange(0 if anchored else at - first, at - gap), np.arange(at, min(at + test, rows))) for at in starts
    ]


def combinatorial(rows: int, *, groups: int = 6, test_groups: int = 2, purge: int = 0, embargo: int = 0) -> list[Fold]:
    """Every choice of `test_groups` out of `groups` blocks of rows is tested once, trained on the other blocks.

    The folds come in the lexicographic order of their test groups; `paths` says how their test blocks make up whole
    histories. Before a test block `purge` training rows are left out, behind it `purge + embargo`.

    Args:
        rows: rows there are; each group has `rows // groups` of them, the last also what is over.
        groups: N of the source, at least 2.
        test_groups: k of the source, from 1 to N − 1.
        purge: training rows left out on both sides of a test block.
        embargo: more training rows left out behind it.

    Raises:
        InputError: sizes out of range, or a purge that leaves a training block of a group empty.
    """
    edges = group_edges(rows, groups)
    _chosen(groups, test_groups)
    before, behind = _whole("purge", purge, 0), purge + _whole("embargo", embargo, 0)
    size = int(edges[1])
    if before + behind >= size:
        raise InputError(
            f"purge={purge} and embargo={embargo} leave nothing of a training block of {size} rows between two test "
            f"blocks: take fewer than {groups} groups, or a shorter purge"
        )
    return [_combined(edges, chosen, before, behind) for chosen in combinations(range(groups), test_groups)]


def _combined(edges: NDArray[np.int64], chosen: tuple[int, ...], before: int, behind: int) -> Fold:
    rows = int(edges[-1])
    test, left_out = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=bool)
    for group in chosen:
        start, stop = int(edges[group]), int(edges[group + 1])
        test[start:stop] = True
        left_out[max(start - before, 0) : stop + behind] = True
    return Fold(np.flatnonzero(~(test | left_out)), np.flatnonzero(test))


def group_edges(rows: int, groups: int) -> NDArray[np.int64]:
    """First row of each group, and `rows` at the end: group g holds the rows from edge g to edge g + 1.

    Groups have `rows // groups` rows, the last also what is over (the source, section 12.4).
    """
    rows, groups = _whole("rows", rows, 2), _whole("groups", groups, 2)
    if groups > rows:
        raise InputError(f"{rows} rows do not make {groups} groups")
    return np.append(np.arange(groups, dtype=np.int64) * (rows // groups), rows)


def path_count(groups: int, test_groups: int) -> int:
    """φ: how many whole histories the test blocks make up, k/N of the number of folds (the source, section 12.3)."""
    _chosen(groups, test_groups)
    return comb(groups, test_groups) * test_groups // groups


def paths(groups: int, test_groups: int) -> NDArray[np.int64]:
    """Which fold tests each group on each path, φ × groups: every test block of every fold is used exactly once.

    Path j takes for each group the j-th fold (in the order of `combinatorial`) that tests it.
    """
    count = path_count(groups, test_groups)
    testers: list[list[int]] = [[] for _ in range(groups)]
    for fold, chosen in enumerate(combinations(range(groups), test_groups)):
        for group in chosen:
            testers[group].append(fold)
    return np.array(testers, dtype=np.int64).T.reshape(count, groups)


def _chosen(groups: int, test_groups: int) -> None:
    _whole("groups", groups, 2)
    if not _whole("test_groups", test_groups, 1) < groups:
        raise InputError(f"test_groups={test_groups} of groups={groups} leave nothing to train on")
    _few(comb(groups, test_groups))


def _few(count: int) -> None:
    if count > MOST:
        raise InputError(f"{count:,} folds are more than the {MOST:,} that anybody can fit: take larger steps")


def _whole(name: str, value: int, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise InputError(f"{name} must be a whole number, at least {least}, not {value!r}")
    return number


def _spans(rows: NDArray[np.int64]) -> str:
    """Row numbers as first-last of each unbroken run."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    return ", ".join(f"{run[0]}-{run[-1]}" for run in np.split(rows, breaks))
