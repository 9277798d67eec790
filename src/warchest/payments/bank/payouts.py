"""Money that is to be transferred, and the files of orders that the bank gets for it."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db.models import F

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.payments import attempts
from warchest.payments.bank import keeping, queries, sealed
from warchest.payments.contract import RefundState
from warchest.payments.contract.bank import PayoutFileKept, PayoutWanted, UnableToOrderPayouts
from warchest.payments.models import Payout as PayoutRow
from warchest.payments.models import PayoutFile as PayoutFileRow
from warchest.payments.models import Refund as RefundRow
from warchest.runtime.configuration import configuration
from warchest.sdk.bank import PAYER_IBAN, PAYER_NAME, PayoutFile, PayoutOrder, end_to_end_id
from warchest.sdk.payments import Ability

_ORDERS_MAX = 1000
"""In one file; the rest is put into the next."""


def want_payout(
    *, payout_id: UUID, provider: str, purpose: str, amount: Money, name: str, iban: str, at: datetime
) -> PayoutWanted:
    row, _new = PayoutRow.objects.get_or_create(
        id=payout_id,
        defaults={
            "provider": provider,
            "purpose": purpose,
            "reference": end_to_end_id(str(payout_id)),
            "amount_minor": amount.minor,
            "currency": amount.currency.code,
            "sealed": sealed.seal(payout_id, name=name, iban=iban),
            "wanted_at": at,
        },
    )
    return queries.payout_of(row)


def order_payouts(
    *, file_id: UUID, provider: str, actor: str, execute_on: date, at: datetime
) -> PayoutFileKept:
    if keeping.files_of(provider, Ability.PAYOUT_FILE) is None:
        raise UnableToOrderPayouts("provider_writes_no_orders", provider=provider)
    _want_refunds(provider, at)
    # Locked, so that two who make a file at once never order one payout twice.
    wanted = PayoutRow.objects.select_for_update().filter(provider=provider, file=None).order_by("id")
    rows = list(wanted[:_ORDERS_MAX])
    rows = [row for row in rows if row.currency == rows[0].currency]
    if not rows:
        raise UnableToOrderPayouts("payouts_missing")
    made = PayoutFileRow.objects.create(
        id=file_id,
        provider=provider,
        currency=rows[0].currency,
        total_minor=sum(row.amount_minor for row in rows),
        order_count=len(rows),
        execute_on=execute_on,
        made_by=actor[:80],
        made_at=at,
    )
    PayoutRow.objects.filter(id__in=[row.id for row in rows]).update(file=made)
    return queries.file_of(made)


def _want_refunds(provider: str, at: datetime) -> None:
    """What this plug-in was instructed to give back is to be transferred, each refund once, to where its money came from."""
    instructed = RefundRow.objects.filter(state=RefundState.INSTRUCTED, payment__attempts__provider=provider)
    instructed = instructed.filter(payment__attempts__number=F("attempt"))
    for refund in instructed.exclude(id__in=PayoutRow.objects.values("id")).distinct().order_by("id"):
        attempt = attempts.row_of(payment_id=refund.payment_id, number=refund.attempt)
        payer = attempts.kept_of(attempt)
        if attempt.provider != provider or PAYER_IBAN not in payer:
            continue
        want_payout(
            payout_id=refund.id,
            provider=provider,
            purpose="refund",
            amount=Money(refund.amount_minor, currency(refund.currency)),
            name=payer.get(PAYER_NAME) or payer[PAYER_IBAN],
            iban=payer[PAYER_IBAN],
            at=at,
        )


def finish_payout(*, payout_id: UUID, at: datetime) -> PayoutWanted:
    PayoutRow.objects.filter(id=payout_id, done_at=None).update(done_at=at)
    return queries.payout_of(PayoutRow.objects.get(id=payout_id))


def payout_file(*, file_id: UUID) -> bytes:
    made = PayoutFileRow.objects.filter(id=file_id).first()
    if made is None:
        raise UnableToOrderPayouts("payout_file_unknown")
    files = keeping.files_of(made.provider, Ability.PAYOUT_FILE)
    if files is None:
        raise UnableToOrderPayouts("provider_writes_no_orders", provider=made.provider)
    return files.write_orders(
        PayoutFile(
            id=made.id.hex,
            orders=tuple(
                _order(queries.payout_of(row)) for row in PayoutRow.objects.filter(file=made).order_by("id")
            ),
            made_at=made.made_at,
            execute_on=made.execute_on,
        )
    )


def _order(wanted: PayoutWanted) -> PayoutOrder:
    return PayoutOrder(
        reference=wanted.reference,
        amount=wanted.amount,
        name=wanted.name,
        iban=wanted.iban,
        text=f"{configuration().community.name} {wanted.reference}",
    )
