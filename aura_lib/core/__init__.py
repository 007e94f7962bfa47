"""the nouns, the errors, the calendar, the clock, the ports, the settings"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aura_lib.core.booking import INCOME, Booking, BookingKind, Transfer, after_boot
from aura_lib.core.calendar import Calendar, Schedule, Status
from aura_lib.core.clock import SimulatedClock, WallClock
from aura_lib.core.codec import canonical, decode, digest, encode
from aura_lib.core.errors import (
    AuraError,
    BrokerError,
    BrokerRejected,
    BrokerUnavailable,
    DataError,
    InputError,
    LedgerError,
    ModelError,
    NotFound,
    NotPromoted,
    OutcomeUnknown,
    PermissionDenied,
    RiskRejection,
    RunFailed,
    exit_code,
    http_status,
)
from aura_lib.core.frequency import FREQUENCIES, step
from aura_lib.core.instrument import OCC, AssetClass, Instrument, Right, option_of
from aura_lib.core.legs import Leg, Side, package, payoff, worst_case
from aura_lib.core.mandate import Mandate, TargetWeights
from aura_lib.core.orders import (
    LIVE,
    TERMINAL,
    TRANSITIONS,
    UNSETTLED,
    WORKING,
    Basket,
    Decision,
    Fill,
    Intent,
    Order,
    OrderStatus,
    OrderType,
    TimeInForce,
)
from aura_lib.core.portfolio import Account, Books, Position, fold, rate
from aura_lib.core.ports import (
    Broker,
    BrokerOrder,
    Bust,
    Capabilities,
    Clock,
    DataSource,
    Holding,
    Listener,
    Quoter,
    Snapshot,
    Stream,
)
from aura_lib.core.progress import Progress, watched
from aura_lib.core.records import Binding, Evidence, Examination, Finding, Mode, Promotion, Run, RunStatus
from aura_lib.core.settings import Settings, project_root
from aura_lib.core.signals import Signals
from aura_lib.core.ticks import Bar, Quote, Tick
from aura_lib.core.times import day_or_moment, iso, utc

if TYPE_CHECKING:
    from aura_lib.core.market import Market
    from aura_lib.core.market_data import Bars

_NEEDS_PANDAS = {"Bars": "market_data", "Market": "market"}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_PANDAS:
        from importlib import import_module

        return getattr(import_module(f"aura_lib.core.{_NEEDS_PANDAS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "FREQUENCIES",
    "INCOME",
    "LIVE",
    "OCC",
    "TERMINAL",
    "TRANSITIONS",
    "UNSETTLED",
    "WORKING",
    "Account",
    "AssetClass",
    "AuraError",
    "Bar",
    "Bars",
    "Basket",
    "Binding",
    "Booking",
    "BookingKind",
    "Books",
    "Broker",
    "BrokerError",
    "BrokerOrder",
    "BrokerRejected",
    "BrokerUnavailable",
    "Bust",
    "Calendar",
    "Capabilities",
    "Clock",
    "DataError",
    "DataSource",
    "Decision",
    "Evidence",
    "Examination",
    "Fill",
    "Finding",
    "Holding",
    "InputError",
    "Instrument",
    "Intent",
    "LedgerError",
    "Leg",
    "Listener",
    "Mandate",
    "Market",
    "Mode",
    "ModelError",
    "NotFound",
    "NotPromoted",
    "Order",
    "OrderStatus",
    "OrderType",
    "OutcomeUnknown",
    "PermissionDenied",
    "Position",
    "Progress",
    "Promotion",
    "Quote",
    "Quoter",
    "Right",
    "RiskRejection",
    "Run",
    "RunFailed",
    "RunStatus",
    "Schedule",
    "Settings",
    "Side",
    "Signals",
    "SimulatedClock",
    "Snapshot",
    "Status",
    "Stream",
    "TargetWeights",
    "Tick",
    "TimeInForce",
    "Transfer",
    "WallClock",
    "after_boot",
    "canonical",
    "day_or_moment",
    "decode",
    "digest",
    "encode",
    "exit_code",
    "fold",
    "http_status",
    "iso",
    "option_of",
    "package",
    "payoff",
    "project_root",
    "rate",
    "step",
    "utc",
    "watched",
    "worst_case",
]
