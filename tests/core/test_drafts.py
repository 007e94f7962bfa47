"""Nouns made quickly and words compared quickly are the nouns and words they were."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass
from enum import Enum

import pytest

from aura_lib.core import AssetClass, BookingKind, OrderStatus, OrderType, Right, Side, TimeInForce
from aura_lib.core.drafts import finishing, quick
from aura_lib.exchange import Standing

WORDS = (AssetClass, BookingKind, OrderStatus, OrderType, Right, Side, Standing, TimeInForce)


@quick
@dataclass(frozen=True, slots=True)
class Parcel:
    weight: int
    sent: bool = False
    note: str = ""


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words.__name__)
def test_a_word_is_a_plain_attribute_and_still_a_word(words: type[Enum]) -> None:
    for name, member in words.__members__.items():
        assert words.__dict__[name] is member is words[name] is words(member.value)
        assert pickle.loads(pickle.dumps(member)) is member and copy.deepcopy(member) is member
    assert list(words) == list(words.__members__.values())
    with pytest.raises(AttributeError, match="cannot"):
        setattr(words, next(iter(words.__members__)), "other")


def test_a_quickly_made_noun_is_the_noun() -> None:
    made = Parcel(3, note="fragile")
    assert (type(made), made.weight, made.sent, made.note) == (Parcel, 3, False, "fragile")
    with pytest.raises(FrozenInstanceError):
        made.weight = 4  # type: ignore[misc]


def test_a_finished_noun_has_its_last_words_and_is_frozen_again() -> None:
    finish, parcel = finishing(Parcel, "sent", "note"), Parcel(3)
    assert finish(parcel, True, "left") is parcel
    assert parcel == Parcel(3, True, "left") and type(parcel) is Parcel
    with pytest.raises(FrozenInstanceError):
        parcel.sent = False  # type: ignore[misc]
