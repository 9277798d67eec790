"""Settlements taken in: each line is laid beside what our books say of the same, once, whatever is told again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, Sum

from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.payments import exchanges, providers, rules
from warchest.payments.contract import (
    LineState,
    ProviderBalance,
    Settlement,
    SettlementLineRow,
    UnableToSettle,
)
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import Dispute as DisputeRow
from warchest.payments.models import Payment as PaymentRow
from warchest.payments.models import Refund as RefundRow
from warchest.payments.models import Settlement as SettlementRow
from warchest.payments.models import SettlementLine as LineRow
from warchest.runtime import wire
from warchest.runtime.services import services
from warchest.sdk.payments import Ability, LineKind, SettlementLine, SettlementReport

_OPEN = [LineState.DIFFERS.value, LineState.EXTRA.value]
_NO_PAYMENT = frozenset({LineKind.FEE, LineKind.RESERVE, LineKind.PAYOUT})
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('settlement ' || %s, 0))"


def fetch_settlements(*, provider: str, day: date) -> tuple[SettlementReport, ...]:
    exchanges.refuse_inside_transaction()
    plugin = providers.configured(provider)
    if Ability.SETTLEMENT_REPORT not in plugin.description.abilities:
        raise UnableToSettle("settlements_not_supported", provider=provider)
    return plugin.settlement_report(day=day)


def read_settlement_file(*, provider: str, data: bytes) -> tuple[SettlementReport, ...]:
    plugin = providers.configured(provider)
    if Ability.SETTLEMENT_FILE not in plugin.description.abilities:
        raise UnableToSettle("settlements_not_supported", provider=provider)
    return plugin.read_settlement(data)


def take_settlement(
    *, settlement_id: UUID, provider: str, report: SettlementReport, journal_entry: UUID, at: datetime
) -> tuple[Settlement, bool]:
    _refuse_malformed(report)
    digest = hashlib.sha256(wire.encode(report)).digest()
    # Two who take the same settlement in take turns, and so do two lines that are told in two settlements.
    lock_provider(provider)
    known = SettlementRow.objects.filter(
        provider=provider, number=report.id[:200], currency=report.currency
    ).first()
    if known is not None:
        if bytes(known.digest) != digest:
            raise UnableToSettle("settlement_differs", number=known.number)
        return settlement(settlement_id=known.id), False
    told = [line.id[:200] for line in report.lines]
    if LineRow.objects.filter(provider=provider, line__in=told).exists():
        raise UnableToSettle("settlement_differs", number=report.id[:80])
    laid = [_laid(provider, line) for line in report.lines if line.kind is not LineKind.PAYOUT]
    paid_out = report.paid_out.minor if report.paid_out is not None else 0
    reserved = -sum(row.gross_minor for row in laid if row.kind == LineKind.RESERVE)
    fees = sum(row.fee_minor for row in laid) - sum(
        row.gross_minor for row in laid if row.kind == LineKind.FEE
    )
    is_booked = bool(paid_out or reserved or sum(row.booked_fee_minor for row in laid))
    kept = SettlementRow.objects.create(
        id=settlement_id,
        provider=provider,
        number=report.id[:200],
        currency=report.currency,
        settled_on=report.settled_on,
        gross_minor=sum(
            row.gross_minor for row in laid if row.kind not in {LineKind.RESERVE.value, LineKind.FEE.value}
        ),
        fee_minor=fees,
        reserved_minor=reserved,
        paid_out_minor=paid_out,
        payout_reference=report.payout_reference[:200],
        digest=digest,
        journal_entry=journal_entry if is_booked else None,
        imported_at=at,
    )
    for row in laid:
        row.settlement = kept
    LineRow.objects.bulk_create(laid)
    return settlement(settlement_id=kept.id), True


def lock_provider(provider: str) -> None:
    """Until the transaction ends nobody else writes of this provider's settlements."""
    with services.database("payments").cursor() as cursor:
        cursor.execute(_LOCK, [provider])


def _refuse_malformed(report: SettlementReport) -> None:
    told = [line.id for line in report.lines]
    amounts = [amount for line in report.lines for amount in (line.gross, line.fee)]
    if report.paid_out is not None:
        amounts.append(report.paid_out)
    if len(set(told)) < len(told) or any(amount.currency.code != report.currency for amount in amounts):
        raise UnableToSettle("settlement_lines_malformed")


