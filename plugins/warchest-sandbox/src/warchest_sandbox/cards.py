"""The test cards that steer the sandbox."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestCard:
    """A card and what happens to a payment with it. ``story`` names the text on the hosted page.

    ``country`` is the issuer's. With ``wants_player``, the bank wants the player to prove who they are before the saved card
    is charged.
    """

    number: str
    brand: str
    story: str
    status: str = "succeeded"
    reason: str = ""
    notice_delay_s: int = 0
    notice_copies: int = 1
    notice_lost: bool = False
    country: str = "DE"
    wants_player: bool = False

    # Not a class of tests, whatever a collector makes of its name.
    __test__ = False

    @property
    def fingerprint(self) -> str:
        """The same for the same number, whoever pays with it."""
        return "fpr_" + hashlib.sha256(f"warchest-sandbox {self.number}".encode()).hexdigest()[:20]


TEST_CARDS = {
    card.number: card
    for card in (
        TestCard("4111111111111111", "Visa", "succeeds"),
        TestCard("5555555555554444", "Mastercard", "succeeds"),
        TestCard("4000000000000002", "Visa", "declined", status="failed", reason="card_declined"),
        TestCard("4000000000000069", "Visa", "expired", status="failed", reason="expired_card"),
        TestCard("4000000000009995", "Visa", "poor", status="failed", reason="insufficient_funds"),
        TestCard("4000000000000259", "Visa", "notice_late", notice_delay_s=5),
        TestCard("4000000000000341", "Visa", "notice_lost", notice_lost=True),
        TestCard("4000000000000044", "Visa", "notice_often", notice_copies=5),
        TestCard("4000000000000036", "Visa", "pending", status="pending"),
        TestCard("4000000760000002", "Visa", "foreign", country="BR"),
        TestCard("4000002760003184", "Visa", "wants_player", wants_player=True),
    )
}

CARDS_BY_FINGERPRINT = {card.fingerprint: card for card in TEST_CARDS.values()}
"""So that a saved method needs to keep no number."""
