"""alpaca-py's client with what it lacks: three answers, time limits, no second POST, exact numbers, a measured pace.

What became of a command is told by how far it came. Nothing arrived where the connection was never made: a refused or
unknown host, a certificate that is none, a pace that was kept here (BrokerUnavailable). It was refused where Alpaca
says so in its own words, with a code (BrokerRejected). Everything else, a time-out, a cut connection, 5xx, 408, 429, a
redirect, an empty answer, a page of HTML, may have arrived (OutcomeUnknown). Alpaca does not document that a throttled
order never reaches the book, so 429 is unknown too. A question that is not answered in full is BrokerUnavailable.
"""

from __future__ import annotations

import json
import ssl
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from aura_lib.core import BrokerError, BrokerRejected, BrokerUnavailable, InputError, Mode, OutcomeUnknown, clients
from aura_lib.execution.brokers.alpaca.keys import Keys

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient

TIMEOUT = (3.05, 10.0)  # seconds to connect, and between two bytes of an answer
NOT_FOUND = 40410000  # "order not found for …"; "endpoint not found." has the same code
PER_MINUTE = 200  # requests of an account, as Alpaca counts them
KEPT_FREE = 40  # of these, which questions leave to all else
UNKNOWN_STATUS = frozenset({408, 425, 429})  # of a proxy on the way, or before the order was looked at: nobody says

Json = Any


class NotFound(BrokerRejected):
    """Alpaca says, in its own words, that it has no such order."""


class Urgency(Enum):
    """What a request is for: the fewer there may be left of it, the sooner it has to be asked."""

    FIRST = 0.0  # cancelling, and finding out what became of an order
    ORDER = 0.5
    QUESTION = 1.0


@dataclass
class Pace:
    """Counts requests of the last minute. Questions stop before orders have to, and orders before cancels and look-ups.

    `kept_free` requests are left free by questions, half as many by orders. Once Alpaca says that it is too much (429),
    nothing but a cancel a second leaves before the time that it names; where it names none, each time waits for twice
    as long as the one before.
    """

    per_minute: int = PER_MINUTE
    kept_free: int = KEPT_FREE
    now: Callable[[], float] = time.monotonic
    _made: deque[float] = field(default_factory=deque, repr=False)
    _closed_until: float = float("-inf")
    _through: float = float("-inf")  # when a cancel was last let through nevertheless
    _refusals: int = 0  # in a row

    def take(self, urgency: Urgency, *, cancels: bool = False) -> None:
        """Count one; BrokerUnavailable when it is too many. Nobody is kept waiting: a desk has a switch to look at."""
        moment, most = self._forget(), self._most(urgency)
        if moment < self._closed_until and not (cancels and moment >= self._through + 1):
            wait = self._closed_until - moment
            raise BrokerUnavailable(f"alpaca wants to be left alone; the next request in {wait:.0f} s")
        if len(self._made) >= most:
            wait = self._made[-most] + 60 - moment
            raise BrokerUnavailable(f"alpaca: {most} requests were made in the last minute; the next in {wait:.0f} s")
        if cancels and moment < self._closed_until:
            self._through = moment
        self._made.append(moment)

    def room(self) -> int:
        """How many orders may be sent now."""
        moment = self._forget()
        return 0 if moment < self._closed_until else max(0, self._most(Urgency.ORDER) - len(self._made))

    def close(self, seconds: float | None) -> None:
        """Leave Alpaca alone for so long (None: it did not say): it said that it is too much."""
        self._refusals += 1
        wait = 2.0 ** min(self._refusals, 6) / 2 if seconds is None else seconds
        self._closed_until = max(self._closed_until, self.now() + min(max(wait, 1.0), 60.0))

    def calm(self) -> None:
        """Alpaca answers again."""
        self._refusals = 0

    def _forget(self) -> float:
        moment = self.now()
        while self._made and self._made[0] <= moment - 60:
            self._made.popleft()
        return moment

    def _most(self, urgency: Urgency) -> int:
        return max(1, self.per_minute - int(self.kept_free * urgency.value))


