"""What a plug-in brings so that the kit can try it: its protocol's simulator, and hands to play the others.

The kit plays Warchest. The rig plays everybody else: the provider, which may misbehave on purpose, the player at the
provider's page, and the player's bank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol

from warchest.kernel.money import Money
from warchest.sdk.payments import (
    DisputeStanding,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
)


class Act(StrEnum):
    """What the player does once the payment was opened."""

    APPROVE = "approve"
    DECLINE = "decline"  # pays with something that the bank refuses
    CANCEL = "cancel"
    WAIT = "wait"  # pays with something that stays undecided until ``Rig.decide``


class Misbehaviour(StrEnum):
    """What the simulator does wrong, in all calls and notices from then on, until ``Rig.behave``."""

    LOSE_ANSWERS = "lose_answers"
    """Whatever would change something (open, capture, refund, void) is carried out, and its answer never sent. Questions
    are answered."""
    HANG = "hang"
    """Every connection is taken, nothing is carried out, and nothing is ever sent."""
    DRIP = "drip"
    """Every answer comes a byte at a time and does not end; a second at most lies between two bytes."""
    SERVER_ERROR = "server_error"
    """Every call is answered with a failure of the server's own (HTTP 500, with a page in HTML); nothing is carried out."""
    MALFORMED = "malformed"
    """Every call is answered as if all were well (HTTP 200), in a form that is none of the protocol's. What stands in it
    repeats the request, its credentials included, and the card number ``CARD_NUMBER``."""
    UNLISTED_STATUS = "unlisted_status"
    """Payments stand, in answers and notices, as the protocol does not list: a new word, or a new number."""
    WRONG_AMOUNT = "wrong_amount"
    """Payments take one minor unit less than was asked, and answers and notices say so."""
    WRONG_CURRENCY = "wrong_currency"
    """Payments take the same figure in ``Rig.other_currency``, and answers and notices say so."""
    NEGATIVE_AMOUNT = "negative_amount"
    """Successful payments are told with the amount that was asked, below nought."""
    ZERO_AMOUNT = "zero_amount"
    """Successful payments are told with an amount of nought."""
    WRONG_SIGNATURE = "wrong_signature"
    """Notices are signed with a secret that is not ours."""
    REFUSE_REFUNDS = "refuse_refunds"
    """Refunds are refused, at once or when they are asked for."""
    DELAY_REFUNDS = "delay_refunds"
    """Refunds stay undecided until ``Rig.finish_refund``."""
    CHALLENGE = "challenge"
    """The player's bank wants the player to prove who they are (3-D Secure) before a saved method is charged."""


CARD_NUMBER = "4111111111111111"
"""A number that looks like a card's, for careless answers."""


class Flaw(StrEnum):
    """What is wrong with settings."""

    CREDENTIALS = "credentials"  # the provider is there, and does not accept them
    NOBODY_THERE = "nobody_there"  # the address is one of this machine, and nobody listens there


@dataclass(frozen=True, slots=True)
class Truth:
    """What the simulator knows of one of our references, by its own books.

    ``payments`` is how many payments it holds for the reference (of those that can be paid: tokens that ran out and were
    asked for again count as one). ``taken`` and ``returned`` are what the player's bank paid and got back.
    """

    payments: int
    taken: Money | None
    returned: Money | None = None
    refunds: int = 0


