"""Stripe's published test cards and test accounts, and what each does."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TestCard:
    """``fails_with`` is a code, ``declined_as`` Stripe's finer one. ``proves``: when the bank wants 3-D Secure."""

    number: str
    story: str
    brand: str = "visa"
    country: str = "US"
    fails_with: str = ""
    declined_as: str = ""
    fails_once_saved: bool = False
    proves: Literal["never", "always", "unless_set_up"] = "never"
    disputed_as: str = ""
    refunds: Literal["at_once", "pending", "fail_later"] = "at_once"

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]


_ALL = (
    TestCard("4242424242424242", "succeeds"),
    TestCard("5555555555554444", "succeeds", brand="mastercard"),
    TestCard("4000002760000016", "succeeds; issued in Germany", country="DE"),
    TestCard("4000000000000002", "declined", fails_with="card_declined", declined_as="generic_decline"),
    TestCard(
        "4000000000009995", "declined: funds", fails_with="card_declined", declined_as="insufficient_funds"
    ),
    TestCard("4000000000000069", "declined: expired", fails_with="expired_card"),
    TestCard("4000000000000127", "declined: security code", fails_with="incorrect_cvc"),
    TestCard("4000000000000119", "declined: error at the bank", fails_with="processing_error"),
    TestCard("4000000000000341", "can be saved; charging it later is declined", fails_once_saved=True),
    TestCard("4000002760003184", "the bank always asks who you are", country="DE", proves="always"),
    TestCard(
        "4000002500003155", "the bank asks once, when it is saved", country="FR", proves="unless_set_up"
    ),
    TestCard("4000008400001629", "the bank asks, then declines", fails_with="card_declined", proves="always"),
    TestCard("4000000000000259", "succeeds, and is disputed as fraud", disputed_as="fraudulent"),
    TestCard(
        "4000000000002685", "succeeds, and is disputed: not received", disputed_as="product_not_received"
    ),
    TestCard("4000000000007726", "succeeds; a refund stays pending", refunds="pending"),
    TestCard("4000000000005126", "succeeds; a refund fails later", refunds="fail_later"),
)
TEST_CARDS = {card.number: card for card in _ALL}
CARD_ENDING = {card.number[-4:]: card for card in _ALL}
"""No number is kept, so a saved card is known by its last four digits, which no two test cards share."""

GOOD_CARD = "4242424242424242"
BAD_CARD = "4000000000000002"
TEST_IBAN = "AT611904300234573201"
