"""What the venue answers when it does not do what was asked: an HTTP status, a code, and a sentence."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request that was understood and not done. `more` are further fields of the body."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.more = status, code, message, more

    @property
    def body(self) -> dict[str, Any]:
        """What goes over the wire."""
        return {"code": self.code, "message": self.message, **self.more}


def unauthorized() -> Refused:
    """Wrong or missing keys."""
    return Refused(401, 40110000, "request is not authorized")


def malformed(why: str) -> Refused:
    """A body or a query that is no request."""
    return Refused(400, 40010000, why)


def invalid(why: str, **more: Any) -> Refused:
    """A request whose values cannot be."""
    return Refused(422, 42210000, why, **more)


def duplicate() -> Refused:
    """A client order id that was used before."""
    return Refused(422, 40010001, "client_order_id must be unique")


def forbidden(why: str, **more: Any) -> Refused:
    """What the account may not do now."""
    return Refused(403, 40310000, why, **more)


def missing(why: str) -> Refused:
    """Something nobody knows here."""
    return Refused(404, 40410000, why)
