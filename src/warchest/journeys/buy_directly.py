"""PAY-06: a player pays for a subscription in one step. The payment knows what it is for; its credit buys it.

If it cannot be had any more when the money comes, the money stays in the wallet, and the player is told.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from warchest.accounting.contract import Accounting, UnableToQuote
from warchest.journeys.prolong_subscription import ProlongPreview, prolong_preview
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.steps.buying import SubscriptionWanted
from warchest.kernel.currency import INNER, currency
from warchest.kernel.money import Money
from warchest.payments.contract import Payment, Payments, UnableToUseProvider
from warchest.runtime.command import Command
from warchest.runtime.journey import Done
from warchest.runtime.services import services


@dataclass(frozen=True, slots=True)
class DirectOffer:
    """What is paid for periods of a plan, what it brings, and what of that is left over in the wallet."""

    preview: ProlongPreview
    amount: Money
    units: Money

    @property
    def left(self) -> Money:
        return self.units - self.preview.charge


def direct_offer(
    *, player: UUID, plan: UUID, periods: int, code: str, at: datetime, provider: str = ""
) -> DirectOffer:
    """In a real currency: the plan's own price in it where that brings the units that it costs, else the least amount that does;
    at least what ``provider`` takes. Raises as ``prolong_preview`` does, UnableToQuote, UnableToUseProvider."""
    preview = prolong_preview(player=player, plan=plan, periods=periods, at=at)
    accounting = services.get(Accounting)
    rate = next((rate for rate in accounting.rates(at=at) if rate.currency == code), None)
    if rate is None:
        raise UnableToQuote("currency_not_accepted", currency=code)
    unit = currency(code)
    needed = Fraction(preview.charge.minor, INNER.minor_per_major) / Fraction(rate.units_per_major)
    # Rounded up: a cent less would still be too little.
    amount = Money(math.ceil(needed * unit.minor_per_major), unit)
    own = preview.offer.plan.price_in(code)
    if own is not None and own * periods > amount:
        amount = own * periods
    if provider:
        limits = services.get(Payments).limits(provider=provider, currency=code, at=at)
        if amount > limits.most:
            raise UnableToUseProvider(
                "amount_out_of_range", currency=code, least=limits.least.major, most=limits.most.major
            )
        amount = max(amount, limits.least)
    return DirectOffer(preview, amount, accounting.quote(paid=amount, at=at).units)


def buy_directly(
    command: Command,
    *,
    player: UUID,
    plan: UUID,
    periods: int,
    amount: Money,
    charge: Money,
    provider: str = "",
    method: str = "",
    saved_method: UUID | None = None,
    consent: str = "",
    return_url: str = "",
    address: str = "",
    begin_at_once: bool = False,
    wording: str = "",
) -> Done[Payment]:
    """Begin to pay ``amount`` for ``periods`` of a plan that costs ``charge`` units, both as the player was shown them.

    All else is as ``start_top_up`` has it, the key included. Raises what that raises, and UnableToProlong, UnableToOffer,
    UnableToGrant where it can't be bought now: then nothing is paid.
    """
    asked = SubscriptionWanted(plan, periods, charge, begin_at_once, wording)
    return start_top_up(
        command,
        player=player,
        amount=amount,
        provider=provider,
        return_url=return_url,
        method=method,
        address=address,
        saved_method=saved_method,
        consent=consent,
        wanted=asked.as_purpose(),
    )
