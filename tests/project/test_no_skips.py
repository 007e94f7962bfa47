"""In CI a skipped test is a failed one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.readme_tree import ROOT

SKIPPED = "import pytest\n@pytest.mark.skip(reason='tired')\ndef test_it():\n    pass\n"
WHOLE = "import pytest\nimported = pytest.importorskip('no_such_package')\ndef test_it():\n    pass\n"
EXPECTED = "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_it():\n    assert False\n"


def run(folder: Path, body: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text("utf-8"), "utf-8")
    (folder / "test_planted.py").write_text(body, "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:randomly",
        "--rootdir",
        str(folder),
        *options,
        str(folder),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("body", "code"), [(SKIPPED, 1), (WHOLE, 2), (EXPECTED, 0)], ids=["test", "file", "xfail"])
def test_a_skip_fails_when_nothing_may_be_skipped(tmp_path: Path, body: str, code: int) -> None:
    result = run(tmp_path, body, "--no-skips")
    assert result.returncode == code, result.stdout
    assert code == 0 or "skipped where nothing may be skipped" in result.stdout


@pytest.mark.parametrize("body", [SKIPPED, EXPECTED], ids=["test", "xfail"])
def test_a_skip_is_fine_otherwise(tmp_path: Path, body: str) -> None:
    assert run(tmp_path, body).returncode == 0
