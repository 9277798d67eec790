"""A player activates a card: its code is found, and what the card gives is the player's, exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.cards.contract import Cards, Claimant, UnableToActivateCard, Worth
from warchest.charging.contract import WALLET_BOOK
from warchest.journeys.steps.card_sales import sell_if_consigned
from warchest.journeys.steps.giving import give, key_of
from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Balance, EntryDraft, Ledger
from warchest.members.contract import Members, PlayerState
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


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


def activate_card(
    command: Command,
    *,
    player: UUID,
    code: str,
    client_address: str = "",
    online_service: UUID | None = None,
) -> Done[Activated]:
    """Activate the card of a code, typed in whatever way.

    ``client_address`` is the player's own where the door knows it; guesses are counted by it and by player. A repeated
    request is no new guess. ``online_service`` is the one that the player activates it for, where there is one: cards that are
    restricted to a service are refused elsewhere. Raises UnableToActivateCard, UnableToFindPlayer, what refuses to give what
    the card gives (UnableToGrant, UnableToIssuePass), and TryAgain (``too_many_attempts``).
    """
    cards = services.get(Cards)
    try:
        code_hash = cards.code_hash(typed=code)
        if online_service is None:
            # Asked as it always was, so that a request from before there were services is still the same one.
            return _activate(command, player=player, code_hash=code_hash, client_address=client_address)
        return _activate(
            command,
            player=player,
            code_hash=code_hash,
            client_address=client_address,
            online_service=online_service,
        )
    except UnableToActivateCard as refusal:
        if refusal.reason == "card_code_unknown" and not refusal.replayed:
            cards.count_guess(player=player, client_address=client_address, at=command.at)
        raise


# It is told the code's keyed hash, so that not even the fingerprint of its arguments has to do with the code.
@journey("cards.activate")
def _activate(
    tx: Transaction,
    *,
    player: UUID,
    code_hash: str,
    client_address: str,
    online_service: UUID | None = None,
) -> Activated:
    cards = tx.get(Cards)
    holder = tx.get(Members).player(player_id=player)
    if holder.state is not PlayerState.ACTIVE:
        raise UnableToActivateCard("player_frozen")
    cards.check_not_locked(player=player, client_address=client_address, at=tx.command.at)
    claimant = Claimant(player, holder.country, holder.registered_at, online_service)
    card = cards.claim(code_hash=code_hash, by=claimant, at=tx.command.at)
    if card.held and sell_if_consigned(tx, serial=card.serial):
        card = cards.claim(code_hash=code_hash, by=claimant, at=tx.command.at)
    tx.about("card", card.serial, player=str(player), fingerprint=card.fingerprint)

    given = give(tx, holder, card)
    cards.activate(
        serial=card.serial,
        player=player,
        country=holder.country,
        units=given.units,
        entry_id=given.entry_id,
        at=tx.command.at,
    )
    if given.entry_id is not None:
        entry = EntryDraft(
            id=given.entry_id,
            key=key_of(card),
            kind="card_activated",
            occurred_at=tx.command.at,
            legs=given.legs,
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
        units_minor=given.units.minor,
        paid_minor=card.owed.minor,
        currency=card.owed.currency.code,
        country=holder.country,
        journal_entry=given.entry_id,
    )
    wallet = tx.get(Ledger).balance(account=AccountRef(WALLET_BOOK, INNER.code, str(player)))
    return Activated(
        serial=card.serial, gave=card.gives, units=given.units, entry_id=given.entry_id, wallet=wallet
    )
