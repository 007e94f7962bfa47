"""What the venue says of its own books: old, empty, in part, not at all, or in words that nobody knows."""

from __future__ import annotations

from typing import Any

from aura_lib.execution.brokers.rehearsal import activities
from aura_lib.execution.brokers.rehearsal.scenarios.scenario import scenario
from aura_lib.execution.brokers.rehearsal.scenarios.submits import error
from aura_lib.execution.brokers.rehearsal.venue import Venue
from aura_lib.execution.brokers.rehearsal.weather import FOR_EVER, HTML, ORDER, ORDERS, Fault, Reply, Scene, Weather

POSITIONS, ACCOUNT = "/v2/positions", "/v2/account"


@scenario(
    "stale-positions", "positions are those of before the last fill, for a while", "alpacahq/Alpaca-API#276",
    "a snapshot has a time: what was booked after it survives it",
)  # fmt: skip
def _stale(weather: Weather, venue: Venue) -> None:
    old = activities.positions(venue)
    weather.faults.append(Fault("GET", POSITIONS, change=lambda scene, body: old, times=2))


@scenario(
    "stale-account", "cash and buying power are those of before, for a while", "QuantConnect/Lean#2953",
    "an old balance sizes no order",
)  # fmt: skip
def _stale_account(weather: Weather, venue: Venue) -> None:
    old = activities.account(venue)
    weather.faults.append(Fault("GET", ACCOUNT, change=lambda scene, body: old, times=2))


@scenario(
    "positions-fail", "the positions cannot be had: 500", "nautechsystems/nautilus_trader#3715",
    "a failed query and an empty answer are different things",
)  # fmt: skip
def _fail(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("GET", POSITIONS, error(500, "internal server error occurred"), does=False, times=2))


@scenario(
    "positions-html", "the positions are a page", "nautechsystems/nautilus_trader#3715",
    "what cannot be read is no answer, whatever its status",
)  # fmt: skip
def _page(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("GET", POSITIONS, Reply(200, HTML, "text/html"), does=False, times=2))


@scenario(
    "positions-empty", "the positions are an empty list, twice, though there are some", "deepentropy/ibx#128",
    "an empty list beside fills is a contradiction to be raised, not a flat account to be traded on",
)  # fmt: skip
def _empty(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("GET", POSITIONS, change=lambda scene, body: [], times=2))


@scenario(
    "positions-in-part", "one position is missing from the list, twice", "HKUDS/Vibe-Trading#667",
    "compare what either side has",
)  # fmt: skip
def _part(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("GET", POSITIONS, change=lambda scene, body: body[1:], times=2))


@scenario(
    "orders-time-out", "the open orders cannot be had: 504", "nautechsystems/nautilus_trader#4230",
    "no list is not an empty list: nothing is concluded from it",
)  # fmt: skip
def _orders(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("GET", ORDERS, error(504, "gateway timeout"), does=False, times=4))


@scenario(
    "delisted-breaks-the-list", "one delisted symbol: the list of orders answers 502, each order can be asked for",
    "alpacahq/Alpaca-API#25", "one bad symbol must not read as no orders",
)  # fmt: skip
def _delisted(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("GET", ORDERS, Reply(502, HTML, "text/html"), does=False, times=4))


@scenario(
    "unknown-status", "an order is in a status that nobody has heard of", "alexgolec/schwab-py#135",
    "an unknown status is not the end of an order: it is kept, and treated as open",
)  # fmt: skip
def _status(weather: Weather, venue: Venue) -> None:
    def rename(scene: Scene, body: Any) -> Any:
        return (
            [rename(scene, one) for one in body] if isinstance(body, list) else {**body, "status": "awaiting_review_2"}
        )

    weather.faults.append(Fault("GET", r"/v2/orders.*", change=rename, times=2, good=True))


@scenario(
    "unknown-enum", "an order has a time in force that is on nobody's list", "QuantConnect/Lean.Brokerages.Tradier#17",
    "unknown values are kept as they are; one strange order does not stop the start",
)  # fmt: skip
def _enum(weather: Weather, venue: Venue) -> None:
    def rename(scene: Scene, body: Any) -> Any:
        return [rename(scene, one) for one in body] if isinstance(body, list) else {**body, "time_in_force": "gtd_ext"}

    weather.faults.append(Fault("GET", r"/v2/orders.*", change=rename, times=2, good=True))


@scenario(
    "held-leg-not-listed", "the stop of a bracket is in no list, not even under its order",
    "alpacahq/alpaca-trade-api-python#322", "a leg that is held counts as open: it is not placed again",
)  # fmt: skip
def _held(weather: Weather, venue: Venue) -> None:
    def hide(scene: Scene, body: Any) -> Any:
        if isinstance(body, dict):
            return {**body, "legs": [hide(scene, leg) for leg in body["legs"] or [] if leg["status"] != "held"] or None}
        return [hide(scene, one) for one in body if one["status"] != "held"]

    weather.faults.append(Fault("GET", f"{ORDERS}|{ORDER}", change=hide, times=FOR_EVER, good=True))


@scenario(
    "fills-fail", "the list of executions cannot be had: 500", "ib-api-reloaded/ib_async#84",
    "ready only when every question of the start was answered",
)  # fmt: skip
def _fills(weather: Weather, venue: Venue) -> None:
    weather.faults.append(
        Fault("GET", r"/v2/account/activities.*", error(500, "internal server error occurred"), does=False, times=2)
    )
