"""Cancelling and replacing: refused but done, done but refused, too late, or never confirmed."""

from __future__ import annotations

from typing import Any

from aura_lib.execution.brokers.rehearsal.mishaps import fill_late, pend
from aura_lib.execution.brokers.rehearsal.scenarios.scenario import scenario
from aura_lib.execution.brokers.rehearsal.scenarios.submits import error
from aura_lib.execution.brokers.rehearsal.venue import Venue
from aura_lib.execution.brokers.rehearsal.weather import HTML, ORDER, Fault, Reply, Scene, Weather


@scenario(
    "cancel-refused-filled", "the order fills as the cancel arrives: it is refused", "xLydianSoftware/Qubx#434",
    "a refused cancel is no sign of life: it asks what became of the order",
)  # fmt: skip
def _too_late(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("DELETE", ORDER, before=_fill))


def _fill(scene: Scene) -> None:
    ticket = scene.venue.tickets.get(scene.request.path.rpartition("/")[2])
    if ticket is not None and ticket.open:
        from aura_lib.execution.brokers.rehearsal.cancelling import withdraw_group

        with scene.venue.turn():
            withdraw_group(scene.venue, ticket)
            fill_late(scene.venue, ticket)


@scenario(
    "cancel-done-but-504", "DELETE cancels the order and answers 504", "hummingbot/hummingbot#576",
    "a cancel without an answer is unknown: the query tells",
)  # fmt: skip
def _lost(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("DELETE", ORDER, error(504, "gateway timeout"), good=True))


@scenario(
    "cancel-not-done-504", "DELETE answers 504 and the order lives on", "hummingbot/hummingbot#366",
    "what could not be confirmed cancelled is not forgotten",
)  # fmt: skip
def _not_done(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("DELETE", ORDER, error(504, "gateway timeout"), does=False))


@scenario(
    "pending-cancel", "DELETE answers 204 and the order stays in pending_cancel until it is asked for a third time",
    "alpacahq/Alpaca-API#111", "its exposure stays reserved, and nothing new is sent for the same leg",
)  # fmt: skip
def _pending(weather: Weather, venue: Venue) -> None:
    def wait(scene: Scene) -> None:
        ticket = scene.venue.tickets.get(scene.request.path.rpartition("/")[2])
        if ticket is not None and ticket.open:
            pend(scene.venue, ticket, "pending_cancel")

    def over(scene: Scene, body: Any) -> Any:
        from aura_lib.execution.brokers.rehearsal.cancelling import cancel

        for ticket in [t for t in scene.venue.tickets.values() if t.status == "pending_cancel"]:
            cancel(scene.venue, ticket.id)
        return body

    weather.faults.append(Fault("DELETE", ORDER, Reply(204), does=False, before=wait))
    weather.faults.append(Fault("GET", r"/v2/orders.*", change=over, skip=2))


@scenario(
    "replace-refused-but-done", "PATCH is refused, and the new order is live",
    "alpacahq/alpaca-trade-api-python#306", "a replace has the same three answers as a submit",
)  # fmt: skip
def _refused(weather: Weather, venue: Venue) -> None:
    weather.faults.append(
        Fault("PATCH", ORDER, error(500, "unable to replace order, order isn't sent to exchange yet"), good=True)
    )


@scenario(
    "replace-done-but-html", "PATCH replaces and answers with a page", "anthonymorast/AllyInvest.py#4",
    "a replace that cannot be read is unknown: follow `replaced_by`",
)  # fmt: skip
def _page(weather: Weather, venue: Venue) -> None:
    weather.faults.append(Fault("PATCH", ORDER, Reply(200, HTML, "text/html"), good=True))


@scenario(
    "replace-after-partial", "half fills; PATCH of the price alone is for the whole quantity again",
    "alpacahq/Alpaca-API#165", "send the remaining quantity, read it back: filled and working never exceed the intent",
)  # fmt: skip
def _whole_again(weather: Weather, venue: Venue) -> None:
    def part(scene: Scene) -> None:
        ticket = scene.venue.tickets.get(scene.request.path.rpartition("/")[2])
        if ticket is None or not ticket.open or not ticket.left // 2:
            return
        whole = ticket.left
        fill_late(scene.venue, ticket, whole // 2)
        body = scene.request.body
        if isinstance(body, dict) and not body.get("qty"):
            import json

            object.__setattr__(scene.request, "content", json.dumps({**body, "qty": str(whole)}).encode())

    weather.faults.append(Fault("PATCH", ORDER, before=part))


@scenario(
    "replace-makes-two", "PATCH drops the connection; both the old order and the new one are live",
    "nautechsystems/nautilus_trader#4564",
    "one intent may own several orders at the broker: count the live ones after a reconnect",
)  # fmt: skip
def _two(weather: Weather, venue: Venue) -> None:
    def double(scene: Scene) -> None:
        from aura_lib.execution.brokers.rehearsal.mishaps import outside

        ticket = scene.venue.tickets.get(scene.request.path.rpartition("/")[2])
        if ticket is not None and ticket.open and ticket.order_class == "simple":
            words = {
                n: getattr(ticket, n) for n in ("symbol", "side", "type", "time_in_force", "limit_price", "stop_price")
            }
            outside(scene.venue, {**{n: v if v is None else str(v) for n, v in words.items()}, "qty": str(ticket.left)})

    weather.faults.append(Fault("PATCH", ORDER, Reply(cut=True), before=double))
