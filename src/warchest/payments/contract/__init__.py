"""Payments, on one page: what is asked of providers, what they say, and what becomes of a payment by it.

Each part has a file of its own; who uses payments imports from here.
"""

from __future__ import annotations

from typing import Protocol

from warchest.payments.contract.life import (
    RETURN_PATH,
    Attempt,
    Direction,
    Exchange,
    Heard,
    Message,
    Payment,
    PaymentFilter,
    PaymentLife,
    Status,
    UnableToFindPayment,
    UnableToTopUp,
    Verdict,
    Waiting,
    Weighed,
)
from warchest.payments.contract.notices import (
    NOTICE_BYTES_MAX,
    NOTICE_PATH,
    KeptNotice,
    Notices,
    RefusedNotices,
    UnableToReceiveNotice,
)
from warchest.payments.contract.providers import (
    AmountLimits,
    Provider,
    Providers,
    UnableToUseProvider,
)

__all__ = [
    "NOTICE_BYTES_MAX",
    "NOTICE_PATH",
    "RETURN_PATH",
    "AmountLimits",
    "Attempt",
    "Direction",
    "Exchange",
    "Heard",
    "KeptNotice",
    "Message",
    "Notices",
    "Payment",
    "PaymentFilter",
    "PaymentLife",
    "Payments",
    "Provider",
    "Providers",
    "RefusedNotices",
    "Status",
    "UnableToFindPayment",
    "UnableToReceiveNotice",
    "UnableToTopUp",
    "UnableToUseProvider",
    "Verdict",
    "Waiting",
    "Weighed",
]


class Payments(PaymentLife, Notices, Providers, Protocol):
    """Everything that payments are asked."""
