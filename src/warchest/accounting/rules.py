"""Posting rules: which legs an event owes. Pure; the journey that asks posts them in one entry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from uuid import UUID

from warchest.accounting.chart import BANK_COUNTERPARTS
from warchest.accounting.contract import OwedCommission, TakenBack, Taxed, UnableToBookDifference, Withdrawn
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Leg, Side, credit, debit


def tax_within(*, gross: Money, country: str, rate_bps: int) -> Taxed:
    """Net and tax of a price that includes it; the net is rounded half to even and the tax is the rest."""
    net = Money(round(Fraction(gross.minor * 10_000, 10_000 + rate_bps)), gross.currency)
    return Taxed(net=net, tax=gross - net, rate_bps=rate_bps, country=country)


def top_up_legs(
    *, player: UUID, provider: str, paid: Money, units: Money, set_off: Money | None = None
) -> tuple[Leg, ...]:
    settled = set_off or Money.zero(paid.currency)
    return _without_zero(
        debit("provider_clearing", paid, owner=provider),
        credit("player_debt", settled, owner=player),
        credit("wallet_funding", paid - settled),
        *_units_in(player, units),
    )


def taken_back_legs(*, player: UUID, taken: TakenBack, provider: str, from_dispute: bool) -> tuple[Leg, ...]:
    return _without_zero(
        debit("wallet_units", taken.units, owner=player),
        credit("units_issued", taken.units),
        debit("wallet_funding", taken.funding),
        *(
            leg
            for part in taken.unserved
            for leg in (
                debit("deferred_revenue", part.net),
                debit("tax_payable", part.tax, owner=part.country),
            )
        ),
        debit("player_debt", taken.debt, owner=player),
        credit("disputed_funds" if from_dispute else "provider_clearing", taken.amount, owner=provider),
        *_commissions_back(taken.commissions),
    )


def withdrawn_legs(
    *, player: UUID, units: Money, withdrawn: Sequence[Withdrawn], commissions: Sequence[OwedCommission]
) -> tuple[Leg, ...]:
    return _without_zero(
        *_units_in(player, units),
        *(
            leg
            for part in withdrawn
            for leg in (
                debit("deferred_revenue", part.unearned),
                debit("revenue", part.earned),
                debit("tax_payable", part.tax, owner=part.country),
                credit("wallet_funding", part.unearned + part.earned + part.tax),
            )
        ),
        *_commissions_back(commissions),
    )


def _commissions_back(lines: Sequence[OwedCommission]) -> list[Leg]:
    return [
        leg
        for line in lines
        for leg in (
            debit("commission_on_hold", line.amount, owner=line.sponsor),
            credit("commission_cost", line.amount),
        )
    ]


def dispute_opened_legs(*, provider: str, amount: Money) -> tuple[Leg, ...]:
    return _between("disputed_funds", "provider_clearing", amount, provider, provider)


def dispute_won_legs(*, provider: str, amount: Money) -> tuple[Leg, ...]:
    return _between("provider_clearing", "disputed_funds", amount, provider, provider)


def provider_fee_legs(*, provider: str, fee: Money) -> tuple[Leg, ...]:
    return _between("provider_fees", "provider_clearing", fee, provider, provider)


DIFFERENCE_BOOKS = ("settlement_differences", "provider_fees", "provider_reserve", "bad_debts")


def settlement_legs(*, provider: str, fees: Money, reserved: Money, paid_out: Money) -> tuple[Leg, ...]:
    return (
        *_signed("provider_fees", "provider_clearing", fees, provider, provider),
        *_signed("provider_reserve", "provider_clearing", reserved, provider, provider),
        *_signed("payouts_under_way", "provider_clearing", paid_out, provider, provider),
    )


def settlement_difference_legs(*, provider: str, book: str, difference: Money) -> tuple[Leg, ...]:
    if book not in DIFFERENCE_BOOKS:
        raise UnableToBookDifference("book_not_for_differences", book=book[:40])
    owner = provider if book in {"provider_fees", "provider_reserve"} else ""
    return _signed("provider_clearing", book, difference, provider, owner)


def payout_arrived_legs(
    *, account: str, provider: str, paid_out: Money, difference: Money, book: str
) -> tuple[Leg, ...]:
    """One leg each, so that the bank's is what the bank says."""
    if difference and book not in DIFFERENCE_BOOKS:
        raise UnableToBookDifference("book_not_for_differences", book=book[:40])
    owner = provider if book in {"provider_fees", "provider_reserve"} else ""
    return _without_zero(
        _one_leg("bank", paid_out + difference, account, side=Side.DEBIT),
        _one_leg("payouts_under_way", paid_out, provider, side=Side.CREDIT),
        _one_leg(book, difference, owner, side=Side.CREDIT),
    )


