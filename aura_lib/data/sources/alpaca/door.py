"""alpaca-py's clients with what they lack: time limits, patience, pages that end, and errors in sentences."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from aura_lib.core import AuraError, DataError, InputError, clients
from aura_lib.data.polite import Again, Polite, retry_after

if TYPE_CHECKING:
    from typing import Self

    from alpaca.data.historical import (
        CryptoHistoricalDataClient,
        OptionHistoricalDataClient,
        StockHistoricalDataClient,
    )
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.trading.client import TradingClient

PACKAGE = "alpaca"
KEYS = ("ALPACA_API_KEY", "ALPACA_SECRET_KEY")
OPTIONAL_KEYS: tuple[str, ...] = ()
URL = "ALPACA_DATA_URL"  # another host for everything: a proxy of one's own, a test
TIMEOUT = 30.0  # seconds for one page

T = TypeVar("T")


class NotThere(InputError):
    """Alpaca has no such thing."""


class NotAllowed(InputError):
    """These keys do not open this door."""


@dataclass(frozen=True)
class Access:
    """Who asks, and where. Keys never show."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    url: str | None = None

    @staticmethod
    def from_environment(url: str | None = None) -> Access:
        """The keys of the environment; InputError that names what is missing."""
        missing = [name for name in KEYS if not os.environ.get(name, "").strip()]
        if missing:
            raise InputError(
                f"alpaca needs {' and '.join(missing)} in the environment: keys of an account at alpaca.markets, a "
                "free paper account's do"
            )
        key, secret = (os.environ[name].strip() for name in KEYS)
        return Access(key, secret, (url or os.environ.get(URL, "")).strip().rstrip("/") or None)

    def clean(self, text: str) -> str:
        """The text without the keys, should it repeat them."""
        return text.replace(self.secret, "…").replace(self.key, "…")


def client() -> None:
    """Import alpaca-py; DataError that says how to install it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it uses the older half of websockets
            import alpaca.data.live
            import alpaca.trading.client  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"the alpaca source needs alpaca-py, which cannot be imported ({error}): pip install 'aura-lib[alpaca]'"
        ) from error


inside = partial(clients.inside, package="alpaca-py", knew="0.44", error=DataError)


class Door:
    """One visit to Alpaca's REST services; a context manager. Not to be shared between threads.

    Args:
        access: keys and host.
        polite: how fast and how often Alpaca is asked.
        timeout: seconds that one page may take.

    Raises:
        DataError: alpaca-py is not installed.
    """

    def __init__(self, access: Access, polite: Polite, timeout: float = TIMEOUT) -> None:
        self._access = access
        self._polite = polite
        self._timeout = timeout
        self._pages: set[str] = set()
        self._sessions: list[Any] = []
        client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._sessions:
            session.close()

    @cached_property
    def stocks(self) -> StockHistoricalDataClient:
        """Bars and snapshots of stocks."""
        from alpaca.data.historical import StockHistoricalDataClient

        return self._opened(StockHistoricalDataClient(**self._words))

    @cached_property
    def crypto(self) -> CryptoHistoricalDataClient:
        """Bars and snapshots of crypto pairs."""
        from alpaca.data.historical import CryptoHistoricalDataClient

        return self._opened(CryptoHistoricalDataClient(**self._words))

    @cached_property
    def options(self) -> OptionHistoricalDataClient:
        """Bars and snapshots of option contracts."""
        from alpaca.data.historical import OptionHistoricalDataClient

        return self._opened(OptionHistoricalDataClient(**self._words))

    @cached_property
    def actions(self) -> CorporateActionsClient:
        """Splits, dividends and what else happens to shares."""
        from alpaca.data.historical.corporate_actions import CorporateActionsClient

        return self._opened(CorporateActionsClient(**self._words))

    @cached_property
    def trading(self) -> TradingClient:
        """What can be traded. Keys of live accounts start with AK; others open the paper door."""
        from alpaca.trading.client import TradingClient

        return self._opened(TradingClient(**self._words, paper=not self._access.key.startswith("AK")))

    @property
    def _words(self) -> dict[str, Any]:
        access = self._access
        return {"api_key": access.key, "secret_key": access.secret, "url_override": access.url, "raw_data": True}

    def _opened(self, client: T) -> T:
        """A client whose every request goes through `_politely`; its own retrying then has nothing left to do."""
        session: Any = inside(client, "_session")
        session.request = partial(self._politely, session.request)
        self._sessions.append(session)
        return client

    def ask(self, what: str, call: Callable[[], T]) -> T:
        """The answer of a client's method.

        Raises:
            NotThere, NotAllowed, InputError: Alpaca refuses, and says why.
            DataError: it cannot be reached, or answers what cannot be read.
        """
        from alpaca.common.exceptions import APIError

        self._pages.clear()
        try:
            return call()
        except AuraError:
            raise
        except (APIError, LookupError, TypeError, ValueError, AttributeError) as error:
            said = self._access.clean(f"{type(error).__name__}: {error}")
            raise DataError(f"alpaca: the answer for {what} cannot be read ({said[:200]}). Try again later") from error

    def _politely(self, plain: Callable[..., Any], method: str, url: str, **options: Any) -> Any:
        """`request` of a client's session."""
        options["timeout"] = self._timeout
        parameters = options.get("params") or {}
        self._turn(url, parameters)
        what = f"{url.split('/', 3)[-1]} of {str(parameters.get('symbols', 'all'))[:60]}"
        return self._polite.ask(what, lambda: self._once(partial(plain, method, url, **options)))

    def _turn(self, url: str, parameters: Mapping[str, Any]) -> None:
        """Note the page; a page that was there already would be followed by the same ones for ever."""
        token = parameters.get("page_token")
        if token is None:
            return
        if token in self._pages:
            raise DataError(f"alpaca: the pages of {url.split('/', 3)[-1]} go round in a circle. Try again later")
        self._pages.add(token)

    def _once(self, request: Callable[[], Any]) -> Any:
        try:
            response = request()
        except OSError as error:  # a time-out, a cut connection, no way to get there
            raise Again(self._access.clean(f"{type(error).__name__}: {str(error)[:200]}")) from error
        status = response.status_code
        if status == 429 or status >= 500:
            raise Again(f"HTTP {status}", _wait(response.headers))
        if status >= 400:
            raise self._refusal(status, response.content)
        try:
            answer = json.loads(response.content)
        except ValueError:
            raise Again(self._access.clean(f"an answer that is no JSON ({response.content[:40]!r})")) from None
        response.json = lambda: answer  # the client would read it a second time
        return response

    def _refusal(self, status: int, content: bytes) -> InputError:
        try:
            said = str(json.loads(content)["message"])
        except (ValueError, LookupError, TypeError):
            said = content[:80].decode(errors="replace")
        said = self._access.clean(f"HTTP {status}: {said.strip() or 'no reason given'}")
        if status == 404:
            return NotThere(f"alpaca: {said}")
        if "subscription" in said or "OPRA" in said:
            return NotAllowed(f"alpaca: {said}. Use feed=free (the default) or feed=iex, or subscribe at Alpaca")
        if status in (401, 403):
            return NotAllowed(f"alpaca: {said}. Check {' and '.join(KEYS)}: they do not open this door")
        return InputError(f"alpaca: {said}")


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: as Retry-After says, or until X-RateLimit-Reset (seconds since 1970)."""
    told = retry_after(headers.get("Retry-After"))
    reset = (headers.get("X-RateLimit-Reset") or "").strip()
    if told is not None or not reset.isdecimal():
        return told
    return max(0.0, int(reset) - time.time())
