"""The README's tree of rooms, made from the first line of each room's docstring.

python -m tests.project.readme_tree [--write | --check]
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BEGIN, END = "<!-- tree: python -m tests.project.readme_tree --write -->\n", "<!-- end of tree -->"


def order() -> list[str]:
    """The rooms from the bottom up, as the layers contract in pyproject.toml names them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(c for c in contracts if c["type"] == "layers")["layers"]
    return [room for layer in reversed(layers) for room in re.findall(r"\w+", layer)]


def rooms() -> dict[str, str]:
    """Room → purpose, for every room there is."""
    package = ROOT / "aura_lib"
    sources = {p.parent.name: p for p in package.glob("*/__init__.py")}
    sources |= {p.stem: p for p in package.glob("*.py") if not p.stem.startswith("_")}
    known = order()
    names = sorted(sources, key=lambda room: (known.index(room) if room in known else len(known), room))
    docstrings = {name: ast.get_docstring(ast.parse(sources[name].read_text("utf-8"))) or "" for name in names}
    return {name: text.partition("\n")[0] for name, text in docstrings.items()}


def tree() -> str:
    """The tree as text, between the README's markers."""
    lines = [f"    {name:<11} {purpose}".rstrip() for name, purpose in rooms().items()]
    return "\n".join(["```", "aura_lib/", *lines, "```", ""])


def with_tree(text: str) -> str:
    """A README's text with the tree of today."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"README.md has lost the markers {BEGIN.strip()!r} and {END!r}")
    return before + begin + tree() + end + after


def main(argument: str = "") -> int:
    """Print the tree; `--write` puts it into the README, `--check` says whether it is there."""
    if argument not in ("", "--write", "--check"):
        print(__doc__, file=sys.stderr)
        return 2
    if not argument:
        print(tree(), end="")
        return 0
    text = README.read_text("utf-8")
    if argument == "--write":
        README.write_text(with_tree(text), "utf-8")
    elif text != with_tree(text):
        print("README.md: the tree of rooms is old; run: python -m tests.project.readme_tree --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
