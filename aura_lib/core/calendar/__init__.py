"""Trading sessions of an exchange, what state it is in, when its bars close, and schedules ("XNYS month-end close")."""

from aura_lib.core.calendar.schedule import Schedule
from aura_lib.core.calendar.sessions import Calendar
from aura_lib.core.calendar.status import Status

__all__ = ["Calendar", "Schedule", "Status"]
