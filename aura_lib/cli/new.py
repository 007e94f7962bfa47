"""`aura new`: a notebook or a job from a template that runs as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aura_lib.cli.answer import Answer, command

NAME = Annotated[str, typer.Argument(help="Letters, digits and underscores, such as my_idea.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="A notebook or a job from a template that runs as it is.", no_args_is_help=True)
    app.add_typer(group, name="new")
    command(group)(job)

    @command(group)
    def strategy(name: NAME) -> Answer:
        """A strategy notebook of one's own, in notebooks/strategies: it runs in research at once."""
        file = _notebook("strategy", name)
        return _made(file, f"aura backtest {file}", "then make it yours: the question, the rule, the doubts")

    @command(group)
    def research(name: NAME) -> Answer:
        """A research notebook, in notebooks/research: from a question to a verdict."""
        file = _notebook("research", name)
        return _made(file, "aura up", "open it in JupyterLab: it runs from top to bottom as it is")

    @command(group)
    def dashboard(name: NAME) -> Answer:
        """A dashboard, in dashboards: a few cells, one thing to see each."""
        file = _notebook("dashboard", name)
        return _made(file, "aura up", "it is on the list of dashboards; change its cells in JupyterLab")


def job(
    name: NAME,
    notebook: Annotated[Path, typer.Option(help="The strategy notebook that the job runs.")],
) -> Answer:
    """A job file, in jobs, that runs a strategy notebook on the simulated account."""
    from aura_lib.jobs import new

    file = _shown(new.job(name, notebook, new.project()))
    return _made(file, f"aura preview {name}", "what it would do now, nothing sent")


def _made(file: Path, command_line: str, why: str) -> Answer:
    return Answer({"made": str(file), "next": command_line}, (f"Made {file}", f"Next: {command_line}   # {why}"))


def _notebook(kind: str, name: str) -> Path:
    """A notebook of the project, from its template; its path as one would type it here."""
    from aura_lib.jobs import new

    return _shown(new.notebook(kind, name, new.project()))


def _shown(path: Path) -> Path:
    here = Path.cwd().resolve()
    return path.relative_to(here) if path.is_relative_to(here) else path
