"""A code becomes a card, and a card becomes activated."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from warchest.cards import keeping, queries
from warchest.cards.contract import (
    ActivatedCard,
    CardPreview,
    CardState,
    Claimant,
    ClaimedCard,
    UnableToActivateCard,
)
from warchest.cards.models import CampaignUse, IssuedCode
from warchest.cards.models import Card as CardRow
from warchest.cards.operations import guesses
from warchest.kernel.money import Money
from warchest.runtime.services import services

_REFUSALS = {
    CardState.ACTIVATED: "card_already_activated",
    CardState.BLOCKED: "card_blocked",
    CardState.VOID: "card_blocked",
    CardState.EXPIRED: "card_expired",
    CardState.GENERATED: "card_not_sold",
    CardState.RETURNED: "card_not_sold",
    CardState.SPARE: "card_not_sold",
}


def code_hash(*, typed: str) -> str:
    return ".".join(found.hex() for found in keeping.hashes_of_typed(typed))


def claim(*, code_hash: str, by: Claimant, at: datetime) -> ClaimedCard:
    # The batch is read, not locked: to block one that is being activated comes after the activation.
    rows = CardRow.objects.select_for_update(of=("self",))
    row = _right(queries.of_code(rows.select_related("batch"), code_hash), by, at)
    terms = queries.terms_of(row.batch)
    return ClaimedCard(
        serial=row.serial,
        batch=row.batch_id,
        gives=terms.gives,
        face=terms.face,
        owed=queries.owed_of(row),
        paid_at=_paid_at(row, at=at),
        tax_country=terms.tax_country,
        fingerprint=keeping.fingerprint(bytes(row.code_hash)),
        held=_is_held(row),
    )


def _is_held(row: CardRow) -> bool:
    """Whether a reseller has it in stock, so that its activation is its sale."""
    return row.state == "shipped" and row.holder_id is not None


def _paid_at(row: CardRow, *, at: datetime) -> datetime:
    """When somebody paid for a card, as far as that is known by now."""
    issued_at = None
    if row.paid_at is None and row.batch.virtual:
        issued_at = IssuedCode.objects.filter(serial=row.serial).values_list("issued_at", flat=True).first()
    paid_at: datetime = row.paid_at or issued_at or row.batch.handed_over_at or at
    return paid_at


def preview(*, code_hash: str, by: Claimant, at: datetime) -> CardPreview:
    row = _right(queries.of_code(CardRow.objects.select_related("batch"), code_hash), by, at)
    return CardPreview(row.serial, queries.terms_of(row.batch).gives, row.expires_at or row.batch.expires_at)


def _right(row: CardRow | None, by: Claimant, at: datetime) -> CardRow:
    """The card, if it can be activated now by this player."""
    if row is None:
        raise UnableToActivateCard("card_code_unknown")
    state = queries.state_of(row, at=at)
    if state in _REFUSALS:
        raise UnableToActivateCard(_REFUSALS[state], serial=row.serial)
    if row.batch.needs_sale and state is not CardState.SOLD:
        raise UnableToActivateCard("card_not_sold", serial=row.serial)
    if row.batch.stock and row.paid_at is None and not _is_held(row):
        raise UnableToActivateCard("card_not_sold", serial=row.serial)
    if row.batch.regions and by.country not in row.batch.regions:
        raise UnableToActivateCard("card_not_for_country", serial=row.serial)
    if row.batch.online_service not in (None, by.online_service):
        raise UnableToActivateCard(
            "card_not_for_service", serial=row.serial, online_service=str(row.batch.online_service)
        )
    if row.batch.new_players_days and by.registered_at < at - timedelta(days=row.batch.new_players_days):
        raise UnableToActivateCard("new_players_only", serial=row.serial, days=row.batch.new_players_days)
    if (
        row.batch.campaign
        and CampaignUse.objects.filter(campaign=row.batch.campaign, player_id=by.player).exists()
    ):
        raise UnableToActivateCard("campaign_used", serial=row.serial)
    return row


def activate(
    *, serial: str, player: UUID, country: str, units: Money, entry_id: UUID | None, at: datetime
) -> ActivatedCard:
    CardRow.objects.filter(serial=serial).update(
        state=CardState.ACTIVATED,
        player_id=player,
        activated_at=at,
        activated_in=country,
        units_minor=units.minor,
        entry_id=entry_id,
    )
    guesses.forgive(player=player, at=at)
    activated = CardRow.objects.select_related("batch").get(serial=serial)
    if activated.batch.campaign:
        _use_campaign(activated.batch.campaign, player=player, serial=serial, at=at)
    return queries.activated_of(activated)


def _use_campaign(campaign: str, *, player: UUID, serial: str, at: datetime) -> None:
    """Once for each player. Of two cards that a player activates at the same moment one comes first."""
    try:
        with transaction.atomic(using=services.alias("cards")):
            CampaignUse.objects.create(campaign=campaign, player_id=player, serial=serial, used_at=at)
    except IntegrityError as error:
        if error.__cause__.diag.constraint_name != "campaign_once_a_player":  # type: ignore[union-attr]
            raise
        raise UnableToActivateCard("campaign_used", serial=serial) from None
