"""A player begins to pay: the payment is written down first, then a provider opens its page.

Where the player names no provider, the house's routes choose one, and another takes its place when that one proves never to have
opened anything. Unknown is not failed: who gave no answer may have the money, and nobody else is asked for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.journeys.settle_payment import settle
from warchest.journeys.steps import purposes
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.members.contract import Members, PlayerState
from warchest.payments.contract import (
    AttemptOptions,
    FraudVerdict,
    Payment,
    Payments,
    RouteChoice,
    Status,
    UnableToRoute,
    UnableToTopUp,
    UnableToUseProvider,
    Wanted,
    Why,
    Wish,
)
from warchest.runtime.command import Channel, Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Report, Standing


class _More(TypedDict, total=False):
    saved_method: UUID
    consent: str
    wanted: Wanted


_UNTOLD = frozenset({Status.CREATED, Status.UNKNOWN})
_BLOCKED = "blocked_by_rules"
_SAID_NOTHING = frozenset({"provider_busy", "provider_down", "provider_misconfigured"})


def start_top_up(
    command: Command,
    *,
    player: UUID,
    amount: Money,
    provider: str = "",
    return_url: str = "",
    units_shown: Money | None = None,
    method: str = "",
    address: str = "",
    saved_method: UUID | None = None,
    consent: str = "",
    wanted: Wanted | None = None,
) -> Done[Payment]:
    """Open a payment of ``amount`` (real currency) and answer where the player's browser goes: ``redirect_url``.

    ``return_url`` is where it comes back to, an absolute http or https address; empty: our own page. ``units_shown``
    are the units that the player was shown for it, bonus included: where they have changed since, nothing is opened.
    ``provider`` empty: the first of the routes; ``method`` is one of its ways to pay, empty for any. ``address`` is the
    player's, where the command does not come from the player's own browser.

    ``saved_method`` is one of the player's, which is charged at once; where the bank wants to see the player, the answer leads to
    the provider's page all the same. ``consent`` is the wording by which the player wants saved what is paid with now. ``wanted``
    is what the money is for, if for more than units in the wallet: see ``steps.purposes``.

    Two transactions with the provider between them, which is never spoken with inside one. Repeated with the same key
    it is the same payment and the same answer; where the first call was cut off, or heard nothing, the provider is
    asked again under the same reference.

    Raises UnableToFindPlayer, UnableToTopUp, UnableToQuote, UnableToRoute, UnableToUseProvider, UnableToUseMethod, and what
    refuses the purpose.
    """
    payments = services.get(Payments)
    # Only what is asked for: a request that began before there was more to ask for is the same request.
    more: _More = {}
    if saved_method is not None:
        more["saved_method"] = saved_method
    if consent:
        more["consent"] = consent
    if wanted is not None:
        more["wanted"] = wanted
    opened = open_payment(
        command,
        player=player,
        amount=amount,
        provider=provider,
        return_url=return_url,
        units_shown=units_shown,
        method=method,
        address=address or (command.address if command.channel is Channel.PORTAL else ""),
        **more,
    )
    payment = opened.answer
    if opened.replayed:
        payment = payments.payment(payment_id=opened.answer.id)
        told = payments.answer_to(payment_id=payment.id)
        if told and told.attempt == payment.attempt:
            return Done(told, replayed=True)
        if payment.status not in _UNTOLD and payment.reason != _BLOCKED:
            return Done(payment, replayed=True)
    if payment.reason == _BLOCKED:
        raise UnableToTopUp("payment_blocked")
    # Asked again, nobody knows any more whether the first time was heard.
    may_change = not provider and saved_method is None and not opened.replayed
    return open_at_provider(command, payment=payment, may_change=may_change)


def open_at_provider(command: Command, *, payment: Payment, may_change: bool) -> Done[Payment]:
    """Have the provider of a payment's last attempt open it; ``may_change``: or the next one that takes it, where this one never
    opened anything. Raises UnableToUseProvider."""
    payments = services.get(Payments)
    while True:
        refused: UnableToUseProvider | None = None
        try:
            heard = payments.start(payment_id=payment.id, at=command.at)
        except UnableToUseProvider as refusal:
            if not may_change or refusal.reason not in _SAID_NOTHING:
                raise
            refused = refusal
            begun = _give_up_unsent(
                command.under(f"unsent:{payment.id}:{payment.attempt}"),
                payment_id=payment.id,
                attempt=payment.attempt,
            )
        else:
            begun = _record_start(
                command.under(f"heard:{heard.message}"),
                payment_id=payment.id,
                report=_as_certain(heard.report, may_change=may_change),
                attempt=heard.attempt,
            )
        if not may_change or begun.answer.status is not Status.FAILED:
            if refused is not None and begun.answer.status is Status.CREATED:
                # Somebody else is telling the provider at this moment.
                raise refused
            return begun
        following = _fall_over(
            command.under(f"next:{payment.id}:{payment.attempt}"), payment_id=payment.id
        ).answer
        if following is None:
            if refused is not None:
                raise UnableToRoute("no_provider_now")
            return begun
        payment = following


def _as_certain(report: Report, *, may_change: bool) -> Report:
    if may_change and report.standing is Standing.UNKNOWN and report.never_sent:
        return replace(report, standing=Standing.FAILED)
    return report


@journey("payments.open")
def open_payment(
    tx: Transaction,
    *,
    player: UUID,
    amount: Money,
    provider: str,
    return_url: str,
    units_shown: Money | None,
    method: str = "",
    address: str = "",
    saved_method: UUID | None = None,
    consent: str = "",
    wanted: Wanted | None = None,
) -> Payment:
    """Write a payment down. Alone it is for filling in a past, in which no provider can be told any more.

    One that the fraud rules block is written down too, as failed, and no provider hears of it.
    """
    return write_down(
        tx,
        player=player,
        amount=amount,
        provider=provider,
        return_url=return_url,
        units_shown=units_shown,
        method=method,
        address=address,
        saved_method=saved_method,
        consent=consent,
        wanted=wanted,
    )


def write_down(
    tx: Transaction,
    *,
    player: UUID,
    amount: Money,
    provider: str = "",
    return_url: str = "",
    units_shown: Money | None = None,
    method: str = "",
    address: str = "",
    saved_method: UUID | None = None,
    player_present: bool = True,
    consent: str = "",
    wanted: Wanted | None = None,
) -> Payment:
    """``open_payment``, within another journey's transaction."""
    found = tx.get(Members).player(player_id=player)
    if found.state is not PlayerState.ACTIVE:
        raise UnableToTopUp("player_not_active", state=found.state.value)
    quote = tx.get(Accounting).quote(paid=amount, at=tx.command.at)
    payments, payment_id = tx.get(Payments), new_id()
    shown = quote.units + payments.bonus_for(paid=amount, units=quote.units, at=tx.command.at)
    if units_shown is not None and units_shown != shown:
        raise UnableToTopUp("quote_changed", units=shown.major)
    if wanted is not None:
        purposes.check(tx, player=found, wanted=wanted, units=shown)
    if saved_method is not None:
        # Who keeps it is the only one who can charge it.
        provider = payments.use_method(method_id=saved_method, player=found.id, at=tx.command.at).provider
    choice = chosen(tx, Wish(amount=amount, country=found.country, method=method, provider=provider))
    assessment = payments.assess_opening(
        payment_id=payment_id,
        player=found.id,
        units=quote.units,
        country=found.country,
        address=address,
        at=tx.command.at,
    )
    asked = options(tx, provider=choice, method=method, verdict=assessment.verdict)
    if saved_method is not None:
        asked = replace(asked, saved_method=str(saved_method), player_present=player_present)
    payment = payments.open_payment(
        payment_id=payment_id,
        player=found.id,
        provider=choice,
        quote=quote,
        return_url=return_url,
        language=found.language,
        country=found.country,
        at=tx.command.at,
        options=asked,
        consent=consent,
    )
    if wanted is not None:
        payments.keep_purpose(payment_id=payment_id, wanted=wanted)
    bonus = payments.promise_bonus(payment_id=payment_id, paid=amount, units=quote.units, at=tx.command.at)
    tx.about(
        "payment",
        payment.id,
        player=str(player),
        provider=choice,
        amount_minor=amount.minor,
        currency=amount.currency.code,
        units_minor=quote.units.minor,
        bonus_minor=bonus.minor,
        fraud=assessment.verdict,
    )
    if saved_method is not None or consent or wanted is not None:
        tx.about(
            "payment",
            payment.id,
            saved_method=str(saved_method or ""),
            consent=consent,
            purpose=wanted.kind if wanted else "",
        )
    if assessment.verdict is FraudVerdict.BLOCK:
        return settle(tx, payment_id=payment_id, report=Report(Standing.FAILED, reason=_BLOCKED), attempt=1)
    return payment


