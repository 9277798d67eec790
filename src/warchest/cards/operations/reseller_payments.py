"""What resellers pay each other, as who got it notes it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.cards.contract import UnableToShipCards
from warchest.cards.models import Reseller as ResellerRow
from warchest.cards.models import ResellerPayment
from warchest.kernel.money import Money


def note_reseller_payment(
    *, reseller_id: UUID, amount: Money, reference: str, actor: str, at: datetime
) -> None:
    row = ResellerRow.objects.select_for_update().get(id=reseller_id)
    reference = reference.strip()[:60]
    if not reference or row.parent_id is None or amount.currency.code != row.currency or amount.minor <= 0:
        raise UnableToShipCards("payment_malformed")
    known = ResellerPayment.objects.filter(reseller=row, reference=reference).first()
    if known is not None:
        if known.amount_minor != amount.minor:
            raise UnableToShipCards("payment_noted_before")
        return
    ResellerPayment.objects.create(
        reseller=row,
        amount_minor=amount.minor,
        currency=row.currency,
        reference=reference,
        noted_by=actor,
        occurred_at=at,
    )
