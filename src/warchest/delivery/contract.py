"""Delivery, on one page: webhooks by Standard Webhooks 1.0.0, and the e-mail engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo


class UnableToDeliver(UnableTo):
    """Nothing was queued or sent again."""

    reasons = frozenset(
        {
            "delivery_unknown",
            "delivery_waiting",  # it is still being tried
            "endpoint_unknown",
            "mail_kind_unknown",
            "mail_unknown",
            "mail_not_stuck",  # only a failed mail, or one of unknown outcome, is sent again
        }
    )


class UnableToRender(UnableTo):
    """There is no PDF of the document."""

    reasons = frozenset({"pdf_not_installed"})
    passing = frozenset({"pdf_not_installed"})


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up after the last attempt
    DISABLED = "disabled"  # the endpoint answered 410: it wants no more


class MailKind(StrEnum):
    WELCOME = "welcome"
    DOCUMENT = "document"  # a receipt, an invoice or a credit note; its id is in the context
    CARD = "card"  # a virtual card, to its buyer; written when it is sent, code and all
    GIFT = "gift"  # the same to somebody else: the mail stands with the player who gives it
    GIFT_ENDED = "gift_ended"  # what became of a gift, to its sender
    CARDS_END = "cards_end"  # unused cards end soon, to who bought them or sells them
    WITHDRAWAL = "withdrawal"  # that a player has withdrawn, when, and what comes back
    METHOD_ENDS = "method_ends"  # a saved card expires soon
    AUTO_TOP_UP_DECLINED = "auto_top_up_declined"
    AUTO_TOP_UP_PAUSED = "auto_top_up_paused"
    PURCHASE_REFUSED = "purchase_refused"  # paid, and not to be had any more: the money is in the wallet


class MailState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"  # it may have left: a person decides
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One event for one endpoint. ``last_status``: the HTTP status of the last attempt, 0 where nobody answered."""

    id: int
    message_id: str
    endpoint: str
    topic: str
    key: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    last_status: int | None
    last_error: str
    recorded_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    url: str
    enabled: bool
    waiting: int
    failed: int


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to a player (or on a player's behalf to somebody else), without the address."""

    id: UUID
    key: str
    kind: MailKind
    player: UUID
    language: str
    state: MailState
    attempts: int
    error: str
    queued_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """A document as a file. ``content`` is PDF."""

    filename: str
    content: bytes


class Delivery(Protocol):
    def catch_up(self, *, at: datetime, limit: int = 500) -> int:
        """Turn the next published events into deliveries and mails; answers how many were read.

        Mails about what happened more than a week before ``at`` are not made: filling in a past writes to nobody.
        """
        ...

    # Webhooks

    def deliver_due(self, *, at: datetime, limit: int = 100) -> int:
        """Send what is due, at most ``limit`` to each endpoint, in order for each key; answers how many attempts
        were made.

        Any number of workers may call it at once: each message is sent by one of them. A worker that dies between
        sending and writing that down leaves the message to be sent again, under the same id.
        """
        ...

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The configured endpoints."""
        ...

    def webhook_secret(self) -> str:
        """What receivers verify signatures with, as they are given it: ``whsec_…``. For the operator's eyes only."""
        ...

    def enable_endpoint(self, *, url: str, at: datetime) -> None:
        """Send to an endpoint again that had answered 410, also what came meanwhile. Raises UnableToDeliver."""
        ...

    def deliveries(
        self, *, state: DeliveryState | None = None, key: str = "", before: int | None = None, limit: int = 50
    ) -> tuple[WebhookDelivery, ...]:
        """Newest first, below the id ``before``."""
        ...

    @at_most_once
    def send_again(self, *, delivery_id: int, at: datetime) -> WebhookDelivery:
        """Begin a finished delivery's schedule anew, under its old message id. Raises UnableToDeliver."""
        ...

    # Mails

    def queue_mail(
        self,
        *,
        key: str,
        kind: MailKind,
        player: UUID,
        language: str = "",
        context: Mapping[str, str | int] | None = None,
        at: datetime,
    ) -> Mail:
        """Queue a mail. ``key`` names it for ever (``welcome:<player>``): the same key is one mail.

        ``language`` empty: the player's own at the moment of sending. ``context`` holds no personal data. Raises
        UnableToDeliver.
        """
        ...

    def send_mails(self, *, at: datetime, limit: int = 50) -> int:
        """Send waiting mails while the engine is plugged in; answers how many left.

        Each is claimed first. One whose outcome nobody knows (a worker died, a line was cut in mid-sending) is
        marked so and never sent again by itself.
        """
        ...

    def mails(
        self,
        *,
        state: MailState | None = None,
        player: UUID | None = None,
        before: UUID | None = None,
        limit: int = 50,
    ) -> tuple[Mail, ...]:
        """Newest first, below the id ``before``."""
        ...

    def find_mail(self, *, key: str) -> Mail | None:
        """The mail that was queued under this key."""
        ...

    @at_most_once
    def send_mail_again(self, *, mail_id: UUID, at: datetime) -> Mail:
        """A person's decision about a mail that failed or whose outcome is unknown. Raises UnableToDeliver."""
        ...

    def mail_engine_plugged_in(self) -> bool: ...

    def plug_mail_engine(self, *, plugged_in: bool, at: datetime) -> None:
        """Out: mails wait. In: they go. Works at run time for all workers; plugging in twice changes nothing."""
        ...

    # Documents

    def render_document(self, *, document_id: UUID) -> RenderedDocument:
        """A receipt, invoice or credit note as PDF, in its own language: for one document always the same bytes.

        Raises UnableToFindDocument (accounting's), UnableToRender.
        """
        ...

    def render_card_sheet(self, *, batch_id: UUID, language: str, at: datetime) -> RenderedDocument:
        """A test sheet of specimens of a batch, and the artwork of its cards for the print house, as PDF; no card is on it.

        Raises UnableToFindCard (cards'), UnableToRender.
        """
        ...
