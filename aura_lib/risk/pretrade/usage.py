"""Limits with their use: how much of each is taken now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from aura_lib.core import DataError
from aura_lib.risk.pretrade.context import Context
from aura_lib.risk.pretrade.limits import TradeLimits
from aura_lib.risk.pretrade.scene import Scene

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Use:
    """A limit, what is taken of it now (None: it binds single orders, or nothing can be said) and by what."""

    name: str
    limit: float | None
    used: Decimal | None = None
    by: str = ""

    def __str__(self) -> str:
        limit = "no limit" if self.limit is None else f"{self.limit:g}"
        if self.used is None:
            return f"{self.name} {limit}" + (f" ({self.by})" if self.by else "")
        return f"{self.name} {self.used:.2f} of {limit}" + (f" ({self.by})" if self.by else "")


def usage(context: Context, limits: TradeLimits) -> list[Use]:
    """What a book uses of each of its limits; those that cannot be valued say why."""
    scene = Scene(context, limits)
    found = [_measured(name, limit, measure, scene) for name, (limit, measure) in _measures(limits).items()]
    return found + [_sector(name, scene) for name in _sectors(scene)] + [
        Use(name, getattr(limits, name))
        for name in ("max_order_weight", "max_order_value", "max_order_quantity", "collar", "max_orders")
        if getattr(limits, name) is not None
    ]  # fmt: skip


Measure = Callable[[Scene], tuple[Decimal, str]]


def _measures(limits: TradeLimits) -> Mapping[str, tuple[float | None, Measure]]:
    told: dict[str, tuple[float | None, Measure]] = {
        "max_gross": (limits.max_gross, lambda s: (_share(sum(map(abs, _values(s).values()), ZERO), s), "")),
        "max_net": (limits.max_net, lambda s: (_share(abs(sum(_values(s).values(), ZERO)), s), "")),
        "max_position_weight": (limits.max_position_weight, _largest),
        "max_daily_loss": (limits.max_daily_loss, lambda s: _lost(s, of_account=False)),
        "max_account_daily_loss": (limits.max_account_daily_loss, lambda s: _lost(s, of_account=True)),
        "orders_per_minute": (limits.orders_per_minute, lambda s: _sent(s, s.context.book.name)),
        "account_orders_per_minute": (limits.account_orders_per_minute, lambda s: _sent(s, "")),
    }
    return {name: both for name, both in told.items() if both[0] is not None}


def _measured(name: str, limit: float | None, measure: Measure, scene: Scene) -> Use:
    try:
        used, by = measure(scene)
    except DataError as error:
        return Use(name, limit, None, str(error))
    return Use(name, limit, used, by) if used.is_finite() else Use(name, limit, None, by or "no equity")


def _values(scene: Scene) -> dict[str, Decimal]:
    positions = scene.context.book.positions
    return {s: scene.worth(p.instrument, p.quantity) for s, p in positions.items() if p.quantity}


def _share(value: Decimal, scene: Scene) -> Decimal:
    equity = scene.equity(scene.context.book)
    return value / equity if equity > 0 else ZERO if not value else Decimal("Infinity")


def _largest(scene: Scene) -> tuple[Decimal, str]:
    values = _values(scene)
    largest = max(values, key=lambda symbol: abs(values[symbol]), default="")
    return _share(abs(values.get(largest, ZERO)), scene), largest


def _lost(scene: Scene, *, of_account: bool) -> tuple[Decimal, str]:
    context = scene.context
    account, opening = (
        (context.account, context.account_opening) if of_account else (context.book, context.opening)
    )  # fmt: skip
    if opening is None or not opening.is_finite() or opening <= 0:
        return Decimal("NaN"), "nobody knows what it was worth when the day began"
    return max((opening - scene.equity(account)) / opening, ZERO), ""


def _sent(scene: Scene, book: str) -> tuple[Decimal, str]:
    since = scene.context.now - timedelta(minutes=1)
    return Decimal(sum(o.time > since and book in ("", o.book) for o in scene.context.recent)), ""


def _sectors(scene: Scene) -> list[str]:
    """The sectors that have a cap, or hold something under one for all."""
    named = set(scene.limits.sector_caps)
    if scene.limits.max_sector_weight is not None:
        positions = scene.context.book.positions.values()
        named |= {scene.sector(p.instrument.underlying or p.instrument.symbol) for p in positions if p.quantity}
    return sorted(named)


def _sector(name: str, scene: Scene) -> Use:
    def measure(scene: Scene) -> tuple[Decimal, str]:
        return _share(scene.sectors.get(name, ZERO), scene), ""

    return _measured(f"sector {name}", scene.limits.cap(name), measure, scene)
