"""Fraud rules over what this house has seen: velocity by player, card, address and network, countries that do not fit.

Addresses and cards are kept as keyed hashes only, under a key outside the database (HMAC-SHA-256): payments of one address can
be counted together, and nobody reads from the tables who was where. /24 of IPv4 and /48 of IPv6 are one network: what one
household, or one small provider's customer, is given.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from warchest.kernel.money import Money
from warchest.payments import address_countries, fraud_rules, house_rules
from warchest.payments.contract.fraud import Assessment, Finding, Stage
from warchest.payments.contract.house_rules import (
    Counting,
    FraudKey,
    FraudRule,
    FraudTest,
    FraudVerdict,
    HouseRule,
    RuleKind,
)
from warchest.payments.fraud_rules import Known
from warchest.payments.models import RiskAssessment as AssessmentRow
from warchest.runtime import wire
from warchest.runtime.secrets import secret
from warchest.runtime.services import services
from warchest.sdk.payments import Instrument

_HASH_BYTES = 16
_COLUMNS = {
    FraudKey.PLAYER: "player",
    FraudKey.CARD: "card_hash",
    FraudKey.ADDRESS: "address_hash",
    FraudKey.NETWORK: "network_hash",
}


def assess_opening(
    *, payment_id: UUID, player: UUID, units: Money, country: str, address: str, at: datetime
) -> Assessment:
    row = _row(payment_id=payment_id, player=player, units=units, country=country, address=address, at=at)
    return _assess(row, Stage.OPENING)


def verdict_with(*, payment_id: UUID, instrument: Instrument | None, at: datetime) -> FraudVerdict:
    """The severest of what was found of a payment until now, and of what the provider now tells that is paid with. The same card
    of the same payment is assessed once: told again, it is what it was."""
    known = list(AssessmentRow.objects.filter(payment=payment_id).order_by("id"))
    verdicts = [FraudVerdict(row.verdict) for row in known]
    opening = next((row for row in known if row.stage == Stage.OPENING), None)
    # Without one the payment was opened before there were rules.
    if instrument is not None and opening is not None:
        card = keyed("card", instrument.fingerprint) if instrument.fingerprint else b""
        if not any(row.stage == Stage.INSTRUMENT and bytes(row.card_hash) == card for row in known):
            verdicts.append(_assess_instrument(opening, instrument, card, at).verdict)
    return fraud_rules.worst(verdicts)


def _assess_instrument(
    opening: AssessmentRow, instrument: Instrument, card: bytes, at: datetime
) -> Assessment:
    row = AssessmentRow(
        payment=opening.payment,
        player=opening.player,
        units_minor=opening.units_minor,
        address_hash=bytes(opening.address_hash),
        network_hash=bytes(opening.network_hash),
        card_hash=card,
        card_label=instrument.label[:60],
        player_country=opening.player_country,
        address_country=opening.address_country,
        card_country=instrument.country.upper()[:2],
        at=at,
    )
    return _assess(row, Stage.INSTRUMENT)


def assessments(*, payment_id: UUID) -> tuple[Assessment, ...]:
    return tuple(frozen(row) for row in AssessmentRow.objects.filter(payment=payment_id).order_by("id"))


def verdict_on(payment_id: UUID) -> FraudVerdict:
    """The severest of what was found of a payment until now."""
    found = AssessmentRow.objects.filter(payment=payment_id).values_list("verdict", flat=True)
    return fraud_rules.worst(FraudVerdict(verdict) for verdict in found)


def _row(
    *, payment_id: UUID, player: UUID, units: Money, country: str, address: str, at: datetime
) -> AssessmentRow:
    plain = fraud_rules.plain_address(address)
    return AssessmentRow(
        payment=payment_id,
        player=player,
        units_minor=units.minor,
        address_hash=keyed("address", str(plain)) if plain else b"",
        network_hash=keyed("network", fraud_rules.network_of(address)) if plain else b"",
        player_country=country[:2],
        address_country=address_countries.country_of(plain) if plain else "",
        at=at,
    )


def _assess(row: AssessmentRow, stage: Stage) -> Assessment:
    rules = house_rules.in_force(RuleKind.FRAUD, at=row.at)
    _one_after_the_other(row, rules, stage)
    known = Known(stage, row.player_country, row.address_country, row.card_country)
    verdict, findings = fraud_rules.assess(
        known=known, rules=rules, measure=lambda rule: _measured(rule, row)
    )
    row.stage, row.verdict, row.findings = stage, verdict, wire.encode(findings).decode()
    row.save(force_insert=True)
    return frozen(row)


def _one_after_the_other(row: AssessmentRow, rules: Iterable[HouseRule], stage: Stage) -> None:
    """Of two payments that are counted together the second waits for the first one's commit, and then sees it."""
    keys = {
        bytes(_key(terms.by, row))
        for rule in rules
        if isinstance(terms := rule.terms, FraudRule) and terms.test is not FraudTest.MISMATCH
        if fraud_rules.needs_card(terms) == (stage is Stage.INSTRUMENT)
    }
    locks = sorted(
        int.from_bytes(hmac.digest(b"velocity", key, "sha256")[:8], "big", signed=True) for key in keys if key
    )
    with services.database("payments").cursor() as cursor:
        for lock in locks:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])


