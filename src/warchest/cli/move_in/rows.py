"""What a row of each table says, once it is read. Each function answers None where a row can't be taken as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from warchest.charging.contract import LotTerms, Source
from warchest.cli.move_in.fields import Fields, listed, quoted
from warchest.cli.move_in.findings import Findings
from warchest.cli.move_in.tables import Columns, Line
from warchest.journeys.move_in_balances import PLAYERS_BOOKS, BalanceRow
from warchest.journeys.move_in_players import PlayerRow
from warchest.journeys.move_in_subscriptions import TermRow
from warchest.journeys.move_in_wallets import LotRow
from warchest.kernel.currency import INNER, Currency
from warchest.kernel.money import Money
from warchest.ledger.contract import Book, Side
from warchest.members.contract import PlayerState
from warchest.subscriptions.contract import YEARS_AHEAD_MAX, GrantSource

PLAYERS = Columns(
    "players",
    ("id", "nickname", "email", "country", "language", "joined_at"),
    ("sponsor", "password_hash", "state", "wallet_units"),
)
WALLETS = Columns(
    "wallets",
    ("id", "player", "units", "source"),
    (
        "consideration",
        "currency",
        "refundable",
        "transferable",
        "payable_out",
        "expires_at",
        "first_issued_at",
    ),
)
SUBSCRIPTIONS = Columns(
    "subscriptions",
    ("id", "player", "online_service", "plan", "starts_at", "ends_at", "source"),
    ("deferred", "currency"),
)
BALANCES = Columns("balances", ("account", "currency", "amount"), ("owner", "side"))

_PLAYER_ID_MAX = 80
# An entry's key names the older system and the row: it has 80 characters in all.
_LOT_ID_MAX = 40
_TERM_ID_MAX = 50
_OWNER_MAX = 64
_HASH_MAX = 1000
_COUNTRY = re.compile("[A-Z]{2}", re.ASCII)
_OWNED_BY = {
    "reseller_receivable": "the reseller's code",
    "settlement_receivable": "the provider's name",
    "tax_payable": "the country's two letters",
    "commission_payable": "the sponsor's id",
}
# What is kept to the last minor unit by those who explain it, and what to do instead.
_EXPLAINED = {
    "wallet_units": "Units come with the lots in wallets.csv.",
    "units_issued": "Units come with the lots in wallets.csv.",
    "wallet_funding": "It comes with the lots' consideration in wallets.csv.",
    "deferred_revenue": "It comes with the terms in subscriptions.csv.",
    "provider_clearing": "Our own payments explain it: bring what providers still owe as settlement_receivable.",
    "cards_sold": "It comes with the import of the cards; bring what is owed for others as other_liabilities.",
    "commission_on_hold": "Our own commissions explain it: bring what is owed to sponsors as commission_payable.",
    "opening_balance_equity": "It is what all others are opened against.",
}


@dataclass(frozen=True, slots=True)
class House:
    """What rows may refer to here. ``plans`` are by online service and code."""

    cutover_at: datetime
    functional: Currency
    online_services: Mapping[str, UUID]
    plans: Mapping[UUID, Mapping[str, UUID]]
    books: Mapping[str, Book]
    currencies: frozenset[str]


@dataclass(frozen=True, slots=True)
class Codes:
    """What the older system's codes are called here."""

    online_services: Mapping[str, str]
    plans: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReadPlayer:
    row: PlayerRow
    wallet_minor: int | None


def player(line: Line, house: House, findings: Findings) -> ReadPlayer | None:
    fields = Fields(line, findings)
    identity = fields.name("id", length_max=_PLAYER_ID_MAX)
    nickname = fields.name("nickname", length_max=254)
    email = fields.name("email", length_max=254)
    joined_at = _not_after(fields, "joined_at", house.cutover_at)
    sponsor = fields.text("sponsor", length_max=_PLAYER_ID_MAX)
    if sponsor and sponsor == identity:
        fields.wrong("sponsor", "The player is their own sponsor", "Leave the sponsor empty.")
    state = fields.choice("state", PlayerState, default=PlayerState.ACTIVE)
    wallet = fields.amount("wallet_units", INNER)
    country, language = fields.text("country", length_max=2), fields.text("language", length_max=10)
    password_hash = fields.text("password_hash", length_max=_HASH_MAX)
    if not fields.sound or joined_at is None or state is None or wallet is None:
        return None
    row = PlayerRow(
        id=identity,
        nickname=nickname,
        email=email,
        country=country,
        language=language,
        sponsor=sponsor,
        password_hash=password_hash,
        state=state,
        joined_at=joined_at,
    )
    return ReadPlayer(row, wallet.minor if line.values.get("wallet_units") else None)


def lot(line: Line, house: House, findings: Findings) -> LotRow | None:
    fields = Fields(line, findings)
    identity = fields.name("id", length_max=_LOT_ID_MAX)
    owner = fields.name("player", length_max=_PLAYER_ID_MAX)
    units = fields.amount("units", INNER)
    if units is not None and not units:
        fields.wrong("units", "The lot has no units", "Leave out lots that are used up.")
    paid = _money(fields, line, "consideration", house)
    source = fields.choice("source", Source)
    terms = LotTerms(
        refundable=fields.flag("refundable", default=True),
        transferable=fields.flag("transferable", default=False),
        payable_out=fields.flag("payable_out", default=False),
        expires_at=fields.moment("expires_at"),
    )
    if source is Source.PROMOTION and terms.payable_out:
        fields.wrong("payable_out", "What nobody paid for is never paid out", "Write no, or another source.")
    if terms.expires_at and terms.expires_at <= house.cutover_at:
        fields.wrong(
            "expires_at",
            "The lot's term was over at the cut-over",
            "Let it expire in the older system, or give it a later term.",
        )
    issued_at = _not_after(fields, "first_issued_at", house.cutover_at)
    if not fields.sound or units is None or paid is None or source is None:
        return None
    return LotRow(identity, owner, units, paid, source, terms, issued_at or house.cutover_at)


