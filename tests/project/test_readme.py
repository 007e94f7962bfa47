"""What the README says is there."""

from __future__ import annotations

import re

from tests.project.readme_tree import README, ROOT, rooms, with_tree


def test_the_tree_of_rooms_is_current() -> None:
    text = README.read_text("utf-8")
    assert text == with_tree(text), "run: python -m tests.project.readme_tree --write"


def test_every_room_says_its_purpose() -> None:
    assert [room for room, purpose in rooms().items() if not purpose or purpose.endswith(".")] == []


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    told = set(re.findall(r"\bmake ([a-z]+)`|^make ([a-z]+)", README.read_text("utf-8"), re.MULTILINE))
    assert {a or b for a, b in told} <= targets
    assert {"demo", "up", "test", "soak", "lint", "bench", "lock", "clean", "help"} <= targets


def test_every_command_in_the_documents_exists() -> None:
    from typer.main import get_command

    from aura_lib.cli import app

    commands = get_command(app).commands
    for document in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for first, second in re.findall(
            r"`(?:\.venv/bin/)?aura ([a-z]+)(?: ([a-z]+)\b)?", (ROOT / document).read_text("utf-8")
        ):
            assert first in commands, f"{document} speaks of `aura {first}`"
            below = getattr(commands[first], "commands", None)
            assert below is None or not second or second in below, f"{document} speaks of `aura {first} {second}`"


def test_every_path_in_the_documents_exists() -> None:
    places = re.compile(r"`((?:aura_lib|notebooks|jobs|tests|\.ci)/[\w./*]*)`")
    for document in ("README.md", "CONTRIBUTING.md"):
        missing = {
            p for p in places.findall((ROOT / document).read_text("utf-8")) if not list(ROOT.glob(p.rstrip("/")))
        }
        assert not missing, f"{document} speaks of what is not there: {sorted(missing)}"
