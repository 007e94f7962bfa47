"""The real yfinance, asked politely, and contained: a session of our own, no files, no hidden errors."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import RLock
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pandas as pd

from aura_lib.core import AuraError, DataError, InputError
from aura_lib.data.polite import Again, Polite, retry_after

CHART, QUOTE = "/v8/finance/chart/", "/v7/finance/quote"
TIMEOUT = 15.0  # seconds for one answer
WRITTEN = re.compile(r"[A-Z0-9^.=&_-]{1,30}")  # a symbol, as Yahoo writes them

_one_at_a_time = RLock()  # yfinance has one session for the whole process


class UnknownSymbol(InputError):
    """Yahoo has no such symbol."""


class _Nothing(DataError):
    """A symbol has no bars in the time asked for. `meta` is what Yahoo says of it."""

    def __init__(self, message: str, meta: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.meta = meta


@dataclass(frozen=True, slots=True)
class Asking:
    """How Yahoo is asked: how often, and for how long an answer is waited for (seconds)."""

    polite: Polite
    timeout: float = TIMEOUT

    def request(self, plain: Callable[..., Any], method: str, url: str, **options: Any) -> Any:
        """`request` of yfinance's session: prices are asked for until they come, cookies and crumbs once."""
        options["timeout"] = self.timeout
        call = partial(plain, method=method, url=url, **options)
        if CHART in url:
            symbol = unquote(url.partition(CHART)[2])
            return self.polite.ask(symbol, lambda: _chart(symbol, call))
        if QUOTE in url:
            return self.polite.ask("quotes", lambda: _quotes(call))
        self.polite.take_turn()
        return call()


def _chart(symbol: str, request: Callable[[], Any]) -> Any:
    """An answer with a chart in it. Raises Again, UnknownSymbol, DataError or _Nothing for any other."""
    response, told = _asked(request, "chart")
    if told is None:
        return response  # yfinance gets another cookie, and asks again
    failure, result, status = told["error"], told["result"], response.status_code
    if failure and (status == 404 or failure.get("code") == "Not Found"):
        raise UnknownSymbol(f"Yahoo has no {symbol}: {failure.get('description')}")
    if status < 400 and (failure or not result):
        why = failure.get("description") if failure else "it has no bars"
        raise DataError(f"yfinance: Yahoo gave no prices of {symbol}: {why}")
    if status < 400 and not result[0].get("timestamp"):
        raise _Nothing(f"yfinance: Yahoo gave no prices of {symbol}: it has no bars", result[0].get("meta", {}))
    return response


def _quotes(request: Callable[[], Any]) -> Any:
    """An answer with quotes in it. Raises Again or DataError for any other."""
    response, told = _asked(request, "quoteResponse")
    if told and told["error"]:
        raise DataError(f"yfinance: Yahoo gave no quotes: {told['error'].get('description')}")
    return response


def _asked(request: Callable[[], Any], part: str) -> tuple[Any, dict[str, Any] | None]:
    """An answer, and its part with `error` and `result`; None where a client error has another shape."""
    try:
        response = request()
    except OSError as error:  # a time-out, a cut connection, no way to get there
        raise Again(f"{type(error).__name__}: {str(error).partition('. See ')[0]}") from error
    status = response.status_code
    if status == 429 or status >= 500:
        raise Again(f"HTTP {status}", retry_after(response.headers.get("Retry-After")))
    try:
        told = json.loads(response.content)[part]
        return response, {"error": told["error"], "result": told["result"]}
    except (ValueError, KeyError, TypeError) as wrong:
        if status >= 400:
            return response, None
        raise Again(f"an answer that is no {part} ({response.content[:40]!r})") from wrong


@contextmanager
def contained(asking: Asking) -> Iterator[None]:
    """Have yfinance with a session that asks politely, nothing on disk and no hidden error; then as it was."""
    try:
        import yfinance
        from yfinance import _http, cache, data
    except ImportError as error:
        raise DataError(
            f"the yfinance source needs yfinance, which cannot be imported ({error}): pip install 'aura-lib[yfinance]'"
        ) from error
    with _one_at_a_time:
        debug = yfinance.config.debug
        singletons = data.SingletonMeta._instances
        before = (
            singletons.pop(data.YfData, None),
            cache._TzCacheManager._tz_cache,
            cache._CookieCacheManager._Cookie_cache,
            debug.hide_exceptions,
        )
        session = _http.new_session()
        session.request = partial(asking.request, session.request)
        # The zone is only asked for to see whether a symbol exists, with a request of its own: the prices tell it too.
        cache._TzCacheManager._tz_cache = SimpleNamespace(lookup=lambda symbol: "UTC", store=_forget)
        cache._CookieCacheManager._Cookie_cache = SimpleNamespace(lookup=lambda strategy: None, store=_forget)
        debug.hide_exceptions = False
        try:
            data.YfData(session=session)
            yield
        finally:
            session.close()
            singletons.pop(data.YfData, None)
            shared, cache._TzCacheManager._tz_cache, cache._CookieCacheManager._Cookie_cache, hidden = before
            debug.hide_exceptions = hidden
            if shared is not None:
                singletons[data.YfData] = shared


def _forget(*_: object) -> None:
    """Keep nothing."""


def download(
    symbol: str, frequency: str, since: datetime | None, timeout: float
) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Bars of a symbol as yfinance gives them (none: there are none), and what Yahoo says of the symbol."""
    import yfinance

    if not WRITTEN.fullmatch(symbol) or yfinance.utils.is_isin(symbol):
        raise UnknownSymbol(f"Yahoo has no {symbol}")
    ticker = yfinance.Ticker(symbol)
    when: dict[str, Any] = {"start": since} if since else {"period": "max"}
    try:
        with _readable(symbol):
            frame = ticker.history(interval=frequency, auto_adjust=False, actions=True, timeout=timeout, **when)
            return frame, ticker.get_history_metadata()
    except _Nothing as nothing:
        return pd.DataFrame(), nothing.meta


def quoted(symbols: Sequence[str], timeout: float) -> list[dict[str, Any]]:
    """What Yahoo says that the symbols are worth, in one call; those it does not know are left out."""
    from yfinance import const, data

    with _readable("quotes"):
        told = data.YfData().get_raw_json(
            f"{const._QUERY1_URL_}{QUOTE}", params={"symbols": ",".join(symbols)}, timeout=timeout
        )
        found: list[dict[str, Any]] = told["quoteResponse"]["result"]
        return found


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """Turn what yfinance stumbles over into DataError; its code is written for pandas 2, and its warnings are ours."""
    import yfinance

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except AuraError:
        raise
    except (yfinance.exceptions.YFException, OSError, LookupError, TypeError, ValueError) as error:
        told = f"{type(error).__name__}: {error}"
        raise DataError(f"yfinance could not read Yahoo's answer for {what}: {told}") from error