def chosen(tx: Transaction, wish: Wish, *, but: frozenset[str] = frozenset()) -> str:
    """The provider for a wish: the first of the routes that takes it, or the one that is wished for, unless the house has shut it
    out. Raises UnableToRoute, UnableToUseProvider."""
    choices = tx.get(Payments).routes(wish=wish, at=tx.command.at)
    if wish.provider:
        for choice in choices:
            if choice.provider == wish.provider and choice.why in (Why.METHOD, Why.METHOD_OFF, Why.RULE):
                raise UnableToUseProvider("method_not_offered", provider=wish.provider)
        # Whatever else stands in its way, opening says more exactly.
        return wish.provider
    if best := first_of(choices, but=but):
        return best
    is_down = any(choice.why is Why.DOWN for choice in choices)
    raise UnableToRoute("no_provider_now" if is_down else "no_provider")


def first_of(choices: tuple[RouteChoice, ...], *, but: frozenset[str] = frozenset()) -> str:
    return next((choice.provider for choice in choices if choice.takes_it and choice.provider not in but), "")


def options(tx: Transaction, *, provider: str, method: str, verdict: FraudVerdict) -> AttemptOptions:
    """What a person is to look at is only reserved, where the provider can do that."""
    wait = verdict is FraudVerdict.REVIEW and tx.get(Payments).can_capture(provider=provider)
    return AttemptOptions(method=method, capture_later=wait)


