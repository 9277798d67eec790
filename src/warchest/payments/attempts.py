"""Attempts: what each was opened with, what its provider said of it last, and what its plug-in remembers of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from uuid import UUID

import msgspec
from django.db.models import F

from warchest.payments import methods
from warchest.payments.contract import AttemptOptions, Payment
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import Payment as PaymentRow
from warchest.runtime import statements, wire
from warchest.runtime.sealing import seal, unseal
from warchest.sdk.payments import Instrument, PaymentRequest, Report

_PURPOSE = "payment-attempts"
_KEPT_MAX = 40


def sealed_options(reference: str, options: AttemptOptions) -> bytes | None:
    """As they are stored: a saved method by our id, and its token nowhere."""
    if options == AttemptOptions():
        return None
    return seal(wire.encode(options), purpose=_PURPOSE, label=f"options {reference}")


def options_of(row: AttemptRow) -> AttemptOptions:
    if row.options is None:
        return AttemptOptions()
    plain = unseal(bytes(row.options), purpose=_PURPOSE, label=f"options {row.reference}")
    return wire.decode(plain.decode(), AttemptOptions)


def kept_of(row: AttemptRow) -> dict[str, str]:
    """What the plug-in asked to keep of this attempt."""
    if row.kept is None:
        return {}
    return msgspec.json.decode(
        unseal(bytes(row.kept), purpose=_PURPOSE, label=f"kept {row.reference}"), type=dict[str, str]
    )


def row_of(*, payment_id: UUID, number: int) -> AttemptRow:
    return AttemptRow.objects.get(payment=payment_id, number=number)


def request_of(payment: Payment, row: AttemptRow) -> PaymentRequest:
    """The payment as its plug-in is told it: the very same each time."""
    options = methods.told(options_of(row))
    return PaymentRequest(
        reference=row.reference,
        amount=payment.amount,
        return_url=payment.return_url,
        notice_url=row.notice_url,
        description=row.description,
        language=payment.language,
        country=payment.country,
        kept=kept_of(row),
        **asdict(options),
    )


def note(*, payment_id: UUID, number: int, report: Report) -> bool:
    """What was said of an attempt. Its provider's first number for it stays; none that belongs to another payment. Answers
    whether the number that was told now is free."""
    row = row_of(payment_id=payment_id, number=number)
    row.standing = report.standing
    free = is_free(payment_id=payment_id, provider=row.provider, provider_reference=report.provider_reference)
    if not row.provider_reference and free:
        row.provider_reference = report.provider_reference[:200]
    if report.instrument is not None:
        row.instrument = wire.encode(replace(report.instrument, token="")).decode()
    if report.instructions:
        row.instructions = wire.encode(dict(report.instructions)).decode()
    row.save(update_fields=["standing", "provider_reference", "instrument", "instructions"])
    return free


def keep(*, payment_id: UUID, number: int, what: Mapping[str, str]) -> None:
    """Add to what the plug-in remembers of an attempt; in a technical transaction, with its answer."""
    if not what:
        return
    # The payment first, as journeys lock it: what is written beside this refers to it, and that locks it at the commit.
    PaymentRow.objects.select_for_update().only("id").get(id=payment_id)
    row = AttemptRow.objects.select_for_update().get(payment=payment_id, number=number)
    together = {**kept_of(row), **what}
    if len(together) > _KEPT_MAX:
        raise ValueError(f"a plug-in keeps at most {_KEPT_MAX} values of a payment")
    row.kept = seal(msgspec.json.encode(together), purpose=_PURPOSE, label=f"kept {row.reference}")
    row.save(update_fields=["kept"])


def instructions(*, payment_id: UUID) -> dict[str, str]:
    """What the player is to do for the attempt that counts now, where the provider has no page; else nothing."""
    row = AttemptRow.objects.filter(payment=payment_id, number=F("payment__attempt")).first()
    return wire.decode(row.instructions, dict[str, str]) if row and row.instructions else {}


_TAKEN = """
    SELECT EXISTS (SELECT FROM payments_payment WHERE provider = %s AND provider_reference = %s AND id <> %s)
        OR EXISTS (SELECT FROM payments_attempt WHERE provider = %s AND provider_reference = %s AND payment_id <> %s)"""


def is_free(*, payment_id: UUID, provider: str, provider_reference: str) -> bool:
    """Whether a provider's number may be that of this payment: it is that of no other one."""
    if not provider_reference:
        return True
    ((taken,),) = statements.rows("payments", _TAKEN, [provider, provider_reference, payment_id] * 2)
    return not taken


def instrument_of(row: AttemptRow) -> Instrument | None:
    return wire.decode(row.instrument, Instrument) if row.instrument else None
