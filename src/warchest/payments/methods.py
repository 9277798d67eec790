"""Saved methods: written down when a provider first tells a token, found again when one is charged, and let go.

A token is sealed from the moment at which it is heard, under a key outside the database, and is opened only when a provider is
told it. What a provider said to whoever asked and to its notices is the same token, and one method.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from django.db.models import F

from warchest.payments import fraud, providers, rules
from warchest.payments.contract import (
    AttemptOptions,
    MethodState,
    PauseReason,
    SavedMethod,
    UnableToUseMethod,
    UnableToUseProvider,
)
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import AutoTopUp as OrderRow
from warchest.payments.models import MethodConsent as ConsentRow
from warchest.payments.models import MethodUse as UseRow
from warchest.payments.models import Payment as PaymentRow
from warchest.payments.models import SavedMethod as MethodRow
from warchest.runtime.sealing import seal, unseal
from warchest.runtime.services import services
from warchest.sdk.payments import Ability, Instrument, Report, Standing

_PURPOSE = "saved-methods"
_WORKS = frozenset({Standing.SUCCEEDED, Standing.AUTHORISED})
_FOUR = re.compile(r"(\d{4})\D*$")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def payer_of(player: UUID) -> str:
    """What every provider knows a player by: always the same, and nobody can tell from it who that is."""
    return fraud.keyed("payer", str(player)).hex()


# When a payment is opened.


def note_consent(row: PaymentRow, *, wording: str, at: datetime) -> None:
    if not (0 < len(wording) <= 20 and wording.isprintable()):
        raise UnableToUseMethod("consent_malformed")
    if not _saves(row.provider):
        raise UnableToUseMethod("saving_not_offered", provider=row.provider)
    ConsentRow.objects.create(
        payment=row, player=row.player, wording=wording, language=row.language, agreed_at=at
    )


def completed(row: PaymentRow, options: AttemptOptions) -> AttemptOptions:
    """How an attempt is opened: with what the player wants saved, where this provider can, and by whom it knows the player."""
    wanted = ConsentRow.objects.filter(payment=row).exists()
    saves = wanted and not options.saved_method and _saves(row.provider)
    if not saves and not options.saved_method:
        return options
    return replace(options, save_method=saves, payer=payer_of(row.player))


def note_use(row: PaymentRow, *, number: int, options: AttemptOptions) -> None:
    if options.saved_method:
        UseRow.objects.create(
            payment=row,
            attempt=number,
            method_id=UUID(options.saved_method),
            player_present=options.player_present,
        )


def _saves(provider: str) -> bool:
    try:
        return Ability.SAVED_METHODS in providers.configured(provider).description.abilities
    except UnableToUseProvider:
        return False


def told(options: AttemptOptions) -> AttemptOptions:
    """As a provider is told it: the token in place of our own id, and by the name under which it was saved."""
    if not options.saved_method:
        return options
    row = MethodRow.objects.get(id=UUID(options.saved_method))
    return replace(options, saved_method=opened(row), payer=row.payer)


# When a provider tells what was paid with; in the technical transaction that keeps what it said.


def hear(*, payment_id: UUID, number: int, report: Report, at: datetime) -> None:
    """Keep what the player wanted saved, once. A token that nobody asked for is not kept."""
    instrument = report.instrument
    if instrument is None or not instrument.token or report.standing not in _WORKS:
        return
    consent = ConsentRow.objects.filter(payment=payment_id).first()
    if consent is None:
        return
    provider = AttemptRow.objects.values_list("provider", flat=True).get(payment=payment_id, number=number)
    one_after_the_other(consent.player)
    token_hash = fraud.keyed("token", f"{provider}\n{instrument.token}")
    known = MethodRow.objects.select_for_update().filter(provider=provider, token_hash=token_hash).first()
    if known is not None:
        _hear_again(known, consent, instrument, at)
        return
    row = MethodRow(
        player=consent.player,
        provider=provider,
        payer=payer_of(consent.player),
        token_hash=token_hash,
        consent=consent,
        saved_at=at,
    )
    _describe(row, instrument)
    _take_the_place_of_older(row, at=at)
    row.save(force_insert=True)
    _order_with(row)


def _hear_again(row: MethodRow, consent: ConsentRow, instrument: Instrument, at: datetime) -> None:
    if row.player != consent.player:
        return
    if row.state == MethodState.USABLE:
        _describe(row, instrument)
        row.save()
    elif row.state == MethodState.FORGOTTEN and consent.agreed_at > (row.forget_asked_at or row.saved_at):
        # The provider gives the same card the same token, and the player has agreed anew since.
        row.state, row.consent, row.saved_at = MethodState.USABLE.value, consent, at
        row.forget_asked_at = row.forgotten_at = None
        _describe(row, instrument)
        _take_the_place_of_older(row, at=at)
        row.save()
        _order_with(row)


def _describe(row: MethodRow, instrument: Instrument) -> None:
    four = _FOUR.search(instrument.label)
    row.method, row.label = instrument.method[:40], rules.keepable(instrument.label)[:60]
    row.last_four = four[1] if four else ""
    row.expires = instrument.expires if _MONTH.fullmatch(instrument.expires) else ""
    row.country = instrument.country.upper()[:2]
    row.card_hash = fraud.keyed("card", instrument.fingerprint) if instrument.fingerprint else b""
    row.token = seal(instrument.token.encode(), purpose=_PURPOSE, label=_label(row))


def _older(row: MethodRow) -> list[UUID]:
    same_card = MethodRow.objects.filter(player=row.player, provider=row.provider, card_hash=row.card_hash)
    return list(same_card.exclude(id=row.id).exclude(card_hash=b"").values_list("id", flat=True))


def _take_the_place_of_older(row: MethodRow, *, at: datetime) -> None:
    """The same card saved once more is one method: the token from before is let go."""
    OrderRow.objects.select_for_update().filter(player=row.player).first()
    for older in MethodRow.objects.select_for_update().filter(id__in=_older(row), state=MethodState.USABLE):
        _let_go(older, at=at)


def _order_with(row: MethodRow) -> None:
    """What the player ordered with the older token of this card goes on with the new one."""
    OrderRow.objects.filter(player=row.player, method__in=_older(row)).update(method=row)


def one_after_the_other(player: UUID) -> None:
    """Whoever keeps a method or an order of a player that is not there yet waits for who does so now."""
    lock = int.from_bytes(fraud.keyed("methods", str(player))[:8], "big", signed=True)
    with services.database("payments").cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])


# Within a journey's transaction.


def use_method(*, method_id: UUID, player: UUID, at: datetime) -> SavedMethod:
    row = MethodRow.objects.select_for_update().filter(id=method_id, player=player).first()
    if row is None:
        raise UnableToUseMethod("method_unknown")
    found = frozen(row)
    if found.state is not MethodState.USABLE:
        raise UnableToUseMethod("method_forgotten")
    if found.is_over(at.date()):
        raise UnableToUseMethod("method_expired")
    return found


def forget_method(*, method_id: UUID, player: UUID, at: datetime) -> SavedMethod:
    # The order first, as whoever begins a run locks it before the method.
    order = OrderRow.objects.select_for_update().filter(player=player).first()
    row = MethodRow.objects.select_for_update().filter(id=method_id, player=player).first()
    if row is None:
        raise UnableToUseMethod("method_unknown")
    if row.state == MethodState.USABLE:
        _let_go(row, at=at)
        if order is not None and order.method_id == row.id and order.paused_at is None:
            order.paused_at, order.pause_reason = at, PauseReason.METHOD_FORGOTTEN.value
            order.save()
    return frozen(row)


def without_token(report: Report) -> Report:
    """What a provider said, for everybody else to hear: its token is kept, and goes nowhere."""
    instrument = report.instrument
    return (
        replace(report, instrument=replace(instrument, token=""))
        if instrument and instrument.token
        else report
    )


def _let_go(row: MethodRow, *, at: datetime) -> None:
    row.state, row.forget_asked_at, row.next_try_at, row.tries = MethodState.FORGETTING.value, at, at, 0
    row.save()


def note_warned(*, method_id: UUID, at: datetime) -> bool:
    row = MethodRow.objects.select_for_update().filter(id=method_id).first()
    if row is None or row.state != MethodState.USABLE or row.warned_of == row.expires:
        return False
    row.warned_of = row.expires
    row.save(update_fields=["warned_of"])
    return True


# Reads.


def saved_method(*, method_id: UUID) -> SavedMethod:
    row = MethodRow.objects.select_related("consent").filter(id=method_id).first()
    if row is None:
        raise UnableToUseMethod("method_unknown")
    return frozen(row)


def saved_methods(*, player: UUID) -> tuple[SavedMethod, ...]:
    rows = MethodRow.objects.select_related("consent").filter(player=player, state=MethodState.USABLE)
    return tuple(map(frozen, rows.order_by("-saved_at", "-id")))


def due_forgettings(*, at: datetime, limit: int) -> tuple[UUID, ...]:
    due = MethodRow.objects.filter(next_try_at__lte=at).order_by("next_try_at", "id")
    return tuple(due.values_list("id", flat=True)[:limit])


def ending_methods(*, until: date, limit: int) -> tuple[UUID, ...]:
    month = f"{until:%Y-%m}"
    rows = MethodRow.objects.filter(state=MethodState.USABLE, expires__lte=month).exclude(expires="")
    unwarned = rows.exclude(warned_of=F("expires")).order_by("expires", "id")
    return tuple(unwarned.values_list("id", flat=True)[:limit])


def method_used(*, payment_id: UUID) -> SavedMethod | None:
    use = UseRow.objects.select_related("method__consent").filter(payment=payment_id).first()
    return frozen(use.method) if use else None


def frozen(row: MethodRow) -> SavedMethod:
    """The row as the contract shows it."""
    return SavedMethod(
        id=row.id,
        player=row.player,
        provider=row.provider,
        state=MethodState(row.state),
        method=row.method,
        label=row.label,
        last_four=row.last_four,
        expires=row.expires,
        country=row.country,
        payment=row.consent.payment_id,
        wording=row.consent.wording,
        agreed_at=row.consent.agreed_at,
        saved_at=row.saved_at,
        forgotten_at=row.forgotten_at,
        problem=row.problem,
    )


def opened(row: MethodRow) -> str:
    if row.token is None:
        return ""
    return unseal(bytes(row.token), purpose=_PURPOSE, label=_label(row)).decode()


def _label(row: MethodRow) -> str:
    return f"token {row.id}"
