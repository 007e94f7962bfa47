"""Executions and the stream that tells them: lost, doubled, late, out of order, or told to nobody."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any

from aura_lib.execution.brokers.rehearsal.mishaps import bust, fill_late, reject, thin
from aura_lib.execution.brokers.rehearsal.scenarios.scenario import scenario
from aura_lib.execution.brokers.rehearsal.venue import Venue
from aura_lib.execution.brokers.rehearsal.weather import FOR_EVER, ORDER, ORDERS, Fault, Scene, Weather

Update = dict[str, Any]
FILLS = ("fill", "partial_fill")


@scenario(
    "lost-fill", "one fill never comes on a stream that is otherwise well",
    "QuantConnect/Lean.Brokerages.TradeStation#101",
    "heartbeats prove nothing: orders older than a few seconds are asked for",
)  # fmt: skip
def _lost(weather: Weather, venue: Venue) -> None:
    left = [1]

    def drop(_: Weather, update: Update) -> list[Update]:
        if update["event"] in FILLS and left[0]:
            left[0] -= 1
            return []
        return [update]

    weather.filters.append(drop)


@scenario(
    "no-fill-events", "orders are accepted on the stream, their fills are never told",
    "QuantConnect/Lean.Brokerages.Alpaca#28", "no event is not no fill: poll by id",
)  # fmt: skip
def _none(weather: Weather, venue: Venue) -> None:
    weather.filters.append(lambda _, update: [] if update["event"] in FILLS else [update])


@scenario(
    "mute-stream", "the stream is connected, its pings are answered, and nothing comes",
    "alpacahq/alpaca-trade-api-csharp#170", "polling is the second source; a mute stream is found out by its silence",
)  # fmt: skip
def _mute(weather: Weather, venue: Venue) -> None:
    weather.filters.append(lambda _, update: [])


@scenario(
    "doubled-events", "every event comes twice", "nautechsystems/nautilus_trader#4991",
    "a fill is booked once, by its execution id; a copy has no side effect anywhere",
)  # fmt: skip
def _twice(weather: Weather, venue: Venue) -> None:
    weather.filters.append(lambda _, update: [update, update])


@scenario(
    "fill-before-accept", "the fill comes before the news that the order is there",
    "QuantConnect/Lean.Brokerages.InteractiveBrokers#189", "events of an order count in any order",
)  # fmt: skip
def _swapped(weather: Weather, venue: Venue) -> None:
    held: list[Update] = []

    def swap(_: Weather, update: Update) -> list[Update]:
        if update["event"] in ("new", "accepted"):
            held.append(update)
            return []
        told = [update, *held]
        held.clear()
        return told

    weather.filters.append(swap)


@scenario(
    "replayed-fills", "whoever listens anew is told all old fills again", "nautechsystems/nautilus_trader#3046",
    "the execution id is unique in the store: a second copy changes nothing",
)  # fmt: skip
def _replayed(weather: Weather, venue: Venue) -> None:
    weather.on_listen.append(lambda w: [u for u in w.sent if u["event"] in FILLS])
    weather.faults.append(Fault("POST", ORDERS, after=lambda scene: scene.weather.cut_streams()))


@scenario(
    "cut-before-update", "the stream is cut between the order and its update",
    "QuantConnect/Lean.Brokerages.Alpaca#60", "after every reconnect, ask for what happened meanwhile",
)  # fmt: skip
def _cut(weather: Weather, venue: Venue) -> None:
    left = [0]

    def lose(_: Weather, update: Update) -> list[Update]:
        if left[0]:
            left[0] -= 1
            return []
        return [update]

    def cut(scene: Scene) -> None:
        left[0] = 3
        scene.weather.cut_streams()

    weather.filters.append(lose)
    weather.faults.append(Fault("POST", ORDERS, before=cut))


@scenario(
    "fills-around-a-cut", "half of the order fills, the stream is cut, the rest fills",
    "QuantConnect/Lean.Brokerages.InteractiveBrokers#249",
    "book any true fill whatever the link says; on reconnect ask for executions since the last one known",
)  # fmt: skip
def _around(weather: Weather, venue: Venue) -> None:
    def rest(scene: Scene) -> None:
        scene.weather.cut_streams()
        again(scene)

    weather.faults.append(Fault("POST", ORDERS, good=True, before=half, after=rest))


def half(scene: Scene) -> None:
    """Only half of what is wanted can be had."""
    body = scene.request.body
    if isinstance(body, dict) and isinstance(body.get("symbol"), str) and body.get("qty"):
        asset = scene.venue.market.listing.find(body["symbol"])
        lot = Decimal(1) if asset is None else asset.instrument.lot
        part = (Decimal(str(body["qty"])) / 2 / lot).to_integral_value(ROUND_DOWN) * lot
        thin(scene.venue, body["symbol"] if asset is None else asset.symbol, part)


def again(scene: Scene) -> None:
    """Everything can be had again, at the same price."""
    symbol = scene.ticket.symbol
    price = scene.venue.market.price(symbol)
    if price is not None:
        scene.venue.tick(symbol, price)


@scenario(
    "partial-then-cancel", "half fills, then the venue cancels the rest", "freqtrade/freqtrade#8374",
    "the filled part stays booked; what is left to do comes from the position",
)  # fmt: skip
def _partial_cancel(weather: Weather, venue: Venue) -> None:
    from aura_lib.execution.brokers.rehearsal.cancelling import cancel

    def stop(scene: Scene) -> None:
        if scene.ticket.open:
            cancel(scene.venue, scene.ticket.id)

    weather.faults.append(Fault("POST", ORDERS, good=True, before=half, after=stop))


@scenario(
    "partial-then-reject", "half fills, then the rest is rejected", "brndnmtthws/thetagang#709",
    "a rejection after fills keeps the fills, with the reason",
)  # fmt: skip
def _partial_reject(weather: Weather, venue: Venue) -> None:
    weather.faults.append(
        Fault("POST", ORDERS, good=True, before=half, after=lambda scene: reject(scene.venue, scene.ticket))
    )


@scenario(
    "late-fill-after-cancel", "the cancel is confirmed, then the order fills", "alpacahq/Alpaca-API#71",
    "a cancelled order can still take fills: the quantity decides, not the word",
)  # fmt: skip
def _late(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("DELETE", ORDER, good=True, after=lambda scene: fill_late(scene.venue, scene.ticket)))


@scenario(
    "fill-during-replace", "the order fills while its change is on the way",
    "QuantConnect/Lean.Brokerages.TradeStation#84", "fills are booked by their quantity, apart from the status",
)  # fmt: skip
def _during(weather: Weather, venue: Venue) -> None:
    def fill(scene: Scene) -> None:
        ticket = scene.venue.tickets.get(scene.request.path.rpartition("/")[2])
        if ticket is not None and ticket.open:
            fill_late(scene.venue, ticket, ticket.left // 2 or None)

    weather.faults.append(Fault("PATCH", ORDER, before=fill))


@scenario(
    "busted-fill", "a trade is taken back an hour later: position and cash are as before",
    "nautechsystems/nautilus_trader#3622",
    "the broker's word counts: the fill is busted in the ledger, once, with what it did to money and holdings",
)  # fmt: skip
def _busted(weather: Weather, venue: Venue) -> None:
    weather.faults.append(_takes_back())


@scenario(
    "corrected-fill", "a trade is taken back and made anew, a dollar dearer", "erdewit/ib_insync#364",
    "a correction takes the place of an execution: it is not added to it",
)  # fmt: skip
def _corrected(weather: Weather, venue: Venue) -> None:
    weather.faults.append(_takes_back(dearer=Decimal(1)))


@scenario(
    "busted-untold", "a trade is taken back, which neither the stream nor the list of executions tells",
    "HKUDS/Vibe-Trading#667", "what nothing explains is raised, and what would mend it is offered to a person",
)  # fmt: skip
def _untold(weather: Weather, venue: Venue) -> None:
    weather.filters.append(lambda _, update: [] if update["event"] == "trade_bust" else [update])
    weather.faults.append(_takes_back(listed=False))


def _takes_back(dearer: Decimal | None = None, *, listed: bool = True) -> Fault:
    """The first trade is taken back while something else is asked."""
    done: list[str] = []

    def take_back(scene: Scene, body: Any) -> Any:
        for kept in [a for a in scene.venue.activities if "fill" in a][: 1 - len(done)]:
            done.append(kept["id"])
            price = None if dearer is None else Decimal(kept["price"]) + dearer
            bust(scene.venue, kept["id"].partition("::")[2], price, listed=listed)
        return body

    return Fault("GET", r"/v2/(clock|account|positions)", change=take_back, skip=2, times=FOR_EVER)
