"""How Stripe writes amounts: whole minor units, which are not everywhere those of ISO 4217.

Its page on currencies lists the exceptions. The ariary counts as one without decimals, though it has some. Króna and
Ugandan shilling are written with two decimals that must be nought. Of those with three decimals the last must be nought.
Forint and Taiwan dollar are charged with two decimals, and paid out whole, which is Stripe's own affair.
"""

from __future__ import annotations

from warchest.kernel.currency import currency, currency_codes
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

_WITHOUT_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_WRITTEN_WITH_TWO = frozenset(["ISK", "UGX"])

# Presentment currencies of Stripe's page that ISO 4217 still has. Cards alone take all of them.
_ACCEPTED = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF"
    " CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL"
    " HTG HUF IDR ILS INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA"
    " MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR"
    " RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD"
    " UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW"
)
CURRENCIES = frozenset(_ACCEPTED.split()) & frozenset(currency_codes())


class UnableToWriteAmount(UnableTo):
    """Stripe cannot be asked for this amount, or told one that cannot be."""

    reasons = frozenset({"currency_not_supported", "amount_too_precise_for_provider"})


def decimals(code: str) -> int:
    """With how many decimals Stripe writes amounts of this currency."""
    if code in _WITHOUT_DECIMALS:
        return 0
    return 2 if code in _WRITTEN_WITH_TWO else currency(code).exponent


def written(money: Money) -> int:
    """The amount as Stripe wants it. Raises UnableToWriteAmount; nothing is rounded."""
    code = money.currency.code
    if code not in CURRENCIES:
        raise UnableToWriteAmount("currency_not_supported", currency=code)
    ours, theirs = money.currency.exponent, decimals(code)
    whole, rest = divmod(money.minor * int(10**theirs), int(10**ours))
    if rest or (theirs == 3 and whole % 10):
        raise UnableToWriteAmount("amount_too_precise_for_provider", currency=code)
    return whole


def read(amount: int, code: str) -> Money:
    """The amount that Stripe told; ``code`` in either case.

    Raises UnableToWriteAmount, and UnableToFindCurrency for a code that we do not know.
    """
    unit = currency(code.upper())
    whole, rest = divmod(amount * 10**unit.exponent, 10 ** decimals(unit.code))
    if rest:
        raise UnableToWriteAmount("amount_too_precise_for_provider", currency=unit.code)
    return Money(whole, unit)
