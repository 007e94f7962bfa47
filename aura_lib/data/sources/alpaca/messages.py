"""What comes over Alpaca's websocket: frames of messages, read as bars and ticks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aura_lib.core import AuraError, Bar, Calendar, DataError, InputError, Tick

MINUTE = timedelta(minutes=1)
# Codes of what stays wrong however often it is tried: the keys, the subscription, the request.
FINAL = {400, 401, 402, 405, 408, 409, 410}
WORDS = ("auth failed", "insufficient subscription", "not enabled", "not authenticated", "invalid")


class Refused(Exception):
    """Alpaca ends the stream, and says why; `final`: for good."""

    def __init__(self, why: str, final: bool) -> None:
        super().__init__(why)
        self.final = final

    @staticmethod
    def by_text(why: str) -> Refused:
        """Where alpaca-py has lost the code."""
        return Refused(why, any(word in why for word in WORDS))


class Hours:
    """Whether a moment is within a session."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._session = (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC))

    def __contains__(self, moment: datetime) -> bool:
        begin, end = self._session
        if begin <= moment < end:
            return True
        calendar = self._calendar
        place = int(calendar.opens.searchsorted(moment, side="right")) - 1
        if place < 0:
            return False
        begin, end = self._session = calendar.opens[place].to_pydatetime(), calendar.closes[place].to_pydatetime()
        return begin <= moment < end


class Messages:
    """Reads frames.

    Args:
        symbols: what was subscribed to.
        calendar: of the regular hours; None: all hours.
    """

    def __init__(self, symbols: Sequence[str], calendar: Calendar | None) -> None:
        self._symbols = set(symbols)
        self._hours = None if calendar is None else Hours(calendar)

    def read(self, frame: str | bytes) -> list[Tick | Bar]:
        """The events of a frame, in its order.

        Raises:
            Refused: an error of Alpaca's is among them.
            InputError: a symbol was not subscribed to.
            DataError: it cannot be read.
        """
        import msgpack  # type: ignore[import-untyped]

        try:
            read = [self._event(message) for message in msgpack.unpackb(frame, timestamp=3)]
        except AuraError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            what = f"{type(error).__name__}: {str(error)[:80]}"
            raise DataError(f"alpaca: a message that cannot be read ({what})") from error
        return [event for event in read if event is not None]

    def _event(self, message: Mapping[str, Any]) -> Tick | Bar | None:
        kind = message["T"]
        if kind in ("b", "u"):
            return self._bar(message)
        if kind == "t":
            return self._tick(message)
        if kind == "error":
            raise Refused(f"{message.get('msg')} ({message.get('code')})", message.get("code") in FINAL)
        if kind == "subscription":
            self._check(message)
        return None

    def _bar(self, told: Mapping[str, Any]) -> Bar | None:
        began = _moment(told["t"])
        if not self._wanted(told, began):
            return None
        opened, high, low, close, volume = (float(told[letter]) for letter in "ohlcv")
        return Bar(told["S"], began + MINUTE, opened, high, low, close, volume)

    def _tick(self, told: Mapping[str, Any]) -> Tick | None:
        moment = _moment(told["t"])
        if not self._wanted(told, moment):
            return None
        return Tick(told["S"], moment, float(told["p"]), float(told["s"]), told.get("i"))

    def _wanted(self, told: Mapping[str, Any], moment: datetime) -> bool:
        return told["S"] in self._symbols and (self._hours is None or moment in self._hours)

    def _check(self, told: Mapping[str, Any]) -> None:
        """A subscription lists what it is of, channel by channel."""
        of = {symbol for channel in ("bars", "trades") for symbol in told.get(channel) or ()}
        lacking = sorted(self._symbols - of)
        if lacking:
            raise InputError(f"alpaca: no live prices of {', '.join(lacking)}: look up how Alpaca writes them")


def _moment(told: Any) -> datetime:
    if not isinstance(told, datetime):
        raise TypeError(f"a time that is none: {told!r}")
    return told.astimezone(UTC)
