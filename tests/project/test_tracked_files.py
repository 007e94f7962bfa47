"""What is kept in the repository."""

from __future__ import annotations

import subprocess

import pytest

from tests.project.readme_tree import ROOT

HOSTS = [  # put together here, so that this file does not name them either
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("pypi", "python", "org"), ("anaconda", "org"), ("anaconda", "com"),
        ("registry", "npmjs", "org"), ("crates", "io"), ("proxy", "golang", "org"), ("rubygems", "org"),
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Path → text of every file that git keeps or would keep."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    files = {name: ROOT / name for name in names if name}
    return {name: path.read_text("utf-8", errors="replace") for name, path in files.items() if path.is_file()}


def test_no_file_names_a_package_host(texts: dict[str, str]) -> None:
    assert {name: host for name, text in texts.items() for host in HOSTS if host in text.lower()} == {}


def test_no_file_holds_a_private_key(texts: dict[str, str]) -> None:
    mark = "PRIVATE" + " KEY-----"
    assert [name for name, text in texts.items() if mark in text] == []


def test_no_data_file_was_copied_in(texts: dict[str, str]) -> None:
    kinds = (".csv", ".parquet", ".gz", ".zip", ".db", ".sqlite", ".pkl", ".npz", ".xlsx")
    assert [name for name in texts if name.endswith(kinds)] == []
