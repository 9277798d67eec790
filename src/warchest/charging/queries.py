"""Reads of charging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, F, Q, Sum
from django.db.models.functions import Now

from warchest.charging.contract import (
    WALLET_BOOK,
    Lot,
    LotTerms,
    Source,
    UnableToSpend,
    Wallet,
    WalletState,
)
from warchest.charging.models import Lot as LotRow
from warchest.charging.models import Wallet as WalletRow
from warchest.charging.rules import Left, in_order_of_use
from warchest.kernel.currency import INNER, currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.runtime.services import services


def wallet(*, player: UUID, at: datetime | None = None) -> Wallet:
    row = WalletRow.objects.filter(player_id=player).first()
    if row is None:
        raise UnableToSpend("wallet_unknown")
    is_over = ExpressionWrapper(Q(expires_at__lte=at or Now()), output_field=BooleanField())
    lots = {
        lot.id: lot for lot in LotRow.objects.filter(wallet_id=player, is_open=True).annotate(is_over=is_over)
    }
    balance = services.get(Ledger).balance(account=AccountRef(WALLET_BOOK, INNER.code, str(player)))
    return Wallet(
        player=player,
        state=WalletState(row.state),
        posted=balance.posted,
        held=balance.held,
        expired=Money.units(
            sum(lot.units_left_minor - lot.reserved_minor for lot in lots.values() if lot.is_over)
        ),
        lots=tuple(as_lot(lots[left.lot_id]) for left in in_order_of_use(map(_left, lots.values()))),
    )


def available_of(*, players: Sequence[UUID], at: datetime) -> Mapping[UUID, Money]:
    # What lots have left and no hold keeps is what a wallet has available: an invariant says so.
    rows = (
        LotRow.objects.filter(wallet_id__in=players, is_open=True)
        .filter(Q(expires_at=None) | Q(expires_at__gt=at))
        .values_list("wallet_id")
        .annotate(minor=Sum(F("units_left_minor") - F("reserved_minor")))
        .order_by()
    )
    found = {player: Money.units(int(minor)) for player, minor in rows}
    return {player: found.get(player, Money.units(0)) for player in players}


def _left(row: LotRow) -> Left:
    return Left(
        lot_id=row.id,
        source=Source(row.source),
        units_minor=row.units_left_minor,
        reserved_minor=row.reserved_minor,
        free_minor=row.units_left_minor - row.reserved_minor,
        consideration_minor=row.consideration_left_minor,
        currency=row.currency,
        transferable=row.transferable,
        expires_at=row.expires_at,
        opened_at=row.opened_at,
    )


def as_lot(row: LotRow) -> Lot:
    return Lot(
        id=row.id,
        player=row.wallet_id,
        source=Source(row.source),
        reference=row.reference,
        issued=Money.units(row.issued_minor),
        units=Money.units(row.units_left_minor),
        reserved=Money.units(row.reserved_minor),
        consideration=Money(row.consideration_left_minor, currency(row.currency)),
        terms=LotTerms(
            refundable=row.refundable,
            transferable=row.transferable,
            payable_out=row.payable_out,
            expires_at=row.expires_at,
        ),
        opened_at=row.opened_at,
        origin=row.origin_id,
    )
