"""Virtual cards that are given to somebody else: what is said and to whom, their mails, and what became of these.

A mail is written at the moment of its sending and kept nowhere. From the moment at which it was begun nobody knows who has
the code, until the mail engine says what became of it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Exists, OuterRef, Q

from warchest.cards import bought_queries, queries
from warchest.cards.contract import (
    GIFT_AHEAD_DAYS_MAX,
    GIFT_MESSAGE_LENGTH_MAX,
    GIFT_NAME_LENGTH_MAX,
    GIFT_SENDS_MAX,
    BoughtCard,
    CardPaper,
    CardState,
    GiftState,
    GiftWish,
    GiftWords,
    UnableToBuyCard,
    UnableToHandleBoughtCard,
)
from warchest.cards.models import BoughtCard as BoughtRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import CardGift, IssuedCode
from warchest.cards.operations.bought_rows import code_of, locked, unused
from warchest.cards.operations.virtual import note
from warchest.runtime import sealing
from warchest.runtime.transactions import technical_transaction

_PURPOSE = "card-gifts"
_ADDRESS_LENGTH_MAX = 254
_FORGOTTEN_AT_ONCE_MAX = 2000
_SOON = timedelta(minutes=5)


def check_gift(*, wish: GiftWish, expires_at: datetime | None, at: datetime) -> GiftWish:
    recipient, name, message = wish.recipient.strip(), wish.name.strip(), wish.message.strip()
    if not _is_address(recipient):
        raise UnableToBuyCard("gift_address_malformed")
    if len(name) > GIFT_NAME_LENGTH_MAX or any(not one.isprintable() for one in name):
        raise UnableToBuyCard("gift_name_malformed", length_max=GIFT_NAME_LENGTH_MAX)
    message = message.replace("\r\n", "\n")
    if len(message) > GIFT_MESSAGE_LENGTH_MAX or "\0" in message:
        raise UnableToBuyCard("gift_message_too_long", length_max=GIFT_MESSAGE_LENGTH_MAX)
    if wish.language not in dict(settings.LANGUAGES):
        raise UnableToBuyCard("gift_language_unknown", language=wish.language[:10])
    if (deliver_at := wish.deliver_at) is not None:
        last = min(expires_at or _far(at), _far(at))
        # A form that lay open for a moment is still meant for now.
        if not at - _SOON <= deliver_at <= last:
            raise UnableToBuyCard("gift_date_out_of_range", days_max=GIFT_AHEAD_DAYS_MAX)
        deliver_at = max(deliver_at, at)
    return replace(wish, recipient=recipient, name=name, message=message, deliver_at=deliver_at)


def _far(at: datetime) -> datetime:
    return at + timedelta(days=GIFT_AHEAD_DAYS_MAX)


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= _ADDRESS_LENGTH_MAX and text.isascii()


def keep(bought: BoughtRow, wish: GiftWish, *, at: datetime) -> None:
    """Within the purchase's transaction."""
    CardGift.objects.create(
        bought=bought,
        sealed=_sealed(bought.id, GiftWords(wish.recipient, wish.name, wish.message)),
        language=wish.language,
        deliver_at=wish.deliver_at or at,
        changed_at=at,
    )


def stop(bought: BoughtRow, *, at: datetime) -> None:
    """The card is given back. Raises UnableToHandleBoughtCard where somebody else may have its code."""
    gift = CardGift.objects.select_for_update().filter(bought=bought).first()
    if gift is None:
        return
    if gift.state == GiftState.DELIVERED:
        raise UnableToHandleBoughtCard("gift_delivered")
    if gift.began_at is not None and gift.state != GiftState.BOUNCED:
        raise UnableToHandleBoughtCard("gift_on_its_way")
    gift.state, gift.sealed, gift.changed_at = GiftState.STOPPED, None, at
    gift.save(update_fields=["state", "sealed", "changed_at"])


def correct_gift(*, bought_id: UUID, buyer: UUID, recipient: str, actor: str, at: datetime) -> BoughtCard:
    row = locked(bought_id, buyer)
    card = unused(row)
    gift = CardGift.objects.select_for_update().filter(bought=row).first()
    words = _words(gift) if gift else None
    if gift is None:
        raise UnableToHandleBoughtCard("no_gift")
    if words is None or not IssuedCode.objects.filter(serial=row.serial, sealed__isnull=False).exists():
        raise UnableToHandleBoughtCard("code_forgotten")
    if not _is_address(recipient.strip()):
        raise UnableToHandleBoughtCard("gift_address_malformed")
    if gift.state not in (GiftState.WAITING, GiftState.BOUNCED, GiftState.UNKNOWN):
        raise UnableToHandleBoughtCard("gift_not_correctable")
    if gift.state != GiftState.WAITING:
        if gift.sends >= GIFT_SENDS_MAX:
            raise UnableToHandleBoughtCard("gift_sends_used_up", sends_max=GIFT_SENDS_MAX)
        # The mail before is not written any more, whatever becomes of it: it has another number.
        gift.sends, gift.deliver_at, gift.began_at = gift.sends + 1, at, None
    gift.state, gift.problem, gift.changed_at = GiftState.WAITING, "", at
    gift.sealed = _sealed(row.id, GiftWords(recipient.strip(), words.name, words.message))
    gift.save(update_fields=["sends", "deliver_at", "began_at", "state", "problem", "changed_at", "sealed"])
    note(row.batch, "gift_corrected", first=card.number, last=card.number, actor=actor, reason="", at=at)
    return bought_queries.bought_card(bought_id=bought_id, buyer=buyer, at=at)


