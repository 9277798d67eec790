"""Resellers are taken on under terms, which change, and suspended; players act for them, and tills sell for them."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Cards, Reseller, ResellerTerms, Till, UnableToTakeOnReseller
from warchest.journeys.steps.resellers import acts_for, may_ship_for
from warchest.kernel.ids import new_id
from warchest.members.contract import Members, UnableToFindPlayer, require
from warchest.runtime.command import ActorKind
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("resellers.take_on")
def take_on_reseller(tx: Transaction, *, name: str, parent: UUID | None, terms: ResellerTerms) -> Reseller:
    """By an administrator; below a ``parent`` also by who acts for that. Raises UnableToAdminister, UnableToTakeOnReseller."""
    reseller_id = new_id()
    tx.about("reseller", reseller_id, name=name[:64])
    _check_right(tx, above=parent)
    taken = tx.get(Cards).take_on_reseller(
        reseller_id=reseller_id,
        name=name,
        parent=parent,
        terms=terms,
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
    _note_terms(tx, taken)
    tx.announce(
        "cards.reseller_taken_on", key=str(taken.id), reseller=taken.id, name=taken.name, parent=parent
    )
    return taken


@journey("resellers.change")
def change_reseller(tx: Transaction, *, reseller: UUID, terms: ResellerTerms) -> Reseller:
    """For what is shipped from now on. Raises UnableToAdminister, UnableToTakeOnReseller."""
    before = tx.get(Cards).reseller(reseller_id=reseller)
    _check_right(tx, above=before.parent)
    changed = tx.get(Cards).change_reseller(reseller_id=reseller, terms=terms)
    _note_terms(tx, changed)
    tx.about("reseller", reseller, margin_bps_before=before.terms.margin_bps)
    return changed


@journey("resellers.suspend")
def suspend_reseller(tx: Transaction, *, reseller: UUID, reason: str) -> Reseller:
    """It gets no cards and sells none. Raises UnableToAdminister, UnableToTakeOnReseller."""
    tx.about("reseller", reseller, reason=reason[:300])
    _check_right(tx, above=tx.get(Cards).reseller(reseller_id=reseller).parent)
    suspended = tx.get(Cards).suspend_reseller(reseller_id=reseller, reason=reason, at=tx.command.at)
    tx.announce("cards.reseller_suspended", key=str(reseller), reseller=reseller)
    return suspended


@journey("resellers.resume")
def resume_reseller(tx: Transaction, *, reseller: UUID) -> Reseller:
    """Raises UnableToAdminister, UnableToTakeOnReseller."""
    tx.about("reseller", reseller)
    _check_right(tx, above=tx.get(Cards).reseller(reseller_id=reseller).parent)
    return tx.get(Cards).resume_reseller(reseller_id=reseller)


@journey("resellers.link_person")
def link_person(tx: Transaction, *, reseller: UUID, nickname: str) -> Reseller:
    """A player acts for a reseller. Raises UnableToAdminister, UnableToFindPlayer, UnableToTakeOnReseller."""
    tx.about("reseller", reseller)
    found = tx.get(Cards).reseller(reseller_id=reseller)
    _check_right(tx, above=found.parent)
    player = tx.get(Members).player_named(nickname=nickname.strip())
    if player is None:
        raise UnableToFindPlayer("player_unknown")
    tx.about("reseller", reseller, player=player.id)
    tx.get(Cards).link_person(
        reseller_id=reseller, player=player.id, actor=str(tx.command.actor), at=tx.command.at
    )
    return found


@journey("resellers.unlink_person")
def unlink_person(tx: Transaction, *, reseller: UUID, player: UUID) -> Reseller:
    """Raises UnableToAdminister, UnableToTakeOnReseller."""
    tx.about("reseller", reseller, player=player)
    found = tx.get(Cards).reseller(reseller_id=reseller)
    _check_right(tx, above=found.parent)
    tx.get(Cards).unlink_person(reseller_id=reseller, player=player, at=tx.command.at)
    return found


@journey("resellers.bind_till")
def bind_till(tx: Transaction, *, reseller: UUID, client: UUID, title: str) -> Till:
    """An API client sells for this reseller only, for ever. Raises UnableToAdminister, UnableToTakeOnReseller."""
    tx.about("reseller", reseller, client=client)
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "reseller.take_on")
    return tx.get(Cards).bind_till(
        client=client, reseller_id=reseller, title=title, actor=str(tx.command.actor), at=tx.command.at
    )


def _check_right(tx: Transaction, *, above: UUID | None) -> None:
    """An administrator's, or, of one below another reseller, that of who acts for the one above."""
    if tx.command.actor.kind is ActorKind.PLAYER and above is not None:
        may_ship_for(tx, above)
        return
    if tx.command.actor.kind is ActorKind.PLAYER:
        raise UnableToTakeOnReseller("reseller_unknown")
    acts_for(tx, None, "reseller.take_on")


def _note_terms(tx: Transaction, reseller: Reseller) -> None:
    terms = reseller.terms
    tx.about(
        "reseller",
        reseller.id,
        name=reseller.name,
        margin_bps=terms.margin_bps,
        credit_limit=str(terms.credit_limit),
        payment_days=terms.payment_days,
        regions=",".join(terms.regions),
    )
