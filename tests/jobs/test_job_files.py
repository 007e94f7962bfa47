"""A job file says what it means, or is refused by name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from aura_lib.core import InputError, Mode
from aura_lib.jobs.job import load, seconds

GOOD = "notebook: n.ipynb\nmode: paper\nbook: m\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "n.ipynb").touch()
    (tmp_path / "jobs").mkdir()
    return tmp_path


def write(project: Path, text: str) -> str:
    (project / "jobs" / "j.yaml").write_text(text)
    return str(project / "jobs" / "j.yaml")


def test_a_job_is_read_with_its_units_and_defaults(project: Path) -> None:
    job = load(
        write(
            project,
            GOOD
            + "capital: 250_000\ntimeout: 10min\nparameters: {top: 5}\nnotify: [desk]\non_missed: {once_within: 2h}\n",
        )
    )
    assert (job.name, job.mode, job.account, job.book) == ("j", Mode.PAPER, "paper", "m")
    assert (job.capital, job.timeout, dict(job.parameters), job.notify) == (
        Decimal(250_000),
        600,
        {"top": 5},
        ("desk",),
    )
    assert (job.on_missed, job.on_overlap, job.retries) == ("once_within: 7200s", "skip", 0)
    assert load("j", project) == job, "by name and by path it is the same job"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "paramters: {}\n", "unknown key 'paramters'; did you mean 'parameters'"),
        (GOOD + "colour: blue\n", "unknown key 'colour'; known keys"),
        ("mode: paper\n", "missing notebook, book"),
        (GOOD.replace("paper", "papre"), "mode must be paper or live, not 'papre'"),
        (GOOD.replace("paper", "research"), "its mode is paper or live"),
        (GOOD.replace("n.ipynb", "gone.ipynb"), "no notebook at"),
        (GOOD + "capital: -5\n", "capital must be a positive amount"),
        (GOOD + "capital: lots\n", "capital must be a positive amount"),
        (GOOD + "timeout: soon\n", "no duration"),
        (GOOD + "retries: many\n", "retries must be a whole number"),
        (GOOD + "on_missed: maybe\n", "on_missed must be one of skip, all"),
        (GOOD + "on_missed: {once_within: soon}\n", "no duration"),
        (GOOD + "on_missed: 'once_within: soon'\n", "no duration"),
        (GOOD + "on_missed: once_within\n", "on_missed must be one of skip, all"),
        (GOOD + "on_overlap: 'once_within: 2h'\n", "on_overlap must be one of skip, queue"),
        (GOOD + "on_overlap: [skip]\n", "on_overlap must be one of skip, queue"),
        (GOOD + "parameters: [1, 2]\n", "parameters must be a mapping"),
        (GOOD + "quality: livee\n", "unknown level 'livee'; did you mean 'live'"),
        (GOOD + "quality: {jmup: warn}\n", "unknown check 'jmup'; did you mean 'jump'"),
        (GOOD + "quality: {jump: maybe}\n", "unknown action 'maybe'; there is: ignore, warn, refuse"),
        (GOOD + "quality: [jump]\n", "quality must be a level"),
        ("- a list\n", "must hold keys"),
        ("a: [1\n", "no YAML"),
    ],
)
def test_what_is_wrong_in_a_job_file_is_named(project: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(write(project, text))


def test_a_job_is_as_strict_about_its_data_as_its_mode_unless_it_says_so(project: Path) -> None:
    assert load(write(project, GOOD)).policy.name == "paper"
    assert load(write(project, GOOD.replace("paper", "live"))).policy.action("jump") == "refuse"
    own = load(write(project, GOOD + "quality: {jump: refuse, stale: warn}\n")).policy
    assert (own.action("jump"), own.action("stale"), own.action("quarantine")) == ("refuse", "warn", "refuse")
    assert load(write(project, GOOD + "quality: live\n")).policy.name == "live"


def test_an_unknown_job_names_those_there_are(project: Path) -> None:
    write(project, GOOD)
    with pytest.raises(InputError, match=r"no job 'momentun'.*jobs here: j"):
        load("momentun", project)


def test_a_text_and_a_mapping_of_once_within_mean_the_same(project: Path) -> None:
    for given in ("{once_within: 2h}", "'once_within: 2h'", "'once_within: 120min'"):
        assert load(write(project, GOOD + f"on_missed: {given}\n")).on_missed == "once_within: 7200s"
    assert load(write(project, GOOD + "on_missed: all\non_overlap: queue\n")).on_overlap == "queue"


@pytest.mark.parametrize(("text", "expected"), [("90s", 90), ("10min", 600), ("2h", 7200), ("1.5h", 5400), (30, 30)])
def test_durations(text: str | int, expected: float) -> None:
    assert seconds(text) == expected


def test_every_job_of_this_project_can_be_read() -> None:
    root = Path(__file__).parents[2]
    files = sorted((root / "jobs").glob("*.yaml"))
    assert files
    for file in files:
        assert load(str(file)).notebook.is_file()
