"""The inbox: where baskets and requests wait for the desk. The first written wins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from aura_lib.core import Basket, InputError, PermissionDenied, canonical, decode, encode, iso
from aura_lib.ledger import schema
from aura_lib.ledger.control import Token
from aura_lib.ledger.database import Database, now

# what a desk asks at every turn: made once, since making a statement takes longer than asking it
_B, _T, _R = schema.baskets.c, schema.tokens.c, schema.requests.c
_BASKETS = (
    sa.select(_B.n, _B.body, schema.tokens)
    .select_from(schema.baskets.outerjoin(schema.tokens, _T.hash == _B.token))
    .where(_B.account == sa.bindparam("account"), _B.n > sa.bindparam("after"))
    .order_by(_B.n)
)
_REQUESTS = (
    sa.select(schema.requests).where(_R.account == sa.bindparam("account"), _R.n > sa.bindparam("after")).order_by(_R.n)
)
_TOKEN = sa.select(schema.tokens).where(_T.hash == sa.bindparam("hash"))
_BODY = sa.select(_B.body).where(_B.id == sa.bindparam("id"))
_PUT = schema.baskets.insert()


@dataclass(frozen=True, slots=True)
class Received:
    """A basket as the desk takes it: its place in the inbox, and what its token vouches for."""

    n: int
    basket: Basket
    token: Token | None


@dataclass(frozen=True, slots=True)
class Request:
    """Something asked of a desk other than orders."""

    n: int
    key: str
    kind: str
    body: Mapping[str, Any]


class Inbox:
    """Baskets and requests, in the order they came."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, basket: Basket, secret: str) -> Basket:
        """Write a basket, all of it or nothing, and return the basket that counts for its origin and slot.

        `secret` is the one-run token; one that is unknown, expired or made for something else raises
        PermissionDenied and nothing is written. When the decision was written before, that one is returned.
        """
        token, body = hashlib.sha256(secret.encode()).hexdigest(), canonical(encode(basket))
        with self._database.write() as connection:
            self._allow(connection, token, basket)
            taken = connection.scalar(_BODY, {"id": basket.id})
            if taken is not None:
                return decode(Basket, json.loads(taken))
            line = {"id": basket.id, "account": basket.account, "token": token, "time": iso(datetime.now(UTC))}
            connection.execute(_PUT, {**line, "body": body})
        return basket

    @staticmethod
    def _allow(connection: sa.Connection, token: str, basket: Basket) -> None:
        row = connection.execute(_TOKEN, {"hash": token}).first()
        if row is None or row.expires < now(connection):
            state = "unknown" if row is None else "expired"
            raise PermissionDenied(f"basket {basket.id} refused: its run token is {state}. Only a Run may propose")
        given = (basket.origin, iso(basket.slot), basket.account, basket.book, basket.run)
        allowed = (row.origin, row.slot, row.account, row.book, row.run)
        if given != allowed:
            raise PermissionDenied(f"basket {basket.id} refused: the token is for {allowed}, the basket for {given}")

    def after(self, account: str, n: int = 0) -> list[Received]:
        """The baskets for an account that came after place `n`."""
        with self._database.read() as connection:
            return self.after_in(connection, account, n)

    @staticmethod
    def after_in(connection: sa.Connection, account: str, n: int) -> list[Received]:
        """`after`, within a transaction the caller has open."""
        return [
            Received(row.n, decode(Basket, json.loads(row.body)), Token.of(row) if row.hash else None)
            for row in connection.execute(_BASKETS, {"account": account, "after": n})
        ]

    def find(self, basket_id: str) -> Basket | None:
        """The basket with this id, or None."""
        with self._database.read() as connection:
            body = connection.scalar(_BODY, {"id": basket_id})
        return decode(Basket, json.loads(body)) if body is not None else None

    def of(self, origin: str) -> list[Basket]:
        """All baskets of an origin, in slot order."""
        query = sa.select(schema.baskets.c.body).order_by(schema.baskets.c.id)
        query = query.where(schema.baskets.c.id.startswith(f"{origin}@", autoescape=True))
        with self._database.read() as connection:
            return [decode(Basket, json.loads(body)) for body in connection.scalars(query)]

    def ask(self, account: str, kind: str, body: Mapping[str, Any], key: str) -> None:
        """Ask the desk of an account for something. The same key twice asks once; another body is refused."""
        text, table = canonical(body), schema.requests
        with self._database.write() as connection:
            taken = connection.scalar(sa.select(table.c.body).where(table.c.key == key))
            if taken is None:
                connection.execute(table.insert().values(key=key, account=account, kind=kind, body=text))
            elif taken != text:
                raise InputError(f"{key} was asked for before with {taken}; now with {text}")

    def asked(self, account: str, n: int = 0) -> list[Request]:
        """The requests for an account that came after place `n`."""
        with self._database.read() as connection:
            return self.asked_in(connection, account, n)

    @staticmethod
    def asked_in(connection: sa.Connection, account: str, n: int) -> list[Request]:
        """`asked`, within a transaction the caller has open."""
        rows = connection.execute(_REQUESTS, {"account": account, "after": n})
        return [Request(r.n, r.key, r.kind, json.loads(r.body)) for r in rows]

    def newest(self, account: str) -> list[str]:
        """The journal keys that answer the last basket and the last request of an account."""
        b, r = schema.baskets, schema.requests
        last = sa.select(b.c.id).where(b.c.account == account).order_by(b.c.n.desc()).limit(1)
        asked = sa.select(r.c.key).where(r.c.account == account).order_by(r.c.n.desc()).limit(1)
        with self._database.read() as connection:
            basket, request = connection.scalar(last), connection.scalar(asked)
        return ([f"verdict:{basket}"] if basket else []) + ([request] if request else [])
