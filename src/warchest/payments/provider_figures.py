"""How providers do: what became of calls to them, by the messages; and how each was when somebody last asked."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.payments import bulkhead, exchanges, providers, queries
from warchest.payments.contract.configuring import CallFigures, ProviderState, UnableToReplay
from warchest.payments.contract.notices import KeptNotice
from warchest.payments.models import ProviderHealth, ReceivedNotice
from warchest.runtime import statements
from warchest.runtime.transactions import technical_transaction
from warchest.sdk.payments import Health

# Each answer stands behind what was told: both are written in the moment, the one before the call and the other after it.
_CALLS = """
    SELECT provider, exchange, count(*),
           count(*) FILTER (WHERE answer IS NULL OR answer = 'unknown'),
           count(*) FILTER (WHERE answer IN ('failed', 'cancelled')),
           round(percentile_cont(0.5) WITHIN GROUP (ORDER BY took_ms)),
           round(percentile_cont(0.95) WITHIN GROUP (ORDER BY took_ms))
      FROM (SELECT provider, exchange, direction, recorded_at,
                   CASE WHEN lead(direction) OVER after = 'from_provider' THEN lead(standing) OVER after END AS answer,
                   CASE WHEN lead(direction) OVER after = 'from_provider' THEN
                        extract(epoch FROM lead(recorded_at) OVER after - recorded_at) * 1000 END AS took_ms
              FROM payments_message
             WHERE recorded_at >= %s AND exchange <> 'notice'
            WINDOW after AS (PARTITION BY payment_id, provider, exchange ORDER BY id)) AS told
     WHERE direction = 'to_provider'
     GROUP BY provider, exchange ORDER BY provider, exchange"""


def call_figures(*, since: datetime) -> tuple[CallFigures, ...]:
    return tuple(
        CallFigures(
            provider=provider,
            exchange=exchange,
            calls=calls,
            silent=silent,
            refused=refused,
            median_ms=None if median is None else int(median),
            slow_ms=None if slow is None else int(slow),
        )
        for provider, exchange, calls, silent, refused, median, slow in statements.rows(
            "payments", _CALLS, [since]
        )
    )


def provider_states(*, at: datetime) -> tuple[ProviderState, ...]:
    said = {row.provider: row for row in ProviderHealth.objects.all()}
    here = bulkhead.states()
    found = []
    for name in providers.installed():
        row, state = said.get(name), here.get(name)
        found.append(
            ProviderState(
                provider=name,
                well=row.well if row else None,
                detail=row.detail if row else "",
                at=row.at if row else None,
                calls_under_way=state.under_way if state else 0,
                circuit_open=bool(state and state.is_down),
            )
        )
    return tuple(found)


def check_provider(*, provider: str, at: datetime) -> Health:
    said = exchanges.health(provider=provider)
    if provider in providers.installed():
        with technical_transaction("payments"):
            ProviderHealth.objects.update_or_create(
                provider=provider, defaults={"well": said.well, "detail": said.detail[:300], "at": at}
            )
    return said


def notice(*, notice_id: UUID) -> KeptNotice:
    row = ReceivedNotice.objects.filter(id=notice_id).select_related("message").first()
    if row is None:
        raise UnableToReplay("notice_unknown")
    return queries.frozen_notice(row, payment=row.message.payment_id, repeated=True)


def replayable(*, payment_id: UUID) -> tuple[tuple[UUID, datetime, str], ...]:
    rows = ReceivedNotice.objects.filter(message__payment=payment_id).order_by("id")
    return tuple((row.id, row.received_at, row.outcome or row.problem) for row in rows)
