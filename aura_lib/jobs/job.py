"""A job file: which notebook runs when, on which book, with which parameters."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from aura_lib.core import InputError, Mode, project_root
from aura_lib.data.quality import Policy

_UNITS = {"s": 1, "sec": 1, "min": 60, "h": 3600}
_CHOICES = {"on_missed": ("skip", "all", "once_within: <duration>"), "on_overlap": ("skip", "queue")}


@dataclass(frozen=True, slots=True)
class Job:
    """One scheduled job. `timeout` is in seconds, `capital` is the opening cash of its book.

    At a real broker the capital is taken from what no book has there.

    `schedule` may repeat what the notebook says, never change it. `on_missed` says what the scheduler does with slots
    that passed while nothing ran: `skip`, `all`, or `once_within: 2h`; `on_overlap` with one that comes while the run
    before it is at work: `skip` or `queue`. A replay runs every slot it is asked for. `notify` waits for alerts.
    `quality` says what it accepts of its data: a level (research, paper, live; its mode's when left out), or changes to
    one, as `{jump: refuse, stale: warn}`.
    """

    name: str
    notebook: Path
    mode: Mode
    book: str
    account: str = "paper"
    capital: Decimal = Decimal(1_000_000)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    schedule: str = ""
    on_missed: str = "skip"
    on_overlap: str = "skip"
    timeout: float = 600.0
    retries: int = 0
    notify: tuple[str, ...] = ("default",)
    quality: Policy | None = None

    @property
    def policy(self) -> Policy:
        """What it accepts of its data; as strict as its mode when nothing is said."""
        return self.quality or Policy.of(None, self.mode.value)


def seconds(text: str | int | float) -> float:
    """A duration such as `10min`, `90s` or `2h` in seconds; a bare number is seconds."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", str(text).lower())
    if not match or (match[2] and match[2] not in _UNITS) or float(match[1]) <= 0:
        raise InputError(f"{text!r} is no duration: write for instance 90s, 10min or 2h")
    return float(match[1]) * _UNITS.get(match[2], 1)


def find(name: str, root: Path | None = None) -> Path:
    """The file of a job: `jobs/<name>.yaml` of the project, or a path."""
    base = root or project_root() or Path.cwd()
    given = Path(name)
    file = given if given.suffix in (".yaml", ".yml") else base / "jobs" / f"{name}.yaml"
    if not file.is_file():
        known = sorted(p.stem for p in (base / "jobs").glob("*.yaml"))
        raise InputError(f"no job {name!r} at {file}; jobs here: {', '.join(known) or 'none'}")
    return file


def load(name: str, root: Path | None = None) -> Job:
    """Read and check a job by its name or path. Everything wrong is named; nothing is guessed."""
    import yaml

    file = find(name, root)
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is no YAML: {error}") from None
    if not isinstance(given, dict):
        raise InputError(f"{file} must hold keys such as notebook, mode and book")
    _known_keys(file, given)
    base = root or project_root(file.parent) or file.parent
    return Job(name=file.stem, **_values(file, given, base))


def _known_keys(file: Path, given: Mapping[str, Any]) -> None:
    names = [f.name for f in fields(Job) if f.name != "name"]
    for key in given:
        if key not in names:
            close = difflib.get_close_matches(str(key), names, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(names)}"
            raise InputError(f"{file}: unknown key {key!r}; {hint}")
    missing = [name for name in ("notebook", "mode", "book") if name not in given]
    if missing:
        raise InputError(f"{file}: missing {', '.join(missing)}")


def _values(file: Path, given: Mapping[str, Any], base: Path) -> dict[str, Any]:
    values: dict[str, Any] = dict(given)
    try:
        values["mode"] = Mode(values["mode"])
    except ValueError:
        raise InputError(f"{file}: mode must be paper or live, not {values['mode']!r}") from None
    if values["mode"] is Mode.RESEARCH:
        raise InputError(f"{file}: a job trades, so its mode is paper or live; research is run by `aura backtest`")
    values["notebook"] = _notebook(file, values["notebook"], base)
    values["parameters"] = _mapping(file, values.get("parameters") or {})
    if "capital" in values:
        values["capital"] = _capital(file, values["capital"])
    values |= {name: _choice(file, name, values[name]) for name in _CHOICES if name in values}
    if "timeout" in values:
        values["timeout"] = seconds(values["timeout"])
    retries = values.get("retries", 0)
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise InputError(f"{file}: retries must be a whole number from 0, not {retries!r}")
    for name in ("book", "account"):
        if name in values and (not isinstance(values[name], str) or not values[name]):
            raise InputError(f"{file}: {name} must be a name, not {values[name]!r}")
    if "quality" in values:
        values["quality"] = _policy(file, values["quality"], values["mode"])
    values["notify"] = tuple(values.get("notify") or ("default",))
    return values


def _policy(file: Path, given: Any, mode: Mode) -> Policy:
    try:
        return Policy.of(given, mode.value)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _choice(file: Path, name: str, given: Any) -> str:
    """`skip`, `all` and so on as they are, `once_within` (a mapping or a text) with its duration in seconds."""
    word, colon, duration = str(given).partition(":")
    if isinstance(given, dict) and set(given) == {"once_within"}:
        word, colon, duration = "once_within", ":", given["once_within"]
    if f"{word}{colon} <duration>" in _CHOICES[name]:
        return f"{word}: {seconds(duration):g}s"
    if given not in _CHOICES[name]:
        raise InputError(f"{file}: {name} must be one of {', '.join(_CHOICES[name])}, not {given!r}")
    return str(given)


def _notebook(file: Path, given: Any, base: Path) -> Path:
    path = (base / str(given)).resolve()
    if not path.is_file():
        raise InputError(f"{file}: no notebook at {path}")
    return path


def _mapping(file: Path, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InputError(f"{file}: parameters must be a mapping of names to values, not {given!r}")
    return given


def _capital(file: Path, given: Any) -> Decimal:
    try:
        capital = Decimal(str(given).replace("_", ""))
    except InvalidOperation:
        capital = Decimal("NaN")
    if not capital.is_finite() or capital <= 0:
        raise InputError(f"{file}: capital must be a positive amount of money, not {given!r}")
    return capital
