"""A shadow on its page and at the command line: what was never sent, what came after, and what was refused."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from typer.testing import CliRunner

from aura_lib.cli import app
from aura_lib.core import Settings
from aura_lib.execution import Terms, open_account
from aura_lib.ledger import Ledger
from aura_lib.reports.shadow import markout_figure, profit_figure
from aura_lib.ui import Panel, Shadow
from tests.shadowed import END, SLOTS, seed

run = CliRunner()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("shadowed")
    seed(Settings.load({"AURA_HOME": str(made)}))
    return made


@pytest.fixture
def page(home: Path) -> Shadow:
    return Shadow(Settings.load({"AURA_HOME": str(home)}))


@pytest.fixture
def shadowed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURA_HOME", str(home))


def rows(panel: Panel) -> list[list[str]]:
    soup = BeautifulSoup(panel.html, "html.parser")
    return [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in soup.select("tbody tr")]


def told(*words: str) -> Any:
    said = run.invoke(app, [*words, "--json"])
    assert said.exit_code == 0, said.stderr
    return json.loads(said.stdout)


def refused(*words: str) -> str:
    said = run.invoke(app, [*words])
    assert said.exit_code == 2, said.stdout
    return " ".join(said.stderr.split())


# ---- the page ------------------------------------------------------------------------------------------------------
def test_the_page_says_whose_shadow_it_is_that_nothing_was_sent_and_how_old_its_prices_are(page: Shadow) -> None:
    heading = BeautifulSoup(page.heading().html, "html.parser")
    text = heading.get_text(" ")
    assert "nothing was sent" in text and "Sees paper, and is judged by its rules" in text
    assert "As of 31 Dec 2021, 16:00 New York" in text and heading.select("time[data-age]")
    assert [option.get_text() for option in heading.select("option")] == ["ghost"]


def test_every_decision_order_and_refusal_has_its_row_the_newest_first(page: Shadow) -> None:
    assert page.state is not None
    found = page.state.found
    decisions, orders = rows(page.decisions()), rows(page.orders())
    assert len(decisions) == len(SLOTS) == len(found.decisions) and len(orders) == len(found.orders) > 20
    assert decisions[0][0] == "2021-11-30 16:00" and decisions[-1][0] == "2021-01-29 16:00"
    assert {row[5] for row in orders} == {"filled", "expired"}, "limits that were not reached too"
    assert {rule: int(count) for rule, count in rows(page.refusals())} == found.refusals
    assert sum(found.refusals.values()) == len(SLOTS), "each decision asks for more than the book may hold"


def test_the_figures_end_where_the_numbers_stand(page: Shadow) -> None:
    assert page.state is not None
    shadow, live = (float(amount) for amount in page.state.found.compared())
    assert page.profit().drawn and page.markouts().drawn
    figure = profit_figure(page.state.found, page.state.about)
    ends = {trace.name: trace.y[-1] for trace in figure.data[:2]}
    assert ends == {
        "shadow, never sent": pytest.approx(shadow, abs=0.01), "account, as it traded": pytest.approx(live, abs=0.01),
    }  # fmt: skip
    marks = markout_figure(page.state.found, page.state.about)
    assert [len(trace.y) for trace in marks.data][:2] == [sum(bool(o.filled) for o in page.state.found.orders)] * 2
    text = page.numbers().html
    assert f"{shadow:,.0f}".replace("-", "−") in text and f"{live:,.0f}" in text


def test_without_a_shadow_the_page_says_how_to_open_one(tmp_path: Path) -> None:
    settings = Settings.load({"AURA_HOME": str(tmp_path / "home")})
    assert "--shadow-of paper" in Shadow(settings).heading().html
    with Ledger.open(settings) as ledger:
        open_account(ledger, Terms("paper"))
    page = Shadow(settings)
    assert "No shadow yet" in page.heading().html and page.decisions().html == ""


@pytest.mark.parametrize(("asked", "why"), [("paper", "paper is no shadow"), ("nobody", "no account")])
def test_another_account_in_the_address_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, asked: str, why: str
) -> None:
    monkeypatch.setenv("QUERY_STRING", f"account={asked}")
    page = Shadow(Settings.load({"AURA_HOME": str(home)}))
    assert why in page.heading().html and 'role="alert"' in page.trouble


# ---- the command ---------------------------------------------------------------------------------------------------
def test_the_command_tells_what_the_page_tells(shadowed: None, page: Shadow) -> None:
    assert page.state is not None
    found, answer = page.state.found, told("shadow", "ghost")
    assert (answer["account"], answer["shadow_of"], answer["as_of"]) == ("ghost", "paper", END.isoformat())
    assert (Decimal(answer["compared_profit"]), Decimal(answer["live_profit"])) == found.compared()
    assert [o["would be"] for o in answer["orders"]] == [o.status.value for o in found.orders]
    assert answer["refusals"] == found.refusals
    said = run.invoke(app, ["shadow", "ghost"]).stdout
    assert "behind" in said or "ahead" in said
    assert "Refused, by rule" in said and "A market order is taken to fill at the next bar's close" in said


def test_as_of_an_earlier_session_nothing_later_is_told(shadowed: None) -> None:
    answer = told("shadow", "ghost", "--as-of", "2021-03-31")
    assert [d["decided"][:10] for d in answer["decisions"]] == ["2021-01-29", "2021-02-26", "2021-03-31"]
    assert {o["would be"] for o in answer["orders"] if o["decided"][:10] == "2021-03-31"} == {"accepted"}
    assert "2021-01-01" in refused("shadow", "ghost", "--as-of", "2021-01-01")


def test_opening_a_shadow_at_the_command_line(aura_home: Path) -> None:
    assert run.invoke(app, ["account", "open", "paper"]).exit_code == 0
    assert told("account", "open", "second", "--shadow-of", "paper")["shadow_of"] == "paper"
    assert "second has decided nothing yet" in run.invoke(app, ["shadow", "second"]).stdout
    assert "itself a shadow" in refused("account", "open", "third", "--shadow-of", "second")
    assert "give --shadow-of and no other terms" in refused(
        "account", "open", "third", "--shadow-of", "paper", "--broker", "alpaca"
    )
    assert "no account 'papr'" in refused("account", "open", "third", "--shadow-of", "papr")
    assert "cannot be the shadow of itself" in refused("account", "open", "paper", "--shadow-of", "paper")
    assert "paper is no shadow" in refused("shadow", "paper")
