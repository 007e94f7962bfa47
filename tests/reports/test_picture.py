"""The small pictures: what they draw is what they were given, and odd data leave them whole."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup, Tag

from aura_lib.reports import About, picture

TIMES = pd.date_range("2022-01-03 21:00", periods=5, tz="UTC")
NAN = float("nan")


def drawn(svg: str) -> Tag:
    assert "nan" not in svg and "inf" not in svg
    found = BeautifulSoup(svg, "html.parser").svg
    assert isinstance(found, Tag) and found["role"] == "img"
    return found


def words(svg: Tag) -> list[str]:
    return [text.text for text in svg.find_all("text")]


def heights(line: Tag) -> list[float]:
    return [float(point.split(",")[1]) for point in str(line["points"]).split()]


def test_one_symbol_is_drawn_in_its_own_money() -> None:
    svg = drawn(picture.closes(pd.DataFrame({"AAA": [1.0, 2, 4, 8, 16]}, TIMES), about=About(currency="EUR")))
    assert words(svg)[0] == "Close of AAA, EUR, logarithmic"
    steps = np.diff(heights(svg.polyline))
    assert steps == pytest.approx([steps[0]] * 4, abs=0.11), "doubling is a straight line on a logarithmic axis"
    assert {"16.00", "1.00"} <= set(words(svg))


def test_several_symbols_start_at_one_and_the_highest_and_lowest_are_named() -> None:
    close = pd.DataFrame({"UP": [10.0, 11, 12, 13, 20], "FLAT": [NAN, 7, 7, 7, 7], "DOWN": [4.0, 3, 3, 3, 2]}, TIMES)
    svg = drawn(picture.closes(close))
    lines = svg.find_all("polyline")
    assert [len(heights(line)) for line in lines] == [5, 4, 5]
    assert heights(lines[0])[0] == heights(lines[1])[0] == heights(lines[2])[0]
    assert {"UP", "DOWN", "2.00", "0.50"} <= set(words(svg)) and "FLAT" not in words(svg)


@pytest.mark.parametrize(
    "close",
    [
        pd.DataFrame(index=TIMES),
        pd.DataFrame({"AAA": [NAN] * 5}, TIMES),
        pd.DataFrame({"AAA": [1.0]}, TIMES[:1]),
        pd.DataFrame({"AAA": [], "BBB": []}, TIMES[:0], dtype="float64"),
    ],
)
def test_where_there_is_no_line_it_says_so(close: pd.DataFrame) -> None:
    assert "nothing yet" in words(drawn(picture.closes(close)))


def test_bars_are_as_long_as_their_numbers_on_one_scale_and_shorts_go_left() -> None:
    svg = drawn(picture.bars({"AAA": (0.4,), "BBB": (0.2,), "CCC": (-0.2,)}, "Weights"))
    a, b, c = svg.find_all("rect")
    assert float(a["width"]) == pytest.approx(2 * float(b["width"]), abs=0.2)
    assert math.isclose(float(c["x"]) + float(c["width"]), float(a["x"]), abs_tol=0.2)
    assert words(svg) == ["Weights", "AAA", "40.0%", "BBB", "20.0%", "CCC", "−20.0%"]


def test_of_two_numbers_the_first_is_pale_and_above() -> None:
    before, after = drawn(picture.bars({"AAA": (0.1, 0.3)}, "Weights")).find_all("rect")
    assert float(before["opacity"]) < float(after["opacity"]) and float(before["y"]) < float(after["y"])
    assert float(after["width"]) == pytest.approx(3 * float(before["width"]), abs=0.2)


def test_names_are_escaped() -> None:
    assert "<script>" not in picture.bars({"<script>": (0.1,)}, "<script>")
