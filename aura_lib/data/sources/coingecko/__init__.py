"""CoinGecko: prices of coins, averaged over exchanges, in any currency; conversion between coins and currencies.

A coin is named by its id (`bitcoin`), its symbol (`BTC`), or either with a currency (`BTC/EUR`). What CoinGecko tells
of the past is a price at a moment. A day's bar therefore has a close (the price at midnight UTC, when the day ends)
and a volume (the turnover of those 24 hours divided by that price, so in coins); an hour's bar has a close only, as
turnover is told for 24 hours alone. Its candles are of 30 minutes, 4 hours or 4 days, by how far back one looks: they
are no bars of a day, and not used.

How far back: days 365, or as far as there are any with the key of a paid plan; hours 90 days.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from aura_lib.core import AssetClass, Bars, Clock, DataError, InputError, Instrument, Quote, WallClock, utc
from aura_lib.data.polite import Polite
from aura_lib.data.sources.coingecko import client, names
from aura_lib.data.store.port import no_actions
from aura_lib.data.vendor import History

if TYPE_CHECKING:
    from coingecko_sdk import Coingecko

KEYS: tuple[str, ...] = ()
OPTIONAL_KEYS = (client.DEMO, client.PAID)
PACKAGE = "coingecko_sdk"
CALENDAR = "24/7"
PAGE = 250  # coins in one answer of markets
FREE_DAYS, HOURLY_DAYS = 365, 90
LATE = pd.Timedelta(minutes=10)  # that a price may be after the hour or midnight it is for
FINE = Decimal("1E-12")  # some coins cost a millionth of a cent
STEPS = {"1h": "h", "1d": "D"}

_free = Polite("coingecko", per_second=0.5, first_wait=4.0)  # 30 a minute, less when it is busy
_paid = Polite("coingecko", per_second=4.0)


class Source:
    """Closes of coins, by day and hour. Works without a key; COINGECKO_API_KEY makes CoinGecko answer more often.

    Args:
        adjusted: as other vendors have it; coins neither split nor pay, so that both prices are the same.
        polite: how fast and how often CoinGecko is asked.
        clock: a bar is there when it closed by this clock.
        timeout: seconds that one answer may take.
        base_url: another address than CoinGecko's own.
    """

    name = "coingecko"
    frequencies: tuple[str, ...] = tuple(STEPS)

    def __init__(
        self,
        adjusted: bool = True,
        *,
        polite: Polite | None = None,
        clock: Clock | None = None,
        timeout: float = client.TIMEOUT,
        base_url: str | None = None,
    ) -> None:
        self.adjusted = adjusted
        self._polite = polite or (_paid if client.paid() else _free)
        self._clock = clock or WallClock()
        self._connection = timeout, base_url

    @cached_property
    def _client(self) -> Coingecko:
        return client.connect(*self._connection)

    def _ask(self, what: str, method: Callable[..., Any], *ids: str, **query: Any) -> Any:
        return client.ask(self._polite, what, method, *ids, **query)

    @cached_property
    def _coins(self) -> list[dict[str, str]]:
        """Every coin: id, symbol, name."""
        found: list[dict[str, str]] = self._ask("the list of coins", self._client.coins.list.with_raw_response.get)
        return found

    def symbols(self) -> tuple[str, ...]:
        """None are listed: there are some 17,000 (`listings` has them)."""
        return ()

    def universe(self) -> tuple[str, ...]:
        """None are listed."""
        return ()

    def listings(self) -> pd.DataFrame:
        """Every coin: symbol (CoinGecko's id), name, exchange (empty), sector (empty), asset_class, currency."""
        told = [(one["id"], f"{one['name']} ({one['symbol'].upper()})") for one in self._coins]
        table = pd.DataFrame(told, columns=["symbol", "name"])
        return table.assign(exchange="", sector="", asset_class=str(AssetClass.CRYPTO), currency="USD")

    def fetch(self, symbols: Sequence[str], frequency: str = "1d") -> Bars:
        """All bars of the coins, stamped with their close; what was left out is a warning.

        Raises:
            InputError: CoinGecko has not got a coin, a currency or a frequency; a symbol means several coins.
            DataError: the package is not installed, CoinGecko cannot be reached or answers nonsense.
        """
        return self.history(symbols, frequency).given(self.adjusted)

    def history(
        self,
        symbols: Sequence[str],
        frequency: str = "1d",
        progress: Callable[[int, int], None] | None = None,
        *,
        start: datetime | None = None,
    ) -> History:
        """Bars of the coins, no splits or dividends, and what was left out. Raises what `fetch` raises.

        Args:
            symbols: `bitcoin`, `BTC`, `BTC/EUR`.
            frequency: 1h or 1d.
            progress: told how many coins of how many are done.
            start: only bars closed at or after it; there may be none. None: all that CoinGecko gives.
        """
        if frequency not in STEPS:
            raise InputError(f"{self.name} has bars of {', '.join(STEPS)}, not of {frequency!r}")
        start, now = None if start is None else utc(start, "start"), utc(self._clock.now())
        days = _days(frequency, start, now)
        coins, found, unknown = self._resolved(symbols), {}, []
        for done, (symbol, coin) in enumerate(coins.items(), 1):
            try:
                found[symbol] = _closed(symbol, self._chart(symbol, coin, days, frequency), frequency, start, now)
            except client.Unknown:
                unknown.append(symbol)
            if progress:
                progress(done, len(coins))
        self._refuse(unknown)
        instruments = {symbol: _instrument(symbol, coin.currency) for symbol, coin in coins.items()}
        bars = _bars(found, frequency, instruments)
        return History(bars, no_actions(), _short(bars, frequency, start, now))

    def quotes(self, symbols: Sequence[str]) -> Sequence[Quote]:
        """The price of each coin that CoinGecko knows, 250 coins a call and currency.

        `previous` is the price of 24 hours before; high, low and volume are of these 24 hours; there is no bid or ask.
        """
        coins, found = self._resolved(symbols), []
        for currency in dict.fromkeys(coin.currency for coin in coins.values()):
            ids = list(dict.fromkeys(coin.id for coin in coins.values() if coin.currency == currency))
            told = {one["id"]: one for one in self._markets(ids, currency)}
            mine = {symbol: coin for symbol, coin in coins.items() if coin.currency == currency}
            found += [_quote(s, told[c.id], currency) for s, c in mine.items() if _priced(told.get(c.id))]
        return found

    def convert(self, amount: float, base: str, quote: str) -> float:
        """What an amount of a coin or currency is in another coin or currency, now.

        A coin is named as everywhere here, a currency in capitals: `convert(0.5, "BTC", "INR")`.
        Raises InputError when CoinGecko knows neither.
        """
        rates = self._ask("rates", self._client.exchange_rates.with_raw_response.get)["rates"]
        return amount * self._in_bitcoin(base, rates) / self._in_bitcoin(quote, rates)

    def _in_bitcoin(self, name: str, rates: Mapping[str, Any]) -> float:
        if name.lower() in rates and name == name.upper():
            return 1 / float(rates[name.lower()]["value"])
        coin = names.coin(name, lambda: self._coins)
        price = self._client.simple.price.with_raw_response.get
        told = self._ask(name, price, vs_currencies="btc", ids=coin.id, precision="full")
        if not told.get(coin.id, {}).get("btc"):
            raise client.Unknown(f"CoinGecko has no {name}")
        return float(told[coin.id]["btc"])

    def _resolved(self, symbols: Sequence[str]) -> dict[str, names.Coin]:
        if not symbols:
            raise InputError(f"{self.name}: an empty list of symbols; name at least one, such as bitcoin")
        coins, unknown = {}, []
        for symbol in dict.fromkeys(symbols):
            try:
                coins[symbol] = names.coin(symbol, lambda: self._coins)
            except client.Unknown:
                unknown.append(symbol)
        self._refuse(unknown)
        return coins

    def _refuse(self, unknown: Sequence[str]) -> None:
        if unknown:
            raise InputError(f"{self.name}: CoinGecko has no {', '.join(unknown)}: `listings()` has all coins")

    def _chart(self, symbol: str, coin: names.Coin, days: str, frequency: str) -> Mapping[str, Any]:
        finer: dict[str, Any] = {"interval": "daily"} if frequency == "1d" else {}  # hours come of themselves
        chart = self._client.coins.market_chart.with_raw_response.get
        currency = coin.currency.lower()
        told: Mapping[str, Any] = self._ask(
            symbol, chart, coin.id, vs_currency=currency, days=days, precision="full", **finer
        )
        return told

    def _markets(self, ids: Sequence[str], currency: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        markets = self._client.coins.markets.with_raw_response.get
        for first in range(0, len(ids), PAGE):
            some = ",".join(ids[first : first + PAGE])
            found += self._ask("quotes", markets, vs_currency=currency.lower(), ids=some, per_page=PAGE, page=1)
        return found


def _reach(frequency: str) -> int | None:
    """How many days back there are bars; None: as many as there are."""
    return HOURLY_DAYS if frequency == "1h" else None if client.paid() else FREE_DAYS


def _days(frequency: str, start: datetime | None, now: datetime) -> str:
    """How many days are asked for."""
    reach = _reach(frequency)
    if start is None:
        return str(reach or "max")
    wanted = max(2, math.ceil((now - start) / timedelta(days=1)) + 1)
    return str(min(wanted, reach or wanted))


def _short(bars: Bars, frequency: str, start: datetime | None, now: datetime) -> tuple[str, ...]:
    """What is to be said when there may be more before the first bar."""
    reach = _reach(frequency)
    if (
        reach is None
        or not len(bars)
        or bars.start > now - timedelta(days=reach - 2)
        or (start and bars.start <= start)
    ):
        return ()
    free = "" if frequency == "1h" else " without the key of a paid plan"
    return (f"CoinGecko has bars of {frequency} of the last {reach} days only{free}",)


def _closed(
    symbol: str, told: Mapping[str, Any], frequency: str, start: datetime | None, now: datetime
) -> pd.DataFrame:
    """Close and turnover by the moment the bar closed. The last price is one of now, and belongs to no bar yet."""
    try:
        prices, turnover = (_points(told[name]) for name in ("prices", "total_volumes"))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"coingecko: an answer for {symbol} that is no chart: {type(error).__name__}: {error}"
        ) from error
    frame = pd.DataFrame({"close": prices, "turnover": turnover}).dropna(subset="close")
    times = pd.DatetimeIndex(frame.index)
    closes = times.floor(STEPS[frequency])
    on_time = (times - closes <= LATE) & ((times < times[-1:].max()) | (times == closes))
    frame = frame.set_axis(closes, axis=0)[on_time & (frame["close"] > 0).to_numpy()]
    frame = frame[~frame.index.duplicated() & (frame.index <= pd.Timestamp(now))]
    if frame.empty and start is None:
        raise DataError(f"coingecko: CoinGecko gave no prices of {symbol}: it has no bars")
    return frame if start is None else frame.loc[frame.index >= pd.Timestamp(start)]


def _points(rows: Sequence[Sequence[float]]) -> pd.Series[float]:
    """Values by their moment, UTC, of pairs (milliseconds, value)."""
    times = pd.to_datetime([int(row[0]) for row in rows], unit="ms", utc=True).as_unit("us")
    values = pd.Series([row[1] for row in rows], index=times, dtype="float64")
    return values[~values.index.duplicated()].sort_index()


def _bars(found: Mapping[str, pd.DataFrame], frequency: str, instruments: Mapping[str, Instrument]) -> Bars:
    ends = [moment for frame in found.values() if len(frame) for moment in (frame.index[0], frame.index[-1])]
    times = pd.DatetimeIndex([], tz="UTC").as_unit("us")
    if ends:
        times = pd.date_range(min(ends), max(ends), freq=STEPS[frequency], unit="us")
    frames = {symbol: frame.reindex(times) for symbol, frame in found.items()}
    fields = {"close": pd.DataFrame({symbol: frame["close"] for symbol, frame in frames.items()})}
    if frequency == "1d":
        fields["volume"] = pd.DataFrame({s: frame["turnover"] / frame["close"] for s, frame in frames.items()})
    return Bars(fields, "coingecko", frequency, calendar=CALENDAR, adjustment="", instruments=instruments)


def _instrument(symbol: str, currency: str) -> Instrument:
    return Instrument(symbol, AssetClass.CRYPTO, currency, CALENDAR, lot=Decimal("1E-8"), tick=FINE)


def _priced(told: Mapping[str, Any] | None) -> bool:
    return bool(told and told.get("current_price") and told.get("last_updated"))


def _quote(symbol: str, told: Mapping[str, Any], currency: str) -> Quote:
    def number(name: str) -> float:
        value = told.get(name)
        return float("nan") if value is None else float(value)

    price = number("current_price")
    return Quote(
        symbol,
        utc(pd.Timestamp(told["last_updated"])),
        price,
        high=number("high_24h"),
        low=number("low_24h"),
        previous=price - number("price_change_24h"),
        volume=number("total_volume") / price,
        currency=currency,
        source="coingecko",
    )