def begin_gift(*, bought_id: UUID, sends: int, at: datetime) -> bool:
    with technical_transaction("cards"):
        waiting = CardGift.objects.filter(bought_id=bought_id, sends=sends, state=GiftState.WAITING)
        return bool(waiting.update(state=GiftState.SENDING, changed_at=at))


def write_card_paper(*, bought_id: UUID, sends: int, at: datetime) -> CardPaper | None:
    with technical_transaction("cards"):
        rows = BoughtRow.objects.select_related("batch").select_for_update(of=("self",))
        row = rows.filter(id=bought_id, cancelled_at=None).first()
        if row is None:
            return None
        card = CardRow.objects.select_related("batch").get(serial=row.serial)
        issued = IssuedCode.objects.get(serial=row.serial)
        gift = CardGift.objects.select_for_update().filter(bought=row).first()
        is_good = issued.sealed is not None and queries.state_of(card, at=at) is CardState.SOLD
        if not is_good or bool(gift) != bool(sends):
            return None
        words = None
        if gift is not None:
            words = _words(gift)
            is_due = gift.state in (GiftState.WAITING, GiftState.SENDING, GiftState.UNKNOWN)
            if gift.sends != sends or not is_due or words is None:
                return None
            gift.began_at = at
            gift.save(update_fields=["began_at"])
        terms = queries.terms_of(row.batch)
        return CardPaper(
            id=row.id,
            serial=row.serial,
            code=code_of(issued, row.batch),
            buyer=row.buyer_id,
            gives=terms.gives,
            face=terms.face,
            expires_at=card.expires_at or row.batch.expires_at,
            bought_at=row.bought_at,
            words=words,
            language=gift.language if gift else "",
        )


def note_mailed(*, bought_id: UUID, at: datetime) -> None:
    with technical_transaction("cards"):
        BoughtRow.objects.filter(id=bought_id, mailed_at=None).update(mailed_at=at)


def end_gift(*, bought_id: UUID, sends: int, state: GiftState, problem: str, at: datetime) -> bool:
    # In the order in which everybody locks them: the purchase, then its gift.
    rows = BoughtRow.objects.select_related("batch").select_for_update(of=("self",))
    row = rows.filter(id=bought_id).first()
    gift = CardGift.objects.select_for_update().filter(bought_id=bought_id, sends=sends).first()
    is_open = gift is not None and gift.state in (GiftState.SENDING, GiftState.UNKNOWN, GiftState.DELIVERED)
    if row is None or gift is None or not is_open or gift.state == state:
        return False
    # What was delivered can only come back.
    if gift.state == GiftState.DELIVERED and state is not GiftState.BOUNCED:
        return False
    gift.state, gift.problem, gift.changed_at = state, problem[:60], at
    gift.delivered_at = at if state is GiftState.DELIVERED else None
    gift.save(update_fields=["state", "problem", "changed_at", "delivered_at"])
    number = CardRow.objects.values_list("number", flat=True).get(serial=row.serial)
    note(
        row.batch,
        f"gift_{state}",
        first=number,
        last=number,
        actor="job:deliver_gifts",
        reason=problem[:60],
        at=at,
    )
    return True


def forget_codes(*, delivered_before: datetime, at: datetime) -> int:
    old = Q(mailed_at__lt=delivered_before) | Q(first_shown_at__lt=delivered_before)
    gift_old = Q(cardgift__delivered_at__lt=delivered_before)
    over = Q(batch__expires_at__lt=at) | Q(
        Exists(CardRow.objects.filter(serial=OuterRef("serial"), state__in=["activated", "void", "expired"]))
    )
    with technical_transaction("cards"):
        kept = Exists(IssuedCode.objects.filter(serial=OuterRef("serial"), sealed__isnull=False))
        said = Q(cardgift__sealed__isnull=False) & ~Q(
            cardgift__state__in=[GiftState.WAITING, GiftState.SENDING]
        )
        done = BoughtRow.objects.filter((old & Q(cardgift=None)) | gift_old | over).filter(kept | said)
        serials = list(done.order_by("id").values_list("serial", flat=True)[:_FORGOTTEN_AT_ONCE_MAX])
        _forget_words(serials, at=at)
        return IssuedCode.objects.filter(serial__in=serials, sealed__isnull=False).update(
            sealed=None, closed_at=at
        )


def _forget_words(serials: list[str], *, at: datetime) -> None:
    told = CardGift.objects.filter(bought__serial__in=serials)
    # A gift whose card can't be used any more is not sent either.
    told.filter(state__in=[GiftState.WAITING, GiftState.SENDING], began_at=None).update(
        state=GiftState.STOPPED, changed_at=at
    )
    told.filter(~Q(state__in=[GiftState.WAITING, GiftState.SENDING])).update(sealed=None)


def gift_words(*, bought_id: UUID, buyer: UUID) -> GiftWords | None:
    row = bought_queries.row_of(bought_id, buyer)
    gift = CardGift.objects.filter(bought=row).first()
    return _words(gift) if gift else None


def _sealed(bought_id: UUID, words: GiftWords) -> bytes:
    return sealing.seal(msgspec.json.encode(words), purpose=_PURPOSE, label=f"gift {bought_id}")


def _words(gift: CardGift) -> GiftWords | None:
    if gift.sealed is None:
        return None
    plain = sealing.unseal(bytes(gift.sealed), purpose=_PURPOSE, label=f"gift {gift.bought_id}")
    return msgspec.json.decode(plain, type=GiftWords)
