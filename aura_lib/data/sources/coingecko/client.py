"""The official CoinGecko client, asked politely: its own retries are off, and what it raises becomes ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any

from aura_lib.core import DataError, InputError
from aura_lib.data.polite import Again, Polite, retry_after

if TYPE_CHECKING:
    from coingecko_sdk import Coingecko

DEMO, PAID = "COINGECKO_API_KEY", "COINGECKO_PRO_API_KEY"
TIMEOUT = 15.0  # seconds for one answer


class Unknown(InputError):
    """CoinGecko has no such coin."""


def paid() -> bool:
    """Whether there is the key of a paid plan."""
    return bool(os.environ.get(PAID))


def connect(timeout: float, base_url: str | None = None) -> Coingecko:
    """A client with the key that is set: of a paid plan, of the free demo plan, or none.

    `base_url` (or COINGECKO_BASE_URL) is another address than CoinGecko's own. Raises DataError without the package.
    """
    try:
        from coingecko_sdk import Coingecko
    except ImportError as error:
        raise DataError(
            f"the coingecko source needs coingecko-sdk, which cannot be imported ({error}): "
            "pip install 'aura-lib[coingecko]'"
        ) from error
    address = base_url or os.environ.get("COINGECKO_BASE_URL")
    key = os.environ[PAID] if paid() else os.environ.get(DEMO)
    return _opened(Coingecko, key, paid(), address, timeout)


@lru_cache(maxsize=4)
def _opened(kind: type[Coingecko], key: str | None, paid_plan: bool, address: str | None, timeout: float) -> Coingecko:
    """One client for all that ask alike: it keeps its connections, and threads may share it."""
    where: dict[str, Any] = {"base_url": address} if address else {"environment": "pro" if paid_plan else "demo"}
    known: dict[str, Any] = {"pro_api_key" if paid_plan else "demo_api_key": key}
    return kind(max_retries=0, timeout=timeout, http_client=_transport(timeout), **known, **where)


def _transport(timeout: float) -> Any:
    from coingecko_sdk import DefaultHttpxClient

    return DefaultHttpxClient(verify=_trusted(), timeout=timeout)


@cache
def _trusted() -> Any:
    """The certificates that are trusted; reading them takes a tenth of a second."""
    import httpx

    return httpx.create_ssl_context()


def ask(polite: Polite, what: str, method: Callable[..., Any], *names: str, **query: Any) -> Any:
    """What a method with a raw response tells, as JSON; asked again when CoinGecko stumbles."""
    from coingecko_sdk import Omit

    if not os.environ.get(DEMO) and not paid():
        query["extra_headers"] = {"x-cg-demo-api-key": Omit()}  # the client wants it said that there is no key
    return polite.ask(what, lambda: _told(what, partial(method, *names, **query)))


def _told(what: str, call: Callable[[], Any]) -> Any:
    from coingecko_sdk import APIConnectionError, APIStatusError

    try:
        response = call()
    except APIStatusError as error:
        raise _refused(what, error.status_code, error.response) from error
    except APIConnectionError as error:  # a time-out, a cut connection, no way to get there
        cause = error.__cause__ or error
        raise Again(f"{type(cause).__name__}: {cause}") from error
    try:
        return response.json()
    except ValueError as error:
        raise Again(f"an answer that is no JSON ({response.text()[:40]!r})") from error


def _refused(what: str, status: int, response: Any) -> Exception:
    """What an answer of 400 and above means."""
    if status == 429 or status >= 500:
        return Again(f"HTTP {status}", retry_after(response.headers.get("Retry-After")))
    if status == 404:
        return Unknown(f"CoinGecko has no {what}")
    if status in (401, 403):
        known = PAID if paid() else DEMO
        held = f"the key in {known}" if os.environ.get(known) else f"to answer without a key (set {DEMO})"
        return InputError(f"coingecko refuses {held} for {what}: HTTP {status}, {response.text[:200]}")
    return InputError(f"coingecko does not answer for {what}: HTTP {status}, {response.text[:200]}")
