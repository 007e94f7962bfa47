"""`aura new`: a notebook or a job from a template that runs as it is."""

from __future__ import annotations

import json
import keyword
import re
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command

if TYPE_CHECKING:
    from aura_lib.jobs.notebook import Schema

NAME = Annotated[str, typer.Argument(help="Letters, digits and underscores, such as my_idea.")]
PLACEHOLDER = "my_idea"  # what a template's notebook is called: it runs under that name too
LONGEST = 60  # characters of a name
NEEDED = ("mode", "as_of", "book", "schedule")  # parameters without which no job can run a notebook


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="A notebook or a job from a template that runs as it is.", no_args_is_help=True)
    app.add_typer(group, name="new")

    @command(group)
    def strategy(name: NAME) -> Answer:
        """A strategy notebook of one's own, in notebooks/strategies: it runs in research at once."""
        file = _notebook(name, "strategy")
        return _made(file, f"aura backtest {file}", "then make it yours: the question, the rule, the doubts")

    @command(group)
    def research(name: NAME) -> Answer:
        """A research notebook, in notebooks/research: from a question to a verdict."""
        file = _notebook(name, "research")
        return _made(file, f"jupyter lab {file}", "it runs from top to bottom as it is")

    @command(group)
    def job(
        name: NAME,
        notebook: Annotated[Path, typer.Option(help="The strategy notebook that the job runs.")],
    ) -> Answer:
        """A job file, in jobs, that runs a strategy notebook on the simulated account."""
        root = _project()
        target = root / "jobs" / f"{_checked(name)}.yaml"
        _write(target, _job(name, notebook.resolve(), root))
        return _made(_shown(target), f"aura preview {name}", "what it would do now, nothing sent")


def _made(file: Path, command_line: str, why: str) -> Answer:
    return Answer({"made": str(file), "next": command_line}, (f"Made {file}", f"Next: {command_line}   # {why}"))


def _notebook(name: str, kind: str) -> Path:
    """A notebook of the project, from its template; its path as one would type it here."""
    folder = {"strategy": "strategies"}.get(kind, kind)
    target = _project() / "notebooks" / folder / f"{_checked(name)}.ipynb"
    _write(target, _template(f"{kind}.ipynb").replace(PLACEHOLDER, name))
    return _shown(target)


def _template(name: str) -> str:
    return resources.files("aura_lib.cli").joinpath("templates", name).read_text(encoding="utf-8")


def _project() -> Path:
    from aura_lib.core import InputError, project_root

    root = project_root()
    if root is None:
        raise InputError(
            f"{Path.cwd()} is in no project: neither it nor a folder above holds a pyproject.toml or an aura.toml. "
            "Go to your project, or make this folder one with an empty file: touch aura.toml"
        )
    return root


def _checked(name: str) -> str:
    """The name, if a file, a book and a variable can all be called that."""
    from aura_lib.core import InputError

    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) and not keyword.iskeyword(name) and len(name) <= LONGEST:
        return name
    told = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST]
    hint = f"; for instance {told}" if told[:1].isalpha() and not keyword.iskeyword(told) else ""
    raise InputError(
        f"{name!r} cannot name a notebook or a job: begin with a letter, go on with letters, digits and underscores, "
        f"{LONGEST} at most, and no word of Python{hint}"
    )


def _write(target: Path, text: str) -> None:
    """Write a new file, or nothing: what is there is never overwritten."""
    from aura_lib.core import InputError

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{target} is there already, and was left alone: choose another name") from None
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}") from error


def _shown(path: Path) -> Path:
    here = Path.cwd().resolve()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _job(name: str, notebook: Path, root: Path) -> str:
    """The text of a job file for a notebook that a job can run."""
    from aura_lib.core import InputError, Schedule
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
