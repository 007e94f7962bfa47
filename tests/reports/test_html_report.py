"""The HTML report: one file that opens anywhere, says everything, and asks nobody for anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import tinycss2
from bs4 import BeautifulSoup

from aura_lib.core import InputError
from aura_lib.reports import About, Check, Link, Section, figures, report, tables

AS_OF = datetime(2022, 11, 30, 21, tzinfo=UTC)
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"
SESSIONS_SINCE_1990 = 8313
MEGABYTE = 1_000_000


def pictures(rows: int, subject: str = "momentum") -> list[Any]:
    random = np.random.default_rng(3)
    times = pd.date_range("1990-01-02 16:00", periods=rows, freq="B", tz="America/New_York").tz_convert("UTC")
    returns = pd.Series(random.normal(0.0004, 0.01, rows), index=times)
    index = pd.Series(random.normal(0.0002, 0.01, rows), index=times, name="S&P 500")
    held = pd.DataFrame(random.dirichlet(np.ones(20), rows), index=times, columns=[f"S{i}" for i in range(20)])
    paid = pd.DataFrame({"time": times[::5], "fee": 1.0, "slippage": 2.0})
    about = About(subject=subject, source="sample")
    book, level = 1e6 * (1 + returns).cumprod(), (1 + index).cumprod().rename("S&P 500")
    return [
        figures.equity(book, level, about=about),
        figures.drawdown(book, level, about=about),
        figures.weights(held, about=about),
        figures.rolling(returns, index, about=about),
        figures.costs(paid, about=about),
        figures.monthly_returns(returns, about=about),
    ]


def write(path: Path, **changes: Any) -> Path:
    given: dict[str, Any] = {
        "summary": tables.summary(
            {
                "momentum": {"total_return": -0.05, "sharpe": -0.2, "costs": 1234.5, "n_orders": 118},
                "S&P 500": {"total_return": -0.181, "sharpe": -0.8},
            }
        ),
        "as_of": AS_OF,
        "checks": [
            Check("Parity", True, "12 slots compared, 0 differ"),
            Check("Ledger", False, "entry 17 was changed"),
            Check("Promotion", None, "nothing to check"),
        ],
        "assumptions": {"filled_at": "the next session's close"},
        "notices": ["For trying only."],
        "sections": [
            Section("Runs", runs(path.parent), "One row a slot."),
            Section("Doubts", ["Twenty survivors."]),
            Section("Method", "Cross-sectional momentum."),
        ],
    }
    return report(changes.pop("title", "Momentum on paper"), path=path, **(given | changes))


def runs(folder: Path) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "slot": [pd.Timestamp("2021-12-31 21:00Z"), pd.Timestamp("2022-01-31 21:00Z")],
            "run": ["0a1b", "0a1c"],
            "orders": [8, 9],
            "turnover": [0.31, 0.22],
            "decisions": ["8 approved", "9 approved"],
            "output": [Link("notebook", folder / "runs" / "a b#1.ipynb"), Link("notebook", "runs/c.ipynb")],
        }
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> BeautifulSoup:
    path = write(tmp_path_factory.mktemp("report") / "report.html", figures=pictures(400))
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def text(part: Any) -> str:
    return " ".join(part.get_text(" ").split())


def addresses(page: BeautifulSoup) -> Iterator[str]:
    for name in ("src", "href", "action", "data", "poster", "srcset", "formaction"):
        for element in page.find_all(attrs={name: True}):
            yield str(element[name])


# ── what it says ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_headline_numbers_stand_beside_those_of_the_index(page: BeautifulSoup) -> None:
    tiles = [text(tile) for tile in page.select(".tiles > div")]
    assert tiles == ["Total return −5.0% S&P 500 −18.1%", "Sharpe ratio −0.20 S&P 500 −0.80", "Costs USD 1,234"]


def test_the_table_against_the_index_is_there(page: BeautifulSoup) -> None:
    table = page.find("h2", string="Against S&P 500").find_next("table")
    assert "Total return −5.0% −18.1% +13.1 pp" in [text(row) for row in table.select("tbody tr")]


def test_every_run_has_a_row_and_a_link_that_moves_with_the_report(page: BeautifulSoup) -> None:
    table = page.find("h2", string="Runs").find_next("table")
    rows = [text(row) for row in table.select("tbody tr")]
    assert rows[0] == "2021-12-31 16:00 0a1b 8 31.0% 8 approved notebook"
    links = [link["href"] for link in table.select("a")]
    assert links == ["runs/a%20b%231.ipynb", "runs/c.ipynb"]
    assert unquote(links[0]) == "runs/a b#1.ipynb"


def test_the_proofs_say_what_holds_what_fails_and_what_was_not_checked_without_colour(page: BeautifulSoup) -> None:
    assert [text(line) for line in page.select(".checks li")] == [
        "✓ Parity holds: 12 slots compared, 0 differ",
        "✕ Ledger fails: entry 17 was changed",
        "? Promotion not checked: nothing to check",
    ]


def test_assumptions_doubts_and_notices_are_there(page: BeautifulSoup) -> None:
    assert text(page.find("h2", string="Assumptions").parent) == "Assumptions Filled at the next session's close"
    assert "Twenty survivors." in text(page.find("h2", string="Doubts").parent)
    assert "Cross-sectional momentum." in text(page.find("h2", string="Method").parent)
    assert text(page.select_one(".notices")) == "For trying only."
    assert page.select_one("time")["datetime"] == "2022-11-30T21:00:00+00:00"
    assert "30 Nov 2022, 16:00 New York" in text(page.header)


def test_every_figure_is_there_with_its_words_as_text(page: BeautifulSoup) -> None:
    charts = page.select("figure")
    assert [text(chart.strong) for chart in charts] == [picture.layout.meta["title"] for picture in pictures(400)]
    assert all("Source: sample · as of" in text(chart.select_one(".source")) for chart in charts)
    assert [int(plot["data-figure"]) for plot in page.select(".plot")] == list(range(6))


def test_a_report_of_nothing_is_a_report(tmp_path: Path) -> None:
    path = report("Nothing", summary=tables.summary({}), as_of=AS_OF, path=tmp_path / "report.html")
    empty = BeautifulSoup(path.read_text("utf-8"), "html.parser")
    assert empty.h1.string == "Nothing" and "nothing yet" in text(empty.main)
    assert not empty.select(".tiles > div, .checks, .notices, figure")


def test_a_table_without_rows_says_so(tmp_path: Path) -> None:
    sections = [Section("Runs", runs(tmp_path).iloc[:0])]
    empty = BeautifulSoup(write(tmp_path / "report.html", sections=sections).read_text("utf-8"), "html.parser")
    assert text(empty.find("h2", string="Runs").find_next("tbody")) == "nothing yet"


# ── how it is made ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_built_for_everyone(page: BeautifulSoup) -> None:
    assert page.html["lang"] == "en" and page.title.string == "Momentum on paper"
    assert len(page.find_all("h1")) == 1 and len(page.find_all("main")) == 1
    assert page.find("meta", attrs={"name": "viewport"})
    for table in page.find_all("table"):
        assert table.caption.string
        assert all(cell.get("scope") for cell in table.find_all("th"))
    for figure in page.find_all("figure"):
        assert page.find(id=figure["aria-labelledby"]).name == "figcaption"
    identities = [element["id"] for element in page.find_all(id=True)]
    assert len(set(identities)) == len(identities)


def test_it_has_a_light_a_dark_a_narrow_and_a_printed_form(page: BeautifulSoup) -> None:
    style = page.style.string
    for wanted in (
        "prefers-color-scheme: dark",
        '[data-theme="dark"]',
        "max-width: 640px",
        "@media print",
        "tabular-nums",
    ):
        assert wanted in style
    assert not [rule for rule in tinycss2.parse_stylesheet(style) if rule.type == "error"]


def test_it_asks_nobody_for_anything(page: BeautifulSoup) -> None:
    assert not [address for address in addresses(page) if ":" in address or address.startswith(("/", "\\"))]
    assert "@import" not in page.style.string and "url(" not in page.style.string
    assert not page.find_all(["link", "iframe", "object", "embed", "base", "form", "img"])
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none';") and "http" not in policy and "unsafe-eval" not in policy
    own = "".join(str(script.string) for script in page.find_all("script")[1:])
    assert "http:" not in own and "https:" not in own and "fetch(" not in own
    assert "showSendToCloud: false" in own


def test_plotly_is_in_it_once(page: BeautifulSoup) -> None:
    scripts = [str(script.string) for script in page.find_all("script")]
    assert sum("plotly.js v" in script[:200] for script in scripts) == 1
    assert sum(len(script) > MEGABYTE for script in scripts) == 1


def test_thirty_three_years_of_days_fit_into_six_megabytes(tmp_path: Path) -> None:
    path = write(tmp_path / "long.html", figures=pictures(SESSIONS_SINCE_1990))
    assert path.stat().st_size < 6 * MEGABYTE


def test_what_is_drawn_is_what_was_computed(page: BeautifulSoup) -> None:
    drawn = json.loads(page.find(id="drawn").string)
    book = pictures(400)[0].data[1]
    trace = drawn["figures"][0]["data"][1]

    def array(one: dict[str, int]) -> np.ndarray:
        spec = drawn["arrays"][one["array"]]
        return np.frombuffer(base64.b64decode(spec["bdata"]), dtype="<" + spec["dtype"])

    np.testing.assert_array_equal(array(trace["y"]), book.y)
    np.testing.assert_array_equal(array(trace["x"]).astype("datetime64[ms]"), np.asarray(book.x, "datetime64[ms]"))


def test_an_array_that_many_lines_share_is_written_once(page: BeautifulSoup) -> None:
    drawn = json.loads(page.find(id="drawn").string)
    numbers = [trace["x"]["array"] for picture in drawn["figures"][:3] for trace in picture["data"]]
    assert len(set(numbers)) == 1 and len(numbers) > 8
    assert len({spec["bdata"] for spec in drawn["arrays"]}) == len(drawn["arrays"])


def test_every_colour_of_a_figure_has_its_counterpart(page: BeautifulSoup) -> None:
    swap = json.loads(page.find(id="looks").string)["dark"]["swap"]
    drawn = page.find(id="drawn").string
    used = {colour for colour in swap if json.dumps(colour) in drawn}
    assert len(used) > 10 and not [dark for dark in swap.values() if json.dumps(dark) in drawn]


def test_the_same_input_makes_the_same_bytes(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, figures=pictures(300), sections=[]) for name in ("one.html", "two.html"))
    assert one.read_bytes() == two.read_bytes()


# ── what it is given may be anything ────────────────────────────────────────────────────────────────────────────────


def test_text_stays_text_wherever_it_comes_from(tmp_path: Path) -> None:
    path = write(
        tmp_path / "evil.html",
        title=EVIL,
        figures=pictures(80, subject=EVIL),
        summary=tables.summary({EVIL: {"sharpe": 1.0, EVIL: 2.0}, f"{EVIL}2": {"sharpe": 1.0}}),
        checks=[Check(EVIL, True, EVIL)],
        assumptions={EVIL: EVIL},
        notices=[EVIL],
        sections=[
            Section(EVIL, pd.DataFrame({EVIL: [EVIL, Link(EVIL, "runs/x.ipynb")]}, index=[EVIL, "b"]), EVIL),
            Section(EVIL, [EVIL]),
            Section(EVIL, EVIL),
        ],
    )
    html = path.read_text("utf-8")
    page = BeautifulSoup(html, "html.parser")
    assert page.h1.string == EVIL and page.title.string == EVIL
    assert len(page.find_all("script")) == 4 and not page.find_all("img")
    assert not [name for element in page.find_all(True) for name in element.attrs if name.startswith("on")]
    assert "alert(1)</script>" not in html and "{{7*7}}" in html
    assert json.loads(page.find(id="drawn").string)  # the data block still ends where it should


def test_a_figure_made_elsewhere_keeps_its_own_title(tmp_path: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]), layout={"title": "their own"})
    page = BeautifulSoup(write(tmp_path / "r.html", figures=[figure]).read_text("utf-8"), "html.parser")
    drawn = json.loads(page.find(id="drawn").string)["figures"][0]
    assert drawn["layout"]["title"]["text"] == "their own" and page.figure.strong is None


def test_a_figure_made_elsewhere_cannot_end_its_data_block(tmp_path: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=[1], y=[3], name=EVIL), layout={"title": EVIL})
    page = BeautifulSoup(write(tmp_path / "r.html", figures=[figure]).read_text("utf-8"), "html.parser")
    assert json.loads(page.find(id="drawn").string)["figures"][0]["data"][0]["name"] == EVIL
    assert len(page.find_all("script")) == 4 and not page.find_all("img")


def test_it_creates_the_folder_and_returns_where_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "deep" / "er" / "report.html")
    assert path.is_absolute() and path.exists()
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize("where", ["folder", "file.txt/report.html"])
def test_a_path_that_cannot_be_written_is_named_and_nothing_is_left_behind(tmp_path: Path, where: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("mine")
    with pytest.raises(InputError, match=r"cannot be written to .*; choose another path"):
        write(tmp_path / where, sections=[])
    assert sorted(file.name for file in tmp_path.rglob("*") if file.name != "aura") == ["file.txt", "folder"]
    assert (tmp_path / "file.txt").read_text() == "mine"


def test_a_report_that_fails_leaves_the_old_one_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "report.html")
    before = path.read_bytes()
    with pytest.raises(InputError, match="no time zone"):
        write(path, as_of=datetime(2022, 1, 1))  # noqa: DTZ001
    assert path.read_bytes() == before
