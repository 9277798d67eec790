"""What buyers agreed to when they wanted time to begin at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from warchest.subscriptions.contract import Consent, ConsentKind
from warchest.subscriptions.models import Consent as ConsentRow

_WORDING_CHARACTERS_MAX = 600


def keep_consent(*, consent: Consent) -> None:
    ConsentRow.objects.create(
        grant=consent.grant,
        kind=consent.kind,
        wording=consent.wording[:_WORDING_CHARACTERS_MAX],
        given_at=consent.at,
    )


def consents(*, grant_ids: Sequence[UUID]) -> Mapping[UUID, Consent]:
    rows = ConsentRow.objects.filter(grant__in=grant_ids)
    return {row.grant: Consent(row.grant, ConsentKind(row.kind), row.wording, row.given_at) for row in rows}
