"""What the market and the broker's back office do: gaps, halts, splits, dividends, orders from elsewhere."""

from __future__ import annotations

from decimal import Decimal

from aura_lib.execution.brokers.rehearsal.answers import Refused
from aura_lib.execution.brokers.rehearsal.mishaps import dividend, outside, split, thin
from aura_lib.execution.brokers.rehearsal.scenarios.scenario import scenario
from aura_lib.execution.brokers.rehearsal.venue import Venue
from aura_lib.execution.brokers.rehearsal.weather import FOR_EVER, ORDERS, Fault, Scene, Weather

CENT = Decimal("0.01")
SETTLED = 2  # requests of the clock or the account until the thing happens


def first(scene: Scene) -> str | None:
    """The symbol that the first order was for."""
    body = scene.request.body
    asset = scene.venue.market.listing.find(str(body.get("symbol"))) if isinstance(body, dict) else None
    return None if asset is None else asset.symbol


@scenario(
    "price-gap", "the price gaps 15 % down after the order was accepted, before it can fill",
    "ib-api-reloaded/ib_async#223", "prices are looked at again; sizes and limits hold at the new one",
)  # fmt: skip
def _gap(weather: Weather, venue: Venue) -> None:
    def fall(scene: Scene) -> None:
        symbol = scene.ticket.symbol
        price = scene.venue.market.price(symbol)
        if price is not None:
            scene.venue.tick(symbol, (price * Decimal("0.85")).quantize(CENT))

    def dry(scene: Scene) -> None:
        if (symbol := first(scene)) is not None:
            thin(scene.venue, symbol, Decimal(0))

    weather.faults.append(Fault("POST", ORDERS, good=True, before=dry, after=fall))


@scenario(
    "halt", "the symbol is halted as the order arrives, and resumed at another price after a few questions",
    "QuantConnect/Lean#5275", "a halt is a state: no fill on the old price, the price is looked at anew",
)  # fmt: skip
def _halt(weather: Weather, venue: Venue) -> None:
    halted: list[str] = []

    def stop(scene: Scene) -> None:
        if (symbol := first(scene)) is not None:
            scene.venue.halt(symbol)
            halted.append(symbol)

    def resume(scene: Scene) -> None:
        for symbol in halted:
            price = scene.venue.market.price(symbol) or Decimal(100)
            scene.venue.resume(symbol, (price * Decimal("1.05")).quantize(CENT))
        halted.clear()

    weather.faults.append(Fault("POST", ORDERS, before=stop))
    weather.faults.append(Fault("GET", r"/v2/(orders|account).*", skip=3, before=resume))


@scenario(
    "split-overnight", "two for one between the order and the next question", "QuantConnect/Lean#2532",
    "corporate actions are looked for; a mismatch blocks the symbol",
)  # fmt: skip
def _split(weather: Weather, venue: Venue) -> None:
    def act(scene: Scene) -> None:
        for symbol in [s for s, p in scene.venue.exchange.account.positions.items() if p.quantity][:1]:
            split(scene.venue, symbol, Decimal(2))

    weather.faults.append(Fault("GET", r"/v2/(positions|account)", skip=SETTLED, before=act))


@scenario(
    "dividend-overnight", "a dividend of 1 a share is paid between two questions", "QuantConnect/Lean#2532",
    "what happened besides trades is booked once, with its day",
)  # fmt: skip
def _dividend(weather: Weather, venue: Venue) -> None:
    def act(scene: Scene) -> None:
        for symbol in [s for s, p in scene.venue.exchange.account.positions.items() if p.quantity][:1]:
            dividend(scene.venue, symbol, Decimal(1))

    weather.faults.append(Fault("GET", r"/v2/(positions|account)", skip=SETTLED, before=act))


@scenario(
    "order-from-outside", "somebody buys one unit on the broker's own page", "QuantConnect/Lean#5839",
    "fills that are not ours move the ledger as external ones, and stop the strategy",
)  # fmt: skip
def _outside(weather: Weather, venue: Venue) -> None:
    def act(scene: Scene) -> None:
        try:
            outside(
                scene.venue,
                {
                    "symbol": scene.ticket.symbol,
                    "qty": "1",
                    "side": "buy",
                    "type": "market",
                    "time_in_force": "gtc" if "/" in scene.ticket.symbol else "day",
                },
            )
        except Refused:
            return  # the account cannot: then nobody could

    weather.faults.append(Fault("POST", ORDERS, good=True, after=act))


@scenario(
    "closed-outside", "somebody closes the position on the broker's own page", "nautechsystems/nautilus_trader#3054",
    "after the alignment the net position is the venue's, not its opposite",
)  # fmt: skip
def _closed(weather: Weather, venue: Venue) -> None:
    from aura_lib.execution.brokers.rehearsal.listing import close_position

    def act(scene: Scene) -> None:
        for symbol in [s for s, p in scene.venue.exchange.account.positions.items() if p.quantity][:1]:
            try:
                close_position(scene.venue, symbol, {})
            except Refused:
                return

    weather.faults.append(Fault("GET", r"/v2/(positions|account)", skip=SETTLED, before=act))


@scenario(
    "slow-fills", "market orders fill only after five questions", "QuantConnect/Lean#8326",
    "a limit to the wait changes nothing in the ledger",
)  # fmt: skip
def _slow(weather: Weather, venue: Venue) -> None:
    dried: list[str] = []

    def dry(scene: Scene) -> None:
        if (symbol := first(scene)) is not None:
            thin(scene.venue, symbol, Decimal(0))
            dried.append(symbol)

    def flow(scene: Scene) -> None:
        for symbol in dried:
            price = scene.venue.market.price(symbol)
            if price is not None:
                scene.venue.tick(symbol, price)
        dried.clear()

    weather.faults.append(Fault("POST", ORDERS, before=dry, times=FOR_EVER))
    weather.faults.append(Fault("GET", r"/v2/.*", skip=5, times=FOR_EVER, before=flow))
