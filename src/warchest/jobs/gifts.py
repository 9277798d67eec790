"""Virtual cards on their way: gifts at their date, what became of their mails, and codes that are forgotten in the end."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from warchest.cards.contract import BoughtCard, Cards, GiftState
from warchest.delivery.contract import Delivery, Mail, MailKind, MailState
from warchest.journeys.give_card import end_gift
from warchest.members.contract import Members, PlayerState
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services

log = structlog.get_logger(__name__)

_ACTOR = Actor(ActorKind.JOB, "deliver_gifts")
_AT_ONCE_MAX = 200
_ENDS = {
    MailState.SENT: GiftState.DELIVERED,
    MailState.FAILED: GiftState.BOUNCED,
    MailState.UNKNOWN: GiftState.UNKNOWN,
}


def deliver_gifts(*, at: datetime) -> int:
    """Queue the mails of gifts whose date has come, and note what became of those before; answers how many moved on.

    Any number of workers may call it, and be killed anywhere: a mail has its key, and an end is noted once.
    """
    cards, moved = services.get(Cards), 0
    for gift in cards.gifts_due(at=at, limit=_AT_ONCE_MAX):
        moved += _queue(gift, at=at)
    for gift in cards.gifts_under_way(limit=_AT_ONCE_MAX):
        moved += _follow(gift, at=at)
    return moved


def _queue(gift: BoughtCard, *, at: datetime) -> bool:
    assert gift.gift is not None
    if services.get(Members).player(player_id=gift.buyer).state is PlayerState.FROZEN:
        # Whether it was theirs to give is being looked at.
        return False
    sends = gift.gift.sends
    services.get(Delivery).queue_mail(
        key=mail_key(gift.id, sends),
        kind=MailKind.GIFT,
        player=gift.buyer,
        language=gift.gift.language,
        context={"card": str(gift.id), "sends": sends},
        at=at,
    )
    return services.get(Cards).begin_gift(bought_id=gift.id, sends=sends, at=at)


def _follow(gift: BoughtCard, *, at: datetime) -> bool:
    assert gift.gift is not None
    mail = services.get(Delivery).find_mail(key=mail_key(gift.id, gift.gift.sends))
    if mail is None or (state := _ENDS.get(mail.state)) is None or state is gift.gift.state:
        return False
    command = Command(
        actor=_ACTOR,
        key=f"gift:{gift.id}:{gift.gift.sends}:{state}",
        at=_moment(mail, at),
        channel=Channel.JOB,
    )
    return end_gift(
        command,
        card=gift.id,
        buyer=gift.buyer,
        serial=gift.serial,
        sends=gift.gift.sends,
        state=state,
        problem=mail.error,
    ).answer


def _moment(mail: Mail, at: datetime) -> datetime:
    return mail.sent_at or at


def mail_key(card: UUID, sends: int) -> str:
    """The key of a gift's mail: one for each address that is tried."""
    return f"gift:{card}:{sends}"


def forget_card_codes(*, at: datetime) -> int:
    """Forget the codes of virtual cards that reached their players long enough ago; answers how many."""
    cards, delivery, after = services.get(Cards), services.get(Delivery), None
    before = at - timedelta(days=configuration().cards.code_kept_days)
    while page := cards.unmailed(bought_before=before, after=after, limit=_AT_ONCE_MAX):
        for card in page:
            mail = delivery.find_mail(key=f"card:{card}")
            if mail is not None and mail.sent_at is not None:
                cards.note_mailed(bought_id=card, at=mail.sent_at)
        after = page[-1]
    return cards.forget_codes(delivered_before=before, at=at)
