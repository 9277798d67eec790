"""Notices: what providers tell us by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.sdk.payments import DisputeReport, Report, Subject

NOTICE_BYTES_MAX = 64 * 1024
"""A notice that is longer is refused unread."""


NOTICE_PATH = "/api/v1/notices/{provider}"
"""Where on the public address a provider's notices are received."""


ACTED_ON_WITHIN = timedelta(seconds=10)
"""Whoever stores a notice acts on it within that time, or leaves it to those who look after what is left."""


class UnableToReceiveNotice(UnableTo):
    """The notice was refused before anything in it was looked at."""

    reasons = frozenset({"notice_too_large"})


@dataclass(frozen=True, slots=True)
class KeptNotice:
    """A notice that is safely stored. ``payment`` is None where the provider speaks of a payment that is not ours.

    ``attempt`` is the one that it speaks of. Of a notice about a refund, ``refund`` is ours, None where somebody made it at
    the provider's own desk. ``repeated``: the provider had sent it before. ``tries``: how often acting on it failed.
    ``processed``: nothing is left to do.
    """

    id: UUID
    message: UUID
    provider: str
    payment: UUID | None
    report: Report
    received_at: datetime
    repeated: bool
    tries: int
    processed: bool
    attempt: int = 1
    subject: Subject = Subject.PAYMENT
    refund: UUID | None = None
    dispute: DisputeReport | None = None


@dataclass(frozen=True, slots=True)
class RefusedNotices:
    """How many notices of a provider were refused on a day (UTC), by reason."""

    provider: str
    day: date
    reason: str
    count: int
    last_at: datetime


class Notices(Protocol):
    def take_notice(
        self, *, provider: str, headers: Mapping[str, str], body: bytes, at: datetime
    ) -> KeptNotice:
        """Check a notice and store it; a second copy is the first one again. It is due after ``ACTED_ON_WITHIN``; ``processed``
        at once is what there is nothing to do about, such as one about a payment that is not ours.

        Raises UnableToReceiveNotice, UnableToTrustNotice (both only counted), UnableToUseProvider.
        """
        ...

    @at_most_once
    def claim_notices(self, *, at: datetime, limit: int) -> tuple[KeptNotice, ...]:
        """Stored notices that nobody acted on yet and are due, oldest first. For a minute nobody else is given them: then whoever
        claimed them is taken for dead."""
        ...

    def close_notice(self, *, notice_id: UUID, outcome: str, at: datetime) -> None:
        """Nothing is left to do about a notice; in the transaction that did it, where there is one."""
        ...

    @at_most_once
    def postpone_notice(self, *, notice_id: UUID, problem: str, at: datetime) -> None:
        """Acting on a notice failed: it comes again by the schedule."""
        ...

    def due_notices(self, *, at: datetime, limit: int) -> tuple[KeptNotice, ...]:
        """Stored notices that were not acted on yet and are due, oldest first."""
        ...

    def refused_notices(self, *, since: date) -> tuple[RefusedNotices, ...]:
        """Counts of refused notices, newest day first."""
        ...
