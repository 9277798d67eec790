"""How long a consumer may withdraw: the house's rules, and the law where it has set none."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from warchest.payments import house_rules
from warchest.payments.contract.house_rules import RuleKind, WithdrawalTerms
from warchest.payments.contract.withdrawals import WithdrawalPeriod

_BY_LAW = WithdrawalTerms(
    days=14,
    countries=(
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS"),
        *("IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK", "GB"),
    ),
)
"""Directive 2011/83/EU, article 9, in the European Economic Area; the Consumer Contracts Regulations 2013, regulation 30, in
the United Kingdom."""
_NONE = WithdrawalTerms(days=0)
_SATURDAY = 5


def withdrawal_period(*, country: str, since: datetime, zone: str) -> WithdrawalPeriod:
    terms = _terms(country=country, at=since)
    return WithdrawalPeriod(terms, last_moment(since, days=terms.days, zone=zone))


def _terms(*, country: str, at: datetime) -> WithdrawalTerms:
    """The latest rule that names the country, else the latest that names none, else the law."""
    everywhere = None
    for rule in reversed(house_rules.in_force(RuleKind.WITHDRAWAL, at=at)):
        terms = rule.terms
        assert isinstance(terms, WithdrawalTerms)
        if country in terms.countries:
            return terms
        if not terms.countries and everywhere is None:
            everywhere = terms
    if everywhere is not None:
        return everywhere
    return _BY_LAW if country in _BY_LAW.countries else _NONE


def last_moment(since: datetime, *, days: int, zone: str) -> datetime:
    """The end of the period's last day, by the calendar of ``zone``."""
    place = ZoneInfo(zone)
    last = since.astimezone(place).date() + timedelta(days=days)
    while last.weekday() >= _SATURDAY:
        last += timedelta(days=1)
    return datetime.combine(last + timedelta(days=1), time(), place)
