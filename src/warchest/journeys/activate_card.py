"""A player activates a card: its code is found, and what the card gives is the player's, exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Cards, ClaimedCard, UnableToActivateCard, Worth, WorthKind
from warchest.catalogue.contract import Catalogue
from warchest.charging.contract import WALLET_BOOK, Charging, LotTerms, Source
from warchest.kernel.currency import INNER
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Balance, EntryDraft, Ledger, Leg
from warchest.members.contract import Members, Player, PlayerState
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.subscriptions.contract import GrantSource, Subscriptions


@dataclass(frozen=True, slots=True)
class Activated:
    """``units`` is what the wallet got, ``wallet`` how it stood afterwards.

    ``entry_id`` is None only where nothing was paid and no units were given.
    """

    serial: str
    gave: tuple[Worth, ...]
    units: Money
    entry_id: UUID | None
    wallet: Balance


def activate_card(command: Command, *, player: UUID, code: str, client_address: str = "") -> Done[Activated]:
    """Activate the card of a code, typed in whatever way.

    ``client_address`` is the player's own where the door knows it; guesses are counted by it and by player. A repeated
    request is no new guess. Raises UnableToActivateCard, UnableToFindPlayer, and TryAgain (``too_many_attempts``).
    """
    cards = services.get(Cards)
    try:
        return _activate(
            command, player=player, code_hash=cards.code_hash(typed=code), client_address=client_address
        )
    except UnableToActivateCard as refusal:
        if refusal.reason == "card_code_unknown" and not refusal.replayed:
            cards.count_guess(player=player, client_address=client_address, at=command.at)
        raise


# It is told the code's keyed hash, so that not even the fingerprint of its arguments has to do with the code.
@journey("cards.activate")
def _activate(tx: Transaction, *, player: UUID, code_hash: str, client_address: str) -> Activated:
    cards = tx.get(Cards)
    holder = tx.get(Members).player(player_id=player)
    if holder.state is not PlayerState.ACTIVE:
        raise UnableToActivateCard("player_frozen")
    cards.check_not_locked(player=player, client_address=client_address, at=tx.command.at)
    card = cards.claim(code_hash=code_hash, country=holder.country, at=tx.command.at)
    tx.about("card", card.serial, player=str(player), fingerprint=card.fingerprint)

    units, legs, entry_id = _give(tx, holder, card)
    cards.activate(
        serial=card.serial,
        player=player,
        country=holder.country,
        units=units,
        entry_id=entry_id,
        at=tx.command.at,
    )
    if entry_id is not None:
        entry = EntryDraft(
            id=entry_id,
            key=_key(card),
            kind="card_activated",
            occurred_at=tx.command.at,
            legs=legs,
            reference=card.serial,
            details={"serial": card.serial, "fingerprint": card.fingerprint},
        )
        tx.get(Ledger).post(entry=entry)
    tx.announce(
        "cards.activated",
        key=str(player),
        player=player,
        serial=card.serial,
        batch=card.batch,
        gave=card.gives,
        units_minor=units.minor,
        paid_minor=card.face.minor if card.paid else 0,
        currency=card.face.currency.code,
        country=holder.country,
        journal_entry=entry_id,
    )
    wallet = tx.get(Ledger).balance(account=AccountRef(WALLET_BOOK, INNER.code, str(player)))
    return Activated(serial=card.serial, gave=card.gives, units=units, entry_id=entry_id, wallet=wallet)


def _key(card: ClaimedCard) -> str:
    """The key of the entry that books the activation."""
    return f"card:{card.serial}"


def _give(tx: Transaction, holder: Player, card: ClaimedCard) -> tuple[Money, tuple[Leg, ...], UUID | None]:
    """Give what the card is worth: answers the units, the legs that this owes, and the id of their entry."""
    # One thing each, as ``Cards.order`` sees to: what gives several will have to split the face among them.
    (worth,) = card.gives
    match worth.kind:
        case WorthKind.MONEY:
            units, legs = _fund(tx, holder, card, worth)
            return units, legs, new_id()
        case WorthKind.PERIOD:
            return _grant(tx, holder, card, worth)


def _fund(tx: Transaction, holder: Player, card: ClaimedCard, worth: Worth) -> tuple[Money, tuple[Leg, ...]]:
    """Units into the wallet: paid for by the card's face, or promotional where nobody paid for the card."""
    accounting = tx.get(Accounting)
    assert worth.money is not None
    units = (
        worth.money
        if worth.money.currency == INNER
        else accounting.quote(paid=worth.money, at=tx.command.at).units
    )
    tx.get(Charging).fund(
        lot_id=new_id(),
        player=holder.id,
        units=units,
        consideration=card.face if card.paid else Money.zero(card.face.currency),
        source=Source.SCRATCH_CARD if card.paid else Source.PROMOTION,
        reference=_key(card),
        # Cards are sold for cash by others: there is nothing that a refund could go back to.
        # What nobody paid for is for whoever it was given to.
        terms=LotTerms(refundable=False, transferable=card.paid),
        at=tx.command.at,
    )
    if not card.paid:
        return units, accounting.promotion_legs(player=holder.id, units=units)
    return units, accounting.card_activated_legs(
        batch=card.batch, player=holder.id, face=card.face, units=units
    )


def _grant(
    tx: Transaction, holder: Player, card: ClaimedCard, worth: Worth
) -> tuple[Money, tuple[Leg, ...], UUID | None]:
    """Time of a plan: its price is the card's face, and the tax in it is due now, since the service is known now (VAT
    Directive, article 30b)."""
    assert worth.plan is not None
    accounting = tx.get(Accounting)
    plan = tx.get(Catalogue).plan(plan_id=worth.plan, at=tx.command.at)
    net: tuple[Money, ...] = ()
    legs: tuple[Leg, ...] = ()
    entry_id: UUID | None = None
    if card.paid:
        taxed = accounting.tax_within(gross=card.face, country=holder.country, at=tx.command.at)
        net, entry_id = (taxed.net,), new_id()
        legs = accounting.card_period_legs(batch=card.batch, face=card.face, taxed=taxed)
    grant_id = new_id()
    granted = tx.get(Subscriptions).grant(
        grant_id=grant_id,
        player=holder.id,
        online_service=plan.online_service,
        plan=plan.id,
        source=GrantSource.CARD,
        term=plan.term * worth.periods,
        zone=holder.time_zone,
        net=net,
        entry_id=entry_id,
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
        journal_entry=entry_id,
    )
    return Money.units(0), legs, entry_id
