"""PAY-27: a player withdraws from time bought from the wallet. The units come back to where they were taken, and the time ends.

What was paid with units comes back in units, as it was paid; who wants the money then withdraws from the top-up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from uuid import UUID

from warchest.accounting.contract import Accounting, Withdrawn
from warchest.charging.contract import Charging, Lot, UnableToReturn
from warchest.journeys.steps.taking_back import sold
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Entry, EntryDraft, Ledger
from warchest.members.contract import Members
from warchest.payments.contract import Payments, UnableToWithdraw
from warchest.referrals.contract import Referrals
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.subscriptions.contract import (
    WITHDRAWAL_KEY,
    Grant,
    Place,
    Subscriptions,
    Unserved,
    Withheld,
)


@dataclass(frozen=True, slots=True)
class WithdrawnPurchase:
    """``returned`` are the units that came back, for ``seconds`` of time that is not served."""

    grant: UUID
    subscription: UUID
    returned: Money
    seconds: int
    journal_entry: UUID


@journey("subscriptions.withdraw")
def withdraw_purchase(tx: Transaction, *, player: UUID, grant: UUID) -> WithdrawnPurchase:
    """Who asked that time begins at once pays for what was served of it; who did not gets all back.

    Raises UnableToFindPlayer, UnableToWithdraw, UnableToWithhold.
    """
    tx.about("player", player, grant=str(grant))
    owner = tx.get(Members).player(player_id=player)
    subscriptions, payments = tx.get(Subscriptions), tx.get(Payments)
    bought = _bought(tx, player=player, grant=grant)
    place = Place(player, subscriptions.subscription(subscription_id=bought.subscription).online_service)
    subscriptions.lock_set(places=[place])
    period = payments.withdrawal_period(country=owner.country, since=bought.granted_at, zone=owner.time_zone)
    period.check(tx.command.at)
    consent = subscriptions.consents(grant_ids=[grant]).get(grant)
    if consent is not None and consent.gives_up(bought, at=tx.command.at):
        raise UnableToWithdraw("withdrawal_given_up")
    sale = tx.get(Ledger).entry(entry_id=bought.entry_id) if bought.entry_id else None
    if sale is None:
        raise UnableToWithdraw("withdrawal_unknown")
    key = WITHDRAWAL_KEY.format(grant=grant)
    if tx.get(Charging).lots_by_reference(reference=key):
        raise UnableToWithdraw("withdrawal_done")
    if payments.parts_of_sale(sale_entry=sale.id, undecided=True):
        raise UnableToWithdraw("withdrawal_refund_open")

    ahead = subscriptions.unserved(grant_ids=[grant], at=tx.command.at)
    lots = _returned(tx, player=player, grant=grant, ahead=ahead, whole=consent is None, key=key)
    units = sum((lot.issued for lot in lots), Money.units(0))
    parts = tuple(_parts(tx, sale=sale, lots=lots, ahead=ahead))
    reference = new_id()
    subscriptions.withhold(reference=reference, withheld=list(_time(ahead, parts)), at=tx.command.at)
    subscriptions.take_withheld(reference=reference, entry_key=key, at=tx.command.at)
    commissions = [
        line
        for part in parts
        if (net := part.unearned + part.earned)
        for line in tx.get(Referrals).reverse(entry_id=sale.id, base=net, reference=key, at=tx.command.at)
    ]
    entry = EntryDraft(
        id=new_id(),
        key=key,
        kind="withdrawal",
        occurred_at=tx.command.at,
        legs=tx.get(Accounting).withdrawn_legs(
            player=player, units=units, withdrawn=parts, commissions=commissions
        ),
        reference=str(bought.subscription),
        details={"sale": str(sale.id)},
    )
    tx.get(Ledger).post(entry=entry)
    tx.about("player", player, entry=str(entry.id), units_minor=units.minor, until=period.until)
    tx.announce(
        "subscriptions.withdrawn",
        key=str(player),
        player=player,
        of="purchase",
        subscription=bought.subscription,
        grant=grant,
        units_minor=units.minor,
        journal_entry=entry.id,
    )
    return WithdrawnPurchase(
        grant=grant,
        subscription=bought.subscription,
        returned=units,
        seconds=sum(piece.seconds for piece in ahead),
        journal_entry=entry.id,
    )


def _bought(tx: Transaction, *, player: UUID, grant: UUID) -> Grant:
    for found in tx.get(Subscriptions).subscriptions(player=player):
        for one in tx.get(Subscriptions).grants(subscription_id=found.id):
            if one.id == grant and one.reference == str(grant):
                return one
    raise UnableToWithdraw("withdrawal_unknown")


def _returned(
    tx: Transaction, *, player: UUID, grant: UUID, ahead: Sequence[Unserved], whole: bool, key: str
) -> tuple[Lot, ...]:
    """The units back into lots like those that they were taken of, each as much as lies ahead of the time that is left."""
    part, of = sum(piece.seconds for piece in ahead), ahead[0].of_seconds if ahead else 1
    if whole:
        part = of
    try:
        return tx.get(Charging).return_share(
            player=player, reference=f"subscription:{grant}", part=part, whole=of, key=key, at=tx.command.at
        )
    except UnableToReturn:
        raise UnableToWithdraw("withdrawal_used_up") from None


def _parts(
    tx: Transaction, *, sale: Entry, lots: Sequence[Lot], ahead: Sequence[Unserved]
) -> Iterator[Withdrawn]:
    """What was paid for the units, cut into net and tax as the sale was, with what earlier refunds took of it."""
    paid: dict[str, Money] = {}
    for lot in lots:
        code = lot.consideration.currency.code
        paid[code] = paid[code] + lot.consideration if code in paid else lot.consideration
    told = tx.get(Payments).parts_of_sale(sale_entry=sale.id)
    for code, gross in sorted(paid.items()):
        net, tax, country = sold(sale, code)
        if not gross or not net + tax:
            continue
        earlier = sum(part.amount.minor for part in told if part.amount.currency == gross.currency)
        after = round(Fraction(net * (earlier + gross.minor), net + tax))
        net_back = after - round(Fraction(net * earlier, net + tax))
        unearned = min(
            net_back,
            sum(left.minor for piece in ahead for left in piece.net if left.currency == gross.currency),
        )
        yield Withdrawn(
            unearned=Money(unearned, gross.currency),
            earned=Money(net_back - unearned, gross.currency),
            tax=gross - Money(net_back, gross.currency),
            country=country,
        )


def _time(ahead: Sequence[Unserved], parts: Sequence[Withdrawn]) -> Iterator[Withheld]:
    """All time that lies ahead, and of what is deferred for it so much as goes back."""
    left = {part.unearned.currency: part.unearned for part in parts}
    for piece in ahead:
        taken = [min(net, left[net.currency]) for net in piece.net if net.currency in left]
        for net in taken:
            left[net.currency] -= net
        # The seconds go once, with the first currency; where nothing was paid, with none of its own.
        first, *rest = taken or [Money.units(0)]
        yield Withheld(piece.grant, piece.seconds, first)
        yield from (Withheld(piece.grant, 0, net) for net in rest)
