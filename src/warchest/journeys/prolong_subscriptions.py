"""SUB-01: players prolong their subscriptions from the wallet: one, or hundreds in one commit.

Each step is done for all purchases of a set before the next one, in the order in which a clerk would do it for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import Accounting, OwedCommission, Taxed
from warchest.catalogue.contract import Catalogue, Offer
from warchest.charging.contract import Charging, Spend, UnableToSpend
from warchest.journeys.steps.tax import taxed_by_currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger, Refused, UnableToPost
from warchest.members.contract import Members, Player, PlayerState, UnableToFindPlayer
from warchest.payments.contract import Payments
from warchest.referrals.contract import Referrals, Sale
from warchest.runtime.journey_of_many import Case, CaseSet, journey_of_many
from warchest.runtime.transactions import Transaction
from warchest.subscriptions.contract import (
    Consent,
    ConsentKind,
    GrantDraft,
    Granted,
    GrantSource,
    Place,
    Subscriptions,
)

PERIODS_MAX = 36
"""So many periods can be bought at once."""


class UnableToProlong(UnableTo):
    """Nothing was bought and nothing charged."""

    reasons = frozenset({"periods_out_of_range", "player_frozen", "price_changed"})


@dataclass(frozen=True, slots=True)
class Purchase:
    """``periods`` terms of a plan. ``charge_shown`` is the price in units that the player agreed to, where one was shown."""

    player: UUID
    plan: UUID
    periods: int
    charge_shown: Money | None = None


@dataclass(frozen=True, slots=True)
class PurchaseAtOnce(Purchase):
    """The same, where the player asked by the words ``wording`` that the time begins at once, though they may withdraw.

    A class of its own, so that a request without is the same one that it was before there was this.
    """

    wording: str = ""


def purchase(
    *,
    player: UUID,
    plan: UUID,
    periods: int,
    charge_shown: Money | None,
    begin_at_once: bool,
    wording: str,
) -> Purchase:
    """What is asked for. ``begin_at_once`` and ``wording`` are the consent that is kept where the player may withdraw."""
    if begin_at_once:
        return PurchaseAtOnce(player, plan, periods, charge_shown, wording)
    return Purchase(player, plan, periods, charge_shown)


@dataclass(frozen=True, slots=True)
class Prolonged:
    """What was bought: ``starts_at`` until ``ends_at`` is the time added now, ``charged`` in units."""

    id: UUID
    online_service: UUID
    plan: UUID
    starts_at: datetime
    ends_at: datetime
    charged: Money
    journal_entry: UUID


@dataclass(slots=True)
class _Deal:
    """One purchase on its way: what was agreed, and what each step added to it."""

    case: Case[Purchase, Prolonged]
    buyer: Player
    offer: Offer
    charge: Money
    place: Place
    grant_id: UUID = field(default_factory=new_id)
    entry_id: UUID = field(default_factory=new_id)
    reference: str = field(init=False)
    """The key of the entry, and what its slices are of."""
    taxed: Sequence[Taxed] = ()
    net: Sequence[Money] = ()
    granted: Granted | None = None
    owed: Sequence[OwedCommission] = ()

    def __post_init__(self) -> None:
        self.reference = f"subscription:{self.grant_id}"

    @property
    def at(self) -> datetime:
        return self.case.command.at


@journey_of_many("subscriptions.prolong", answers=Prolonged)
def prolong_subscriptions(tx: CaseSet[Purchase, Prolonged]) -> None:
    """Buy terms of plans: price, tax, commissions and deferral of revenue in one entry for each purchase.

    Refuses with UnableToFindPlayer, UnableToProlong, UnableToOffer, UnableToGrant and UnableToSpend
    (``insufficient_funds``).
    """
    deals = _agreed(tx)
    locked = tx.get(Subscriptions).lock_set(places=[deal.place for deal in deals])
    deals = _paid(tx, deals)
    if not deals:
        return
    grants = tx.get(Subscriptions).grant_set(grants=[_grant(deal) for deal in deals], locked=locked)
    for deal, granted in zip(deals, grants, strict=True):
        deal.granted = granted
        _keep_consent(tx, deal)
    commissions = tx.get(Referrals).earn_set(sales=[_sale(deal) for deal in deals])
    for deal, owed in zip(deals, commissions, strict=True):
        deal.owed = owed
    accounting = tx.get(Accounting)
    entries = [_entry(accounting, deal) for deal in deals]
    for entry, outcome in zip(entries, tx.get(Ledger).post_set(entries=entries), strict=True):
        if isinstance(outcome, Refused):
            # The wallets have said yes to all of these: none is booked unless all are.
            raise UnableToPost(outcome.reason, key=entry.key)
    for deal in deals:
        _tell(deal)


def prolong_within(tx: Transaction, asked: Purchase) -> Prolonged:
    """The same for one, within another journey's transaction, which has locked the subscription and sees that the term can be
    added. Raises what refuses it, before anything is written."""
    case = Case[Purchase, Prolonged](tx.command, asked)
    prolong_subscriptions.body(CaseSet([case], at=tx.command.at))
    if case.refusal is not None:
        raise case.refusal
    assert case.answered is not None
    tx.facts.extend(case.facts)
    return case.answered


def checked(
    buyer: Player | None, catalogue: Catalogue, *, plan: UUID, periods: int, at: datetime
) -> tuple[Player, Offer]:
    """Who buys, and what is offered to them. Raises UnableToFindPlayer, UnableToProlong and UnableToOffer."""
    if not 1 <= periods <= PERIODS_MAX:
        raise UnableToProlong("periods_out_of_range", periods_max=PERIODS_MAX)
    if buyer is None:
        raise UnableToFindPlayer("player_unknown")
    if buyer.state is not PlayerState.ACTIVE:
        raise UnableToProlong("player_frozen")
    return buyer, catalogue.offer(plan_id=plan, country=buyer.country, at=at)


def _agreed(tx: CaseSet[Purchase, Prolonged]) -> list[_Deal]:
    """Find the buyers and what they are offered, and refuse those to whom it cannot be sold."""
    buyers = tx.get(Members).players(player_ids=[case.asked.player for case in tx.cases])
    catalogue = tx.get(Catalogue)
    deals = []
    for case in tx.cases:
        asked = case.asked
        case.about("player", asked.player, plan=str(asked.plan), periods=asked.periods)
        try:
            buyer, offer = checked(
                buyers.get(asked.player),
                catalogue,
                plan=asked.plan,
                periods=asked.periods,
                at=case.command.at,
            )
            charge = offer.price_units * asked.periods
            if asked.charge_shown is not None and asked.charge_shown != charge:
                raise UnableToProlong("price_changed", charge=charge.major)
        except UnableTo as refusal:
            case.refuse(refusal)
        else:
            deals.append(_Deal(case, buyer, offer, charge, Place(buyer.id, offer.online_service.id)))
    return deals


def _paid(tx: CaseSet[Purchase, Prolonged], deals: Sequence[_Deal]) -> list[_Deal]:
    """Take the units from the wallets, and refuse those whose wallet has too few; the others know now what is taxed."""
    spends = [Spend(player=deal.buyer.id, units=deal.charge, reference=deal.reference) for deal in deals]
    accounting, paid = tx.get(Accounting), []
    for deal, slices in zip(deals, tx.get(Charging).consume_set(spends=spends, at=tx.at), strict=True):
        if isinstance(slices, UnableToSpend):
            deal.case.refuse(slices)
        else:
            deal.taxed = taxed_by_currency(accounting, slices, country=deal.buyer.country, at=deal.at)
            deal.net = [part.net for part in deal.taxed if part.net]
            paid.append(deal)
    return paid


def _grant(deal: _Deal) -> GrantDraft:
    return GrantDraft(
        id=deal.grant_id,
        place=deal.place,
        plan=deal.offer.plan.id,
        source=GrantSource.PAID,
        term=deal.offer.plan.term * deal.case.asked.periods,
        zone=deal.buyer.time_zone,
        net=deal.net,
        entry_id=deal.entry_id,
        reference=str(deal.grant_id),
        at=deal.at,
    )


def _keep_consent(tx: CaseSet[Purchase, Prolonged], deal: _Deal) -> None:
    """What the buyer agreed to, as far as the house's rule for the country lets it count."""
    asked = deal.case.asked
    if not isinstance(asked, PurchaseAtOnce):
        return
    buyer = deal.buyer
    period = tx.get(Payments).withdrawal_period(country=buyer.country, since=deal.at, zone=buyer.time_zone)
    if period.is_offered:
        kind = ConsentKind.WAIVES if period.terms.may_waive else ConsentKind.PAYS
        consent = Consent(deal.grant_id, kind, asked.wording, deal.at)
        tx.get(Subscriptions).keep_consent(consent=consent)
        deal.case.about("player", deal.buyer.id, consent=kind)