def _one_leg(book: str, amount: Money, owner: object, *, side: Side) -> Leg:
    """On the other side where the amount is negative."""
    made = debit if (side is Side.DEBIT) is (amount.minor >= 0) else credit
    return made(book, amount if amount.minor >= 0 else -amount, owner=owner)


def difference_books() -> tuple[str, ...]:
    return DIFFERENCE_BOOKS


def _signed(to: str, source: str, amount: Money, to_owner: object, source_owner: object) -> tuple[Leg, ...]:
    """As ``_between``; the other way round where the amount is negative."""
    if amount.minor < 0:
        return _between(source, to, -amount, source_owner, to_owner)
    return _between(to, source, amount, to_owner, source_owner)


def debt_written_off_legs(*, player: UUID, amount: Money) -> tuple[Leg, ...]:
    return _between("bad_debts", "player_debt", amount, "", player)


def surplus_legs(*, player: UUID, provider: str, amount: Money) -> tuple[Leg, ...]:
    return _between("provider_clearing", "payer_surplus", amount, provider, player)


def surplus_returned_legs(*, player: UUID, provider: str, amount: Money) -> tuple[Leg, ...]:
    return _between("payer_surplus", "provider_clearing", amount, player, provider)


def _between(to: str, source: str, amount: Money, to_owner: object, source_owner: object) -> tuple[Leg, ...]:
    return _without_zero(debit(to, amount, owner=to_owner), credit(source, amount, owner=source_owner))


def batch_delivered_legs(
    *,
    batch: UUID,
    reseller: str,
    face: Money,
    margin: Money,
    tax: Money | None = None,
    tax_country: str = "",
) -> tuple[Leg, ...]:
    taxed = tax or Money.zero(face.currency)
    return _without_zero(
        debit("reseller_receivable", face - margin, owner=reseller),
        debit("reseller_margin", margin),
        credit("cards_sold", face - taxed, owner=batch),
        credit("tax_payable", taxed, owner=tax_country),
    )


def card_sale_reversed_legs(
    *,
    batch: UUID,
    reseller: str,
    face: Money,
    margin: Money,
    tax: Money | None = None,
    tax_country: str = "",
) -> tuple[Leg, ...]:
    taxed = tax or Money.zero(face.currency)
    return _without_zero(
        debit("cards_sold", face - taxed, owner=batch),
        debit("tax_payable", taxed, owner=tax_country),
        credit("reseller_receivable", face - margin, owner=reseller),
        credit("reseller_margin", margin),
    )


def card_activated_legs(*, batch: UUID, player: UUID, face: Money, units: Money) -> tuple[Leg, ...]:
    return _without_zero(
        debit("cards_sold", face, owner=batch),
        credit("wallet_funding", face),
        *_units_in(player, units),
    )


def card_period_legs(*, batch: UUID, face: Money, taxed: Taxed) -> tuple[Leg, ...]:
    return _without_zero(
        debit("cards_sold", face, owner=batch),
        credit("deferred_revenue", taxed.net),
        credit("tax_payable", taxed.tax, owner=taxed.country),
    )


def cards_expired_legs(*, batch: UUID, amounts: Sequence[Money]) -> tuple[Leg, ...]:
    return _without_zero(
        *(
            leg
            for amount in amounts
            for leg in (debit("cards_sold", amount, owner=batch), credit("breakage_revenue", amount))
        )
    )


def card_bought_legs(*, batch: UUID, player: UUID, units: Money, taxed: Taxed) -> tuple[Leg, ...]:
    return _without_zero(
        *_units_out(player, units),
        debit("wallet_funding", taxed.net + taxed.tax),
        credit("cards_sold", taxed.net, owner=batch),
        credit("tax_payable", taxed.tax, owner=taxed.country),
    )


def card_bought_back_legs(*, batch: UUID, player: UUID, units: Money, taxed: Taxed) -> tuple[Leg, ...]:
    return _without_zero(
        debit("cards_sold", taxed.net, owner=batch),
        debit("tax_payable", taxed.tax, owner=taxed.country),
        credit("wallet_funding", taxed.net + taxed.tax),
        *_units_in(player, units),
    )


def card_sold_at_desk_legs(*, batch: UUID, clerk: UUID, taxed: Taxed) -> tuple[Leg, ...]:
    return _without_zero(
        debit("reseller_receivable", taxed.net + taxed.tax, owner=_desk(clerk)),
        credit("cards_sold", taxed.net, owner=batch),
        credit("tax_payable", taxed.tax, owner=taxed.country),
    )


def card_taken_back_at_desk_legs(*, batch: UUID, clerk: UUID, taxed: Taxed) -> tuple[Leg, ...]:
    return _without_zero(
        debit("cards_sold", taxed.net, owner=batch),
        debit("tax_payable", taxed.tax, owner=taxed.country),
        credit("reseller_receivable", taxed.net + taxed.tax, owner=_desk(clerk)),
    )


