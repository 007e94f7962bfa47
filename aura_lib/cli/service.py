"""`aura service`: the scheduler and the server as systemd units of this user, so that they come back by themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aura_lib.cli.answer import Answer, command, table

if TYPE_CHECKING:
    from aura_lib.core import Settings

SERVICES = {
    "aura-scheduler.service": ("Aura: jobs at their slots by the wall clock", ("job", "schedule")),
    "aura-up.service": ("Aura: JupyterLab and the dashboards", ("up", "--no-browser")),
}
SECRETS = "%h/.config/aura/service.env"  # NAME=value lines; it need not be there. Not in AURA_HOME, which is backed up
USAGE_ERROR = 2  # the exit code of a wrong setting: to start again mends nothing
WHICH = Annotated[list[str] | None, typer.Argument(help="scheduler or up (default: both).")]


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit of the user: its file name and its text."""

    name: str
    text: str


def units(settings: Settings, root: Path, which: list[str] | None) -> list[Unit]:
    """The units for a home and a project folder."""
    from aura_lib.core import InputError

    known = {name.removeprefix("aura-").removesuffix(".service"): name for name in SERVICES}
    if unknown := sorted(set(which or ()) - known.keys()):
        raise InputError(f"no service {', '.join(unknown)}; there is: {', '.join(known)}")
    chosen = which or list(known)
    return [Unit(known[short], _text(*SERVICES[known[short]], settings, root)) for short in known if short in chosen]


def _text(what: str, arguments: tuple[str, ...], settings: Settings, root: Path) -> str:
    """No secret is in it: keys of accounts, AURA_ALLOW_LIVE and a database's address come from a file of the user's."""
    command_line = " ".join(_quoted(part) for part in (sys.executable, "-m", "aura_lib", *arguments))
    return f"""\
# Written by `aura service install`; `aura service uninstall` takes it away.
[Unit]
Description={what}
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
WorkingDirectory={_escaped(str(root))}
Environment={_quoted(f"AURA_HOME={settings.home}")}
EnvironmentFile=-{SECRETS}
ExecStart={command_line}
Restart=on-failure
RestartSec=10
RestartPreventExitStatus={USAGE_ERROR}
TimeoutStopSec=60

[Install]
WantedBy=default.target
"""


def _escaped(text: str) -> str:
    """A text in which systemd sees no specifier."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """One word of a systemd command line or environment."""
    plain = _escaped(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'


def folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where systemd looks for the units of this user."""
    env = os.environ if environ is None else environ
    base = env.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "systemd" / "user"


def works() -> bool:
    """Whether a systemd of this user answers."""
    if shutil.which("systemctl") is None:
        return False
    return _systemctl("show-environment").returncode == 0


def _systemctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemctl", "--user", *arguments], capture_output=True, text=True, check=False)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The scheduler and the server as systemd units of this user.", no_args_is_help=True)
    app.add_typer(group, name="service")

    @command(group, "print")
    def printed(which: WHICH = None) -> Answer:
        """Show the units, and write nothing."""
        made = _here(which)
        return Answer({unit.name: unit.text for unit in made}, tuple(f"# {unit.name}\n{unit.text}" for unit in made))

    @command(group)
    def install(which: WHICH = None) -> Answer:
        """Write the units, start them, and let them start at each login.

        Keys of accounts (ALPACA_…) and AURA_ALLOW_LIVE=1 go into ~/.config/aura/service.env, which only you can read
        (chmod 600); the desks that the units keep take them from there. A scheduler that must run while nobody is
        logged in needs `loginctl enable-linger` once.
        """
        made = _here(which)
        _needs_systemd(made)
        folder().mkdir(parents=True, exist_ok=True)
        for unit in made:
            (folder() / unit.name).write_text(unit.text, encoding="utf-8")
        _told("daemon-reload")
        for unit in made:
            _told("enable", "--now", unit.name)
        return _status(made, ("To run while nobody is logged in: loginctl enable-linger",))

    @command(group)
    def uninstall(which: WHICH = None) -> Answer:
        """Stop the units and take their files away."""
        made = _here(which)
        there = [unit for unit in made if (folder() / unit.name).exists()]
        if there:
            _needs_systemd(made)
        for unit in there:
            _told("disable", "--now", unit.name)
            (folder() / unit.name).unlink()
        if there:
            _told("daemon-reload")
        names = [unit.name for unit in there]
        return Answer({"removed": names}, (f"Removed: {', '.join(names) or 'none was installed'}",))

    @command(group)
    def status(which: WHICH = None) -> Answer:
        """Whether the units are installed and at work."""
        return _status(_here(which))


def _here(which: list[str] | None) -> list[Unit]:
    from aura_lib.core import Settings, project_root

    return units(Settings.load(), (project_root() or Path.cwd()).resolve(), which)


def _needs_systemd(made: list[Unit]) -> None:
    from aura_lib.core import InputError

    if not works():
        lines = [" ".join(["aura", *SERVICES[unit.name][1]]) for unit in made]
        raise InputError(
            f"no systemd of this user answers here. Let something else keep these running: {'; '.join(lines)} "
            "(`aura service print` shows with which settings)"
        )


def _told(*arguments: str) -> None:
    """Tell systemd something; what it refuses is an error with its words."""
    from aura_lib.core import InputError

    done = _systemctl(*arguments)
    if done.returncode:
        raise InputError(f"systemctl --user {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")


def _status(made: list[Unit], notes: tuple[str, ...] = ()) -> Answer:
    alive = works()
    rows = []
    for unit in made:
        file = folder() / unit.name
        there = file.read_text(encoding="utf-8") if file.is_file() else ""
        state = _systemctl("is-active", unit.name).stdout.strip() if alive and there else ""
        kind = "no" if not there else "yes" if there == unit.text else "yes, for other settings"
        rows.append({"unit": unit.name, "installed": kind, "state": state or "–"})
    if not alive:
        notes = (*notes, "No systemd of this user answers here.")
    columns = {"unit": "unit", "installed": "installed", "state": "state"}
    return Answer({"systemd": alive, "units": rows}, (table("Services", columns, rows), *notes))
