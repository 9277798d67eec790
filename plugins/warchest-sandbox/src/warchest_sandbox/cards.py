"""The test cards that steer the sandbox."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestCard:
    """A card and what happens to a payment with it. ``story`` names the text on the hosted page."""

    number: str
    brand: str
    story: str
    status: str = "succeeded"
    reason: str = ""
    notice_delay_s: int = 0
    notice_copies: int = 1
    notice_lost: bool = False

    # Not a class of tests, whatever a collector makes of its name.
    __test__ = False


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
    )
}
