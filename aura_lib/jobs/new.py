"""Notebooks and jobs from templates that run as they are: what `aura new` and JupyterLab's launcher make."""

from __future__ import annotations

import json
import keyword
import os
import re
from importlib import resources
from itertools import count
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from aura_lib.core import InputError, Schedule, project_root

if TYPE_CHECKING:
    from aura_lib.jobs.notebook import Schema

FOLDERS = {"strategy": "notebooks/strategies", "research": "notebooks/research", "dashboard": "dashboards"}
PLACEHOLDER = "my_idea"  # what a template's notebook is called: it runs under that name too
LONGEST = 60  # characters of a name
NEEDED = ("mode", "as_of", "book", "schedule")  # parameters without which no job can run a notebook


def notebook(kind: str, name: str, root: Path) -> Path:
    """Make a notebook of a project (a strategy, research, a dashboard) from its template; the path of the new file.

    Raises InputError for an unknown kind, a name that cannot be one, a file that is there already, and a folder
    that cannot be written.
    """
    target = folder(kind, root) / f"{_checked(name)}.ipynb"
    _write(target, _template(f"{kind}.ipynb").replace(PLACEHOLDER, name))
    return target


def job(name: str, notebook: Path, root: Path) -> Path:
    """Make a project's job file for a strategy notebook; the path of the new file. Raises InputError as `notebook`."""
    target = root / "jobs" / f"{_checked(name)}.yaml"
    _write(target, _job(name, notebook.resolve(), root))
    return target


def folder(kind: str, root: Path) -> Path:
    """Where the notebooks of a kind are kept. An unknown kind raises InputError."""
    if kind not in FOLDERS:
        raise InputError(f"there is no template for {kind!r}: choose {', '.join(FOLDERS)}")
    return root / FOLDERS[kind]


def free_name(kind: str, root: Path) -> str:
    """A name that no notebook of the kind has yet: research_1, research_2, …"""
    place = folder(kind, root)
    return next(f"{kind}_{n}" for n in count(1) if not (place / f"{kind}_{n}.ipynb").exists())


def project(start: Path | None = None) -> Path:
    """The project at or above a folder (this one, if none is given). Without a project InputError says what to do."""
    root = project_root(start)
    if root is None:
        raise InputError(
            f"{start or Path.cwd()} is in no project: neither it nor a folder above holds a pyproject.toml or an "
            "aura.toml. Go to your project, or make this folder one with an empty file: touch aura.toml"
        )
    return root


def _template(name: str) -> str:
    return resources.files("aura_lib.jobs").joinpath("templates", name).read_text(encoding="utf-8")


def _checked(name: str) -> str:
    """The name, if a file, a book and a variable can all be called that."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) and not keyword.iskeyword(name) and len(name) <= LONGEST:
        return name
    told = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST]
    hint = f"; for instance {told}" if told[:1].isalpha() and not keyword.iskeyword(told) else ""
    raise InputError(
        f"{name!r} cannot name a notebook or a job: begin with a letter, go on with letters, digits and underscores, "
        f"{LONGEST} at most, and no word of Python{hint}"
    )


def _write(target: Path, text: str) -> None:
    """Write a new file, whole or not at all: what is there is never overwritten."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(text, encoding="utf-8", newline="\n")
            os.link(draft, target)  # refuses where os.rename would overwrite
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        if target.exists():
            raise InputError(f"{target} is there already, and was left alone: choose another name") from None
        raise InputError(f"{target} cannot be written: {error.strerror}") from error


def _job(name: str, notebook: Path, root: Path) -> str:
    """The text of a job file for a notebook that a job can run."""
    from aura_lib.jobs import notebook as notebooks

    schema = notebooks.parameters(notebooks.load(notebook), notebook.name)
    missing = [parameter for parameter in NEEDED if parameter not in schema]
    if missing:
        raise InputError(
            f"{notebook.name} has no parameter {', '.join(missing)}: a job needs {', '.join(NEEDED)} in the parameters "
            "cell. `aura new strategy` makes a notebook that has them"
        )
    own = [parameter for parameter in schema if parameter not in (*NEEDED, "capital")]
    return Template(_template("job.yaml")).substitute(
        name=name,
        notebook=_scalar(notebook.relative_to(root).as_posix() if notebook.is_relative_to(root) else str(notebook)),
        schedule=Schedule.parse(schema["schedule"].default),
        capital=_capital(schema),
        parameters=", ".join(own) or "it has none",
    )


def _capital(schema: Schema) -> int:
    """What the notebook starts with in research, if it says so."""
    default: Any = schema["capital"].default if "capital" in schema else None
    return default if type(default) is int and default > 0 else 1_000_000


def _scalar(text: str) -> str:
    """A text as YAML reads it back."""
    return text if re.fullmatch(r"[A-Za-z0-9_/][A-Za-z0-9_/.-]*", text) else json.dumps(text, ensure_ascii=False)
