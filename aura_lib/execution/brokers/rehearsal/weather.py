"""What goes wrong on the wire: answers that are lost, late, doubled or untrue, each counted, none by chance."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aura_lib.execution.brokers.rehearsal.routes import Request, Response
from aura_lib.execution.brokers.rehearsal.venue import Venue

if TYPE_CHECKING:
    from aura_lib.execution.brokers.rehearsal.tickets import Ticket

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
ORDERS, ORDER, LOOK_UP = r"/v2/orders", r"/v2/orders/[^/]+", r"/v2/orders:by_client_order_id"
FOR_EVER = 1 << 30


@dataclass(frozen=True)
class Reply:
    """What is sent instead of the answer: any bytes; nothing and the connection cut; or nothing at all (`hang`)."""

    status: int = 200
    content: bytes = b""
    type: str = "application/json; charset=UTF-8"
    cut: bool = False
    hang: bool = False
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Scene:
    """What a fault has to do with: the venue, the request, and the venue's own answer to it (None before)."""

    weather: Weather
    venue: Venue
    request: Request
    response: Response | None = None

    @property
    def ticket(self) -> Ticket:
        """The order that the request was about."""
        body = self.response.body if self.response is not None else None
        if isinstance(body, dict) and body.get("id") in self.venue.tickets:
            return self.venue.tickets[body["id"]]
        return self.venue.tickets[self.request.path.rpartition("/")[2]]


Act = Callable[[Scene], None]
Change = Callable[[Scene, Any], Any]


@dataclass
class Fault:
    """What happens to some requests. After `skip` that go right, `times` go wrong.

    `does`: the venue does what was asked (else it never heard of it). `before` and `after` are what else happens then;
    `change` falsifies the venue's own answer, `reply` takes its place.
    """

    method: str
    path: str
    reply: Reply | None = None
    does: bool = True
    times: int = 1
    skip: int = 0
    before: Act | None = None
    after: Act | None = None
    change: Change | None = None
    good: bool = False  # only where the venue's own answer is a good one

    def meets(self, request: Request) -> bool:
        """Whether a request is of this kind."""
        return request.method in self.method.split("|") and re.fullmatch(self.path, request.path) is not None


Updates = Callable[["Weather", dict[str, Any]], list[dict[str, Any]]]


@dataclass
class Weather:
    """All that goes wrong now. The first fault that meets a request and is not used up happens to it."""

    faults: list[Fault] = field(default_factory=list)
    filters: list[Updates] = field(default_factory=list)  # what becomes of an update on the stream
    sent: list[dict[str, Any]] = field(default_factory=list)
    orders: int = 0
    happened: int = 0  # how often something went wrong so far
    begin: Callable[[Weather, Venue, int], None] | None = None  # asked with every request, and the order's number
    cut_streams: Callable[[], None] = lambda: None
    on_listen: list[Callable[[Weather], list[dict[str, Any]]]] = field(default_factory=list)

    def take(self, request: Request, venue: Venue) -> Fault | None:
        """What happens to this request."""
        order = 0
        if request.method == "POST" and request.path == ORDERS:
            self.orders += 1
            order = self.orders
        if self.begin is not None:
            self.begin(self, venue, order)
        for fault in self.faults:
            if fault.meets(request) and fault.times > 0:
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                self.happened += 1
                return fault
        return None

    def updates(self, update: dict[str, Any]) -> list[dict[str, Any]]:
        """What the stream says instead of an update."""
        told = [update]
        for change in list(self.filters):
            told = [t for one in told for t in change(self, one)]
        self.happened += told != [update]
        self.sent += told
        return told

    def replay(self) -> list[dict[str, Any]]:
        """What whoever listens anew is told of before."""
        told = [update for replay in self.on_listen for update in replay(self)]
        self.happened += bool(told)
        return told

    def clear(self) -> None:
        """Fair weather again."""
        self.faults.clear()
        self.filters.clear()
        self.on_listen.clear()


def perform(weather: Weather, venue: Venue, request: Request, own: Callable[[], Response]) -> Response | Reply:
    """Answer a request as the weather has it; `own` is what the venue makes of it."""
    with venue.lock:
        fault = weather.take(request, venue)
        if fault is None:
            return own()
        scene = Scene(weather, venue, request)
        if fault.before is not None:
            fault.before(scene)
        if not fault.does:
            return fault.reply or Response(504, {"code": 50410000, "message": "gateway timeout"})
        response = scene.response = own()
        if fault.good and response.status >= 400:
            fault.times, weather.happened = fault.times + 1, weather.happened - 1  # the next one then
            return response
        if fault.after is not None and response.status < 400:
            fault.after(scene)
        if fault.reply is not None:
            return fault.reply
        return response if fault.change is None else Response(response.status, fault.change(scene, response.body))
