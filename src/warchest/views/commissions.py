"""Why a commission is what it is, in a sentence."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from warchest.referrals.contract import Commission


def explanation_of(commission: Commission) -> str:
    """The sum, in the language that is active now: level, rate and base, and what rounding made of it."""
    text = _("Level {level}: {rate} % of {base} paid without tax is {amount}.").format(
        level=commission.level,
        rate=f"{Decimal(commission.rate_bps).scaleb(-2).normalize():f}",
        base=commission.base,
        amount=commission.amount,
    )
    if not commission.rounding_minor:
        return text
    exponent = commission.base.currency.exponent
    exact = f"{commission.exact_minor.scaleb(-exponent).normalize():f}"
    return f"{text} " + _("Exactly it would be {exact} {currency}.").format(
        exact=exact, currency=commission.base.currency.code
    )