def _laid(provider: str, line: SettlementLine) -> LineRow:
    """The line beside what our books say of the same."""
    ours, payment, fee_booked = _ours(provider, line)
    gross = line.gross.minor
    if line.kind in _NO_PAYMENT:
        state, difference = LineState.MATCHED, 0
    elif ours is None:
        state, difference = LineState.EXTRA, gross
    else:
        state, difference = (LineState.MATCHED if ours == gross else LineState.DIFFERS), gross - ours
    fee = line.fee.minor - (gross if line.kind is LineKind.FEE else 0)
    return LineRow(
        id=new_id(),
        provider=provider,
        line=line.id[:200],
        kind=line.kind,
        state=state,
        gross_minor=gross,
        fee_minor=line.fee.minor,
        # What a dispute's notice has told of its fee is booked already.
        booked_fee_minor=fee - min(max(fee, 0), fee_booked),
        ours_minor=ours,
        difference_minor=difference,
        currency=line.gross.currency.code,
        payment=payment,
        reference=line.reference[:200],
        provider_reference=line.provider_reference[:200],
        description=rules.keepable(line.description)[:300],
        occurred_at=line.occurred_at,
    )


def _ours(provider: str, line: SettlementLine) -> tuple[int | None, UUID | None, int]:
    """What our books say of it (positive where the provider owes us more), of which payment, and the fee booked for it."""
    code = line.gross.currency.code
    match line.kind:
        case LineKind.PAYMENT:
            attempt = _attempt(provider, line)
            if attempt is None:
                return None, None, 0
            payment = attempt.payment
            surplus = RefundRow.objects.filter(
                payment=payment, attempt=attempt.number, kind="surplus"
            ).exists()
            counts = payment.credited_at is not None and payment.attempt == attempt.number
            if payment.currency != code or not (counts or surplus):
                return None, payment.id, 0
            return payment.amount_minor, payment.id, 0
        case LineKind.REFUND:
            refund = _refund(provider, line)
            if refund is None or refund.currency != code or refund.journal_entry is None:
                return None, refund.payment_id if refund else None, 0
            return -refund.amount_minor, refund.payment_id, 0
        case LineKind.DISPUTE | LineKind.DISPUTE_WON:
            dispute = _dispute(provider, line)
            if dispute is None or dispute.currency != code:
                return None, None, 0
            fee = dispute.fee_minor if dispute.fee_currency == code and line.kind is LineKind.DISPUTE else 0
            if line.kind is LineKind.DISPUTE:
                return -dispute.amount_minor if dispute.opened_entry else None, dispute.payment_id, fee
            return dispute.amount_minor if dispute.state == "won" else None, dispute.payment_id, 0
        case _:
            return None, None, 0


def _attempt(provider: str, line: SettlementLine) -> AttemptRow | None:
    tried = AttemptRow.objects.filter(provider=provider).select_related("payment")
    if line.reference and (found := tried.filter(reference=line.reference).first()):
        return found
    if line.provider_reference:
        return tried.filter(provider_reference=line.provider_reference).first()
    return None


def _refund(provider: str, line: SettlementLine) -> RefundRow | None:
    refunds = RefundRow.objects.filter(payment__attempts__provider=provider).distinct()
    try:
        if found := refunds.filter(id=UUID(line.reference)).first():
            return found
    except ValueError:
        pass
    return (
        refunds.filter(provider_reference=line.provider_reference).first()
        if line.provider_reference
        else None
    )


def _dispute(provider: str, line: SettlementLine) -> DisputeRow | None:
    numbers = [number for number in (line.provider_reference, line.reference) if number]
    if found := DisputeRow.objects.filter(provider=provider, provider_dispute__in=numbers).first():
        return found
    # Some providers name the payment only; that tells which dispute it is as long as there is one.
    attempt = _attempt(provider, line)
    of_payment = list(DisputeRow.objects.filter(payment=attempt.payment_id)[:2]) if attempt else []
    return of_payment[0] if len(of_payment) == 1 else None


def resolve_line(*, line_id: UUID, journal_entry: UUID, at: datetime) -> SettlementLineRow:
    row = LineRow.objects.select_for_update().filter(id=line_id).first()
    if row is None:
        raise UnableToSettle("settlement_line_unknown")
    if row.state not in _OPEN:
        raise UnableToSettle("settlement_line_settled")
    row.state, row.resolved_entry, row.resolved_at = LineState.RESOLVED.value, journal_entry, at
    row.save(update_fields=["state", "resolved_entry", "resolved_at"])
    return _line(row)


def settlements(
    *, provider: str = "", before: UUID | None = None, limit: int = 100
) -> tuple[Settlement, ...]:
    rows = SettlementRow.objects.order_by("-settled_on", "-id")
    if before is not None and (last := SettlementRow.objects.filter(id=before).first()):
        rows = rows.filter(Q(settled_on__lt=last.settled_on) | Q(settled_on=last.settled_on, id__lt=last.id))
    if provider:
        rows = rows.filter(provider=provider)
    return tuple(frozen(rows[:limit]))


