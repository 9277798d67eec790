"""How the books are told to people: what kinds, books and owners are called, and where each of them has its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from warchest.cards.models import Batch
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, BookKind, Entry, Leg, Side
from warchest.members.contract import Members
from warchest.runtime.services import services
from warchest.web.backoffice.reading import rows_of
from warchest.web.backoffice.templatetags.backoffice import country

Text: TypeAlias = str | Promise

_LENGTH_OF_ID = 36

KINDS: dict[str, Text] = {
    "top_up": _("top-up"),
    "card_activated": _("card activated"),
    "batch_delivered": _("batch delivered"),
    "card_sold": _("card sold"),
    "card_sale_reversed": _("card taken back"),
    "reseller_delivery": _("cards delivered to a reseller"),
    "reseller_return": _("cards returned by a reseller"),
    "subscription": _("subscription"),
    "charge": _("charge"),
    "expiry": _("units expired"),
    "recognition": _("revenue recognised"),
    "bank_entry": _("entry of the bank"),
    "exchange": _("exchange of currencies"),
    "refund": _("refund"),
    "surplus": _("paid twice"),
    "top_up_bonus": _("bonus of a top-up"),
    "withdrawal": _("withdrawal from a purchase"),
    "payout_arrived": _("payout of a provider at the bank"),
    "dispute": _("dispute"),
    "write_off": _("debt written off"),
    "settlement": _("settlement of a provider"),
    "settlement_difference": _("difference in a settlement"),
    "opening": _("opening balance"),
    "reversal": _("reversal"),
}
BOOKS: dict[str, Text] = {
    "wallet_units": _("Units in wallets"),
    "units_issued": _("Units issued"),
    "provider_clearing": _("Owed by payment providers"),
    "provider_reserve": _("Kept back by payment providers"),
    "payouts_under_way": _("Payouts under way"),
    "player_debt": _("Owed by players"),
    "payer_surplus": _("Paid twice, to go back"),
    "reseller_receivable": _("Owed by resellers"),
    "bank": _("At the bank"),
    "exchange": _("Exchanged for other currencies"),
    "wallet_funding": _("Paid for units in wallets"),
    "intercompany_units": _("Units in other clusters"),
    "intercompany_receivable": _("Owed by other clusters"),
    "intercompany_payable": _("Owed to other clusters"),
    "cards_sold": _("Cards sold, not activated"),
    "deferred_revenue": _("Service paid for, not delivered"),
    "tax_payable": _("Tax payable"),
    "commission_on_hold": _("Commissions on hold"),
    "transfers_to_return": _("Transfers that go back"),
    "other_income": _("Other income"),
    "provider_fees": _("Fees of payment providers"),
    "settlement_differences": _("Differences in settlements"),
    "bad_debts": _("Bad debts"),
    "bank_charges": _("Bank charges"),
    "other_expense": _("Other expense"),
    "revenue": _("Revenue"),
    "breakage_revenue": _("Revenue from expired units"),
    "reseller_margin": _("Resellers' margins"),
    "commission_cost": _("Cost of commissions"),
    "opening_balance_equity": _("Opening balance equity"),
    "share_capital": _("Share capital"),
    "retained_earnings": _("Retained earnings"),
    "settlement_receivable": _("Owed by providers of an older system"),
    "other_assets": _("Other assets"),
    "commission_payable": _("Commissions payable"),
    "other_liabilities": _("Other liabilities"),
}
BOOK_KINDS: dict[str, Text] = {
    BookKind.ASSET: _("asset"),
    BookKind.LIABILITY: _("liability"),
    BookKind.EQUITY: _("equity"),
    BookKind.INCOME: _("income"),
    BookKind.EXPENSE: _("expense"),
    BookKind.MEMORANDUM: _("memorandum"),
}
SIDES: dict[str, Text] = {Side.DEBIT: _("Debit"), Side.CREDIT: _("Credit")}
DETAILS: dict[str, Text] = {
    "provider": _("Provider"),
    "serial": _("Serial"),
    "online_service": _("Online service"),
    "plan": _("Plan"),
    "periods": _("Periods"),
    "purpose": _("Purpose"),
    "of": _("Reversal of"),
    "sold": _("Currency that went"),
    "bought": _("Currency that came"),
    "rate": _("Rate"),
}
# Where the page of the document is that an entry of a kind refers to.
_DOCUMENTS = {
    "top_up": "backoffice:payment",
    "card_activated": "backoffice:card",
    "card_sold": "backoffice:card",
    "card_sale_reversed": "backoffice:card",
    "batch_delivered": "backoffice:batch",
    "top_up_bonus": "backoffice:payment",
    "refund": "backoffice:payment",
    "surplus": "backoffice:payment",
    "dispute": "backoffice:payment",
    "subscription": "admin:subscriptions_subscription_change",
    "withdrawal": "admin:subscriptions_subscription_change",
    "expiry": "admin:charging_lot_change",
}
# The same where the reference is for people to read, and the entry's key names the document.
_DOCUMENTS_BY_KEY = {
    "settlement": ("settlement:", "backoffice:settlement"),
    "settlement_difference": ("settlement-line:", "backoffice:settlement-line"),
    "bank_entry": ("bank:", "backoffice:bank-entry"),
    "payout_arrived": ("bank:", "backoffice:bank-entry"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """What something is called, and its page; ``link`` is empty where it has none."""

    title: Text
    link: str = ""


@dataclass(frozen=True, slots=True)
class LegRow:
    book: Place
    owner: Place
    debit: Money | None
    credit: Money | None


def kind_name(kind: str) -> Text:
    return KINDS.get(kind) or kind.replace("_", " ")


def book_name(code: str) -> Text:
    return BOOKS.get(code) or code.replace("_", " ")


def entry_link(entry_id: UUID) -> str:
    return reverse("backoffice:entry", args=[entry_id])


def account_link(account: AccountRef, *, at: datetime | None = None) -> str:
    """The page of an account, as it stood ``at`` a moment where one is given."""
    asked = {"book": account.book, "owner": account.owner, "currency": account.currency}
    return f"{reverse('backoffice:account')}?{urlencode({**asked, **moment(at)})}"


def moment(at: datetime | None) -> dict[str, str]:
    """A moment as a page's address says it."""
    return {"at": f"{at:%Y-%m-%dT%H:%M:%S}"} if at else {}


