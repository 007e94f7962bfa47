"""What JupyterLab's launcher asks the server: a free name, a notebook from a template. A real JupyterLab answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.browser.lab import Server, lab

KINDS = {"research": "notebooks/research", "strategy": "notebooks/strategies", "dashboard": "dashboards"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("lab")
    project = base / "project"
    project.mkdir()
    (project / "aura.toml").touch()
    with lab(project, base / "home", base / "jupyter") as running:
        yield running


def ask(server: Server, given: Any = None, *, query: str = "", token: bool = True) -> tuple[int, dict[str, Any]]:
    request = Request(f"{server.url}aura/api/new{query}", method="GET" if given is None else "POST")
    if given is not None:
        request.data = json.dumps(given).encode()
    if token:
        request.add_header("Authorization", f"token {server.token}")
    try:
        with urlopen(request, timeout=30) as answer:
            return answer.status, plain(answer.read())
    except HTTPError as error:
        return error.code, plain(error.read())


def plain(said: bytes) -> dict[str, Any]:
    """The answer; nothing for a page, such as the one to log in."""
    return json.loads(said) if said.startswith(b"{") else {}


@pytest.mark.parametrize(("kind", "folder"), KINDS.items())
def test_a_notebook_is_made_where_its_kind_belongs_and_the_next_free_name_follows(
    server: Server, kind: str, folder: str
) -> None:
    assert ask(server, query=f"?kind={kind}") == (200, {"name": f"{kind}_1"})
    assert ask(server, {"kind": kind, "name": f"{kind}_1"}) == (201, {"path": f"{folder}/{kind}_1.ipynb"})
    made = json.loads((server.project / folder / f"{kind}_1.ipynb").read_text(encoding="utf-8"))
    assert "".join(made["cells"][0]["source"]).startswith(f"# {kind}_1")
    assert ask(server, query=f"?kind={kind}") == (200, {"name": f"{kind}_2"})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kind": "strategy", "name": "../../up"}, "cannot name a notebook"),
        ({"kind": "strategy", "name": "My idea"}, "for instance my_idea"),
        ({"kind": "../jobs", "name": "fine"}, "no template for '../jobs': choose strategy, research, dashboard"),
        ({"kind": "strategy"}, "send kind and name"),
        ({"kind": "strategy", "name": ["a"]}, "send kind and name"),
        (["strategy", "fine"], "send kind and name"),
    ],
)
def test_what_cannot_be_made_is_a_sentence_and_makes_nothing(server: Server, given: Any, told: str) -> None:
    before = sorted(server.project.rglob("*"))
    status, answer = ask(server, given)
    assert status == 400 and told in answer["message"]
    assert sorted(server.project.rglob("*")) == before


def test_a_notebook_that_is_there_is_left_alone(server: Server) -> None:
    ask(server, {"kind": "strategy", "name": "mine"})
    file = server.project / "notebooks/strategies/mine.ipynb"
    file.write_text("my own work", encoding="utf-8")
    status, answer = ask(server, {"kind": "strategy", "name": "mine"})
    assert status == 400 and "was left alone: choose another name" in answer["message"]
    assert file.read_text(encoding="utf-8") == "my own work"


def test_a_folder_that_cannot_be_written_is_named(server: Server) -> None:
    folder = server.project / "notebooks" / "research"
    moved = folder.rename(server.project / "kept") if folder.exists() else None
    folder.parent.mkdir(exist_ok=True)
    folder.symlink_to("/proc/sys")  # nobody can make a file there, not even root
    try:
        status, answer = ask(server, {"kind": "research", "name": "fine"})
    finally:
        folder.unlink()
        if moved:
            moved.rename(folder)
    assert status == 400 and f"{folder}/fine.ipynb cannot be written: " in answer["message"]


def test_without_the_token_nobody_makes_or_learns_anything(server: Server) -> None:
    assert ask(server, query="?kind=strategy", token=False) == (200, {})  # the login page
    assert ask(server, {"kind": "strategy", "name": "foreign"}, token=False) == (403, {})
    assert not list(server.project.rglob("foreign*"))


def test_in_a_folder_that_is_no_project_it_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "somewhere"
    folder.mkdir()
    with lab(folder, tmp_path / "home", tmp_path / "jupyter") as running:
        status, answer = ask(running, {"kind": "dashboard", "name": "fine"})
    assert status == 400 and f"{folder} is in no project" in answer["message"]
    assert not list(folder.iterdir())
