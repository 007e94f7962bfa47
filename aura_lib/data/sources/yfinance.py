"""Yahoo Finance through yfinance: daily bars of equities, funds and indices world-wide. Its terms are Yahoo's.

What yfinance does to a process is contained here: its one session and crumb for all, its caches on disk, the errors it
hides, its warnings under pandas 3. Whoever uses yfinance beside Aura finds it as they left it.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from threading import RLock
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pandas as pd

from aura_lib.core import AssetClass, AuraError, Bars, Calendar, Clock, DataError, InputError, Instrument, WallClock
from aura_lib.core.market_data import FIELDS
from aura_lib.data.polite import Again, Polite, retry_after
from aura_lib.data.vendor import History

CHART = "/v8/finance/chart/"
TICK = Decimal("0.0001")  # adjusted prices are no multiples of a cent
TIMEOUT = 15.0  # seconds for one answer
WRITTEN = re.compile(r"[A-Z0-9^.=&_-]{1,30}")  # a symbol, as Yahoo writes them

# Yahoo's code of an exchange → its calendar and venue (ISO 10383). There is no calendar XNSE; XBOM has its hours.
OWN_CALENDAR = {  # … where both have one name
    **dict.fromkeys(("LSE", "IOB", "FGI"), "XLON"),
    **dict.fromkeys(("JPX", "OSA"), "XTKS"),
    "GER": "XETR", "FRA": "XFRA", "PAR": "XPAR", "AMS": "XAMS", "BRU": "XBRU", "LIS": "XLIS", "MIL": "XMIL",
    "MCE": "XMAD", "EBS": "XSWX", "STO": "XSTO", "HEL": "XHEL", "OSL": "XOSL", "VIE": "XWBO", "TOR": "XTSE",
    "SAO": "BVMF", "MEX": "XMEX", "JNB": "XJSE", "TLV": "XTAE", "HKG": "XHKG", "SHH": "XSHG", "KSC": "XKRX",
    "TAI": "XTAI", "SES": "XSES", "ASX": "XASX", "NZE": "XNZE",
}  # fmt: skip
EXCHANGES = {
    **dict.fromkeys(("NMS", "NGM", "NCM", "NAS", "NIM"), ("XNYS", "XNAS")),
    **dict.fromkeys(("NYQ", "NYS", "SNP", "DJI", "WCB", "CXI"), ("XNYS", "XNYS")),
    "ASE": ("XNYS", "XASE"),
    "PCX": ("XNYS", "ARCX"),
    "BTS": ("XNYS", "BATS"),
    "NSI": ("XBOM", "XNSE"),
    "BSE": ("XBOM", "XBOM"),
    **{code: (venue, venue) for code, venue in OWN_CALENDAR.items()},
}
KINDS = {"EQUITY": AssetClass.EQUITY, "ETF": AssetClass.ETF, "MUTUALFUND": AssetClass.ETF, "INDEX": AssetClass.INDEX}
HUNDREDTHS = {"GBp": "GBP", "ZAc": "ZAR", "ILA": "ILS"}  # quoted in pence, cents, agorot

_one_at_a_time = RLock()  # yfinance has one session for the whole process
_vendor = Polite("yfinance")  # ... and Yahoo sees one address


class Source:
    """Daily bars of any symbol that Yahoo knows: `AAPL`, `^GSPC`, `RELIANCE.NS`.

    Args:
        adjusted: for splits and dividends; False: as they traded.
        polite: how fast and how often Yahoo is asked.
        clock: a bar is there when it closed by this clock.
        timeout: seconds that one answer may take.
    """

    name = "yfinance"

    def __init__(
        self,
        adjusted: bool = True,
        *,
        polite: Polite | None = None,
        clock: Clock | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.adjusted = adjusted
        self._polite = polite or _vendor
        self._clock = clock or WallClock()
        self._timeout = timeout

    def symbols(self) -> tuple[str, ...]:
        """None are listed: Yahoo tells only when it is asked for one."""
        return ()

    def universe(self) -> tuple[str, ...]:
        """None are listed."""
        return ()

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> Bars:
        """All bars of the symbols, stamped with the close of their session; what was left out is a warning.

        Raises:
            InputError: Yahoo has not got a symbol, the symbols follow different calendars, or frequency is not 1d.
            DataError: yfinance is not installed, Yahoo cannot be reached or answers nonsense.
        """
        history = self.history(symbols, frequency)
        if history.remarks:
            warnings.warn("\n  ".join([f"{self.name}:", *history.remarks]), stacklevel=2)
        return history.adjusted if self.adjusted else history.raw

    def history(
        self, symbols: Sequence[str], frequency: str = "1d", progress: Callable[[int, int], None] | None = None
    ) -> History:
        """Both kinds of bars, the splits and dividends, and what was left out. Raises what `fetch` raises.

        Args:
            symbols: as Yahoo writes them, all of one exchange calendar.
            frequency: "1d".
            progress: told how many symbols of how many are done.
        """
        if frequency != "1d":
            raise InputError(f"{self.name} has daily bars only: frequency='1d', not {frequency!r}")
        if not symbols:
            raise InputError(f"{self.name}: an empty list of symbols; name at least one, such as AAPL")
        found, unknown = {}, []
        with _contained(self._politely):
            for done, symbol in enumerate(symbols, 1):
                try:
                    found[symbol] = _download(symbol, self._timeout)
                except _UnknownSymbol:
                    unknown.append(symbol)
                if progress:
                    progress(done, len(symbols))
        if unknown:
            raise InputError(f"{self.name}: Yahoo has no {', '.join(unknown)}: look up how it writes them")
        return _history(found, self._clock)

    def _politely(self, plain: Callable[..., Any], method: str, url: str, **options: Any) -> Any:
        """`request` of yfinance's session: prices are asked for until they come, cookies and crumbs once."""
        options["timeout"] = self._timeout
        if CHART not in url:
            self._polite.take_turn()
            return plain(method=method, url=url, **options)
        symbol = unquote(url.partition(CHART)[2])
        return self._polite.ask(symbol, lambda: _chart(symbol, partial(plain, method=method, url=url, **options)))


