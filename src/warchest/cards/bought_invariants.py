"""What must hold of virtual cards that players bought, and of gifts."""

from __future__ import annotations

from collections.abc import Iterator

from warchest.cards.models import BoughtCard, Card, CardGift, IssuedCode
from warchest.runtime.invariants import Invariant, in_portions


def _bought_cards_differ() -> Iterator[str]:
    """The books owe for each what had been paid for it, less its tax; what was given back is void, and nothing else is."""
    for portion in in_portions(BoughtCard.objects.order_by("id").iterator()):
        cards = Card.objects.in_bulk([row.serial for row in portion])
        for row in portion:
            card = cards.get(row.serial)
            if card is None:
                yield f"card {row.serial} was bought, and there is no such card"
                continue
            if (card.owed_minor, card.owed_currency) != (row.paid_minor - row.tax_minor, row.currency):
                yield (
                    f"card {row.serial} was paid with {row.paid_minor} {row.currency} minor,"
                    f" and {card.owed_minor} {card.owed_currency} are owed for it"
                )
            if (row.cancelled_at is not None) != (card.state == "void"):
                yield f"card {row.serial} is {card.state}, and its purchase says otherwise"


def _gifts_not_to_be_sent() -> Iterator[str]:
    """What is still to be given can be: its words are known, and the code of its card."""
    under_way = CardGift.objects.filter(state__in=["waiting", "sending"], began_at=None)
    for portion in in_portions(under_way.select_related("bought").order_by("bought_id").iterator()):
        serials = [gift.bought.serial for gift in portion]
        kept = set(
            IssuedCode.objects.filter(serial__in=serials, sealed__isnull=False).values_list(
                "serial", flat=True
            )
        )
        for gift in portion:
            if gift.sealed is None or gift.bought.serial not in kept:
                yield f"the gift of card {gift.bought.serial} waits, and there is nothing left to send"


INVARIANTS = (
    Invariant("bought_cards", "The books owe for a bought card what was paid for it", _bought_cards_differ),
    Invariant("gifts_kept", "A gift that waits can be sent", _gifts_not_to_be_sent),
)