class Rig(Protocol):
    """Derive from it; the kit builds it without arguments. One rig serves all steps, one after the other.

    ``skips`` names the steps that the protocol cannot have, each with its reason, a sentence for people. A step that is
    neither passed nor named there has failed, and so has a skip of what the plug-in declares as an ability.
    Methods without a default are needed by every rig; the others, by the steps that are not skipped.
    """

    provider: ClassVar[str]
    """The name of the provider's entry point in ``warchest.payment_providers``."""

    currency: ClassVar[str] = "EUR"
    other_currency: ClassVar[str] = "USD"
    amount: ClassVar[str] = "19.99"
    """What is paid in most steps, major units of ``currency``: choose one that the simulator has no rule for."""
    country: ClassVar[str] = "DE"
    method: ClassVar[str] = ""
    """The method that is asked for; empty: the player chooses at the provider."""
    timeout_s: ClassVar[float] = 2
    """How long one of the plug-in's methods may take at most, with the settings that the rig gives. Keep it short."""
    notice_within_s: ClassVar[float] = 5
    """How long after the fact the simulator may send a notice."""
    skips: ClassVar[Mapping[str, str]] = {}

    def start(self, folder: Path, *, notice_url: str) -> None:
        """Start the simulator on a free port of the loopback; what it keeps, it keeps in ``folder``.

        ``notice_url`` is the kit's receiver. Each payment asks for it, too; protocols that send all notices of an account to
        one address set that here.
        """
        ...

    def stop(self) -> None:
        """End the simulator and wait until it is gone. Called after a failed ``start``, too."""
        ...

    def settings(self, flaw: Flaw | None = None) -> Mapping[str, Any]:
        """The fields of the plug-in's settings, for the running simulator, or with a flaw."""
        ...

    def behave(self) -> None:
        """End every misbehaviour. Called before each step."""
        ...

    def misbehave(self, how: Misbehaviour) -> None:
        """Misbehave from now on. Called for misbehaviours of steps that are not skipped."""
        ...

    def act(self, payment: PaymentRequest, report: Report, act: Act) -> Mapping[str, str]:
        """Do what the player does, at ``report.redirect_url`` or by ``report.instructions``.

        Answers what the browser brings back: the query (or the form) of the address that it returns to, empty where there
        is none. A notice may be sent from here on.
        """
        ...

    def truth(self, payment: PaymentRequest) -> Truth:
        """What the simulator's books say of ``payment.reference``."""
        ...

    def decide(self, payment: PaymentRequest, report: Report, *, succeeded: bool) -> None:
        """Decide what the player's ``Act.WAIT`` left undecided."""
        raise NotImplementedError

    def send_again(self, payment: PaymentRequest) -> None:
        """Send the last notice about the payment once more, as the provider does that had no answer."""
        raise NotImplementedError

    def changed(self, notice: RawNotice) -> RawNotice:
        """The notice as a forger would change it on the way: another amount, say. By default one digit of the body."""
        return RawNotice(notice.headers, one_digit_changed(notice.body), notice.received_at)

    def finish_refund(self, refund: RefundRequest, *, confirmed: bool) -> None:
        """Decide a refund that ``Misbehaviour.DELAY_REFUNDS`` left undecided."""
        raise NotImplementedError

    def dispute(self, payment: PaymentRequest, report: Report, standing: DisputeStanding) -> None:
        """Let the payer's bank open a dispute about the whole payment, or decide the one that is open; a notice follows."""
        raise NotImplementedError

    def settle(self) -> bytes:
        """Pay out everything that was not paid out yet. Answers the settlement file, empty where there is none."""
        raise NotImplementedError

    def settlement_day(self) -> date:
        """The day that ``settle`` just settled."""
        return datetime.now(UTC).date()


class BankRig(Rig):
    """The rig of a plug-in that deals with a bank by files (``sdk.bank.BankFiles``): two methods more, and steps of its own."""

    iban: ClassVar[str]
    """Our account, as the rig's settings name it."""

    def statement(self, *, false: bool = False) -> bytes:
        """A statement of everything that was booked so far; ``false``: one whose entries do not make its closing balance."""
        raise NotImplementedError

    def carry_out(self, data: bytes) -> Sequence[tuple[str, Money, str]]:
        """What the bank makes of a file of orders: reference, amount and account of each transfer."""
        raise NotImplementedError


def one_digit_changed(body: bytes) -> bytes:
    """The body with the last digit of it changed; one without digits grows by one."""
    for place in range(len(body) - 1, -1, -1):
        if body[place : place + 1].isdigit():
            other = b"1" if body[place : place + 1] == b"0" else b"0"
            return body[:place] + other + body[place + 1 :]
    return body + b"0"