def settlement(*, settlement_id: UUID) -> Settlement:
    for found in frozen(SettlementRow.objects.filter(id=settlement_id)):
        return found
    raise UnableToSettle("settlement_unknown")


def settlement_lines(
    *, settlement_id: UUID | None = None, states: Sequence[LineState] = (), limit: int = 1000
) -> tuple[SettlementLineRow, ...]:
    rows = LineRow.objects.order_by("id")
    if settlement_id is not None:
        rows = rows.filter(settlement=settlement_id)
    if states:
        rows = rows.filter(state__in=states)
    return tuple(map(_line, rows[:limit]))


def settlement_line(*, line_id: UUID) -> SettlementLineRow:
    row = LineRow.objects.filter(id=line_id).first()
    if row is None:
        raise UnableToSettle("settlement_line_unknown")
    return _line(row)


def unsettled(*, before: datetime, limit: int = 200) -> tuple[UUID, ...]:
    settling = SettlementRow.objects.order_by().values_list("provider").distinct()
    settled = LineRow.objects.filter(payment=OuterRef("id"), kind=LineKind.PAYMENT)
    rows = PaymentRow.objects.filter(~Exists(settled), provider__in=settling, credited_at__lt=before)
    return tuple(rows.order_by("credited_at", "id").values_list("id", flat=True)[:limit])


def provider_balances() -> tuple[ProviderBalance, ...]:
    paid = PaymentRow.objects.filter(credited_at__isnull=False).values_list("provider", "currency")
    sums = paid.annotate(
        collected=Sum("amount_minor"), refunded=Sum("refunded_minor"), disputed=Sum("disputed_minor")
    ).order_by("provider", "currency")
    paid_out = {
        (name, code): int(minor)
        for name, code, minor in SettlementRow.objects.values_list("provider", "currency")
        .annotate(minor=Sum("paid_out_minor"))
        .order_by()
    }
    balances = []
    for name, code, collected, refunded, disputed in sums:
        unit = currency(code)
        balances.append(
            ProviderBalance(
                provider=name,
                collected=Money(int(collected), unit),
                refunded=Money(int(refunded), unit),
                disputed=Money(int(disputed), unit),
                fees=_booked("provider_fees", code, name),
                reserved=_booked("provider_reserve", code, name),
                paid_out=Money(paid_out.get((name, code), 0), unit),
                clearing=_booked("provider_clearing", code, name),
            )
        )
    return tuple(balances)


def _booked(book: str, code: str, owner: str) -> Money:
    return services.get(Ledger).balance(account=AccountRef(book, code, owner)).posted


def frozen(rows: Iterable[SettlementRow]) -> list[Settlement]:
    """The rows as the contract shows them, with their lines counted."""
    found = list(rows)
    counts = {
        row["settlement"]: (row["lines"], row["left"])
        for row in LineRow.objects.filter(settlement__in=found)
        .order_by()
        .values("settlement")
        .annotate(lines=Count("id"), left=Count("id", filter=Q(state__in=_OPEN)))
    }
    shown = []
    for row in found:
        unit = currency(row.currency)
        lines, left = counts.get(row.id, (0, 0))
        shown.append(
            Settlement(
                id=row.id,
                provider=row.provider,
                number=row.number,
                settled_on=row.settled_on,
                gross=Money(row.gross_minor, unit),
                fees=Money(row.fee_minor, unit),
                reserved=Money(row.reserved_minor, unit),
                paid_out=Money(row.paid_out_minor, unit),
                payout_reference=row.payout_reference,
                lines=lines,
                open_lines=left,
                journal_entry=row.journal_entry,
                imported_at=row.imported_at,
            )
        )
    return shown


def _line(row: LineRow) -> SettlementLineRow:
    unit = currency(row.currency)
    return SettlementLineRow(
        id=row.id,
        settlement=row.settlement_id,
        provider=row.provider,
        line=row.line,
        kind=LineKind(row.kind),
        state=LineState(row.state),
        gross=Money(row.gross_minor, unit),
        fee=Money(row.booked_fee_minor, unit),
        ours=None if row.ours_minor is None else Money(row.ours_minor, unit),
        difference=Money(row.difference_minor, unit),
        payment=row.payment,
        reference=row.reference,
        provider_reference=row.provider_reference,
        description=row.description,
        occurred_at=row.occurred_at,
        resolved_entry=row.resolved_entry,
    )