def client() -> None:
    """Import alpaca-py; InputError that says how to install it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it uses the older half of websockets
            import alpaca.trading.client
            import alpaca.trading.stream  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"an account at alpaca needs alpaca-py, which cannot be imported ({error}): pip install 'aura-lib[alpaca]'"
        ) from error


inside = partial(clients.inside, package="alpaca-py", knew="0.44", error=InputError)


class Door:
    """One account's requests. Used by one thread.

    Args:
        keys: whose account, and where.
        pace: how many requests a minute.
        timeout: seconds to connect, and to wait for the next byte.
    """

    def __init__(self, keys: Keys, pace: Pace | None = None, timeout: tuple[float, float] = TIMEOUT) -> None:
        client()
        from alpaca.trading.client import TradingClient

        self._keys, self._pace, self._timeout = keys, pace or Pace(), timeout
        paper = keys.account_class is Mode.PAPER
        self.client: TradingClient = TradingClient(
            keys.key, keys.secret, paper=paper, raw_data=True, url_override=keys.url
        )
        inside(self.client, "_session", "_retry", "_retry_codes")
        self.client._retry = 0  # it would send an order a second time after a 504
        self.client._retry_codes = []
        session: Any = self.client._session
        session.request = partial(self._once, session.request)

    @property
    def room(self) -> int:
        """How many orders may be sent now."""
        return self._pace.room()

    def close(self) -> None:
        """Let go of the connection."""
        self.client._session.close()

    def get(self, path: str, **query: Any) -> Json:
        """The answer to a question. BrokerUnavailable when there is none, NotFound when that is the answer."""
        try:
            return self._asked(lambda: self.client.get(path, query))
        except OutcomeUnknown as error:
            raise BrokerUnavailable(str(error)) from error

    def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """What a command is answered."""
        return self._asked(lambda: self.client.post(path, dict(body)))

    def patch(self, path: str, body: Mapping[str, Any]) -> Json:
        """What a change is answered."""
        return self._asked(lambda: self.client.patch(path, dict(body)))

    def delete(self, path: str) -> Json:
        """What a cancellation is answered: nothing, when it was taken."""
        return self._asked(lambda: self.client.delete(path))

    def _asked(self, call: Callable[[], Json]) -> Json:
        from alpaca.common.exceptions import APIError

        try:
            return call()
        except BrokerError:
            raise
        except (APIError, LookupError, TypeError, ValueError, AttributeError) as error:
            said = self._keys.clean(f"{type(error).__name__}: {str(error)[:200]}")
            raise OutcomeUnknown(f"alpaca-py could not make sense of an answer ({said})") from error

    def _once(self, plain: Callable[..., Any], method: str, url: str, **options: Any) -> Any:
        """`request` of the client's session: one request, with a time limit, and one of three answers."""
        command = method.upper() != "GET"
        self._pace.take(_urgency(method, url), cancels=method.upper() == "DELETE")
        what = f"{method.upper()} {url.split('/', 3)[-1]}"
        try:
            response = plain(method, url, **{**options, "timeout": self._timeout})
        except OSError as error:
            said = self._keys.clean(f"alpaca, {what}: {type(error).__name__}: {str(error)[:200]}")
            if never_arrived(error) or not command:
                raise BrokerUnavailable(said) from error
            raise OutcomeUnknown(said) from error
        return self._read(response, what, command)

    def _read(self, response: Any, what: str, command: bool) -> Any:
        status, content = response.status_code, response.content
        try:
            answer = json.loads(content, parse_float=Decimal) if content else None
        except (ValueError, RecursionError):
            answer = content
        if status == 429:
            self._pace.close(_wait(response.headers))
        else:
            self._pace.calm()
            if str(response.headers.get("X-RateLimit-Remaining") or "").strip() == "0":
                self._pace.close(_wait(response.headers))
        if 400 <= status < 500 and status not in UNKNOWN_STATUS and isinstance(answer, dict) and "code" in answer:
            raise self._refusal(status, answer)
        fit = isinstance(answer, dict | list) or (status == 204 and answer is None)
        if 200 <= status < 300 and fit:
            response.json = lambda: answer  # with its numbers as they were written
            return response
        said = self._keys.clean(f"alpaca, {what}: HTTP {status}, {_short(content)}")
        raise OutcomeUnknown(said) if command else BrokerUnavailable(said)

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> BrokerRejected:
        words = self._keys.clean(f"{answer.get('message') or 'no reason given'} (alpaca, {answer['code']})")
        if status == 404 and answer["code"] == NOT_FOUND and "order not found" in words:
            return NotFound(words)
        if status == 401:
            words += ": check the account's keys"
        return BrokerRejected(words)


def never_arrived(error: BaseException) -> bool:
    """Whether a request provably ended before its first byte left: no connection, no name, no certificate."""
    from requests.exceptions import ConnectTimeout, InvalidSchema, InvalidURL
    from urllib3.exceptions import NewConnectionError

    proof = (ConnectTimeout, InvalidURL, InvalidSchema, NewConnectionError, ssl.SSLCertVerificationError)
    return any(isinstance(cause, proof) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it wraps: urllib3 keeps it in `reason` or among the arguments."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _urgency(method: str, url: str) -> Urgency:
    if method.upper() == "DELETE" or "/orders:by_client_order_id" in url:
        return Urgency.FIRST
    return Urgency.QUESTION if method.upper() == "GET" else Urgency.ORDER


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to leave Alpaca alone, as Retry-After says, or until X-RateLimit-Reset (seconds since 1970); or None."""
    after, reset = (str(headers.get(n) or "").strip() for n in ("Retry-After", "X-RateLimit-Reset"))
    if after.isdecimal():
        return float(after)
    return max(0.0, int(reset) - time.time()) if reset.isdecimal() else None


def _short(content: bytes) -> str:
    text = content[:80].decode(errors="replace").strip()
    return f"no answer of its own ({text!r})" if text else "an empty answer"
