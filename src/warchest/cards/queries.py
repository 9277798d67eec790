"""Reads of cards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate

from warchest.cards import keeping, rules
from warchest.cards.contract import (
    ActivatedCard,
    ActivationsOfDay,
    Batch,
    BatchState,
    BatchTerms,
    Card,
    CardMoment,
    CardState,
    UnableToFindCard,
    Worth,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import CardEvent, ImportMark
from warchest.kernel.currency import currency
from warchest.kernel.money import Money


def batch(*, batch_id: UUID) -> Batch:
    row = BatchRow.objects.filter(id=batch_id).first()
    if row is None:
        raise UnableToFindCard("batch_unknown")
    return _batch(row)


def batches(*, limit: int = 50, before: UUID | None = None) -> tuple[Batch, ...]:
    rows = BatchRow.objects.order_by("-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return tuple(map(_batch, rows[:limit]))


def batches_awaiting_approval() -> tuple[Batch, ...]:
    return tuple(map(_batch, BatchRow.objects.filter(state=BatchState.ORDERED).order_by("ordered_at", "id")))


def counts(*, batch_id: UUID, at: datetime) -> Mapping[CardState, int]:
    row = BatchRow.objects.filter(id=batch_id).first()
    if row is None:
        raise UnableToFindCard("batch_unknown")
    if row.generated_at is None and not row.virtual:
        return {}
    # Few cards differ from their batch at first: only those are read and counted, the rest is what is left.
    apart = CardRow.objects.filter(batch=row).filter(
        ~Q(state="as_batch") | Q(blocked_at__isnull=False) | Q(expires_at__isnull=False)
    )
    groups = (
        apart.annotate(blocked=Q(blocked_at__isnull=False), stands_in=Q(replaces__isnull=False))
        .values_list("state", "blocked", "expires_at", "stands_in")
        .annotate(count=Count("serial"))
    )
    found: dict[CardState, int] = {}
    left = row.quantity + row.spares
    for state, blocked, own_end, stands_in, count in groups:
        shown = _state(row, own=state, blocked=blocked, at=at, expires_at=own_end)
        found[shown] = found.get(shown, 0) + count
        # What was issued in the place of another is none of those that were made.
        left -= 0 if stands_in else count
    if left and not row.virtual:
        shown = _state(row, own="as_batch", blocked=False, at=at)
        found[shown] = found.get(shown, 0) + left
    return found


def activations_by_day(*, batch_id: UUID) -> tuple[ActivationsOfDay, ...]:
    groups = (
        CardRow.objects.filter(batch_id=batch_id, state="activated")
        .annotate(day=TruncDate("activated_at"))
        .values_list("day", "activated_in")
        .annotate(count=Count("serial"))
        .order_by("day", "activated_in")
    )
    return tuple(ActivationsOfDay(*group) for group in groups)


def card(*, serial: str, at: datetime) -> Card:
    row = CardRow.objects.select_related("batch").filter(serial=rules.serial_as_typed(serial)).first()
    if row is None:
        raise UnableToFindCard("card_unknown")
    terms = terms_of(row.batch)
    return Card(
        serial=row.serial,
        batch=row.batch_id,
        state=state_of(row, at=at),
        gives=terms.gives,
        face=terms.face,
        last_four=row.last_four,
        fingerprint=keeping.fingerprint(bytes(row.code_hash)),
        expires_at=row.expires_at or terms.expires_at,
        history=_history(row),
        player=row.player_id,
        activated_at=row.activated_at,
        entry_id=row.entry_id,
    )


def _history(row: CardRow) -> tuple[CardMoment, ...]:
    """What its batch went through, what happened to the card itself, and its activation, oldest first."""
    made = row.batch
    moments = [CardMoment("generated", made.generated_at)] if made.generated_at else []
    if made.handed_over_at:
        moments.append(
            CardMoment(
                "handed_over", made.handed_over_at, f"administrator:{made.handed_over_by}", made.recipient
            )
        )
    events = CardEvent.objects.filter(batch=made, first_number__lte=row.number, last_number__gte=row.number)
    moments += [
        CardMoment(event.what, event.occurred_at, event.actor, event.reason)
        for event in events.order_by("id")
    ]
    if row.activated_at:
        moments.append(CardMoment("activated", row.activated_at, f"player:{row.player_id}"))
    return tuple(sorted(moments, key=lambda moment: moment.at))


def activated_by(*, player: UUID, limit: int = 50) -> tuple[ActivatedCard, ...]:
    rows = (
        CardRow.objects.select_related("batch").filter(player_id=player).order_by("-activated_at", "-serial")
    )
    return tuple(map(activated_of, rows[:limit]))


def activated_of(row: CardRow) -> ActivatedCard:
    return ActivatedCard(
        serial=row.serial,
        batch=row.batch_id,
        player=row.player_id,
        gives=terms_of(row.batch).gives,
        units=Money.units(row.units_minor),
        activated_at=row.activated_at,
        entry_id=row.entry_id,
    )


def state_of(row: CardRow, *, at: datetime) -> CardState:
    """What the world sees of a card. Its batch must have been read with it."""
    return _state(
        row.batch, own=row.state, blocked=row.blocked_at is not None, at=at, expires_at=row.expires_at
    )


def owed_of(row: CardRow) -> Money:
    """What the books owe for a card that is neither used nor over: what was kept with it when it was paid, or of a batch that was
    delivered whole its face, less the tax that was due then. Zero where nobody paid for it."""
    if row.owed_minor is not None:
        return Money(row.owed_minor, currency(row.owed_currency))
    face = currency(row.batch.face_currency)
    return Money(row.batch.face_minor - row.batch.card_tax_minor if row.batch.reseller else 0, face)


def _state(
    of: BatchRow, *, own: str, blocked: bool, at: datetime, expires_at: datetime | None = None
) -> CardState:
    if own in ("activated", "void", "expired"):
        return CardState(own)
    if of.state == BatchState.CANCELLED:
        return CardState.VOID
    if blocked or of.blocked_at is not None:
        return CardState.BLOCKED
    ends_at = expires_at or of.expires_at
    if ends_at is not None and ends_at <= at:
        return CardState.EXPIRED
    if own != "as_batch":
        return CardState(own)
    return CardState.HANDED_OVER if of.handed_over_at else CardState.GENERATED


def terms_of(row: BatchRow) -> BatchTerms:
    """What was ordered, as the row says."""
    return BatchTerms(
        quantity=row.quantity,
        gives=msgspec.convert(row.gives, tuple[Worth, ...]),
        face=Money(row.face_minor, currency(row.face_currency)),
        code_length=row.code_length,
        serial_prefix=row.serial_prefix,
        series=row.series,
        expires_at=row.expires_at,
        regions=tuple(row.regions),
        reseller=row.reseller,
        margin_bps=row.margin_bps,
        needs_sale=row.needs_sale,
        virtual=row.virtual,
        product=row.product,
        stock=row.stock,
        spares=row.spares,
        alphabet=row.alphabet,
        group_size=row.group_size,
        serial_digits=row.serial_digits,
        first_number=row.first_number,
        printer=row.printer,
        printer_key=row.printer_key,
        tax_country=row.tax_country,
        campaign=row.campaign,
        new_players_days=row.new_players_days,
        online_service=row.online_service,
        import_digest=row.import_digest,
        import_scheme=row.import_scheme,
        owed_from=row.owed_from,
    )


def of_code(cards: QuerySet[CardRow], code_hash: str) -> CardRow | None:
    """The card of a typed code, whose hashes ``Cards.code_hash`` answered: one for each way in which it may be kept.

    A card of ours comes first, should one text be the code of two.
    """
    wanted = [bytes.fromhex(one) for one in code_hash.split(".")]
    found = {bytes(card.code_hash): card for card in cards.filter(code_hash__in=wanted).order_by("serial")}
    return next((found[one] for one in wanted if one in found), None)


def serial_of(row: BatchRow, number: int) -> str:
    """The serial of the ``number``-th card of a batch, 1 being the first.

    Imported cards have the serials of the older system, and their numbers follow from those; what is issued later in the place
    of one has a serial of ours.
    """
    if row.import_digest and row.generated_at is not None and 1 <= number <= row.quantity:
        return _imported_serial(row, number)
    return rules.serial(
        prefix=row.serial_prefix,
        series=row.series,
        number=row.first_number + number - 1,
        digits=row.serial_digits,
    )


def _imported_serial(row: BatchRow, number: int) -> str:
    """From the mark at the number, or by the two around it."""
    marks = ImportMark.objects.filter(batch=row)
    before = marks.filter(number__lte=number).order_by("-number").values_list("number", "serial").first()
    assert before is not None
    if before[0] == number:
        return str(before[1])
    after = marks.filter(number__gt=number).order_by("number").values_list("serial", flat=True).first()
    between = CardRow.objects.filter(batch=row, serial__range=(before[1], after), number=number)
    return str(between.values_list("serial", flat=True).get())


def serial_range(row: BatchRow, first: int, last: int) -> tuple[str, str]:
    """The lowest and the highest serial that cards of these numbers may have. Others may lie between them where cards were
    imported, so whoever asks for cards asks for their batch and their numbers too."""
    if not row.import_digest:
        lowest, highest = serial_of(row, first), serial_of(row, last)
        # Numbers of cards in the place of others may outgrow their digits, and then serials are not in their order.
        return (lowest, highest) if len(lowest) == len(highest) else (str(row), f"{row}~")
    ends = [str(row), f"{row}~"] if last > row.quantity else []
    if first <= row.quantity:
        ends += [serial_of(row, first), serial_of(row, min(last, row.quantity))]
    return min(ends), max(ends)


def numbered(row: BatchRow, first: int, last: int) -> QuerySet[CardRow]:
    """The cards of a batch with these numbers, found by their serials."""
    serials = serial_range(row, first, last)
    return CardRow.objects.filter(batch=row, serial__range=serials, number__range=(first, last))


def _batch(row: BatchRow) -> Batch:
    has_serials = not row.import_digest or row.generated_at is not None
    return Batch(
        id=row.id,
        state=BatchState(row.state),
        terms=terms_of(row),
        digest=bytes(row.digest).hex(),
        ordered_by=row.ordered_by,
        ordered_at=row.ordered_at,
        first_serial=serial_of(row, 1) if has_serials else "",
        last_serial=serial_of(row, row.quantity) if has_serials else "",
        last_spare_serial=serial_of(row, row.quantity + row.spares) if row.spares else "",
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        refused_by=row.refused_by,
        refused_at=row.refused_at,
        refusal=row.refusal,
        generated_at=row.generated_at,
        handed_over_at=row.handed_over_at,
        handed_over_by=row.handed_over_by,
        recipient=row.recipient,
        file_until=row.file_until,
        blocked_at=row.blocked_at,
        version=row.version,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        cancelled_at=row.cancelled_at,
        cancelled_by=row.cancelled_by,
        cancellation=row.cancellation,
    )
