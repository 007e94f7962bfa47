"""The colours: told apart by everyone, readable on their ground, and exchangeable for each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from aura_lib.core import InputError
from aura_lib.reports import themes
from aura_lib.reports.themes import DARK, LIGHT, Theme

BOTH = pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
# Machado, Oliveira & Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency,
# IEEE TVCG 2009, severity 1.0, on linear RGB.
SEEN_BY = {
    "everyone else": np.eye(3),
    "protanopes": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopes": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopes": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def linear(colour: str) -> np.ndarray:
    """sRGB to linear light (IEC 61966-2-1)."""
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """Contrast ratio of WCAG 2.2, success criterion 1.4.3."""
    light, dark = sorted((float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Linear sRGB to CIE L*a*b* (D65)."""
    matrix = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    x, y, z = (np.array(matrix) @ rgb.clip(0, 1)) / [0.95047, 1.0, 1.08883]
    x, y, z = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_no_colour_stands_for_two_things() -> None:
    every = [*LIGHT.colours, *DARK.colours]
    assert len(set(every)) == len(every)


@BOTH
def test_text_can_be_read(look: Theme) -> None:
    for ground in (look.page, look.panel):
        for ink in (look.ink, look.muted, look.accent, look.gain_text, look.loss_text):
            assert contrast(ink, ground) >= 4.5, (ink, ground)


@BOTH
def test_lines_stand_out_from_the_ground(look: Theme) -> None:
    assert contrast(look.accent, look.panel) >= 3
    assert contrast(look.benchmark, look.panel) >= 3


@pytest.mark.parametrize("eyes", SEEN_BY)
@BOTH
def test_holdings_are_told_apart_by_every_eye(look: Theme, eyes: str) -> None:
    seen = {colour: lab(SEEN_BY[eyes] @ linear(colour)) for colour in look.series}
    for a, b in combinations(look.series, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 10, (eyes, a, b)


@pytest.mark.parametrize("eyes", SEEN_BY)
@BOTH
def test_gain_and_loss_and_the_two_lines_are_told_apart_by_every_eye(look: Theme, eyes: str) -> None:
    for a, b in ((look.gain, look.loss), (look.accent, look.benchmark), (look.gain_text, look.loss_text)):
        difference = lab(SEEN_BY[eyes] @ linear(a)) - lab(SEEN_BY[eyes] @ linear(b))
        assert np.linalg.norm(difference) > 20, (eyes, a, b)


def test_swapping_twice_gives_the_colour_back() -> None:
    there, back = themes.swap(DARK), themes.swap(LIGHT)
    assert there[LIGHT.accent] == DARK.accent
    assert all(back[there[colour]] == colour for colour in LIGHT.colours)


def test_an_unknown_theme_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="theme='sepia': give 'light' or 'dark'"):
        themes.theme("sepia")
