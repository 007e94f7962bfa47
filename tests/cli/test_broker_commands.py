"""`aura broker` and `aura rehearse` at the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aura_lib.cli import app
from aura_lib.execution.brokers.rehearsal.scenarios import SCENARIOS

RUN = CliRunner()


def test_the_scenarios_are_listed() -> None:
    told = json.loads(RUN.invoke(app, ["broker", "scenarios", "--json"]).stdout)
    assert {row["name"] for row in told} == set(SCENARIOS)
    assert all(row["issue"] and row["rule"] and row["wire"] for row in told)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["broker", "serve", "--scenario", "sunshine", "--port", "0"], "no scenario 'sunshine'"),
        (["broker", "serve", "--cash", "much"], "cash and leverage are numbers"),
        (["broker", "serve", "--cash", "-5"], "must not be negative"),
        (["broker", "serve", "--leverage", "0.5"], "at least 1"),
        (["broker", "serve", "--chance", "2"], "between 0 and 1"),
        (["broker", "serve", "--rejects", "-1"], "a probability is between 0 and 1"),
        (["rehearse", "nobody", "--from", "2021-01-04", "--to", "2021-02-01"], "no job 'nobody'"),
        (["broker", "serve", "--scenario", "restart@0s", "--port", "0"], "after a time (NAME@90s"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(words: list[str], why: str) -> None:
    told = RUN.invoke(app, words)
    assert told.exit_code == 2
    assert why in " ".join(told.stderr.split())