def _desk(clerk: UUID) -> str:
    """Who has the money of a sale at the desk; no reseller's name has a colon."""
    return f"desk:{clerk}"


def promotion_legs(*, player: UUID, units: Money) -> tuple[Leg, ...]:
    return _units_in(player, units)


def spend_legs(*, player: UUID, units: Money, taxed: Sequence[Taxed]) -> tuple[Leg, ...]:
    return _spend(player, units, taxed, into="deferred_revenue")


def immediate_spend_legs(*, player: UUID, units: Money, taxed: Sequence[Taxed]) -> tuple[Leg, ...]:
    return _spend(player, units, taxed, into="revenue")


def expiry_legs(*, player: UUID, units: Money, consideration: Money) -> tuple[Leg, ...]:
    """Breakage, IFRS 15.B44 to B47."""
    return _without_zero(
        debit("wallet_units", units, owner=player),
        credit("units_issued", units),
        debit("wallet_funding", consideration),
        credit("breakage_revenue", consideration),
    )


def bank_entry_legs(*, account: str, amount: Money, incoming: bool, against: AccountRef) -> tuple[Leg, ...]:
    if incoming:
        return debit("bank", amount, owner=account), credit(against.book, amount, owner=against.owner)
    return debit(against.book, amount, owner=against.owner), credit("bank", amount, owner=account)


def bank_counterparts() -> tuple[str, ...]:
    return BANK_COUNTERPARTS


def transfer_legs(*, sender: UUID, recipient: UUID, units: Money) -> tuple[Leg, ...]:
    return debit("wallet_units", units, owner=sender), credit("wallet_units", units, owner=recipient)


def went_across_legs(*, player: UUID, cluster: str, units: Money, paid: Sequence[Money]) -> tuple[Leg, ...]:
    return _without_zero(
        debit("wallet_units", units, owner=player),
        credit("intercompany_units", units, owner=cluster),
        *(
            leg
            for amount in sums_by_currency(paid)
            for leg in (
                debit("wallet_funding", amount),
                credit("intercompany_payable", amount, owner=cluster),
            )
        ),
    )


def came_across_legs(*, player: UUID, cluster: str, units: Money, paid: Sequence[Money]) -> tuple[Leg, ...]:
    return _without_zero(
        debit("intercompany_units", units, owner=cluster),
        credit("wallet_units", units, owner=player),
        *(
            leg
            for amount in sums_by_currency(paid)
            for leg in (
                debit("intercompany_receivable", amount, owner=cluster),
                credit("wallet_funding", amount),
            )
        ),
    )


def netting_legs(*, cluster: str, payable: Money, receivable: Money) -> tuple[Leg, ...]:
    net = payable - receivable
    return _without_zero(
        debit("intercompany_payable", payable, owner=cluster),
        credit("intercompany_receivable", receivable, owner=cluster),
        credit("bank", net) if net.minor > 0 else debit("bank", -net),
    )


def sums_by_currency(amounts: Sequence[Money]) -> tuple[Money, ...]:
    sums: dict[str, Money] = {}
    for amount in amounts:
        code = amount.currency.code
        sums[code] = sums[code] + amount if code in sums else amount
    return tuple(sums[code] for code in sorted(sums))


def commission_legs(*, owed: Sequence[OwedCommission]) -> tuple[Leg, ...]:
    costs: dict[str, int] = {}
    for line in owed:
        code = line.amount.currency.code
        costs[code] = costs.get(code, 0) + line.amount.minor
    return _without_zero(
        *(debit("commission_cost", Money(minor, currency(code))) for code, minor in costs.items()),
        *(credit("commission_on_hold", line.amount, owner=line.sponsor) for line in owed),
    )


def recognition_legs(*, earned: Sequence[Money], day: date) -> tuple[Leg, ...]:
    return _without_zero(
        *(leg for amount in earned for leg in (debit("deferred_revenue", amount), credit("revenue", amount)))
    )


def _spend(player: UUID, units: Money, taxed: Sequence[Taxed], *, into: str) -> tuple[Leg, ...]:
    return _without_zero(
        debit("wallet_units", units, owner=player),
        credit("units_issued", units),
        *(
            leg
            for part in taxed
            for leg in (
                debit("wallet_funding", part.net + part.tax),
                credit(into, part.net),
                credit("tax_payable", part.tax, owner=part.country),
            )
        ),
    )


def _units_in(player: UUID, units: Money) -> tuple[Leg, ...]:
    return debit("units_issued", units), credit("wallet_units", units, owner=player)


def _units_out(player: UUID, units: Money) -> tuple[Leg, ...]:
    return debit("wallet_units", units, owner=player), credit("units_issued", units)


def _without_zero(*legs: Leg) -> tuple[Leg, ...]:
    return tuple([leg for leg in legs if leg.amount.minor])
