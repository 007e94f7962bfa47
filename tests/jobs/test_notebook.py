"""What a notebook's cells say: parameters, hashes, and the sources behind it."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes

from aura_lib.core import InputError
from aura_lib.jobs import notebook as notebooks

CELL = """\
from typing import Literal

mode: Literal["research", "paper", "live"] = "research"  # what stands behind the desk
as_of: str | None = None  # a session date
lookback: int = 126  # sessions
cost: float = 5  # basis points, with a = in its text
names: list[str] = ["a#b", "c=d"]
hedge: bool = False
"""


def book(*cells: Any, parameters: str = CELL) -> Any:
    tagged = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    return new_notebook(cells=[tagged, *(new_code_cell(c) if isinstance(c, str) else c for c in cells)])


def schema(text: str) -> notebooks.Schema:
    return notebooks.parameters(book(parameters=text))


def problem(text: str) -> str:
    with pytest.raises(InputError) as caught:
        schema(text)
    return str(caught.value)


# ---- parameters ----------------------------------------------------------------------------------------------------
def test_the_parameters_cell_is_read_with_types_defaults_and_meanings() -> None:
    read = notebooks.parameters(book())
    assert [(p.name, str(p.kind), p.default) for p in read.values()] == [
        ("mode", "one of 'research', 'paper', 'live'", "research"),
        ("as_of", "str | None", None),
        ("lookback", "int", 126),
        ("cost", "float", 5.0),
        ("names", "list[str]", ["a#b", "c=d"]),
        ("hedge", "bool", False),
    ]
    assert read["cost"].meaning == "basis points, with a = in its text"
    assert type(read["cost"].default) is float


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n = 3", "has no type"),
        ("n: int = 2 + 3", "must be a literal"),
        ("n: int = int('3')", "must be a literal"),
        ("n: float = float('nan')", "must be a literal"),
        ("n: float = 1e999", "declared as float"),
        ("n: int = 3\nn: int = 4", "set twice"),
        ("n: int = True", "declared as int"),
        ("n: bool = 1", "declared as bool"),
        ("n: list[int] = [1, 'a']", "declared as list[int]"),
        ("n: list[int] = (1, 2)", "declared as list[int]"),
        ("n: Literal['a'] = 'b'", "one of 'a'"),
        ("n: dict = {}", "cannot be of type `dict`"),
        ("n: Literal[1.5] = 1.5", "may hold text"),
        ("n: int", "is no parameter"),
        ("a.b: int = 1", "is no parameter"),
        ("import os", "is no parameter"),
        ("print(1)", "is no parameter"),
        ("%time x = 1", "no plain Python"),
        ("n: int = ", "line 1"),
    ],
)
def test_what_is_no_literal_parameter_is_refused(text: str, said: str) -> None:
    assert said in problem(text)


def test_one_parameters_cell_no_more_no_less() -> None:
    with pytest.raises(InputError, match="0 cells tagged"):
        notebooks.parameters(new_notebook(cells=[new_code_cell("x = 1")]))
    second = new_code_cell("n: int = 1", metadata={"tags": ["parameters"]})
    with pytest.raises(InputError, match="2 cells tagged"):
        notebooks.parameters(book(second))
    with pytest.raises(InputError, match="output of a run"):
        notebooks.parameters(book(new_code_cell("n = 1", metadata={"tags": ["injected-parameters"]})))


def test_values_are_the_given_ones_and_else_the_defaults() -> None:
    values = notebooks.validate(notebooks.parameters(book()), {"lookback": 60, "cost": 1, "as_of": "2021-12-31"})
    assert values == {
        "mode": "research", "as_of": "2021-12-31", "lookback": 60, "cost": 1.0, "names": ["a#b", "c=d"], "hedge": False,
    }  # fmt: skip
    assert type(values["cost"]) is float


@pytest.mark.parametrize(
    ("given_values", "said"),
    [
        ({"lookbck": 3}, "did you mean 'lookback'?"),
        ({"x=1;import os;y": 1}, "is no name of a parameter"),
        ({"class": 1}, "is no name of a parameter"),
        ({3: 1}, "is no name of a parameter"),
        ({"lookback": "126"}, "lookback must be int, not '126' (str)"),
        ({"lookback": True}, "lookback must be int, not True (bool)"),
        ({"lookback": 1.0}, "lookback must be int, not 1.0 (float)"),
        ({"lookback": np.int64(3)}, "call its .item()"),
        ({"cost": math.nan}, "cost must be float, not nan"),
        ({"cost": math.inf}, "cost must be float, not inf"),
        ({"cost": Decimal("1.1")}, "give money as text"),
        ({"as_of": date(2021, 12, 31)}, "such as '2021-12-31'"),
        ({"names": ("a",)}, "give a list"),
        ({"names": "a"}, "names must be list[str]"),
        ({"mode": "live!"}, "mode must be one of 'research', 'paper', 'live'"),
        ({"hedge": 1}, "hedge must be bool"),
    ],
)
def test_a_value_that_does_not_fit_is_named(given_values: dict[Any, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        notebooks.validate(notebooks.parameters(book()), given_values)
    assert said in str(caught.value)


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(InputError, match=r"lookback must be int.*there is no parameter 'speed'"):
        notebooks.validate(notebooks.parameters(book()), {"speed": 1, "lookback": "x"})


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals() | st.dates()


@given(st.dictionaries(st.text() | st.sampled_from(["lookback", "cost"]), SCALARS | st.lists(SCALARS)))
def test_whatever_is_given_comes_out_as_a_full_set_of_json_values_or_not_at_all(values: dict[str, Any]) -> None:
    known = notebooks.parameters(book())
    try:
        settled = notebooks.validate(known, values)
    except InputError:
        return
    assert settled.keys() == known.keys()
    assert json.loads(json.dumps(settled, allow_nan=False)) == settled


# ---- hashes --------------------------------------------------------------------------------------------------------
def test_the_code_hash_is_of_code_cells_in_order_and_nothing_else() -> None:
    expected = hashlib.sha256(b'[[true,"n: int = 1"],[false,"a = 1\\nb = 2"],[false,"c"]]').hexdigest()
    plain = book("a = 1\nb = 2", "c", parameters="n: int = 1")
    assert notebooks.code_hash(plain) == expected
    shown = new_code_cell("a = 1\r\nb = 2", execution_count=7, metadata={"collapsed": True})
    shown.outputs = [new_output("stream", text="hello")]
    dressed = book(new_markdown_cell("# text"), shown, "", "c", parameters="n: int = 1")
    assert notebooks.code_hash(dressed) == expected


def test_the_code_hash_changes_with_code_order_and_the_parameters_tag() -> None:
    base = notebooks.code_hash(book("a", "b"))
    untagged = book("a", "b")
    untagged.cells[0].metadata["tags"] = []
    others = [book("a", "b "), book("b", "a"), book("a\nb"), untagged, book("a", "b", parameters=CELL + "#")]
    assert len({base, *map(notebooks.code_hash, others)}) == 6


def test_the_parameters_hash_forgets_where_a_run_happens_and_sees_the_rest() -> None:
    one = notebooks.parameters_hash({"mode": "paper", "as_of": "x", "book": "b", "n": 1})
    assert one == hashlib.sha256(b'{"n":1}').hexdigest()
    assert one != notebooks.parameters_hash({"n": 2})


def test_five_and_five_point_zero_are_the_same_float() -> None:
    known = notebooks.parameters(book())
    hashes = {notebooks.parameters_hash(notebooks.validate(known, given)) for given in ({}, {"cost": 5}, {"cost": 5.0})}
    assert len(hashes) == 1


# ---- reading -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("data", [b"", b"{}", b"\xff\xfe", b"[1]", b'{"cells": 3}', b"<html>"])
def test_what_is_no_notebook_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.ipynb").write_bytes(data)
    with pytest.raises(InputError, match="is no Jupyter notebook"):
        notebooks.load(tmp_path / "x.ipynb")


def test_a_missing_file_and_another_language_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no notebook at"):
        notebooks.load(tmp_path / "none.ipynb")
    nb = book()
    nb.metadata["kernelspec"] = {"name": "ir", "language": "R", "display_name": "R"}
    with pytest.raises(InputError, match="written in R"):
        notebooks.read(writes(nb).encode(), "r.ipynb")


# ---- imports -------------------------------------------------------------------------------------------------------
@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": "",
        "nb/helper.py": "import deep",
        "helper.py": "raise RuntimeError('hidden by nb/helper.py')",
        "deep.py": "def f():\n    from kit.tools import hammer\n",
        "kit/__init__.py": "from . import names\nfrom .tools import *",
        "kit/names.py": "",
        "kit/tools/__init__.py": "",
        "kit/tools/hammer.py": "from ..names import *",
        "kit/tools/saw.py": "",
        "unused.py": "",
        "numpy.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def found(project: Path, *cells: str) -> set[str]:
    paths = notebooks.imports(book(*cells), project / "nb" / "x.ipynb", project)
    return {path.relative_to(project.resolve()).as_posix() for path in paths}


KIT = {"kit/__init__.py", "kit/names.py", "kit/tools/__init__.py", "kit/tools/hammer.py", "kit/tools/saw.py"}


def test_imports_are_followed_through_the_project_and_no_further(project: Path) -> None:
    assert found(project, "import pandas as pd, json", "import aura_lib as aura", "from math import pi") == set()
    assert found(project, "import helper") == {"nb/helper.py", "deep.py", *KIT}
    assert found(project, "if False:\n    import kit.names") == KIT
    assert found(project, "import not_there_yet") == set()


def test_a_module_that_hides_an_installed_one_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match=r"numpy\.py hides the installed module"):
        found(project, "import numpy as np")


@pytest.mark.parametrize(
    "cell",
    [
        "import importlib", "from importlib import import_module", "import runpy", "exec('import x')", "eval('1')",
        "__import__('x')", "%run other.py", "!ls", "%%time\nx = 1", "x = !ls", "get_ipython().magic('run x')",
        "import sys\nsys.path.append('x')", "def f():\n    return compile('x', 'x', 'exec')", "run other.py",
    ],
)  # fmt: skip
def test_what_the_hash_cannot_see_is_refused_with_the_cell(project: Path, cell: str) -> None:
    with pytest.raises(InputError, match=r"x.ipynb, cell 3.*cannot vouch for"):
        found(project, "x = 1", cell)


def test_a_dynamic_import_in_a_module_is_refused_with_its_line(project: Path) -> None:
    (project / "deep.py").write_text("\n\nimport importlib\n")
    with pytest.raises(InputError, match=r"deep.py, line 3: cannot vouch"):
        found(project, "import helper")


# ---- binding -------------------------------------------------------------------------------------------------------
def bound(project: Path, nb: Any, **given_values: Any) -> notebooks.Bound:
    return notebooks.bind(project / "nb" / "x.ipynb", writes(nb).encode(), given_values, project)


def test_a_binding_moves_with_code_parameters_and_sources_and_with_nothing_else(project: Path) -> None:
    nb = book("import helper")
    first = bound(project, nb)
    assert bound(project, nb, mode="paper", as_of="2021-12-31").binding == first.binding
    assert bound(project, nb, lookback=126).binding == first.binding
    assert bound(project, nb, lookback=60).binding.parameters != first.binding.parameters
    assert bound(project, book("import helper", "1")).binding.notebook != first.binding.notebook
    (project / "kit" / "names.py").write_text("x = 1")
    changed = bound(project, nb)
    assert changed.binding.sources != first.binding.sources
    assert {n for n in first.sources if first.sources[n] != changed.sources[n]} == {"kit/names.py"}
    assert first.resolved["mode"] == "research" and "mode" not in first.parameters


def test_a_clone_elsewhere_has_the_same_binding(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    clone = tmp_path_factory.mktemp("clone") / "deeper"
    for path in project.rglob("*.py"):
        copy = clone / path.relative_to(project)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert bound(project, book("import helper")).binding == bound(clone, book("import helper")).binding


def test_the_deciding_rooms_are_hashed_and_the_others_are_not() -> None:
    sources = notebooks.deciding_sources()
    assert {"aura_lib/core/orders.py", "aura_lib/core/__init__.py"} <= sources.keys()
    assert {name.split("/")[1].removesuffix(".py") for name in sources} <= set(notebooks.DECIDING)
    path = notebooks.PACKAGE / "core" / "orders.py"
    assert sources["aura_lib/core/orders.py"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_project_with_another_aura_lib_than_the_one_in_use_is_refused(project: Path) -> None:
    (project / "aura_lib").mkdir()
    (project / "aura_lib" / "__init__.py").write_text("")
    with pytest.raises(InputError, match="is not the aura_lib in use"):
        bound(project, book())
