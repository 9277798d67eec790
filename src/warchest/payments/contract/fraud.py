"""Fraud rules: what is known when a payment is opened and paid, and what they make of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.money import Money
from warchest.payments.contract.house_rules import FraudVerdict


class Stage(StrEnum):
    OPENING = "opening"  # before the payment is opened
    INSTRUMENT = "instrument"  # when the provider told what is paid with


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that spoke. ``counted`` is what it found, by which it went; countries as ``DE / NG``."""

    rule: str
    verdict: FraudVerdict
    counted: str


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the rules made of a payment at one moment, and by which findings."""

    payment: UUID
    stage: Stage
    verdict: FraudVerdict
    findings: tuple[Finding, ...]
    player_country: str
    address_country: str
    card_country: str
    card_label: str
    at: datetime


class Fraud(Protocol):
    def assess_opening(
        self,
        *,
        payment_id: UUID,
        player: UUID,
        units: Money,
        country: str,
        address: str,
        at: datetime,
    ) -> Assessment:
        """Before a payment is opened, within its transaction: all rules that need no card. Kept with its findings.

        Payments of the same player, address or network are opened one after the other, so that no two both pass a limit.
        """
        ...

    def assessments(self, *, payment_id: UUID) -> tuple[Assessment, ...]:
        """Oldest first."""
        ...
