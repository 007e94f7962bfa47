"""Open a stream by its name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aura_lib.core import FREQUENCIES, InputError, Settings, step
from aura_lib.core.ports import Stream
from aura_lib.data.stream.feed import Feed
from aura_lib.data.stream.poll import Poll
from aura_lib.data.stream.replay import Replay

__all__ = ["open", "stream"]

QUIETEST = 60.0  # seconds without a trade that are nothing to worry about


def open(
    symbols: Sequence[str],
    source: str = "replay:sample:ohlcv",
    *,
    frequency: str | None = None,
    speed: float | str = 1.0,
    start: Any = None,
    end: Any = None,
    loop: bool = False,
    every: float = 5.0,
    stale_after: float | None = None,
    capacity: int = 10_000,
    calendar: str | None = None,
    paused: bool = False,
    settings: Settings | None = None,
    **reading: Any,
) -> Feed:
    """A feed of live, polled or replayed prices.

        replay:SOURCE   the stored history of any data source (`replay:sample:ohlcv`, `replay:prices.csv`)
        poll:SOURCE     quotes of a source that has them, asked for every few seconds (`poll:yfinance`)
        kafka:TOPIC     what another process publishes, `kafka:bars,group=signals` (`pip install 'aura-lib[kafka]'`)
        NAME            the vendor's own stream (`alpaca`, with options after a colon)

    Args:
        symbols: which.
        source: where they come from, as above.
        frequency: bars of this frequency: of a replay those that are stored, else made of what comes (None: a replay
            has daily bars, all others give what comes).
        speed: of a replay, bars of each symbol a second, or "max".
        start: of a replay, the first day or moment.
        end: of a replay, the last one.
        loop: of a replay, start again at the end.
        every: of a poll, seconds between two questions.
        stale_after: seconds of silence, while the market is open, after which the feed is "stale"; when not given
            a minute, or two and a half bars where the stream has bars of a known frequency. A replay is never stale.
        capacity: events that may wait for the listeners; a full feed slows its source.
        calendar: of the exchange; when not given the stream's own, else XNYS (24/7 for pairs such as BTC/USD).
        paused: wait for `feed.start()`, so that listeners can be there before the first event.
        settings: where AURA_HOME is; from the environment when not given.
        reading: further options of the source.

    Returns:
        A running Feed. Close it, or use it in a `with` block.

    Raises:
        InputError: unknown source, symbols or options; a missing key.
        DataError: the history to be replayed cannot be had.
    """
    if isinstance(symbols, str) or not symbols:
        raise InputError(f"symbols must be a list of texts, such as ['AAPL', 'MSFT'], not {symbols!r}")
    if frequency is not None and frequency not in FREQUENCIES:
        raise InputError(f"unknown frequency {frequency!r}: there is {', '.join(FREQUENCIES)}")
    replay = {"speed": speed, "start": start, "end": end}
    heard = stream(symbols, source, frequency=frequency, every=every, settings=settings, **replay, **reading)
    own = getattr(heard, "frequency", None)
    feed = Feed(
        heard,
        symbols,
        frequency=frequency if frequency != own else None,
        calendar=calendar or getattr(heard, "calendar", None) or _calendar(symbols),
        stale_after=stale_after or (2.5 * step(own).total_seconds() if own in FREQUENCIES else QUIETEST),
        capacity=capacity,
        loop=loop and isinstance(heard, Replay),
        place=getattr(heard, "place", None),
    )
    return feed if paused else feed.start()


def stream(
    symbols: Sequence[str],
    source: str,
    *,
    frequency: str | None = None,
    speed: float | str = 1.0,
    start: Any = None,
    end: Any = None,
    every: float = 5.0,
    settings: Settings | None = None,
    **reading: Any,
) -> Stream:
    """The stream of a name, not yet heard: see `open`."""
    from aura_lib.data import load, sources

    kind, _, rest = source.partition(":")
    if kind == "replay":
        bars = load(list(symbols), source=rest, start=start, end=end, frequency=frequency, settings=settings, **reading)
        return Replay(bars, speed, name=source)
    if kind == "poll":
        return Poll(sources.get(rest, **reading), rest, every)
    if kind == "kafka":
        from aura_lib.data.stream.kafka import Topic

        return Topic(rest, home=settings.home if settings else None, **reading)
    return _of_vendor(kind, rest, {"frequency": frequency, "settings": settings, **reading})


def _of_vendor(name: str, told: str, options: dict[str, Any]) -> Stream:
    """The class Stream beside the Source of a vendor, with the options that it takes."""
    from aura_lib.data import sources

    module = importlib.import_module(f"{sources.__name__}.{name}") if name in sources.names() else None
    kind = getattr(module, "Stream", None)
    if kind is None:
        vendors = ", ".join(n for n in sources.names() if _has_stream(n))
        hint = f"replay:{name} replays its history, " if module else ""
        raise InputError(f"no stream {name!r}: {hint}there is replay:SOURCE, poll:SOURCE, kafka:TOPIC, {vendors}")
    takes = inspect.signature(kind).parameters
    given = {key: value for key, value in options.items() if value is not None and key in takes}
    unknown = [k for k, v in options.items() if k not in takes and v is not None and k not in ("frequency", "settings")]
    if unknown or (told and "options" not in takes):
        raise InputError(f"the stream of {name} does not take {', '.join(unknown) or told!r}")
    made: Stream = kind(**({"options": told} if told else {}), **given)
    return made


def _has_stream(name: str) -> bool:
    """Whether a source has a stream, without importing its client: the word stands in its module."""
    from aura_lib.data import sources

    place = Path(next(iter(sources.__path__))) / name
    files = place.glob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    return any("class Stream" in file.read_text("utf-8") for file in files)


def _calendar(symbols: Sequence[str]) -> str:
    return "24/7" if all("/" in symbol for symbol in symbols) else "XNYS"
