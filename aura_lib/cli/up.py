"""`aura up`: JupyterLab and the dashboards behind one address."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aura_lib.cli.answer import Answer, command

if TYPE_CHECKING:
    from aura_lib.core import Settings
    from aura_lib.server.app import Server

PORT = 8888


def register(app: typer.Typer) -> None:
    """Add the command."""

    @command(app)
    def up(
        context: typer.Context,
        port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes any free one.")] = PORT,
        browser: Annotated[bool, typer.Option(help="Open it in the browser.")] = True,
    ) -> Answer:
        """JupyterLab and the dashboards behind one address and one login, until Ctrl-C."""
        from aura_lib.core import Settings, project_root
        from aura_lib.server.app import bind, build
        from aura_lib.server.desks import Desks
        from aura_lib.server.instance import only_one, tell

        settings = Settings.load()
        settings.ensure_home()
        stack = ExitStack()
        place = stack.enter_context(only_one(settings.home))
        sockets = bind(port)
        runs = _runs(settings)
        asked = sys.stdin.isatty() and sys.stdout.isatty() and not context.params["json_output"]
        if not runs and asked and typer.confirm("The ledger is empty. Run the demo first?", default=True, err=True):
            subprocess.run([sys.executable, "-m", "aura_lib", "demo"], check=False)
            runs = _runs(settings)
        print("Starting JupyterLab and the dashboards …", file=sys.stderr)
        server = build(settings, project_root() or Path.cwd(), sockets)
        stack.enter_context(Desks(settings))
        about = _about(server, settings, runs)
        tell(place, about)

        def serve() -> None:
            with stack:
                server.serve(browser=browser)

        return Answer(about, _shown(about), then=serve)


def _runs(settings: Settings) -> int:
    from aura_lib.ledger import Ledger

    with Ledger.open(settings) as ledger:
        return len(ledger.runs())


def _about(server: Server, settings: Settings, runs: int) -> dict[str, object]:
    import os

    return {
        "url": server.url(),
        "lab": server.url("lab"),
        "dashboards": None if server.door.dashboards is None else server.url("dashboards/"),
        "token": server.token,
        "home": str(settings.home),
        "runs": runs,
        "pid": os.getpid(),
    }


def _shown(about: dict[str, object]) -> tuple[str, ...]:
    runs = f"{about['runs']} runs" if about["runs"] else "empty: `aura demo` fills it in a minute or two"
    return (
        f"Dashboards  {about['dashboards'] or 'none: there is no folder dashboards/ here'}",
        f"JupyterLab  {about['lab']}",
        f"Ledger      {about['home']} ({runs})",
        "Ctrl-C stops it.",
    )