class _UnknownSymbol(InputError):
    """Yahoo has no such symbol."""


def _chart(symbol: str, request: Callable[[], Any]) -> Any:
    """An answer with a chart in it. Raises Again, _UnknownSymbol or DataError for any other."""
    try:
        response = request()
    except OSError as error:  # a time-out, a cut connection, no way to get there
        raise Again(f"{type(error).__name__}: {str(error).partition('. See ')[0]}") from error
    status = response.status_code
    if status == 429 or status >= 500:
        raise Again(f"HTTP {status}", retry_after(response.headers.get("Retry-After")))
    try:
        answer = json.loads(response.content)
        failure, result = answer["chart"]["error"], answer["chart"]["result"]
    except (ValueError, KeyError, TypeError) as wrong:
        if status >= 400:
            return response  # yfinance gets another cookie, and asks again
        raise Again(f"an answer that is no chart ({response.content[:40]!r})") from wrong
    if failure and (status == 404 or failure.get("code") == "Not Found"):
        raise _UnknownSymbol(f"Yahoo has no {symbol}: {failure.get('description')}")
    if status < 400 and (failure or not result or not result[0].get("timestamp")):
        why = failure.get("description") if failure else "it has no bars"
        raise DataError(f"yfinance: Yahoo gave no prices of {symbol}: {why}")
    return response


@contextmanager
def _contained(request: Callable[..., Any]) -> Iterator[None]:
    """Have yfinance with a session that goes through `request`, nothing on disk and no hidden error; then as it was."""
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
        session.request = partial(request, session.request)
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