def _key(by: FraudKey, row: AssessmentRow) -> bytes:
    match by:
        case FraudKey.PLAYER:
            return row.player.bytes
        case FraudKey.CARD:
            return bytes(row.card_hash)
        case FraudKey.ADDRESS:
            return bytes(row.address_hash)
        case FraudKey.NETWORK:
            return bytes(row.network_hash)


def _measured(rule: FraudRule, row: AssessmentRow) -> int | None:
    """What a rule counts, this payment included. None where what it counts by is not known."""
    key = _key(rule.by, row)
    if not key or (rule.test is FraudTest.CARDS and not row.card_hash):
        return None
    counted = rule.by is FraudKey.CARD or rule.test is FraudTest.CARDS
    parameters: dict[str, Any] = {
        "key": row.player if rule.by is FraudKey.PLAYER else key,
        "stage": Stage.INSTRUMENT if counted else Stage.OPENING,
        "since": row.at - timedelta(minutes=rule.minutes),
        "at": row.at,
        "payment": row.payment,
        "below": rule.units_below * 100 or None,
        "card": bytes(row.card_hash),
    }
    with services.database("payments").cursor() as cursor:
        cursor.execute(
            _QUERIES[rule.test].format(by=_COLUMNS[rule.by], failed=_FAILED[rule.counting]), parameters
        )
        others = int(cursor.fetchone()[0])
    small = not rule.units_below or row.units_minor < rule.units_below * 100
    match rule.test:
        case FraudTest.UNITS:
            return (others + (row.units_minor if small else 0)) // 100
        case FraudTest.CARDS:
            return others + 1
        case _:
            # Failures are counted as they are: this payment has not failed yet.
            return others + (1 if rule.counting is Counting.ALL and small else 0)


_WITHIN = """
  FROM payments_riskassessment AS seen
 WHERE seen.{by} = %(key)s AND seen.stage = %(stage)s AND seen.payment <> %(payment)s
   AND seen.at > %(since)s AND seen.at <= %(at)s
   AND (%(below)s::bigint IS NULL OR seen.units_minor < %(below)s) {failed}"""
_QUERIES = {
    FraudTest.COUNT: f"SELECT count(DISTINCT seen.payment) {_WITHIN}",
    FraudTest.UNITS: f"SELECT coalesce(sum(seen.units_minor), 0) {_WITHIN}",
    FraudTest.CARDS: f"SELECT count(DISTINCT seen.card_hash) {_WITHIN}"
    " AND seen.card_hash <> '' AND seen.card_hash <> %(card)s",
}
_FAILED = {
    Counting.ALL: "",
    Counting.FAILED: "AND EXISTS (SELECT FROM payments_payment AS payment"
    " WHERE payment.id = seen.payment AND payment.status = 'failed')",
}


def keyed(kind: str, text: str) -> bytes:
    """By this payments of one address, or one card, are counted together."""
    return hmac.digest(secret("fraud-keys"), f"{kind}\n{text}".encode(), "sha256")[:_HASH_BYTES]


def frozen(row: AssessmentRow) -> Assessment:
    return Assessment(
        payment=row.payment,
        stage=Stage(row.stage),
        verdict=FraudVerdict(row.verdict),
        findings=tuple(msgspec.json.decode(row.findings, type=list[Finding])),
        player_country=row.player_country,
        address_country=row.address_country,
        card_country=row.card_country,
        card_label=row.card_label,
        at=row.at,
    )