def document(kind: str, reference: str, details: Mapping[str, str | int], *, key: str = "") -> Place:
    """The business document that was booked by the entry with this ``key``; of a reversal, that of what it reverses."""
    prefix, place = _DOCUMENTS_BY_KEY.get(kind, ("", ""))
    if place and _is_id(named := key.removeprefix(prefix)):
        return Place(reference, reverse(place, args=[named]))
    page = _DOCUMENTS.get(str(details.get("of", "")) if kind == "reversal" else kind)
    title = f"…{reference[-12:]}" if _is_id(reference) else reference
    return Place(title, reverse(page, args=[reference]) if page and reference else "")


def owners(accounts: Iterable[AccountRef]) -> dict[AccountRef, Place]:
    """Whose accounts are, by name where an owner is a player or a batch: in two queries, however many they are."""
    accounts = set(accounts)
    ids = {UUID(account.owner) for account in accounts if _is_id(account.owner)}
    players = services.get(Members).players(player_ids=list(ids)) if ids else {}
    batches = rows_of(Batch).in_bulk(ids - players.keys()) if ids - players.keys() else {}

    def named(account: AccountRef) -> Place:
        if not _is_id(account.owner):
            is_country = account.book == "tax_payable"
            return Place(country(account.owner) if is_country else account.owner)
        identity = UUID(account.owner)
        if identity in players:
            link = reverse("admin:members_player_change", args=[identity])
            return Place(players[identity].nickname, link)
        if identity in batches:
            return Place(str(batches[identity]), reverse("backoffice:batch", args=[identity]))
        return Place(f"…{account.owner[-12:]}")

    return {account: named(account) for account in accounts}


def leg_rows(legs: Iterable[Leg], *, links_accounts: bool) -> list[LegRow]:
    legs = list(legs)
    names = owners(leg.account for leg in legs)
    return [
        LegRow(
            book=Place(book_name(leg.book), account_link(leg.account) if links_accounts else ""),
            owner=names[leg.account],
            debit=leg.amount if leg.side is Side.DEBIT else None,
            credit=leg.amount if leg.side is Side.CREDIT else None,
        )
        for leg in legs
    ]


def mirrored(entry: Entry) -> Iterator[Leg]:
    """The legs of the entry's reversal."""
    return (Leg(leg.side.other, leg.book, leg.amount, leg.owner) for leg in entry.legs)


def totals(legs: Iterable[Leg]) -> tuple[Money, ...]:
    """What the legs move, in each currency: the sums of the debits, which are those of the credits."""
    sums: Counter[str] = Counter()
    for leg in legs:
        if leg.side is Side.DEBIT:
            sums[leg.amount.currency.code] += leg.amount.minor
    return tuple(Money(minor, currency(code)) for code, minor in sums.items())


def _is_id(text: str) -> bool:
    return len(text) == _LENGTH_OF_ID and text.count("-") == 4
