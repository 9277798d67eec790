"""A card gives what it is worth: units, time and passes, each with its part of what was paid for the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting, Taxed
from warchest.cards.contract import ClaimedCard, Worth, WorthKind
from warchest.catalogue.contract import Catalogue, Plan
from warchest.charging.contract import Charging, LotTerms, Source
from warchest.journeys.steps.prices import in_proportion, stand_alone_prices
from warchest.kernel.currency import INNER
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Leg
from warchest.members.contract import Player
from warchest.runtime.transactions import Transaction
from warchest.subscriptions.contract import GrantSource, Place, Subscriptions, UnableToIssuePass


@dataclass(frozen=True, slots=True)
class Given:
    """``units`` is what the wallet got. ``legs`` are those of the one entry ``entry_id`` that books it all; None where nothing
    was paid and no units were given."""

    units: Money
    legs: tuple[Leg, ...]
    entry_id: UUID | None


@dataclass(frozen=True, slots=True)
class _Part:
    """One thing, and its part of what was paid; ``entry_id`` is None where that is nothing."""

    worth: Worth
    paid: Money
    entry_id: UUID | None


def give(tx: Transaction, holder: Player, card: ClaimedCard) -> Given:
    """Give all that a claimed card is worth. Time comes first and money last, since subscriptions are locked before wallets.

    Raises UnableToGrant, UnableToIssuePass, and UnableToPrice where one of several things has no price.
    """
    entry_id = new_id() if card.owed or any(worth.money for worth in card.gives) else None
    parts = [
        _Part(worth, paid, entry_id if paid else None)
        for worth, paid in zip(card.gives, _shared(tx, card), strict=True)
    ]
    legs = _grant_all(tx, holder, card, [part for part in parts if part.worth.kind is WorthKind.PERIOD])
    for part in sorted(parts, key=lambda part: str(part.worth.tournament)):
        if part.worth.kind is WorthKind.PASS:
            legs += _issue_pass(tx, holder, card, part)
    units = Money.units(0)
    for part in parts:
        if part.worth.kind is WorthKind.MONEY:
            got, funded = _fund(tx, holder, card, part)
            units, legs = units + got, legs + funded
    return Given(units, legs, entry_id)


def _shared(tx: Transaction, card: ClaimedCard) -> tuple[Money, ...]:
    """What was paid for the card, for each thing that it gives: by the prices of the day on which it was paid, since later ones
    change nothing about it (IFRS 15.88)."""
    if len(card.gives) == 1 or not card.owed:
        return (card.owed,) * len(card.gives)
    prices = stand_alone_prices(
        tx.get(Accounting), tx.get(Catalogue), card.gives, within=card.face.currency, at=card.paid_at
    )
    return in_proportion(card.owed, prices)


def _fund(tx: Transaction, holder: Player, card: ClaimedCard, part: _Part) -> tuple[Money, tuple[Leg, ...]]:
    """Units into the wallet: paid for by their part of the card, or promotional where nobody paid for it."""
    accounting, money, is_paid = tx.get(Accounting), part.worth.money, bool(card.owed)
    assert money is not None
    units = money if money.currency == INNER else accounting.quote(paid=money, at=tx.command.at).units
    tx.get(Charging).fund(
        lot_id=new_id(),
        player=holder.id,
        units=units,
        consideration=part.paid,
        source=Source.SCRATCH_CARD if is_paid else Source.PROMOTION,
        reference=key_of(card),
        # Cards are sold for cash by others: there is nothing that a refund could go back to.
        # What nobody paid for is for whoever it was given to.
        terms=LotTerms(refundable=False, transferable=is_paid),
        at=tx.command.at,
    )
    if not part.paid:
        return units, accounting.promotion_legs(player=holder.id, units=units)
    return units, accounting.card_activated_legs(
        batch=card.batch, player=holder.id, face=part.paid, units=units
    )


def key_of(card: ClaimedCard) -> str:
    """The key of the entry that books the activation."""
    return f"card:{card.serial}"


def _grant_all(tx: Transaction, holder: Player, card: ClaimedCard, parts: Sequence[_Part]) -> tuple[Leg, ...]:
    plans = [_plan(tx, part.worth) for part in parts]
    if len(plans) > 1:
        # All at once, in the order of locks, so that two cards of one player never wait for each other.
        tx.get(Subscriptions).lock_set(places=[Place(holder.id, plan.online_service) for plan in plans])
    return tuple(
        leg for part, plan in zip(parts, plans, strict=True) for leg in _grant(tx, holder, card, part, plan)
    )


def _plan(tx: Transaction, worth: Worth) -> Plan:
    assert worth.plan is not None
    return tx.get(Catalogue).plan(plan_id=worth.plan, at=tx.command.at)


def _grant(tx: Transaction, holder: Player, card: ClaimedCard, part: _Part, plan: Plan) -> tuple[Leg, ...]:
    grant_id, taxed = new_id(), _taxed(tx, holder, card, part)
    granted = tx.get(Subscriptions).grant(
        grant_id=grant_id,
        player=holder.id,
        online_service=plan.online_service,
        plan=plan.id,
        source=GrantSource.CARD,
        term=plan.term * part.worth.periods,
        zone=holder.time_zone,
        net=(taxed.net,) if taxed else (),
        entry_id=part.entry_id,
        reference=card.serial,
        at=tx.command.at,
    )
    tx.announce(
        "subscriptions.prolonged",
        key=str(holder.id),
        player=holder.id,
        subscription=granted.subscription.id,
        grant=grant_id,
        online_service=plan.online_service,
        plan=plan.id,
        starts_at=granted.grant.starts_at,
        ends_at=granted.grant.ends_at,
        charged_minor=0,
        country=holder.country,
        source=GrantSource.CARD,
        journal_entry=part.entry_id,
    )
    return _deferred(tx, card, part, taxed)


def _issue_pass(tx: Transaction, holder: Player, card: ClaimedCard, part: _Part) -> tuple[Leg, ...]:
    assert part.worth.tournament is not None
    tournament = tx.get(Catalogue).tournament(tournament_id=part.worth.tournament, at=tx.command.at)
    if not tournament.is_open(tx.command.at):
        raise UnableToIssuePass("tournament_over")
    taxed = _taxed(tx, holder, card, part)
    issued = tx.get(Subscriptions).issue_pass(
        pass_id=new_id(),
        player=holder.id,
        tournament=tournament.id,
        online_service=tournament.online_service,
        capacity=tournament.capacity,
        source=GrantSource.CARD,
        starts_at=tournament.begins_at,
        ends_at=tournament.ends_at,
        net=(taxed.net,) if taxed else (),
        entry_id=part.entry_id,
        reference=card.serial,
        at=tx.command.at,
    )
    tx.announce(
        "passes.issued",
        key=str(holder.id),
        player=holder.id,
        held_pass=issued.id,
        tournament=tournament.id,
        online_service=tournament.online_service,
        starts_at=issued.starts_at,
        ends_at=issued.ends_at,
        source=GrantSource.CARD,
        journal_entry=part.entry_id,
    )
    return _deferred(tx, card, part, taxed)


def _taxed(tx: Transaction, holder: Player, card: ClaimedCard, part: _Part) -> Taxed | None:
    """The tax in what was paid for time or a pass. It is due now, since the service is known now (VAT Directive, article 30b),
    but of a single-purpose card it was due at each of its sales (30a). None where nothing was paid."""
    if not part.paid:
        return None
    if card.tax_country:
        return Taxed(part.paid, Money.zero(part.paid.currency), rate_bps=0, country=card.tax_country)
    return tx.get(Accounting).tax_within(gross=part.paid, country=holder.country, at=tx.command.at)


def _deferred(tx: Transaction, card: ClaimedCard, part: _Part, taxed: Taxed | None) -> tuple[Leg, ...]:
    if taxed is None:
        return ()
    return tx.get(Accounting).card_period_legs(batch=card.batch, face=part.paid, taxed=taxed)
