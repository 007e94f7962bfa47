"""requirements.lock: everything, pinned, hashed, and from nowhere in particular."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from tests.project.dependencies import LEFT_OUT, asked, lock_text, locked, tree


def test_the_lock_names_no_host_and_no_path() -> None:
    lines = [line for line in lock_text().splitlines() if not line.startswith("    --hash=sha256:")]
    assert [line for line in lines if "://" in line or " @ " in line or line.startswith("-") or "/" in line] == []


def test_every_package_is_pinned_by_hash() -> None:
    entries = [line for line in lock_text().splitlines() if line and not line.startswith((" ", "#"))]
    assert len(locked()) == len(entries) > 100
    bad = [
        n for n, (_, rest) in locked().items() if not re.fullmatch(r"(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", rest)
    ]
    assert bad == []


def test_the_lock_keeps_what_pyproject_asks_for() -> None:
    pins = locked()
    for requirement in asked():
        version, _ = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}, but {version} is locked: make lock"


def test_every_dependency_has_a_lower_bound() -> None:
    assert [str(r) for r in asked() if not any(s.operator == ">=" for s in r.specifier)] == []


def test_what_is_installed_is_what_is_locked() -> None:
    pins = locked()
    installed = {name: dist.version for name, dist in tree().items() if dist is not None}
    assert {n: v for n, v in installed.items() if n not in pins or pins[n][0] != v} == {}


def test_nothing_is_missing_but_what_was_left_out() -> None:
    assert {name for name, distribution in tree().items() if distribution is None} <= LEFT_OUT
