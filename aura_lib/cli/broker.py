"""`aura broker`, `aura rehearse`: an Alpaca of one's own that misbehaves on demand, and a job's rehearsal with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_lib.cli.answer import Answer, command, table

if TYPE_CHECKING:
    from aura_lib.core import Bars
    from aura_lib.execution.brokers.rehearsal import Venue
    from aura_lib.execution.brokers.rehearsal.server import Rehearsal
    from aura_lib.jobs.rehearse import Outcome

SPEED = 60.0
PORT = 8124


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="The rehearsal broker: what the real client talks to, before it matters.", no_args_is_help=True
    )
    app.add_typer(group, name="broker")
    rehearsing(app)

    @command(group)
    def serve(
        symbols: Annotated[str, typer.Option(help="Comma-separated; empty: all of the source.")] = "",
        source: Annotated[str, typer.Option(help="Whose bars are played.")] = "sample",
        start: Annotated[str, typer.Option(help="The day to begin with; the first there is when not given.")] = "",
        speed: Annotated[float, typer.Option(help="60: a minute of the market is a second here.")] = SPEED,
        by_hand: Annotated[bool, typer.Option(help="Play nothing: POST /rehearsal/tick moves the market.")] = False,
        scenario: Annotated[
            list[str] | None, typer.Option(help="NAME, or NAME@3 to begin with the third order; may be repeated.")
        ] = None,
        chance: Annotated[float, typer.Option(help="The chance of some scenario to begin with any order.")] = 0.0,
        seed: Annotated[int, typer.Option(help="Makes ids and chances; the same seed, the same rehearsal.")] = 0,
        cash: Annotated[str, typer.Option(help="What the account opens with.")] = "100000",
        leverage: Annotated[str, typer.Option(help="1: a cash account, long only.")] = "2",
        latency_ms: Annotated[
            int, typer.Option(help="How long an order is on its way, at least; half as much more.")
        ] = 0,
        rejects: Annotated[
            float, typer.Option(help="The chance of an order to be rejected after it was accepted.")
        ] = 0.0,
        file: Annotated[Path | None, typer.Option(help="Where its state is kept; a restart goes on from it.")] = None,
        port: Annotated[int, typer.Option(help="0 takes a free one.")] = PORT,
        key: Annotated[str, typer.Option(help="The key id it wants to be told.")] = "",
        secret: Annotated[str, typer.Option(help="The secret it wants to be told.")] = "",
    ) -> Answer:
        """Serve an Alpaca-compatible broker on this machine until stopped, over Aura's own matching engine.

        The client needs no change: give it `url_override` and the keys that are printed.
        """
        from decimal import Decimal, InvalidOperation

        from aura_lib.core import InputError
        from aura_lib.data import load
        from aura_lib.execution.brokers.rehearsal.scenarios import schedule

        wanted = [s.strip() for s in symbols.split(",") if s.strip()] or None
        bars = load(wanted, source=source, start=start or None)
        try:
            money, gross = Decimal(cash), Decimal(leverage)
        except InvalidOperation:
            raise InputError(f"cash and leverage are numbers, not {cash!r} and {leverage!r}") from None
        rehearsal = opened(bars, money, gross, seed, file)
        rehearsal.port, rehearsal.key, rehearsal.secret = port, key or rehearsal.key, secret or rehearsal.secret
        conditions(rehearsal.venue, latency_ms, rejects, seed)
        schedule(scenario or [], rehearsal.weather, rehearsal.venue, seed=seed, chance=chance)
        return _serving(rehearsal, None if by_hand else bars, speed)

    @command(group)
    def scenarios() -> Answer:
        """The ways in which it misbehaves: what happens on the wire, where it was seen, what a correct desk does."""
        from aura_lib.execution.brokers.rehearsal.scenarios import SCENARIOS

        rows = [{"name": s.name, "wire": s.wire, "issue": s.issue, "rule": s.rule} for s in SCENARIOS.values()]
        columns = {"name": "name", "wire": "on the wire", "issue": "seen in", "rule": "a correct desk"}
        return Answer(rows, (table(f"{len(rows)} scenarios", columns, rows),))


NAME = Annotated[str, typer.Argument(help="A job, by its name in jobs/ or as a path.")]


def rehearsing(app: typer.Typer) -> None:
    """Add `aura rehearse`."""

    @command(app)
    def rehearse(
        name: NAME,
        start: Annotated[str, typer.Option("--from", help="First slot: a session date.")],
        end: Annotated[str, typer.Option("--to", help="Last slot: a session date.")],
        scenario: Annotated[
            list[str] | None,
            typer.Option(help="Under this one, not under all; may be repeated. A schedule: NAME,NAME@3,NAME@90s."),
        ] = None,
        seed: Annotated[int, typer.Option(help="The same seed, the same ids.")] = 0,
    ) -> Answer:
        """Rehearse a job: its orders go through a real desk to a broker that misbehaves. No account is touched.

        The notebook decides for its slots as it does now, and a person changes and cancels orders of their own besides.
        Each scenario has a ledger, a desk and a broker of its own in a scratch home. What the desk holds to be true at
        the end is held against the broker's books; exit code 1 when not.
        """
        from aura_lib.cli.progress import cells
        from aura_lib.core import Settings
        from aura_lib.jobs import rehearse as rehearsals
        from aura_lib.jobs.job import load
        from aura_lib.jobs.runner import Runner
        from aura_lib.ledger import Ledger

        settings, job = Settings.load(), load(name)
        with Ledger.open(settings) as ledger, Runner(settings, ledger) as runner, cells(name, "scenarios") as seen:
            outcomes = rehearsals.rehearse(runner, job, start, end, scenario or (), seed=seed, on_scenario=seen)
        return rehearse_answer(name, outcomes)


def rehearse_answer(name: str, outcomes: list[Outcome]) -> Answer:
    """The outcomes of a rehearsal as a table, and as an exit code."""
    rows = [
        {
            "scenario": o.scenario, "orders": o.orders, "happened": o.happened,
            "duplicates": o.duplicates, "lost": o.lost,
            "position": o.position, "verdict": o.verdict, "raised": o.raised,
        }
        for o in outcomes
    ]  # fmt: skip
    played = [o for o in outcomes if o.scenario != "fair weather"]
    wrong, met = sum(o.verdict == "WRONG" for o in outcomes), sum(o.verdict != "not met" for o in played)
    doubled, lost = sum(o.duplicates for o in outcomes), sum(o.lost for o in outcomes)
    data = {
        "job": name, "scenarios": len(played), "met": met, "duplicates": doubled, "lost": lost, "wrong": wrong,
        "outcomes": rows,
    }  # fmt: skip
    columns = {
        "scenario": "scenario", "orders": ">orders", "happened": ">faults",
        "duplicates": ">duplicates", "lost": ">lost",
        "verdict": "verdict", "raised": "what the desk says",
    }  # fmt: skip
    last = f"{met} of {len(played)} scenarios met: {doubled} orders twice, {lost} lost, {wrong} went wrong."
    return Answer(data, (table(f"Rehearsal of {name}", columns, rows), last), code=1 if wrong else 0)


def opened(bars: Bars, cash: Any, leverage: Any, seed: int, file: Path | None) -> Rehearsal:
    """A rehearsal broker that lists the symbols of bars, at the open of the first session they have."""
    from datetime import timedelta

    from aura_lib.core import Calendar, InputError, utc
    from aura_lib.execution.brokers.rehearsal import Asset, Listing, Market, Venue
    from aura_lib.execution.brokers.rehearsal.server import Rehearsal

    if not cash >= 0 or not leverage >= 1:
        raise InputError(f"cash {cash} must not be negative, and leverage {leverage} at least 1")
    calendar = Calendar.of("XNYS")
    first = utc(bars.times[0])
    begin = calendar.last_close(first - timedelta(seconds=1))
    market = Market(Listing([Asset(s) for s in bars.symbols]), begin, calendar)
    return Rehearsal(Venue(market, cash=cash, leverage=leverage, seed=seed, file=file))


def conditions(venue: Venue, latency_ms: int, rejects: float, seed: int) -> None:
    """Put a way and a chance between orders and the market."""
    from datetime import timedelta

    from aura_lib.exchange.conditions import Latency, Rejects

    if latency_ms:
        least = timedelta(milliseconds=latency_ms)
        venue.latency = Latency(least, least / 2, seed)
    venue.rejects = Rejects(rejects, seed) if rejects else None


def _serving(rehearsal: Rehearsal, bars: Bars | None, speed: float) -> Answer:
    from aura_lib.execution.brokers.rehearsal.server import Server

    server = Server(rehearsal)
    server.__enter__()
    data = {
        "url": rehearsal.url, "stream": rehearsal.stream_url, "key": rehearsal.key, "secret": rehearsal.secret,
        "symbols": len(rehearsal.venue.market.listing.all), "time": rehearsal.venue.market.now,
        "scenarios": len(rehearsal.weather.faults),
    }  # fmt: skip
    lines = [
        f"The rehearsal broker serves {data['symbols']} symbols at {rehearsal.url} (stream {rehearsal.stream_url})",
        f"  TradingClient({rehearsal.key!r}, {rehearsal.secret!r}, paper=True, url_override={rehearsal.url!r})",
        f"  its market stands at {rehearsal.venue.market.now:%Y-%m-%d %H:%M} UTC"
        + (": POST /rehearsal/tick moves it" if bars is None else f" and moves {speed:g} times as fast as time"),
        "  stop it with Ctrl-C",
    ]
    return Answer(data, ("\n".join(lines),), then=_until_stopped(server, rehearsal, bars, speed))


def _until_stopped(server: Any, rehearsal: Rehearsal, bars: Bars | None, speed: float) -> Callable[[], None]:
    def wait() -> None:
        import signal
        from threading import Event

        from aura_lib.execution.brokers.rehearsal.tape import replay

        stopped = Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stopped.set())
        try:
            if bars is not None:
                replay(rehearsal.venue, bars, speed=speed, stopped=stopped)
            stopped.wait()
        finally:
            server.__exit__()
            rehearsal.venue.close()

    return wait
