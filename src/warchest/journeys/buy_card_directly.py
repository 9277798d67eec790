"""PAY-05: a player pays for a virtual card in one step. The payment knows what it is for; its credit buys it.

If the card cannot be had any more when the money comes, the money stays in the wallet, and the player is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from warchest.accounting.contract import Accounting, UnableToQuote
from warchest.cards.contract import Cards
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.steps.buying_card import CardWanted
from warchest.kernel.currency import INNER, currency
from warchest.kernel.money import Money
from warchest.payments.contract import Payment, Payments, UnableToUseProvider
from warchest.runtime.command import Command
from warchest.runtime.journey import Done
from warchest.runtime.services import services


@dataclass(frozen=True, slots=True)
class DirectCardOffer:
    """What is paid for a card that costs ``charge`` units, and what of it is left over in the wallet."""

    amount: Money
    charge: Money
    units: Money

    @property
    def left(self) -> Money:
        return self.units - self.charge


def direct_card_offer(*, batch: UUID, code: str, at: datetime, provider: str = "") -> DirectCardOffer:
    """In a real currency: the card's own face where it is in it, else the least amount that brings its price; at least what
    ``provider`` takes. Raises UnableToBuyCard, UnableToQuote, UnableToUseProvider."""
    accounting = services.get(Accounting)
    offer = services.get(Cards).card_offer(batch=batch, at=at)
    charge = accounting.quote(paid=offer.face, at=at).units
    rate = next((rate for rate in accounting.rates(at=at) if rate.currency == code), None)
    if rate is None:
        raise UnableToQuote("currency_not_accepted", currency=code)
    unit = currency(code)
    needed = Fraction(charge.minor, INNER.minor_per_major) / Fraction(rate.units_per_major)
    # Rounded up: a cent less would still be too little.
    amount = Money(math.ceil(needed * unit.minor_per_major), unit)
    if offer.face.currency == unit:
        amount = max(amount, offer.face)
    if provider:
        limits = services.get(Payments).limits(provider=provider, currency=code, at=at)
        if amount > limits.most:
            raise UnableToUseProvider(
                "amount_out_of_range", currency=code, least=limits.least.major, most=limits.most.major
            )
        amount = max(amount, limits.least)
    return DirectCardOffer(amount, charge, accounting.quote(paid=amount, at=at).units)


def buy_card_directly(
    command: Command,
    *,
    player: UUID,
    batch: UUID,
    amount: Money,
    charge: Money,
    provider: str = "",
    saved_method: UUID | None = None,
    consent: str = "",
    return_url: str = "",
    address: str = "",
) -> Done[Payment]:
    """Begin to pay ``amount`` for a card that costs ``charge`` units, both as the player was shown them.

    All else is as ``start_top_up`` has it, the key included. Raises what that raises, and UnableToBuyCard where it can't be
    bought now: then nothing is paid.
    """
    return start_top_up(
        command,
        player=player,
        amount=amount,
        provider=provider,
        return_url=return_url,
        address=address,
        saved_method=saved_method,
        consent=consent,
        wanted=CardWanted(batch, charge).as_purpose(),
    )
