"""Folds: rows that train never reach into rows that test; skfolio cuts the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.backtest import folds
from aura_lib.core import InputError


def test_a_rolling_walk_forward_by_hand() -> None:
    found = folds.walk_forward(11, train=4, test=2, purge=1)
    assert [(f.train.tolist(), f.test.tolist()) for f in found] == [
        ([0, 1, 2, 3], [5, 6]),
        ([2, 3, 4, 5], [7, 8]),
        ([4, 5, 6, 7], [9, 10]),
    ]


def test_an_anchored_walk_forward_keeps_its_first_row_and_tests_what_is_left() -> None:
    found = folds.walk_forward(8, train=3, test=3, anchored=True, embargo=1)
    assert [(f.train.tolist(), f.test.tolist()) for f in found] == [
        ([0, 1, 2], [4, 5, 6]),
        ([0, 1, 2, 3, 4, 5], [7]),
    ]


@pytest.mark.parametrize("anchored", [False, True])
@pytest.mark.parametrize("purge", [0, 3])
def test_the_walk_forward_is_that_of_skfolio(anchored: bool, purge: int) -> None:
    from skfolio.model_selection import WalkForward

    theirs = WalkForward(test_size=20, train_size=60, purged_size=purge, expand_train=anchored, reduce_test=True)
    ours = folds.walk_forward(217, train=60, test=20, anchored=anchored, purge=purge)
    expected = list(theirs.split(np.zeros((217, 2))))
    assert len(ours) == len(expected)
    for fold, (train, test) in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)


@pytest.mark.parametrize(
    ("rows", "groups", "chosen", "purge", "embargo"),
    [(12, 3, 2, 0, 0), (12, 3, 2, 1, 0), (203, 6, 2, 4, 3), (500, 10, 3, 2, 5), (131, 5, 4, 0, 7)],
)
def test_the_combinatorial_folds_and_paths_are_those_of_skfolio(
    rows: int, groups: int, chosen: int, purge: int, embargo: int
) -> None:
    from skfolio.model_selection import CombinatorialPurgedCV

    theirs = CombinatorialPurgedCV(n_folds=groups, n_test_folds=chosen, purged_size=purge, embargo_size=embargo)
    ours = folds.combinatorial(rows, groups=groups, test_groups=chosen, purge=purge, embargo=embargo)
    expected = list(theirs.split(np.zeros((rows, 2))))
    assert len(ours) == len(expected)
    for fold, (train, tests) in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, np.concatenate(tests))
    assert folds.path_count(groups, chosen) == theirs.n_test_paths
    np.testing.assert_array_equal(folds.paths(groups, chosen).T, theirs.recombined_paths)


def test_six_groups_with_two_tested_make_fifteen_folds_and_five_paths() -> None:
    """López de Prado 2018, section 12.3: N = 6, k = 2."""
    assert len(folds.combinatorial(60, groups=6, test_groups=2)) == 15
    assert folds.path_count(6, 2) == 5


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(60, 400), groups=st.integers(3, 8), purge=st.integers(0, 3), embargo=st.integers(0, 3),
    data=st.data(),
)  # fmt: skip
def test_no_training_row_is_near_a_test_row_and_every_test_block_is_on_one_path(
    rows: int, groups: int, purge: int, embargo: int, data: st.DataObject
) -> None:
    if 2 * purge + embargo >= rows // groups:
        return
    chosen = data.draw(st.integers(1, groups - 1))
    found = folds.combinatorial(rows, groups=groups, test_groups=chosen, purge=purge, embargo=embargo)
    for fold in found:
        tested = set(fold.test.tolist())
        for row in fold.train.tolist():
            assert not tested & set(range(row, row + purge + 1))
            assert not tested & set(range(row - purge - embargo, row + 1))
    edges, table = folds.group_edges(rows, groups), folds.paths(groups, chosen)
    used = {(int(fold), group) for path in table for group, fold in enumerate(path)}
    assert len(used) == table.size == len(found) * chosen
    for fold, group in used:
        assert np.isin(np.arange(edges[group], edges[group + 1]), found[fold].test).all()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: folds.walk_forward(100, train=100, test=10), "leave none to test"),
        (lambda: folds.walk_forward(100, train=0, test=10), "train must be a whole number"),
        (lambda: folds.walk_forward(100, train=10, test=2.5), "test must be a whole number"),  # type: ignore[arg-type]
        (lambda: folds.walk_forward(100, train=10, test=5, purge=-1), "purge must be"),
        (lambda: folds.walk_forward(10_000_000, train=1, test=1), "more than the 100,000"),
        (lambda: folds.combinatorial(100, groups=4, test_groups=4), "leave nothing to train on"),
        (lambda: folds.combinatorial(3, groups=4), "do not make 4 groups"),
        (lambda: folds.combinatorial(60, groups=6, purge=5), "purge=5"),
        (lambda: folds.combinatorial(10_000, groups=40, test_groups=20), "more than the 100,000"),
    ],
)
def test_sizes_that_cannot_be_are_refused_with_what_to_do(call, told: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=told):
        call()


def test_a_fold_cannot_be_changed_and_shows_its_rows() -> None:
    fold = folds.combinatorial(12, groups=3, test_groups=2)[1]
    assert repr(fold) == "<Fold train 4-7, test 0-3, 8-11>"
    with pytest.raises(ValueError, match="read-only"):
        fold.train[0] = 3
