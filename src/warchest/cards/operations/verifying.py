"""Looks at cards that are kept, and new cards in the place of those that can't be read."""

from __future__ import annotations

import hmac
from datetime import datetime

from warchest.cards import end_queries, keeping, queries, rules
from warchest.cards.contract import (
    REPLACEMENTS,
    BatchState,
    CardState,
    ReplacedCard,
    UnableToReplaceCard,
    UnableToVerifyCard,
    VerifiedCard,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import CardEvent, IssuedCode
from warchest.kernel import codes
from warchest.runtime.transactions import technical_transaction

_REFUSALS = {
    CardState.ACTIVATED: "card_already_activated",
    CardState.VOID: "card_void",
    CardState.EXPIRED: "card_expired",
    CardState.GENERATED: "card_not_sold",
    CardState.SPARE: "card_not_sold",
    CardState.RETURNED: "card_not_sold",
}


def verify(
    *, code_hash: str, serial: str, last_four: str, reason: str, actor: str, at: datetime
) -> VerifiedCard:
    if not reason.strip():
        raise UnableToVerifyCard("reason_missing")
    if bool(code_hash) == bool(serial.strip() and last_four.strip()):
        raise UnableToVerifyCard("nothing_to_verify")
    rows = CardRow.objects.select_related("batch")
    if code_hash:
        row = queries.of_code(rows, code_hash)
        if row is None:
            return VerifiedCard(right=False)
        right = True
    else:
        row = rows.filter(serial=rules.serial_as_typed(serial)).first()
        if row is None:
            raise UnableToVerifyCard("card_unknown")
        right = _is_end(row, last_four)
    _note(row, "verified" if right else "verified_wrongly", actor=actor, reason=reason, at=at)
    terms = queries.terms_of(row.batch)
    return VerifiedCard(
        right=right,
        serial=row.serial,
        state=queries.state_of(row, at=at),
        gives=terms.gives,
        face=terms.face,
        expires_at=row.expires_at or terms.expires_at,
    )


def _is_end(row: CardRow, typed: str) -> bool:
    """Whether the code ends so. Both are compared whole, so that the time says nothing of what is right.

    Of an imported card the end may not be known; then nobody has it right.
    """
    same = hmac.compare_digest(codes.normalise(typed[:20]).encode(errors="replace"), row.last_four.encode())
    return same and bool(row.last_four)


def replace(*, serial: str, last_four: str, reason: str, actor: str, at: datetime) -> ReplacedCard:
    if not reason.strip():
        raise UnableToReplaceCard("reason_missing")
    found = CardRow.objects.filter(serial=rules.serial_as_typed(serial)).first()
    if found is None:
        raise UnableToReplaceCard("card_unknown")
    # The batch first, always: of two who issue cards of it the second counts on from there.
    batch = BatchRow.objects.select_for_update().get(id=found.batch_id)
    row = CardRow.objects.select_for_update(of=("self",)).select_related("batch").get(serial=found.serial)
    if not any(_is_end(one, last_four) for one in _with_those_before(row)):
        raise UnableToReplaceCard("last_four_wrong", serial=row.serial)
    _check_replaceable(row, batch, at)
    CardRow.objects.filter(serial=row.serial).update(state="void")
    # Also the code of one that was itself issued in another's place.
    IssuedCode.objects.filter(serial=row.serial).update(sealed=None, taken_back_at=at)
    made = _issue(batch, row, at)
    _note(row, "replaced", actor=actor, reason=f"{reason.strip()[:250]} → {made.serial}", at=at)
    _note(made, "issued_in_place", actor=actor, reason=row.serial, at=at)
    return ReplacedCard(
        void=row.serial,
        serial=made.serial,
        batch=batch.id,
        fingerprint=keeping.fingerprint(bytes(made.code_hash)),
        gives=queries.terms_of(batch).gives,
    )


def _with_those_before(row: CardRow) -> list[CardRow]:
    """The card, and those in whose place it was issued: whoever lost its code still has the first of them in their hands."""
    found = [row]
    while found[-1].replaces is not None:
        found.append(CardRow.objects.get(serial=found[-1].replaces))
    return found


def _check_replaceable(row: CardRow, batch: BatchRow, at: datetime) -> None:
    state = queries.state_of(row, at=at)
    if state in _REFUSALS:
        raise UnableToReplaceCard(_REFUSALS[state], serial=row.serial)
    if batch.virtual:
        raise UnableToReplaceCard("card_is_virtual", serial=row.serial)
    if batch.blocked_at is not None:
        raise UnableToReplaceCard("card_blocked", serial=row.serial)
    if batch.state != BatchState.HANDED_OVER:
        raise UnableToReplaceCard("batch_closed", serial=row.serial)
    # Nobody may have a card that was not sold: what is damaged on its way is returned.
    if (batch.needs_sale and row.state != "sold") or (batch.stock and row.paid_at is None):
        raise UnableToReplaceCard("card_not_sold", serial=row.serial)


def _issue(batch: BatchRow, void: CardRow, at: datetime) -> CardRow:
    """Another card of the batch, that is in its buyer's hand and as good as the void one was."""
    code = codes.random_code(length=batch.code_length, alphabet=batch.alphabet)
    number = end_queries.highest_number(batch) + 1
    made = CardRow.objects.create(
        serial=queries.serial_of(batch, number),
        batch=batch,
        number=number,
        code_hash=keeping.code_hasher()(code.encode()),
        last_four=code[-4:],
        state="sold",
        paid_at=void.paid_at,
        owed_minor=void.owed_minor,
        owed_currency=void.owed_currency,
        expires_at=void.expires_at,
        replaces=void.serial,
    )
    IssuedCode.objects.create(
        serial=made.serial,
        batch=batch,
        seller=REPLACEMENTS,
        order=void.serial,
        line="",
        place=0,
        product="",
        sealed=keeping.seal_issued(code, serial=made.serial),
        issued_at=at,
    )
    return made


def show_replacement(*, void: str, at: datetime) -> str | None:
    with technical_transaction("cards"):
        kept = IssuedCode.objects.select_for_update().filter(
            seller=REPLACEMENTS, order=void, sealed__isnull=False
        )
        row = kept.select_related("batch").first()
        if row is None:
            return None
        code = keeping.unseal_issued(bytes(row.sealed), serial=row.serial)
        kept.update(sealed=None, closed_at=at)
    return codes.grouped(code, size=row.batch.group_size)


def _note(row: CardRow, what: str, *, actor: str, reason: str, at: datetime) -> None:
    CardEvent.objects.create(
        batch_id=row.batch_id,
        first_number=row.number,
        last_number=row.number,
        what=what,
        actor=actor[:80],
        reason=reason.strip()[:300],
        occurred_at=at,
    )
