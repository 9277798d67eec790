"""What a payment brought goes back with it: set apart while somebody decides, then taken, or let go.

What is left in the wallet goes first, then time that was bought and is not served, the last bought first; what is left then
was used, or is out of reach, and becomes the player's debt. Nothing is booked until it is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from uuid import UUID

from warchest.accounting.contract import Accounting, OwedCommission, TakenBack, Taxed
from warchest.charging.contract import Bonus, Charging, DebtKind, SpentPart
from warchest.kernel.money import Money
from warchest.ledger.contract import Entry, Ledger, Leg, Side
from warchest.payments.contract import Part, PartKind, Payment, Payments
from warchest.referrals.contract import Referrals
from warchest.runtime.transactions import Transaction
from warchest.subscriptions.contract import (
    DEFERRED_BOOK,
    Subscriptions,
    UnableToWithhold,
    Unserved,
    Withheld,
)

BONUS_REFERENCE = "top-up-bonus:{payment}"
"""The key of the journal entry that brought a payment's bonus units."""

_BOUGHT_TIME = "subscription:"


def set_apart(tx: Transaction, *, of: UUID, payment: Payment, amount: Money) -> None:
    """Set apart what ``amount`` of a credited, locked payment brought, for the refund or dispute ``of``, which counts in it.

    Raises UnableToTakeBack, UnableToWithhold: both pass, and nothing was set apart.
    """
    parts: list[Part] = []
    units = Money.units(0)
    left, zero = amount, Money.zero(amount.currency)
    if payment.lot is not None:
        charging, subscriptions = tx.get(Charging), tx.get(Subscriptions)
        # Subscriptions are locked before wallets, so it takes a look to know which.
        ahead = _ahead(tx, charging.trace_lot(lot=payment.lot).spent)
        subscriptions.lock_set(places=list({part.place: None for part in ahead}))
        trace = charging.trace_lot(lot=payment.lot, lock=True)
        apart = charging.set_apart_for_refund(
            refund_id=of,
            player=payment.player,
            lot=payment.lot,
            consideration=left,
            bonuses=_bonuses(tx, payment, amount),
            at=tx.command.at,
        )
        units = apart.units
        if apart.consideration or units:
            parts.append(Part(PartKind.WALLET, apart.consideration, units=units))
            left -= apart.consideration
        again = _ahead(tx, trace.spent)
        if not {part.place for part in again} <= {part.place for part in ahead}:
            # Something was bought since the look.
            raise UnableToWithhold("time_gone")
        times = list(_times(tx, spent=trace.spent, ahead=again, amount=left))
        subscriptions.withhold(
            reference=of,
            withheld=[
                Withheld(part.grant, part.seconds, part.net)
                for part in times
                if part.grant and part.net is not None
            ],
            at=tx.command.at,
        )
        parts += times
        left -= _sum(zero, (part.amount for part in times))
    if left:
        parts.append(Part(PartKind.DEBT, left))
    tx.get(Payments).keep_parts(of=of, parts=parts, units=units, debt=left)


def take(
    tx: Transaction, *, of: UUID, payment: Payment, provider: str, amount: Money, key: str, from_dispute: bool
) -> tuple[Leg, ...]:
    """What was set apart goes: answers the legs of the entry with this ``key``, which the journey posts."""
    charging, subscriptions = tx.get(Charging), tx.get(Subscriptions)
    parts = tx.get(Payments).parts(of=of)
    times = [part for part in parts if part.kind is PartKind.TIME]
    zero = Money.zero(amount.currency)
    subscriptions.lock_set(places=subscriptions.withheld_place(reference=of))
    charging.take_refunded(refund_id=of, player=payment.player, reference=key, at=tx.command.at)
    for slice_id in dict.fromkeys(part.slice for part in times if part.slice):
        charging.take_back_spent(
            slice_id=slice_id,
            consideration=_sum(zero, (part.amount for part in times if part.slice == slice_id)),
            reference=key,
            at=tx.command.at,
        )
    subscriptions.take_withheld(reference=of, entry_key=key, at=tx.command.at)
    debt = _sum(zero, (part.amount for part in parts if part.kind is PartKind.DEBT))
    if debt:
        charging.note_debt(
            player=payment.player, kind=DebtKind.INCURRED, amount=debt, reference=key, at=tx.command.at
        )
    in_wallet = [part for part in parts if part.kind is PartKind.WALLET]
    return tx.get(Accounting).taken_back_legs(
        player=payment.player,
        taken=TakenBack(
            amount=amount,
            units=_sum(Money.units(0), (part.units for part in in_wallet if part.units)),
            funding=_sum(zero, (part.amount for part in in_wallet)),
            unserved=[
                Taxed(net=part.net, tax=part.tax, rate_bps=0, country=part.tax_owner)
                for part in times
                if part.net is not None and part.tax is not None
            ],
            debt=debt,
            commissions=list(_commissions(tx, times, key=key)),
        ),
        provider=provider,
        from_dispute=from_dispute,
    )


def let_go(tx: Transaction, *, of: UUID, payment: Payment) -> None:
    """What was set apart is the player's again: units, and time from now on."""
    subscriptions = tx.get(Subscriptions)
    subscriptions.lock_set(places=subscriptions.withheld_place(reference=of))
    subscriptions.return_withheld(reference=of, at=tx.command.at)
    tx.get(Charging).put_back_refunded(refund_id=of, player=payment.player)


