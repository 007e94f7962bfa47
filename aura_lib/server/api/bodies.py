"""What the API is asked, as checked bodies: a field that is unknown, or no text where money is meant, is named."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from aura_lib.core import InputError, OrderType, Side, TimeInForce

M = TypeVar("M", bound=BaseModel)
MOST = 500  # orders in one basket, and rows on one page


def _text(value: Any) -> Any:
    """Money and quantities come as text: a number of JSON has lost digits on its way."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError('write it as text, such as "12.50"')
    return value


Amount = Annotated[
    Decimal,
    BeforeValidator(_text),
    Field(gt=0, max_digits=40, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "format": "decimal", "example": "12.50"}),
]
Text = Annotated[str, Field(max_length=400)]
Key = Annotated[str, Field(pattern=r"^[\w.:-]{0,80}$", description="What is asked twice under one key is done once.")]


class Body(BaseModel):
    """Known fields only."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Halt(Body):
    """The kill switch: what shall stop, and what shall become of it."""

    scope: str = Field("ALL", description="An account, one of its books (paper/momentum), or ALL.")
    reason: Text
    cancel: bool = Field(False, description="Cancel all working orders, too.")
    flatten: bool = Field(False, description="Cancel, then close all positions at the market.")
    key: Key = ""


class Resume(Body):
    """Let it trade again."""

    scope: str
    reason: Text


class Wish(Body):
    """One order as it is wished. Its size is a quantity, or an amount of money to buy or sell for."""

    symbol: str
    side: Side
    quantity: Amount | None = None
    notional: Amount | None = None
    type: OrderType = OrderType.MARKET
    limit_price: Amount | None = None
    stop_price: Amount | None = None
    trail_amount: Amount | None = None
    trail_percent: Amount | None = None
    take_profit: Amount | None = None
    stop_loss: Amount | None = None
    stop_loss_limit: Amount | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    extended_hours: bool = False
    reason: Text = ""


class Looked(Body):
    """A ticket to look at: all of its orders are checked together."""

    book: str = "manual"
    orders: Annotated[list[Wish], Field(min_length=1, max_length=MOST)]


class Ticket(Looked):
    """A ticket to send."""

    key: Annotated[str, Field(pattern=r"^[\w.:-]{1,80}$", description="The first ticket of a key counts.")]


class Change(Body):
    """What shall be different of an order; `quantity` is the whole, with what is filled already."""

    quantity: Amount | None = None
    limit_price: Amount | None = None
    stop_price: Amount | None = None
    reason: Text = ""
    key: Key = ""


class Why(Body):
    """Why something is asked, and under which key."""

    reason: Text = ""
    key: Key = ""


class Page(Body):
    """Which rows of a list: the newest first, `before` one of them where the last answer named it."""

    book: str = ""
    symbol: str = ""
    limit: int = Field(100, ge=1, le=MOST)
    before: str = ""


class OrderPage(Page):
    """Which orders."""

    status: Literal["open", "all"] = "open"


class OfBook(Body):
    """Whose limits; of a book, or of the account alone."""

    book: str = ""


def read(kind: type[M], given: Any) -> M:
    """A checked body. Raises InputError that names every field that does not fit."""
    if not isinstance(given, Mapping):
        raise InputError(f"send a JSON object with {', '.join(kind.model_fields)}")
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        raise InputError("; ".join(_told(kind, e) for e in error.errors())) from None


def _told(kind: type[BaseModel], error: Any) -> str:
    where = ".".join(map(str, error["loc"])) or "the body"
    if error["type"] != "extra_forbidden":
        return f"{where}: {error['msg'].removeprefix('Value error, ')}"
    known = Wish.model_fields if "orders" in error["loc"] else kind.model_fields
    near = difflib.get_close_matches(str(error["loc"][-1]), known, 1)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"{where}: there is no such field; {meant}"