def _sale(deal: _Deal) -> Sale:
    assert deal.granted
    return Sale(
        subscription=deal.granted.subscription.id,
        buyer=deal.buyer.id,
        entry_id=deal.entry_id,
        base=deal.net,
        at=deal.at,
    )


def _entry(accounting: Accounting, deal: _Deal) -> EntryDraft:
    assert deal.granted
    return EntryDraft(
        id=deal.entry_id,
        key=deal.reference,
        kind="subscription",
        occurred_at=deal.at,
        legs=(
            *accounting.spend_legs(player=deal.buyer.id, units=deal.charge, taxed=deal.taxed),
            *accounting.commission_legs(owed=deal.owed),
        ),
        reference=str(deal.granted.subscription.id),
        details={
            "plan": deal.offer.plan.code,
            "online_service": deal.offer.online_service.code,
            "periods": deal.case.asked.periods,
        },
    )


def _tell(deal: _Deal) -> None:
    assert deal.granted
    case, grant, subscription = deal.case, deal.granted.grant, deal.granted.subscription
    case.about("subscription", subscription.id, charged_minor=deal.charge.minor, entry=str(deal.entry_id))
    case.announce(
        "subscriptions.prolonged",
        key=str(deal.buyer.id),
        player=deal.buyer.id,
        subscription=subscription.id,
        grant=grant.id,
        online_service=subscription.online_service,
        plan=grant.plan,
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
        charged_minor=deal.charge.minor,
        country=deal.buyer.country,
        source=GrantSource.PAID,
        commission=[line.amount for line in deal.owed],
        journal_entry=deal.entry_id,
    )
    case.answer(
        Prolonged(
            id=subscription.id,
            online_service=subscription.online_service,
            plan=grant.plan,
            starts_at=grant.starts_at,
            ends_at=grant.ends_at,
            charged=deal.charge,
            journal_entry=deal.entry_id,
        )
    )
