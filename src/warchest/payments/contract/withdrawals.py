"""Withdrawal: until when a consumer may step back from a top-up or a purchase, and why they can't."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from warchest.kernel.errors import UnableTo
from warchest.payments.contract.house_rules import WithdrawalTerms


class UnableToWithdraw(UnableTo):
    """Nothing was withdrawn: the contract stands."""

    reasons = frozenset(
        {
            "withdrawal_unknown",  # there is no such top-up or purchase of this player
            "withdrawal_not_paid",  # the top-up was not credited
            "withdrawal_not_offered",  # where the player lives nobody can
            "withdrawal_too_late",  # ``until`` is in the details
            "withdrawal_done",  # they did before
            "withdrawal_used_up",  # nothing is left that could go back
            "withdrawal_given_up",  # by the consent with which it began
            "withdrawal_refund_open",  # the provider still decides about money that goes back for it
        }
    )
    passing = frozenset({"withdrawal_refund_open"})


@dataclass(frozen=True, slots=True)
class WithdrawalPeriod:
    """``until`` is the end of its last day, excluded."""

    terms: WithdrawalTerms
    until: datetime

    @property
    def is_offered(self) -> bool:
        return self.terms.days > 0

    def check(self, at: datetime) -> None:
        """Raises UnableToWithdraw."""
        if not self.is_offered:
            raise UnableToWithdraw("withdrawal_not_offered")
        if at >= self.until:
            raise UnableToWithdraw("withdrawal_too_late", until=self.until.isoformat())


class Withdrawals(Protocol):
    def withdrawal_period(self, *, country: str, since: datetime, zone: str) -> WithdrawalPeriod:
        """The period of what was credited or bought at ``since``, by the terms that held then, for a consumer in ``country``
        whose calendar is that of ``zone``.

        The day itself does not count, and a period that would end on a Saturday or Sunday ends with the Monday after (Regulation
        1182/71, article 3). Public holidays are not known.
        """
        ...
