"""Conversations with providers: never inside a transaction, every message kept before and after.

What we tell is written down and committed before the provider hears it, and what it answers before anybody acts on
it. So a process may be killed anywhere: an unanswered message shows that there is something to ask about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connections

from warchest.payments import attempts, bulkhead, methods, operations, providers, queries, rules
from warchest.payments.bulkhead import Bulkhead, NoAnswerInTime, Place
from warchest.payments.contract import Exchange, Heard, Payment, UnableToUseProvider
from warchest.runtime import observed, wire
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction
from warchest.sdk.payments import (
    Health,
    Notice,
    PaymentProvider,
    PaymentRequest,
    Report,
    Standing,
    UnableToTrustNotice,
)

log = structlog.get_logger(__name__)


def start(*, payment_id: UUID, at: datetime) -> Heard:
    return exchange(
        payment_id, Exchange.START, at, ask=lambda provider, request, known: provider.start(request)
    )


def inquire(*, payment_id: UUID, at: datetime) -> Heard:
    return exchange(
        payment_id,
        Exchange.INQUIRY,
        at,
        ask=lambda provider, request, known: provider.inquire(
            request, provider_reference=known.provider_reference
        ),
    )


def resume(*, payment_id: UUID, query: Mapping[str, str], at: datetime) -> Heard:
    return exchange(
        payment_id,
        Exchange.RETURN,
        at,
        ask=lambda provider, request, known: provider.resume(
            request, provider_reference=known.provider_reference, query=query
        ),
        said=wire.encode({name: _shown(name, value) for name, value in query.items()}).decode(),
    )


def _shown(name: str, value: str) -> str:
    """A value of the return's query for people to read: what opens something is for the plug-in only."""
    return "*" if any(word in name.lower() for word in ("secret", "token", "signature")) else value


def refuse_inside_transaction() -> None:
    if connections[services.alias("payments")].in_atomic_block:
        raise RuntimeError("a provider is never spoken with inside a transaction")


def health(*, provider: str) -> Health:
    try:
        plugin = providers.configured(provider)
        with _bulkhead(provider).place() as place:
            return place.call(plugin.health, within_s=_within_s(provider), silent=lambda said: not said.well)
    except Exception as error:
        log.warning("provider_unwell", provider=provider, exc_info=True)
        return Health(False, f"{type(error).__name__}: {error}"[:300])


def exchange(
    payment_id: UUID,
    occasion: Exchange,
    at: datetime,
    *,
    ask: Callable[[PaymentProvider, PaymentRequest, Payment], Report],
    said: str = "",
) -> Heard:
    refuse_inside_transaction()
    payment = queries.payment(payment_id=payment_id)
    provider = providers.configured(payment.provider)
    attempt = attempts.row_of(payment_id=payment_id, number=payment.attempt)
    request = attempts.request_of(payment, attempt)
    # Before anything is written down: who finds no place has said nothing to the provider.
    with _bulkhead(payment.provider).place() as place:
        with technical_transaction("payments"):
            if occasion is Exchange.START:
                operations.begin_telling(payment_id=payment_id, attempt=attempt.number)
            if occasion is Exchange.INQUIRY:
                operations.schedule_inquiry(payment_id=payment_id, at=at)
            operations.keep_request(payment=payment, exchange=occasion, text=said or told(request), at=at)
        report = _said(place, payment.provider, occasion, lambda: ask(provider, request, payment))
    with technical_transaction("payments"):
        attempts.keep(payment_id=payment_id, number=attempt.number, what=report.keep)
        methods.hear(payment_id=payment_id, number=attempt.number, report=report, at=at)
        message = operations.keep_answer(
            payment_id=payment_id, provider=payment.provider, exchange=occasion, report=report, at=at
        )
    return Heard(message, payment, methods.without_token(report), attempt.number)


def ask_about_notice(provider: str, read: Callable[[], Notice]) -> Notice:
    """Read a notice of which only the provider can say whether it is its own. It has no place that a payment needs, and no longer
    than other calls; where there is none now, the provider sends it again.

    Raises UnableToTrustNotice.
    """

    def as_read() -> Notice | UnableToTrustNotice:
        try:
            return read()
        except UnableToTrustNotice as refusal:
            return refusal

    try:
        with _bulkhead(provider).place(left_free=1) as place:
            found = place.call(as_read, within_s=_within_s(provider), silent=_is_silent_about_notice)
    except (NoAnswerInTime, UnableToUseProvider):
        raise UnableToTrustNotice("notice_unverifiable") from None
    if isinstance(found, UnableToTrustNotice):
        raise found
    return found


def _is_silent_about_notice(found: Notice | UnableToTrustNotice) -> bool | None:
    if isinstance(found, UnableToTrustNotice):
        # Anybody can send what is none of the provider's: that says nothing of how the provider is.
        return True if found.reason == "notice_unverifiable" else None
    return False


def heard_from(provider: str, exchange: Exchange, ask: Callable[[], Report]) -> Report:
    """Ask a provider; a plug-in that fails has said nothing, and so has one that there is no place to ask."""
    try:
        with _bulkhead(provider).place() as place:
            return _said(place, provider, exchange, ask)
    except UnableToUseProvider as refusal:
        if refusal.reason not in {"provider_busy", "provider_down"}:
            raise
        return Report(Standing.UNKNOWN, reason=refusal.reason)


def _said(place: Place, provider: str, exchange: Exchange, ask: Callable[[], Report]) -> Report:
    try:
        with observed.provider(provider, exchange.value) as stands:
            report = place.call(ask, within_s=_within_s(provider), silent=_is_silence)
            stands(report.standing.value)
            return rules.without_card_numbers(report)
    except NoAnswerInTime:
        return Report(Standing.UNKNOWN, reason="timeout")
    except Exception as error:
        # A plug-in never raises for what the provider did, so this is its own mistake; the money may have been taken.
        log.exception("provider_plugin_failed", provider=provider)
        return Report(Standing.UNKNOWN, reason="plugin_failed", raw=f"{type(error).__name__}: {error}")


def _is_silence(report: Report) -> bool:
    """Who said something that can't be read, or is about something else, is there; behind a 5xx nobody may be."""
    return report.standing is Standing.UNKNOWN and (not report.raw or report.reason.startswith("http_5"))


def _bulkhead(provider: str) -> Bulkhead:
    return bulkhead.of(provider, calls_max=providers.calls_at_once(provider))


def _within_s(provider: str) -> float:
    return providers.our_settings(provider).call_s_max


def told(request: PaymentRequest) -> str:
    """What a provider is told, for people to read: without what opens a saved method, or what a plug-in remembers."""
    return wire.encode(replace(request, saved_method="*" if request.saved_method else "", kept={})).decode()
