"""What Aura depends on: as pyproject.toml asks for it, as requirements.lock pins it, as it is installed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.project.readme_tree import ROOT

LEFT_OUT = {"rfc3987-syntax"}  # locked, but `make` takes it away again: DECISIONS.md
_PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>.*?))? \\\n(?P<rest>(?:    .*\n)+)", re.M
)


def asked() -> list[Requirement]:
    """The requirements of pyproject.toml: core and every extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def lock_text() -> str:
    """requirements.lock as it is."""
    return (ROOT / "requirements.lock").read_text("utf-8")


def locked() -> dict[str, tuple[str, str]]:
    """Package → (version, lines of hashes)."""
    return {pin["name"]: (pin["version"], pin["rest"]) for pin in _PIN.finditer(lock_text())}


def _needs(requirement: Requirement) -> Iterator[Requirement]:
    for line in metadata.requires(requirement.name) or ():
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": e}) for e in ("", *requirement.extras)):
            yield need


def tree() -> dict[str, metadata.Distribution | None]:
    """Every package that core and extras need on this machine, however deep → its installed distribution or None."""
    found: dict[str, metadata.Distribution | None] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = asked()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        try:
            found[name] = metadata.distribution(name)
            waiting.extend(_needs(requirement))
        except metadata.PackageNotFoundError:
            found[name] = None
    return found