def _download(symbol: str, timeout: float) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """All days of a symbol as yfinance gives them, and what Yahoo says of the symbol."""
    import yfinance

    if not WRITTEN.fullmatch(symbol) or yfinance.utils.is_isin(symbol):
        raise _UnknownSymbol(f"Yahoo has no {symbol}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its code is written for pandas 2
            ticker = yfinance.Ticker(symbol)
            frame = ticker.history(period="max", interval="1d", auto_adjust=False, actions=True, timeout=timeout)
            return frame, ticker.get_history_metadata()
    except AuraError:
        raise
    except (yfinance.exceptions.YFException, OSError, LookupError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise DataError(f"yfinance could not read Yahoo's answer for {symbol}: {what}") from error


def _history(found: Mapping[str, tuple[pd.DataFrame, Mapping[str, Any]]], clock: Clock) -> History:
    instruments, calendars = {}, {}
    for symbol, (_, meta) in found.items():
        instruments[symbol], calendars[symbol] = _described(symbol, meta)
    if len(set(calendars.values())) > 1:
        listed = ", ".join(f"{symbol} {calendar}" for symbol, calendar in calendars.items())
        raise InputError(f"these symbols follow different calendars ({listed}): load those of one exchange at a time")
    calendar = Calendar.of(next(iter(calendars.values())))
    remarks: list[str] = []
    raw, actions = {}, []
    for symbol, (frame, meta) in found.items():
        unit = 0.01 if meta["currency"] in HUNDREDTHS else 1.0
        days, notes = _closed(symbol, frame, calendar, clock)
        remarks += notes
        raw[symbol] = _as_traded(days, unit)
        actions.append(_actions(symbol, days, unit))
    words: dict[str, Any] = {"source": Source.name, "calendar": calendar.name, "instruments": instruments}
    return History(
        raw=Bars(_panel(raw, calendar), adjustment="", **words),
        actions=pd.concat(actions, ignore_index=True),
        remarks=tuple(remarks),
    )


def _described(symbol: str, meta: Mapping[str, Any]) -> tuple[Instrument, str]:
    """The instrument and its calendar, from what Yahoo says of it."""
    exchange, kind, currency = (meta.get(key) for key in ("exchangeName", "instrumentType", "currency"))
    if exchange not in EXCHANGES or kind not in KINDS or not currency:
        raise DataError(
            f"yfinance: {symbol} is a {kind} on {exchange} in {currency}; this source knows equities, funds and "
            f"indices on {', '.join(sorted(EXCHANGES))}"
        )
    calendar, venue = EXCHANGES[exchange]
    return Instrument(symbol, KINDS[kind], HUNDREDTHS.get(currency, currency), venue, tick=TICK), calendar


def _closed(symbol: str, frame: pd.DataFrame, calendar: Calendar, clock: Clock) -> tuple[pd.DataFrame, list[str]]:
    """The days that were sessions and have closed, by their close, with a column `factor`; and what was left out."""
    ratio = frame["Stock Splits"].where(frame["Stock Splits"] > 0, 1.0)
    frame = frame.assign(factor=ratio[::-1].cumprod()[::-1] / ratio)  # the splits after the day
    notes = []
    prices = ["Open", "High", "Low", "Close", "Adj Close"]
    wrong = (frame[prices] <= 0).any(axis=1)
    if wrong.any():
        notes.append(f"{symbol}: {_days(frame.index[wrong])} with a price that is not positive: taken as missing")
        frame[prices] = frame[prices].where(frame[prices] > 0)
    frame = frame.dropna(subset=["Close", "Adj Close"])
    days = pd.DatetimeIndex(frame.index).tz_localize(None).normalize().as_unit("us")
    where = calendar.sessions.get_indexer(pd.Index(days))
    if (where < 0).any():
        since = f"{calendar.name} (known from {calendar.sessions[0].date()} on)"
        notes.append(f"{symbol}: {_days(days[where < 0])} without a session of {since}: left out")
    frame = frame[where >= 0].set_axis(calendar.closes[where[where >= 0]], axis=0)
    frame = frame[frame.index <= pd.Timestamp(clock.now())]
    if frame.empty:
        raise DataError(f"yfinance: Yahoo gave no price of {symbol} on a session of {calendar.name} that has closed")
    return frame, notes


def _days(days: pd.Index) -> str:
    return f"{len(days)} day(s) from {days[0].date()} to {days[-1].date()}" if len(days) > 1 else f"{days[0].date()}"


def _as_traded(days: pd.DataFrame, unit: float) -> pd.DataFrame:
    """Prices and volumes of the day. Yahoo's own are adjusted for splits, and not for dividends."""
    yahoo = days[["Open", "High", "Low", "Close", "Volume"]].set_axis(list(FIELDS), axis=1).astype("float64")
    prices = yahoo.drop(columns="volume").mul(unit * days["factor"], axis=0)
    return prices.assign(volume=yahoo["volume"] / days["factor"])


def _actions(symbol: str, days: pd.DataFrame, unit: float) -> pd.DataFrame:
    """Splits, and dividends as they were paid. Yahoo's own dividends are adjusted for the splits after them."""
    some = days[(days["Dividends"] != 0) | (days["Stock Splits"] != 0)]
    paid = some["Dividends"] * unit * some["factor"]
    table = {"time": some.index, "symbol": symbol, "dividend": paid, "split": some["Stock Splits"]}
    return pd.DataFrame(table).reset_index(drop=True)


def _panel(frames: Mapping[str, pd.DataFrame], calendar: Calendar) -> dict[str, pd.DataFrame]:
    """Field → frame on every session from the first bar to the last; NaN where a symbol has none."""
    first = min(frame.index[0] for frame in frames.values())
    last = max(frame.index[-1] for frame in frames.values())
    times = calendar.closes_between(first, last)
    return {field: pd.DataFrame({s: frame[field].reindex(times) for s, frame in frames.items()}) for field in FIELDS}
