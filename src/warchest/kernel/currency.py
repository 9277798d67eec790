"""Currencies and the number of decimals in which each is counted."""

from __future__ import annotations

from dataclasses import dataclass

from warchest.kernel.errors import UnableTo


class UnableToFindCurrency(UnableTo):
    """The code is neither an active ISO 4217 currency nor the community's inner one."""

    reasons = frozenset({"currency_unknown"})


@dataclass(frozen=True, slots=True)
class Currency:
    """``code`` is the three capital letters of ISO 4217; ``exponent`` says how many decimals one major unit has."""

    code: str
    exponent: int

    def __post_init__(self) -> None:
        # What is read back from text or another process is one that there is, counted as we count it.
        if _CURRENCIES and _CURRENCIES.get(self.code) != self:
            raise ValueError(f"{self.code!r} with {self.exponent} decimals is no currency")

    @property
    def minor_per_major(self) -> int:
        """How many minor units make one major unit: 100 cents, 1 yen, 1000 fils."""
        return int(10**self.exponent)

    def __str__(self) -> str:
        return self.code


_CURRENCIES: dict[str, Currency] = {}

INNER = Currency("XCR", 2)
"""The community's inner currency. Its code is a private one (ISO 4217 reserves X for such); players read its own name."""

# ISO 4217, list one, as of 2025; funds codes, metals and testing codes are left out, since nobody can be paid in them.
_WITHOUT_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_WITH_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_WITH_TWO_DECIMALS = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP"
    " CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR"
    " JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN"
    " NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP"
    " SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG"
)
_CURRENCIES.update(
    {
        code: Currency(code, exponent)
        for codes, exponent in ((_WITHOUT_DECIMALS, 0), (_WITH_TWO_DECIMALS, 2), (_WITH_THREE_DECIMALS, 3))
        for code in codes.split()
    }
    | {INNER.code: INNER}
)


def currency(code: str) -> Currency:
    """The currency of this ISO 4217 code, or the inner one.

    Raises UnableToFindCurrency (``currency_unknown``).
    """
    try:
        return _CURRENCIES[code]
    except (KeyError, TypeError):
        raise UnableToFindCurrency("currency_unknown", currency=str(code)[:8]) from None


def currency_codes() -> tuple[str, ...]:
    """All codes that ``currency`` knows, in alphabetical order, the inner currency's included."""
    return tuple(sorted(_CURRENCIES))
