"""Exact money: whole minor units of one currency, never a float."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from warchest.kernel.currency import INNER, Currency, currency
from warchest.kernel.errors import UnableTo

MINOR_MAX = 2**63 - 1
"""The largest amount that a column of 64 bits holds, in minor units."""

_AMOUNT = re.compile(r"-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,8})?", re.ASCII)


class UnableToReadAmount(UnableTo):
    """The text is no amount, has more decimals than its currency, or is too large to keep."""

    reasons = frozenset({"amount_malformed", "amount_too_precise", "amount_too_large"})


class CurrencyMismatch(TypeError):
    """Two amounts of different currencies were added or compared: a mistake in a program, never a user's."""


@dataclass(frozen=True, slots=True)
class Money:
    """``minor`` whole minor units (cents, yen, fils) of ``currency``; may be negative where it is a difference."""

    minor: int
    currency: Currency

    def __post_init__(self) -> None:
        # A bool is an int and a float compares like one; neither is an amount.
        if type(self.minor) is not int:
            raise TypeError(f"minor units are whole numbers, not {type(self.minor).__name__}")

    @classmethod
    def parse(cls, amount: str, code: str) -> Money:
        """Read ``"10.00"`` in major units of the currency ``code``.

        Raises UnableToReadAmount and UnableToFindCurrency. Nothing is rounded: "1.005" EUR is refused.
        """
        unit = currency(code)
        if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount):
            raise UnableToReadAmount("amount_malformed")
        scaled = Decimal(amount).scaleb(unit.exponent)
        if scaled != scaled.to_integral_value():
            raise UnableToReadAmount("amount_too_precise", currency=code, decimals=unit.exponent)
        if abs(scaled) > MINOR_MAX:
            raise UnableToReadAmount("amount_too_large")
        return cls(int(scaled), unit)

    @classmethod
    def zero(cls, unit: Currency) -> Money:
        return cls(0, unit)

    @classmethod
    def units(cls, minor: int) -> Money:
        """An amount of the inner currency, in its minor units."""
        return cls(minor, INNER)

    @property
    def major(self) -> str:
        """The amount in major units as plain text, with all decimals of its currency: ``"10.00"``."""
        return f"{Decimal(self.minor).scaleb(-self.currency.exponent):f}"

    def __str__(self) -> str:
        return f"{self.major} {self.currency.code}"

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money) or other.currency != self.currency:
            raise CurrencyMismatch(f"{self} and {other}")
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __mul__(self, times: int) -> Money:
        return Money(self.minor * times, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def split(self, weights: Sequence[int]) -> tuple[Money, ...]:
        """Parts in proportion to ``weights`` that sum to the whole, to the last minor unit.

        Largest remainder (Hamilton's method): each part is within one minor unit of its exact share; equal remainders
        are served from the first. Weights are whole, not negative, and not all zero.
        """
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            raise ValueError("weights must be whole, not negative and not all zero")
        size, sign = abs(self.minor), -1 if self.minor < 0 else 1
        shares = [divmod(size * weight, total) for weight in weights]
        left = size - sum(share for share, _ in shares)
        by_remainder = sorted(range(len(weights)), key=lambda place: -shares[place][1])
        extra = set(by_remainder[:left])
        return tuple(
            Money(sign * (share + (place in extra)), self.currency) for place, (share, _) in enumerate(shares)
        )

    def portion(self, part: int, whole: int) -> Money:
        """``part``/``whole`` of the amount, rounded half to even (IEEE 754's default, which leans neither way)."""
        return Money(round(Fraction(self.minor * part, whole)), self.currency)

    def converted(self, rate: Fraction, into: Currency) -> Money:
        """The amount in another currency at ``rate`` major units of it for one major unit of this; half to even."""
        exact = Fraction(self.minor, self.currency.minor_per_major) * rate * into.minor_per_major
        return Money(round(exact), into)
