"""The error tree, named by what the caller does next.

AuraError
├── InputError          fix the call
│   └── NotFound            what it names is not there
├── DataError           market data is missing, stale or inconsistent
├── ModelError          not fitted, or the problem has no solution
├── RiskRejection       a limit said no; carries its Decision
├── BrokerError         something between the desk and the broker
│   ├── BrokerRejected      the broker refused: final
│   ├── BrokerUnavailable   the request never reached the broker: ask, then retry
│   └── OutcomeUnknown      the request may have arrived: look it up, never assume
├── PermissionDenied    the caller may not do this
├── NotPromoted         the notebook has no valid promotion for this account
├── LedgerError         the ledger is damaged, newer than this code, or cannot be written
└── RunFailed           a notebook did not reach its end
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aura_lib.core.orders import Decision


class AuraError(Exception):
    """Root of every error Aura raises on purpose."""


class InputError(AuraError, ValueError):
    """The call was wrong: fix the arguments and call again."""


class NotFound(InputError):
    """The call names something that is not there: an account, an order."""


class DataError(AuraError):
    """Market data is missing, stale or inconsistent."""


class ModelError(AuraError):
    """A model is not fitted, or an optimisation has no solution."""


class RiskRejection(AuraError):
    """A limit said no. `decision` holds the rule, the value and the limit."""

    def __init__(self, message: str, decision: Decision | None = None) -> None:
        super().__init__(message)
        self.decision = decision


class BrokerError(AuraError):
    """Something went wrong between the desk and the broker."""


class BrokerRejected(BrokerError):
    """The broker refused the order: final, do not send it again."""


class BrokerUnavailable(BrokerError):
    """The request provably never reached the broker: ask, then retry."""


class OutcomeUnknown(BrokerError):
    """The request may have reached the broker: look it up by client id, never assume."""


class PermissionDenied(AuraError):
    """The caller may not do this."""


class NotPromoted(AuraError):
    """The notebook has no valid promotion for this class of account."""


class LedgerError(AuraError):
    """The ledger is damaged, newer than this code, or cannot be written."""


class RunFailed(AuraError):
    """A notebook did not reach its end. The message names the cell and the error."""


# One table a door. The first family that matches wins.
EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (InputError, 2),
    (DataError, 3),
    (ModelError, 4),
    (RiskRejection, 5),
    (BrokerError, 6),
    (PermissionDenied, 7),
    (NotPromoted, 8),
    (LedgerError, 9),
    (RunFailed, 10),
    (AuraError, 1),
    (KeyboardInterrupt, 130),
)


HTTP_STATUS: tuple[tuple[type[BaseException], int], ...] = (
    (NotFound, 404),
    (InputError, 400),
    (DataError, 503),
    (ModelError, 422),
    (RiskRejection, 422),
    (BrokerRejected, 422),
    (BrokerUnavailable, 503),
    (OutcomeUnknown, 504),
    (BrokerError, 502),
    (PermissionDenied, 403),
    (NotPromoted, 403),
    (LedgerError, 503),
    (RunFailed, 500),
    (AuraError, 500),
)


def exit_code(error: BaseException) -> int:
    """Exit status of the `aura` command for an error (1 when it is none of ours)."""
    return next((code for family, code in EXIT_CODES if isinstance(error, family)), 1)


def http_status(error: BaseException) -> int:
    """HTTP status of the server's API for an error (500 when it is none of ours)."""
    return next((status for family, status in HTTP_STATUS if isinstance(error, family)), 500)
