"""Whether terms of a rule make sense. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from warchest.kernel.currency import INNER, currency, currency_codes
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.payments.contract.house_rules import (
    AmountBounds,
    FraudRule,
    FraudTest,
    FraudVerdict,
    MethodSwitch,
    ReviewTerms,
    Route,
    Terms,
    TopUpBonus,
    UnableToSetRule,
    WithdrawalTerms,
)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_PERCENT_DECIMALS_MAX = 4
_MINUTES_MAX = 366 * 24 * 60


def check(terms: Terms) -> None:
    """Raises UnableToSetRule (``rule_malformed``)."""
    match terms:
        case Route():
            _route(terms)
        case MethodSwitch():
            _name("method", terms.method)
            _name("provider", terms.provider, may_be_empty=True)
            _countries(terms.countries)
            if not terms.countries:
                raise _wrong("countries", "at least one")
        case AmountBounds():
            _name("provider", terms.provider, may_be_empty=True)
            _name("method", terms.method, may_be_empty=True)
            least, most = (
                _amount(field, getattr(terms, field), terms.currency) for field in ("least", "most")
            )
            if not 0 < least.minor <= most.minor:
                raise _wrong("most", "not less than the least, which is more than zero")
        case TopUpBonus():
            _amount("amount_from", terms.amount_from, terms.currency)
            if not 0 < percent(terms.percent, field="percent") <= 5:
                raise _wrong("percent", "more than 0, at most 500")
            if not 0 <= terms.days <= 3660:
                raise _wrong("days", "0 to 3660")
        case FraudRule():
            _fraud(terms)
        case ReviewTerms():
            if terms.four_eyes_units < 0:
                raise _wrong("four_eyes_units", "not less than zero")
            if not 1 <= terms.alert_hours <= 1000:
                raise _wrong("alert_hours", "1 to 1000")
        case WithdrawalTerms():
            _countries(terms.countries)
            if not 0 <= terms.days <= 366:
                raise _wrong("days", "0 to 366")


def _route(terms: Route) -> None:
    _name("provider", terms.provider)
    _name("method", terms.method, may_be_empty=True)
    _countries(terms.countries)
    if not 0 <= terms.priority <= 1000:
        raise _wrong("priority", "0 to 1000")
    if percent(terms.fee_percent, field="fee_percent") > 1:
        raise _wrong("fee_percent", "at most 100")
    if not terms.currency:
        if terms.amount_from or terms.amount_below or Decimal(_decimal("fee_fixed", terms.fee_fixed)):
            raise _wrong("currency", "amounts need a currency")
        return
    _currency(terms.currency)
    _amount("fee_fixed", terms.fee_fixed, terms.currency)
    least = _amount("amount_from", terms.amount_from or "0", terms.currency)
    if terms.amount_below and _amount("amount_below", terms.amount_below, terms.currency) <= least:
        raise _wrong("amount_below", "more than the amount from which on it holds")


def _fraud(terms: FraudRule) -> None:
    if terms.verdict is FraudVerdict.ALLOW:
        raise _wrong("verdict", "review or block")
    if terms.test is not FraudTest.MISMATCH:
        if not 0 <= terms.limit <= 10**12:
            raise _wrong("limit", "0 to 10^12")
        if not 1 <= terms.minutes <= _MINUTES_MAX:
            raise _wrong("minutes", "1 minute to 366 days")
    if terms.units_below < 0:
        raise _wrong("units_below", "not less than zero")


def amount(text: str, code: str) -> Money:
    """An amount in major units, as a rule has it; "1.00" is 1 in a currency without decimals too."""
    plain = text.rstrip("0").rstrip(".") if "." in text else text
    return Money.parse(plain or "0", code)


def percent(text: str, *, field: str = "percent") -> Fraction:
    """ "2.5" as 1/40. Raises UnableToSetRule."""
    number = Decimal(_decimal(field, text))
    if -number.as_tuple().exponent > _PERCENT_DECIMALS_MAX:  # type: ignore[operator]
        raise _wrong(field, f"at most {_PERCENT_DECIMALS_MAX} decimals")
    return Fraction(number) / 100


def _decimal(field: str, text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _wrong(field, "a number") from None
    if not number.is_finite() or number < 0 or number > 10**12:
        raise _wrong(field, "a number that is not negative")
    return text


def _amount(field: str, text: str, code: str) -> Money:
    _currency(code)
    _decimal(field, text)
    try:
        return amount(text, code)
    except UnableTo as error:
        raise _wrong(field, error.reason) from None


def _currency(code: str) -> None:
    if code not in currency_codes() or currency(code) == INNER:
        raise _wrong("currency", "a currency such as EUR")


def _countries(codes: Sequence[str]) -> None:
    if any(not _COUNTRY.fullmatch(code) for code in codes):
        raise _wrong("countries", "codes of ISO 3166-1 such as DE")


def _name(field: str, text: str, *, may_be_empty: bool = False) -> None:
    if not (_NAME.fullmatch(text) or (may_be_empty and not text)):
        raise _wrong(field, "small letters, digits, dashes")


def _wrong(field: str, explanation: str) -> UnableToSetRule:
    return UnableToSetRule("rule_malformed", field=field, explanation=explanation)
