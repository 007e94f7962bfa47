"""What every command has in common: `--json`, errors as sentences, exit codes."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from aura_lib.core.errors import AuraError, exit_code

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, and nothing else.")]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found: `data` for machines, `show` (anything rich can print, in order) for people.

    `then` is what is left to do when that is said: serving, for as long as it takes.
    """

    data: Any
    show: tuple[Any, ...] = ()
    code: int = field(default=0, kw_only=True)
    then: Callable[[], None] | None = field(default=None, kw_only=True)


def command(app: typer.Typer, name: str | None = None) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Register a function that returns an Answer as a command with `--json`."""

    def register(function: Callable[..., Answer]) -> Callable[..., None]:
        @functools.wraps(function)
        def wrapped(*args: Any, json_output: bool = False, **options: Any) -> None:
            _run(function, args, options, json_output)

        signature = inspect.signature(function, eval_str=True)
        extra = inspect.Parameter("json_output", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
        wrapped.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), extra], return_annotation=None
        )
        wrapped.__annotations__ = {p.name: p.annotation for p in wrapped.__signature__.parameters.values()}  # type: ignore[attr-defined]
        app.command(name)(wrapped)
        return wrapped

    return register


def _run(function: Callable[..., Answer], args: tuple[Any, ...], options: dict[str, Any], as_json: bool) -> None:
    try:
        answer = function(*args, **options)
    except AuraError as error:
        _fail(type(error).__name__, str(error), exit_code(error), as_json)
    except KeyboardInterrupt as error:
        _fail(
            "Interrupted",
            "stopped on request; what was written stays, run it again to go on",
            exit_code(error),
            as_json,
        )
    else:
        _print(answer, as_json)
        if answer.then is not None:
            answer.then()
        if answer.code:
            raise typer.Exit(answer.code)


def _fail(kind: str, message: str, code: int, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": kind, "message": message}), file=sys.stderr)
    else:
        from rich.console import Console

        Console(stderr=True, highlight=False).print(
            f"[bold red]{kind}[/]: ", message, sep="", soft_wrap=True, markup=True
        )
    raise typer.Exit(code)


def _print(answer: Answer, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_plain(answer.data), indent=2, allow_nan=False), flush=True)
        return
    from rich.console import Console

    console = Console(highlight=False)
    for item in answer.show or (json.dumps(_plain(answer.data), indent=2),):
        console.print(item, soft_wrap=isinstance(item, str))


def _plain(value: Any) -> Any:
    """JSON values: Decimal and times as text, numbers that are none (NaN, infinite) as null."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    return value if isinstance(value, int | str | bool) or value is None else str(value)


def table(title: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], empty: str = "nothing yet") -> Any:
    """A table for people: column key → heading; a heading that starts with '>' is aligned right."""
    if not rows:
        return f"{title}: {empty}"
    from rich.table import Table

    sheet = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for heading in columns.values():
        sheet.add_column(heading.lstrip(">"), justify="right" if heading.startswith(">") else "left", overflow="fold")
    for row in rows:
        sheet.add_row(*(str(row.get(key, "")) for key in columns))
    return sheet
