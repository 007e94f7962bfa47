"""How Alpaca is asked, as it stands in the source's name: `alpaca:feed=sip,hours=extended`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta

from aura_lib.core import InputError

NAME = "alpaca"
CHOICES = {
    "feed": ("free", "iex", "sip"),
    "hours": ("regular", "extended"),
    "live": ("bars", "trades"),
}
WITHHELD = timedelta(minutes=16)  # of the consolidated tape, without a subscription: 15, and one for the clocks


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the source. `str(options)` is its name, without what is at its default.

    Args:
        feed: `free`: bars of all exchanges (the consolidated tape, SIP) up to 16 minutes ago, live prices of IEX; what
            a key without a subscription may have. `iex`: that exchange alone (some 2 % of the volume), up to now.
            `sip`: all exchanges up to now, and options from OPRA; needs a subscription.
        hours: `regular`, or `extended`: what trades before the open and after the close too, in bars of less than a day
            and in streams.
        live: what a stream gives: `bars` of a minute, or `trades`.

    Raises:
        InputError: an unknown option or choice.

    Example:
        >>> str(Options.parse("hours=extended, feed=free"))
        'alpaca:hours=extended'
    """

    feed: str = "free"
    hours: str = "regular"
    live: str = "bars"

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(f"{NAME}: {name}={getattr(self, name)!r} is none of {', '.join(known)}")

    @staticmethod
    def parse(text: str) -> Options:
        """Options from the text after the colon of a source's name."""
        told: dict[str, str] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, equals, value = (word.strip() for word in part.partition("="))
            if name not in CHOICES or not equals or name in told:
                raise InputError(
                    f"{NAME}:{text}: {part!r} is no option, or told twice; write {NAME}:option=value with options out "
                    f"of {', '.join(CHOICES)}"
                )
            told[name] = value
        return Options(**told)

    def __str__(self) -> str:
        told = [f"{f.name}={getattr(self, f.name)}" for f in fields(self) if getattr(self, f.name) != f.default]
        return f"{NAME}:{','.join(told)}" if told else NAME

    @property
    def tape(self) -> str:
        """The feed that stock bars are from."""
        return "iex" if self.feed == "iex" else "sip"

    @property
    def live_feed(self) -> str:
        """The feed that quotes and streams are from."""
        return "sip" if self.feed == "sip" else "iex"

    @property
    def contracts(self) -> str:
        """The feed that quotes of options are from."""
        return "opra" if self.feed == "sip" else "indicative"

    @property
    def withheld(self) -> timedelta:
        """How long ago the newest bar of a stock or option is that may be had."""
        return WITHHELD if self.feed == "free" else timedelta(0)
