"""Any sequence of puts and adds leaves in the store what it leaves in plain dictionaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_lib.core import Bars
from aura_lib.data.store import Store
from tests.data.store_cases import MOMENTS, Step, agree, apply, bars, held, steps
from tests.data.store_model import Model, State


@settings(max_examples=60)
@given(done=steps, data=st.data())
def test_any_sequence_leaves_what_it_leaves_in_plain_dictionaries(
    done: list[Step], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store, model = Store(tmp_path_factory.mktemp("home")), Model()
    states: dict[str, State] = {}
    for step in done:
        made = apply(step, store, model)
        if made is None:
            continue
        snapshot, state = made
        assert states.setdefault(snapshot, state) == state
    log = [state for states_of in model.log.values() for state in states_of]
    assert [version.snapshot for version in store.versions()] == [_named(states, state) for state in log]
    for snapshot, state in states.items():
        agree(store, snapshot, state)
        held(store, snapshot, state)
        symbols = data.draw(st.lists(st.sampled_from(sorted(state.rows)), min_size=1, unique=True))
        first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(MOMENTS) - 1)] * 2)))
        agree(store, snapshot, state, symbols)
        agree(
            store,
            snapshot,
            state,
            symbols,
            data.draw(st.sampled_from([["close"], None])),
            MOMENTS[first],
            MOMENTS[last],
        )
        agree(store, snapshot, state, start=MOMENTS[first])
    assert store.verify() == ()


def _named(states: dict[str, State], state: State) -> str:
    (name,) = [snapshot for snapshot, other in states.items() if other == state]
    return name


@settings(max_examples=40)
@given(given_bars=bars(), data=st.data())
def test_the_id_depends_on_content_alone(
    given_bars: Bars, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = Store(tmp_path_factory.mktemp("whole")).put(given_bars)
    shuffled = given_bars.select(data.draw(st.permutations(given_bars.symbols)))
    assert Store(tmp_path_factory.mktemp("shuffled")).put(shuffled).snapshot == whole.snapshot
    traded = np.logical_or.reduce([frame.notna().any(axis=1) for frame in given_bars.fields.values()])
    if traded.all():  # moments at which nothing traded are what a panel says, and an addition does not
        pieces = Store(tmp_path_factory.mktemp("pieces"))
        for place in data.draw(st.permutations(range(len(given_bars)))):
            version = pieces.add(given_bars._rows(place, place + 1))
        assert version.snapshot == whole.snapshot
