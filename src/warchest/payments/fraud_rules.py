"""What the fraud rules make of a payment, by what was counted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from warchest.payments.contract.fraud import Finding, Stage
from warchest.payments.contract.house_rules import (
    Countries,
    FraudKey,
    FraudRule,
    FraudTest,
    FraudVerdict,
    HouseRule,
)

_SEVERITY = (FraudVerdict.ALLOW, FraudVerdict.REVIEW, FraudVerdict.BLOCK)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a payment at one moment; a country that is not known is empty."""

    stage: Stage
    player_country: str
    address_country: str = ""
    card_country: str = ""


Measure = Callable[[FraudRule], int | None]
"""What a rule's test measures, this payment included; None where what it counts by is not known."""


def assess(
    *, known: Known, rules: Sequence[HouseRule], measure: Measure
) -> tuple[FraudVerdict, tuple[Finding, ...]]:
    """The severest verdict of all rules that speak, and each of them with what it found."""
    findings = []
    for rule in rules:
        terms = rule.terms
        if isinstance(terms, FraudRule) and (counted := _finds(terms, known, measure)):
            findings.append(Finding(rule.name, terms.verdict, counted))
    return worst(finding.verdict for finding in findings), tuple(findings)


def worst(verdicts) -> FraudVerdict:  # type: ignore[no-untyped-def]
    return max(verdicts, key=_SEVERITY.index, default=FraudVerdict.ALLOW)


def needs_card(rule: FraudRule) -> bool:
    """Whether a rule can only speak once the provider has told what is paid with."""
    if rule.test is FraudTest.MISMATCH:
        return rule.between is not Countries.PLAYER_ADDRESS
    return rule.by is FraudKey.CARD or rule.test is FraudTest.CARDS


def _finds(rule: FraudRule, known: Known, measure: Measure) -> str:
    """What it found, empty where it says nothing."""
    # Each rule speaks once: what is known at the opening is not counted again when the card is told.
    if needs_card(rule) != (known.stage is Stage.INSTRUMENT):
        return ""
    if rule.test is FraudTest.MISMATCH:
        one, other = _pair(rule.between, known)
        return f"{one} / {other}" if one and other and one != other else ""
    measured = measure(rule)
    return str(measured) if measured is not None and measured > rule.limit else ""


def _pair(between: Countries, known: Known) -> tuple[str, str]:
    match between:
        case Countries.PLAYER_CARD:
            return known.player_country, known.card_country
        case Countries.PLAYER_ADDRESS:
            return known.player_country, known.address_country
        case Countries.CARD_ADDRESS:
            return known.card_country, known.address_country


def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 one; empty where the text is no address, or one of this machine's."""
    found = plain_address(address)
    if found is None:
        return ""
    return str(ip_network((found, 24 if found.version == 4 else 48), strict=False))


def plain_address(address: str) -> IPv4Address | IPv6Address | None:
    """The address, an IPv4 one that is told as IPv6 as what it is; None for no address, and for this machine's own, by which
    nobody can be told apart."""
    try:
        found = ip_address(address.strip())
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return None if found.is_loopback or found.is_unspecified else found
