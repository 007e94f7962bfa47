"""The table of the API: what is asked where, what it takes, who does it. Handlers and description follow from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aura_lib.server.api import bodies
from aura_lib.server.api.office import Office, Queue

BASE = "aura/api"


@dataclass(frozen=True, slots=True)
class Route:
    """One question: `call(office, who, *parts of the path, body)`; `takes` is its body, or for a GET its query."""

    method: str
    path: str
    call: Callable[..., dict[str, Any]]
    queue: Queue = Queue.READ
    takes: type[bodies.Body] | None = None
    status: int = 200

    @property
    def names(self) -> list[str]:
        """The parts of the path that vary."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def reads(self) -> bool:
        """Whether it writes nothing."""
        return self.queue is Queue.READ

    @property
    def in_query(self) -> bool:
        """Whether what it takes comes with the address."""
        return self.method in ("GET", "DELETE")


ONE, ORDERS = "accounts/{account}", "accounts/{account}/orders"
ROUTES = (
    Route("POST", "halt", Office.halt, Queue.SWITCH, bodies.Halt),
    Route("POST", "resume", Office.resume, Queue.SWITCH, bodies.Resume),
    Route("GET", "accounts", Office.accounts),
    Route("GET", ONE, Office.account),
    Route("GET", f"{ONE}/fills", Office.fills, takes=bodies.Page),
    Route("GET", f"{ONE}/limits", Office.limits, takes=bodies.OfBook),
    Route("GET", ORDERS, Office.orders, takes=bodies.OrderPage),
    Route("POST", ORDERS, Office.send, Queue.DESK, bodies.Ticket, 201),
    Route("POST", f"{ORDERS}/preview", Office.preview, takes=bodies.Looked),
    Route("GET", f"{ORDERS}/{{client_id}}", Office.order),
    Route("PATCH", f"{ORDERS}/{{client_id}}", Office.change, Queue.DESK, bodies.Change),
    Route("DELETE", f"{ORDERS}/{{client_id}}", Office.cancel, Queue.DESK, bodies.Why),
)
