"""No GPL or AGPL anywhere in the tree; every licence is of a family we know."""

from __future__ import annotations

import re
from importlib.metadata import Distribution

import pytest

from tests.project.dependencies import LEFT_OUT, locked, tree

# Permissive, or weak copyleft on files or a library that we only import (MPL, LGPL).
FAMILIES = re.compile(
    r"MIT|BSD|Apache|\bISC|\bPSF|Python Software Foundation|CNRI-Python|NCSA|Zlib|CC0|Unlicense|Mozilla|\bMPL|\bLGPL|"
    r"Lesser"
)
REFUSED = re.compile(r"(?<!L)GPL|(?<!Lesser )General Public|Affero|Business Source|\bBUSL|SSPL|Proprietary", re.I)

NAMED = {  # what their metadata say badly or not at all
    "vectorbt": "Apache-2.0 with the Commons Clause, see the README's notices",
    "axe-playwright-python": "MIT, in its LICENSE file; the axe-core in it is MPL-2.0",
    "peewee": "MIT, in its LICENSE file; its metadata are silent",
}
ELSEWHERE = {  # locked for other systems and Pythons
    "aiohappyeyeballs": "PSF-2.0", "aiohttp": "Apache-2.0", "aiosignal": "Apache-2.0", "appnope": "BSD-2-Clause",
    "colorama": "BSD-3-Clause", "frozenlist": "Apache-2.0", "multidict": "Apache-2.0", "overrides": "Apache-2.0",
    "pexpect": "ISC", "propcache": "Apache-2.0", "ptyprocess": "ISC", "pywinpty": "MIT", "yarl": "Apache-2.0",
}  # fmt: skip


def licence(distribution: Distribution) -> str:
    """What a package says of its licence: the SPDX expression, else classifiers, else the first line of the text."""
    told = distribution.metadata
    classifiers = [c.split(" :: ")[-1] for c in told.get_all("Classifier") or () if c.startswith("License ::")]
    spoken = [c for c in classifiers if c not in ("OSI Approved", "DFSG approved")]
    return told.get("License-Expression") or "; ".join(spoken) or (told.get("License") or "").strip().partition("\n")[0]


def verdict(text: str) -> str:
    """`ok`, `refused` or `unknown`. Of an OR one side is enough; of an AND every side counts."""
    alternatives = [[part.strip(" ()") for part in re.split(r" AND |; ", side)] for side in text.split(" OR ")]
    if any(all(FAMILIES.search(p) and not REFUSED.search(p) for p in parts) for parts in alternatives):
        return "ok"
    return "refused" if REFUSED.search(text) else "unknown"


def test_no_licence_of_the_tree_is_refused_or_unknown() -> None:
    told = {name: licence(dist) for name, dist in tree().items() if dist is not None and name not in NAMED}
    assert len(told) > 100
    assert {name: text for name, text in told.items() if verdict(text) != "ok"} == {}


def test_every_locked_package_is_looked_at_here_or_named() -> None:
    assert set(locked()) - set(tree()) - set(ELSEWHERE) - LEFT_OUT - {"lark"} == set()
    assert [text for text in ELSEWHERE.values() if verdict(text) != "ok"] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GPL-3.0-or-later", "refused"),
        ("GNU General Public License v3 (GPLv3)", "refused"),
        ("GNU Affero General Public License v3", "refused"),
        ("AGPL-3.0-only AND MIT", "refused"),
        ("MIT; GNU General Public License v2 (GPLv2)", "refused"),
        ("BUSL-1.1", "refused"),
        ("MIT OR GPL-2.0-only", "ok"),
        ("LGPL-3.0-only", "ok"),
        ("GNU Lesser General Public License v3 (LGPLv3)", "ok"),
        ("MPL-2.0 AND MIT", "ok"),
        ("Apache-2.0 OR BSD-3-Clause", "ok"),
        ("", "unknown"),
        ("Do what you like", "unknown"),
    ],
)
def test_the_check_knows_the_families(text: str, expected: str) -> None:
    assert verdict(text) == expected