def term(line: Line, house: House, codes: Codes, findings: Findings) -> TermRow | None:
    fields = Fields(line, findings)
    identity = fields.name("id", length_max=_TERM_ID_MAX)
    owner = fields.name("player", length_max=_PLAYER_ID_MAX)
    service, plan = _plan(fields, house, codes)
    starts_at, ends_at = fields.moment("starts_at"), fields.moment("ends_at")
    deferred = _money(fields, line, "deferred", house)
    source = fields.choice("source", GrantSource)
    if starts_at and ends_at:
        if ends_at <= starts_at:
            fields.wrong("ends_at", "The term ends before it begins", "A term has some length.")
        elif ends_at > house.cutover_at + timedelta(days=365 * YEARS_AHEAD_MAX):
            fields.wrong(
                "ends_at", "The term ends too far ahead", f"At most {YEARS_AHEAD_MAX} years are kept."
            )
        elif deferred and ends_at <= house.cutover_at:
            fields.wrong(
                "deferred",
                "The term was over at the cut-over, and something is left to earn",
                "Book it as revenue in the older system.",
            )
    if (
        not fields.sound
        or service is None
        or plan is None
        or starts_at is None
        or ends_at is None
        or deferred is None
        or source is None
    ):
        return None
    return TermRow(identity, owner, service, plan, starts_at, ends_at, deferred, source)


def balance(line: Line, house: House, findings: Findings) -> BalanceRow | None:
    fields = Fields(line, findings)
    book = _book(fields, house)
    owner = _owner(fields, book.code) if book else ""
    unit = _with_rate(fields, house)
    amount = fields.amount("amount", unit)
    if amount is not None and not amount:
        fields.wrong("amount", "The balance is zero", "Leave out accounts on which nothing is.")
    side = _side(fields, line, book)
    if not fields.sound or book is None or amount is None or side is None:
        return None
    return BalanceRow(book=book.code, owner=owner, side=side, amount=amount)


def _book(fields: Fields, house: House) -> Book | None:
    code = fields.text("account")
    book = house.books.get(code)
    if book is None and code:
        mend = _EXPLAINED.get(code) or f"There are {listed_all(house.books)}."
        fields.wrong("account", f"No balance can be brought for {quoted(code)}", mend)
    return book


def listed_all(known: Mapping[str, object]) -> str:
    return ", ".join(sorted(known))


def _owner(fields: Fields, book: str) -> str:
    owner = fields.text("owner", length_max=_PLAYER_ID_MAX if book in PLAYERS_BOOKS else _OWNER_MAX)
    if book in _OWNED_BY and not owner:
        fields.wrong("owner", f"{book} is kept for each owner", f"Write {_OWNED_BY[book]}.")
    elif book == "tax_payable" and not _COUNTRY.fullmatch(owner):
        fields.wrong("owner", f"{quoted(owner)} is no country", f"Write {_OWNED_BY[book]}.")
    return owner


def _side(fields: Fields, line: Line, book: Book | None) -> Side | None:
    written = line.values.get("side", "").lower()
    match written:
        case "":
            return book.side if book else None
        case "debit":
            return Side.DEBIT
        case "credit":
            return Side.CREDIT
    fields.wrong(
        "side", f"{quoted(written)} is no side", "Write debit or credit, or nothing for the usual one."
    )
    return None


def _plan(fields: Fields, house: House, codes: Codes) -> tuple[UUID | None, UUID | None]:
    theirs, plan_there = fields.text("online_service"), fields.text("plan")
    code = codes.online_services.get(theirs, theirs)
    service = house.online_services.get(code)
    if service is None:
        if theirs:
            fields.wrong(
                "online_service",
                f"Nobody knows the online service {quoted(code)}",
                f"Map it in control.json to one of {listed(house.online_services)}.",
            )
        return None, None
    plans, plan_code = house.plans[service], codes.plans.get(plan_there, plan_there)
    plan = plans.get(plan_code)
    if plan is None and plan_there:
        fields.wrong(
            "plan",
            f"{quoted(code)} has no plan {quoted(plan_code)}",
            f"Map it in control.json to one of {listed(plans)}.",
        )
    return service, plan


def _money(fields: Fields, line: Line, field: str, house: House) -> Money | None:
    """What was paid, in the row's currency. Nothing needs none."""
    unit = _with_rate(fields, house)
    if unit is None and fields.sound and line.values.get("currency", "") == "":
        nothing = fields.amount(field, house.functional)
        if nothing:
            fields.wrong("currency", f"The {field} has no currency", "Write the currency that was paid in.")
        return nothing
    return fields.amount(field, unit)


def _with_rate(fields: Fields, house: House) -> Currency | None:
    unit = fields.currency("currency")
    if unit is not None and unit.code not in house.currencies:
        fields.wrong(
            "currency",
            f"No rate is kept for {unit.code}",
            "Enter a rate in the back office first, or convert it.",
        )
        return None
    return unit


def _not_after(fields: Fields, field: str, cutover_at: datetime) -> datetime | None:
    found = fields.moment(field)
    if found is not None and found > cutover_at:
        fields.wrong(
            field,
            "This is after the cut-over",
            "See that --at is the moment at which the files were written.",
        )
    return found
