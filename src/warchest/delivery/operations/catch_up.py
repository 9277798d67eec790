"""Published events become deliveries and mails."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from warchest.delivery.contract import MailKind
from warchest.delivery.models import Delivery
from warchest.delivery.operations.mails import queue_mail
from warchest.delivery.queries import configured_urls, disabled_urls
from warchest.delivery.rules import WEBHOOK_TOPICS, body
from warchest.runtime import outbox

CONSUMER = "delivery"
MAIL_AGE_MAX = timedelta(days=7)

# Of payments: the mail's kind, what names it for ever, and what it says.
_TOLD = {
    "payments.method_ends": (MailKind.METHOD_ENDS, ("method", "expires"), ("label", "expires")),
    "payments.auto_top_up_declined": (MailKind.AUTO_TOP_UP_DECLINED, ("payment",), ("reason",)),
    "payments.auto_top_up_paused": (MailKind.AUTO_TOP_UP_PAUSED, ("player", "paused_at"), ("reason",)),
    "payments.purchase_refused": (MailKind.PURCHASE_REFUSED, ("payment",), ("reason",)),
}


def catch_up(*, at: datetime, limit: int = 500) -> int:
    return outbox.consume(CONSUMER, partial(_take_in, at=at), batch=limit)


def _take_in(event: outbox.Event, *, at: datetime) -> None:
    if event.topic in WEBHOOK_TOPICS and (urls := configured_urls()):
        content = body(topic=event.topic, payload=event.payload, occurred_at=event.occurred_at)
        disabled = disabled_urls()
        Delivery.objects.bulk_create(
            [
                Delivery(
                    endpoint=url,
                    event_id=event.id,
                    topic=event.topic,
                    key=event.key,
                    body=content,
                    state="disabled" if url in disabled else "waiting",
                    next_attempt_at=at,
                )
                for url in urls
            ],
            ignore_conflicts=True,
        )
    if event.topic == "players.registered" and at - event.occurred_at <= MAIL_AGE_MAX:
        player = UUID(str(event.payload.get("player") or event.key))
        queue_mail(key=f"welcome:{player}", kind=MailKind.WELCOME, player=player, at=at)
    if event.topic == "documents.issued":
        _mail_document(event, at=at)
    if event.topic in ("payments.withdrawn", "subscriptions.withdrawn"):
        _mail_withdrawal(event, at=at)
    if event.topic in ("cards.bought", "cards.gift_ended"):
        _mail_card(event, at=at)
    if event.topic in ("cards.card_ending", "cards.stock_ending"):
        _mail_ending(event, at=at)
    if event.topic in _TOLD and at - event.occurred_at <= MAIL_AGE_MAX:
        kind, names, shown = _TOLD[event.topic]
        told = event.payload
        queue_mail(
            key=":".join([kind.value.replace("_", "-"), *(str(told[name]) for name in names)]),
            kind=kind,
            player=UUID(str(told["player"])),
            context={name: str(told[name]) for name in shown},
            at=at,
        )


def _mail_document(event: outbox.Event, *, at: datetime) -> None:
    # By when it was sold: a past that is filled in gets its documents now, and nobody a mail about it.
    told = event.payload
    if told["mailed"] and at - datetime.fromisoformat(str(told["sold_at"])) <= MAIL_AGE_MAX:
        queue_mail(
            key=f"document:{told['document']}",
            kind=MailKind.DOCUMENT,
            player=UUID(str(told["player"])),
            context={"document": str(told["document"])},
            at=at,
        )


def _mail_withdrawal(event: outbox.Event, *, at: datetime) -> None:
    """The law wants it confirmed on a lasting medium, with the day and hour (Directive 2011/83/EU, articles 11 and 11a)."""
    told = event.payload
    names = ("of", "amount_minor", "currency", "units_minor")
    queue_mail(
        key=f"withdrawal:{told.get('refund') or told['grant']}",
        kind=MailKind.WITHDRAWAL,
        player=UUID(str(told["player"])),
        context={name: told[name] for name in names if name in told}
        | {"at": event.occurred_at.isoformat(), "number": str(told.get("payment") or told["grant"])},
        at=at,
    )


def _mail_card(event: outbox.Event, *, at: datetime) -> None:
    """Of what was bought itself: a gift's mail is queued at its date, and this is about what became of it."""
    told = event.payload
    if at - event.occurred_at > MAIL_AGE_MAX:
        return
    if event.topic == "cards.gift_ended":
        # Nobody is told what nobody knows.
        if told["state"] != "unknown":
            queue_mail(
                key=f"gift-ended:{told['card']}:{told['sends']}:{told['state']}",
                kind=MailKind.GIFT_ENDED,
                player=UUID(str(told["player"])),
                context={"card": str(told["card"]), "state": str(told["state"])},
                at=at,
            )
    elif not told["is_gift"]:
        queue_mail(
            key=card_key(UUID(str(told["card"]))),
            kind=MailKind.CARD,
            player=UUID(str(told["player"])),
            context={"card": str(told["card"]), "sends": 0},
            at=at,
        )


def _mail_ending(event: outbox.Event, *, at: datetime) -> None:
    """Of a card that a player bought, or of so many that a reseller's person sells."""
    told = event.payload
    if at - event.occurred_at > MAIL_AGE_MAX:
        return
    player, what = UUID(str(told["player"])), str(told.get("serial") or told.get("batch"))
    queue_mail(
        key=f"cards-end:{player}:{what}:{told['ends_at']}:{told['days']}",
        kind=MailKind.CARDS_END,
        player=player,
        context={
            "serial": str(told.get("serial") or ""),
            "series": str(told.get("series") or ""),
            "cards": int(str(told.get("cards") or 1)),
            "ends_at": str(told["ends_at"]),
        },
        at=at,
    )


def card_key(card: UUID) -> str:
    return f"card:{card}"