def _ahead(tx: Transaction, spent: tuple[SpentPart, ...]) -> tuple[Unserved, ...]:
    grants = [_grant(part) for part in spent if part.reference.startswith(_BOUGHT_TIME)]
    return tx.get(Subscriptions).unserved(grant_ids=list(dict.fromkeys(grants)), at=tx.command.at)


def _grant(part: SpentPart) -> UUID:
    return UUID(part.reference.removeprefix(_BOUGHT_TIME))


def _bonuses(tx: Transaction, payment: Payment, amount: Money) -> list[Bonus]:
    """The part of a payment's bonus units that goes with ``amount`` of it, so that all parts sum to the bonus."""
    charging = tx.get(Charging)
    before = payment.amount - payment.refundable - amount
    bonuses = []
    for lot in charging.lots_by_reference(reference=BONUS_REFERENCE.format(payment=payment.id)):
        issued = charging.trace_lot(lot=lot).issued.minor
        share = round(Fraction(issued * (before + amount).minor, payment.amount.minor))
        bonuses.append(
            Bonus(lot, Money.units(share - round(Fraction(issued * before.minor, payment.amount.minor))))
        )
    return bonuses


def _times(
    tx: Transaction, *, spent: tuple[SpentPart, ...], ahead: tuple[Unserved, ...], amount: Money
) -> Iterator[Part]:
    """Time not served that these spends bought, for up to ``amount`` of what was paid for it, the last bought first."""
    left, zero = amount, Money.zero(amount.currency)
    net_left = {part.grant: {net.currency.code: net for net in part.net} for part in ahead}
    found: list[Part] = []
    for part in spent:
        for piece in (one for one in ahead if one.entry_id and part.reference == f"{_BOUGHT_TIME}{one.sold}"):
            assert piece.entry_id
            undecided = tx.get(Payments).parts_of_sale(sale_entry=piece.entry_id, undecided=True)
            planned = (one.amount for one in (*undecided, *found) if one.slice == part.slice)
            paid = part.consideration - _sum(zero, planned)
            # Of this slice's time the same part lies ahead as of all that was bought with it.
            most = Money(paid.minor * piece.seconds // piece.of_seconds, paid.currency)
            gross = min(left, most)
            if gross.minor <= 0 or not (part.is_divisible or gross == part.consideration):
                continue
            share = Fraction(part.units.minor * gross.minor, part.spent.minor * part.consideration.minor)
            unearned = net_left[piece.grant].get(gross.currency.code, Money.zero(gross.currency))
            before = _sum(zero, (one.amount for one in found if one.sale_entry == piece.entry_id))
            taxed = _cut(tx, piece=piece, gross=gross, unearned=unearned, before=before)
            net_left[piece.grant][gross.currency.code] = unearned - taxed.net
            left -= gross
            time = Part(
                PartKind.TIME,
                gross,
                slice=part.slice,
                sale_entry=piece.entry_id,
                grant=piece.grant,
                seconds=min(int(piece.sold_seconds * share), piece.seconds),
                net=taxed.net,
                tax=taxed.tax,
                tax_owner=taxed.country,
            )
            found.append(time)
            yield time


def _cut(tx: Transaction, *, piece: Unserved, gross: Money, unearned: Money, before: Money) -> Taxed:
    """``gross`` cut into net and tax as the sale was, so that all parts of a sale sum to its net and its tax.

    ``before`` is what this very refund takes of the same sale already.
    """
    assert piece.entry_id
    sale = tx.get(Ledger).entry(entry_id=piece.entry_id)
    assert sale is not None
    net, tax, owner = sold(sale, gross.currency.code)
    told = tx.get(Payments).parts_of_sale(sale_entry=piece.entry_id)
    earlier = _sum(before, (part.amount for part in told if part.amount.currency == gross.currency)).minor
    whole = net + tax
    after_minor = round(Fraction(net * (earlier + gross.minor), whole))
    net_minor = min(after_minor - round(Fraction(net * earlier, whole)), unearned.minor)
    part = Money(net_minor, gross.currency)
    return Taxed(net=part, tax=gross - part, rate_bps=0, country=owner)


def sold(sale: Entry, code: str) -> tuple[int, int, str]:
    """What a sale deferred and what tax it owed in a currency, in minor units, and to whom."""
    net = tax = 0
    owner = ""
    for leg in sale.legs:
        if leg.amount.currency.code == code and leg.side is Side.CREDIT:
            if leg.book == DEFERRED_BOOK:
                net += leg.amount.minor
            elif leg.book == "tax_payable":
                tax, owner = tax + leg.amount.minor, leg.owner
    return net, tax, owner


def _commissions(tx: Transaction, times: list[Part], *, key: str) -> Iterator[OwedCommission]:
    bases: dict[UUID, Money] = {}
    for part in times:
        if part.sale_entry and part.net:
            bases[part.sale_entry] = bases.get(part.sale_entry, Money.zero(part.net.currency)) + part.net
    for sale_entry, base in sorted(bases.items()):
        yield from tx.get(Referrals).reverse(entry_id=sale_entry, base=base, reference=key, at=tx.command.at)


def _sum(zero: Money, amounts: Iterator[Money]) -> Money:
    return sum(amounts, zero)