@journey("payments.record_start")
def _record_start(tx: Transaction, *, payment_id: UUID, report: Report, attempt: int) -> Payment:
    payment = settle(tx, payment_id=payment_id, report=report, attempt=attempt)
    if payment.status in _UNTOLD:
        # Nobody knows yet whether the provider has it: the caller may repeat the request, and shall hear more then.
        return payment
    return tx.get(Payments).answer_attempt(payment_id=payment_id, at=tx.command.at)


@journey("payments.give_up_unsent")
def _give_up_unsent(tx: Transaction, *, payment_id: UUID, attempt: int) -> Payment:
    """An attempt that its provider was certainly never told of has failed; of any other nothing is said."""
    payments = tx.get(Payments)
    tx.about("payment", payment_id, attempt=attempt)
    if not payments.give_up_unsent(payment_id=payment_id, attempt=attempt, at=tx.command.at):
        return payments.payment(payment_id=payment_id)
    return settle(
        tx,
        payment_id=payment_id,
        report=Report(Standing.FAILED, reason="provider_not_reached", never_sent=True),
        attempt=attempt,
    )


@journey("payments.fall_over")
def _fall_over(tx: Transaction, *, payment_id: UUID) -> Payment | None:
    """A further attempt at the next provider that was not tried yet; None where there is none."""
    payments = tx.get(Payments)
    payment = payments.check_retry(payment_id=payment_id, at=tx.command.at)
    tried = payments.attempts(payment_id=payment_id)
    method = tried[0].method
    wish = Wish(amount=payment.amount, country=payment.country, method=method)
    following = first_of(
        payments.routes(wish=wish, at=tx.command.at), but=frozenset(one.provider for one in tried)
    )
    tx.about("payment", payment_id, provider=following)
    if not following or payment.status is not Status.FAILED:
        return None
    verdict = max(
        (one.verdict for one in payments.assessments(payment_id=payment_id)),
        key=list(FraudVerdict).index,
        default=FraudVerdict.ALLOW,
    )
    return payments.open_attempt(
        payment_id=payment_id,
        provider=following,
        options=options(tx, provider=following, method=method, verdict=verdict),
        at=tx.command.at,
    )
