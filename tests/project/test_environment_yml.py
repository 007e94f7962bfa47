"""The conda door leads to the same lock."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import yaml

from tests.project.readme_tree import ROOT


@pytest.fixture(scope="module")
def environment() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))


def test_only_python_and_pip_come_from_conda_forge(environment: dict[str, Any]) -> None:
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    assert [entry.split()[0] for entry in plain] == ["python", "pip"]


def test_conda_takes_the_python_versions_of_the_package(environment: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert environment["dependencies"][0] == f"python {project['requires-python']}"


def test_everything_else_comes_from_the_lock(environment: dict[str, Any]) -> None:
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == ["-r requirements.lock"]
