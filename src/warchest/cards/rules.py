"""What follows from numbers alone: serials, an order's digest, the ladder of locks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from uuid import UUID

import pycountry

from warchest.cards.contract import (
    CODE_LENGTH_MAX,
    ENTROPY_BITS_MIN,
    QUANTITY_MAX,
    BatchTerms,
    Guessing,
    UnableToOrderBatch,
    Worth,
    WorthKind,
)
from warchest.kernel.codes import ALPHABETS, damm
from warchest.kernel.currency import INNER
from warchest.kernel.money import MINOR_MAX, Money
from warchest.runtime import wire

SERIES_MAX = 9999
WORTHS_MAX = 8

_PREFIX = re.compile(r"(?:[A-Z][A-Z0-9]{0,5})?", re.ASCII)

GUESS_WINDOW = timedelta(hours=24)
_RUNGS = {Guessing.PLAYER: 5, Guessing.ADDRESS: 5, Guessing.NETWORK: 50}
_RUNGS_IN_ALARM = {Guessing.PLAYER: 3, Guessing.ADDRESS: 3, Guessing.NETWORK: 15}
_LADDER = (timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1), timedelta(hours=24))


def serial_state(digits: str, *, begun: int = 0) -> int:
    """How far Damm's check has come after these digits; at the end of a number it is the check digit."""
    return damm(digits, begun=begun)


def serial_head(prefix: str, series: int) -> tuple[str, int]:
    """What all serials of a series begin with, and the state of their check after it.

    A letter counts as the two digits of its code point.
    """
    digits = "".join(symbol if symbol.isdigit() else str(ord(symbol)) for symbol in prefix)
    return f"{prefix}{series:04}", serial_state(f"{digits}{series:04}")


def serial(*, prefix: str, series: int, number: int, digits: int = 7) -> str:
    """Prefix, four digits of the series, those of the running number, and a check digit.

    Prefix and number have no fixed length, so the serials of two orders may meet: the first that were made stay.
    """
    head, begun = serial_head(prefix, series)
    running = f"{number:0{digits}}"
    return f"{head}{running}{serial_state(running, begun=begun)}"


def serial_as_typed(typed: str) -> str:
    """A serial without the separators, and in the capitals, that people add and forget."""
    return re.sub(r"[^A-Z0-9]", "", typed.upper(), flags=re.ASCII)[:20]


_LATER_TERMS = {
    field.name: field.default
    for field in fields(BatchTerms)
    if field.name
    in {
        "stock",
        "spares",
        "alphabet",
        "group_size",
        "serial_digits",
        "first_number",
        "printer",
        "printer_key",
        "tax_country",
        "campaign",
        "new_players_days",
        "online_service",
        "import_digest",
        "import_scheme",
        "owed_from",
    }
}


def digest(*, batch_id: UUID, terms: BatchTerms, ordered_by: UUID, ordered_at: datetime) -> bytes:
    """SHA-256 of exactly what was ordered: an approval is bound to it."""
    expires_at = terms.expires_at and terms.expires_at.astimezone(UTC).isoformat()
    # What was ordered before there were virtual cards keeps its digest.
    virtual = {"virtual": True, "product": terms.product} if terms.virtual else {}
    # And so does what was ordered before there was each of these.
    later = {name: value for name, usual in _LATER_TERMS.items() if (value := getattr(terms, name)) != usual}
    return wire.fingerprint(
        {
            "batch": batch_id,
            "quantity": terms.quantity,
            "gives": tuple(map(_digested, terms.gives)),
            "face": terms.face,
            "code_length": terms.code_length,
            "serial_prefix": terms.serial_prefix,
            "series": terms.series,
            "expires_at": expires_at,
            "regions": terms.regions,
            "reseller": terms.reseller,
            "margin_bps": terms.margin_bps,
            "needs_sale": terms.needs_sale,
            "ordered_by": ordered_by,
            "ordered_at": ordered_at.astimezone(UTC).isoformat(),
            **virtual,
            **later,
        }
    )


def entropy_bits_needed(*, live: int) -> int:
    """How many random bits codes need beside so many live ones: a guess may hit any of them, so that a million guesses have a
    chance of a millionth at the most."""
    return max((live * _GUESSES_BORNE * _CHANCE_BORNE - 1).bit_length(), ENTROPY_BITS_MIN)


_GUESSES_BORNE = 10**6
_CHANCE_BORNE = 10**6
"""One in so many."""


def check_terms(terms: BatchTerms, *, live: int, at: datetime) -> None:
    """``live`` are the cards that can be activated, now or later, beside these. Raises UnableToOrderBatch."""
    if not 1 <= terms.quantity <= QUANTITY_MAX:
        raise UnableToOrderBatch("quantity_out_of_range", quantity_max=QUANTITY_MAX)
    if not 1 <= len(terms.gives) <= WORTHS_MAX or not all(map(_is_whole, terms.gives)):
        raise UnableToOrderBatch("card_worth_malformed", worths_max=WORTHS_MAX)
    if len(set(map(_what, terms.gives))) < len(terms.gives):
        raise UnableToOrderBatch("card_worth_twice")
    # Units are taxed where they are spent: a card that gives any has no known place of tax (VAT Directive, article 30a).
    if terms.tax_country and any(worth.money for worth in terms.gives):
        raise UnableToOrderBatch("single_purpose_gives_money")
    if not 0 <= terms.face_total.minor <= MINOR_MAX or terms.face.currency == INNER:
        raise UnableToOrderBatch("card_face_malformed")
    needed = entropy_bits_needed(live=live + terms.quantity + terms.spares)
    if terms.entropy_bits < needed:
        raise UnableToOrderBatch(
            "code_too_guessable", entropy_bits=terms.entropy_bits, entropy_bits_min=needed
        )
    if terms.code_length > CODE_LENGTH_MAX:
        raise UnableToOrderBatch("code_too_long", code_length_max=CODE_LENGTH_MAX)
    if not _PREFIX.fullmatch(terms.serial_prefix):
        raise UnableToOrderBatch("serial_prefix_malformed")
    if not 0 <= terms.series <= SERIES_MAX:
        raise UnableToOrderBatch("serial_series_malformed")
    if terms.expires_at is not None and (terms.expires_at.tzinfo is None or terms.expires_at <= at):
        raise UnableToOrderBatch("card_expiry_in_past")
    for region in terms.regions:
        if not pycountry.countries.get(alpha_2=region):
            raise UnableToOrderBatch("region_unknown", region=region[:8])
    if not 0 <= terms.margin_bps <= 10_000 or (terms.margin_bps and not terms.reseller):
        raise UnableToOrderBatch("margin_out_of_range")
    whole = (terms.reseller or terms.stock) and terms.product.strip() and terms.face.minor > 0
    if terms.virtual != bool(terms.product) or (terms.virtual and not whole):
        raise UnableToOrderBatch("virtual_batch_malformed")
    if terms.stock and (terms.reseller or not terms.face):
        raise UnableToOrderBatch("stock_batch_malformed")
    _check_import(terms)
    if not 0 <= terms.spares <= (0 if terms.virtual else terms.quantity):
        raise UnableToOrderBatch("spares_out_of_range")
    if terms.alphabet not in ALPHABETS or not 2 <= terms.group_size <= 8:
        raise UnableToOrderBatch("code_format_malformed")
    last = terms.first_number + terms.quantity + terms.spares - 1
    if not 4 <= terms.serial_digits <= 9 or terms.first_number < 1 or last >= 10**terms.serial_digits:
        raise UnableToOrderBatch("serial_format_malformed")


def _check_import(terms: BatchTerms) -> None:
    """What only an older system's cards have, and what they can't have: nothing of them is printed, or issued singly."""
    is_import = bool(terms.import_digest)
    whole = re.fullmatch(r"[0-9a-f]{64}", terms.import_digest) and terms.import_scheme
    ours_only = terms.virtual or terms.spares or terms.printer or (terms.reseller and terms.tax_country)
    if is_import and (not whole or ours_only):
        raise UnableToOrderBatch("import_malformed")
    if terms.import_scheme and not is_import:
        raise UnableToOrderBatch("import_malformed")
    if terms.owed_from and (
        not is_import or terms.owed_from not in OWED_FROM or not terms.reseller or not terms.face
    ):
        raise UnableToOrderBatch("import_malformed")


OWED_FROM = ("opening_balance_equity", "other_liabilities")
"""Accounts on which stands what is owed for an older system's cards: equity while the house moves in, or where it was brought."""


def _is_whole(worth: Worth) -> bool:
    match worth.kind:
        case WorthKind.MONEY:
            return (
                worth.money is not None
                and worth.money.minor > 0
                and worth.plan is None
                and not worth.periods
                and worth.tournament is None
            )
        case WorthKind.PERIOD:
            return (
                worth.money is None
                and worth.plan is not None
                and worth.periods >= 1
                and worth.tournament is None
            )
        case WorthKind.PASS:
            return (
                worth.money is None
                and worth.plan is None
                and not worth.periods
                and worth.tournament is not None
            )


def _what(worth: Worth) -> object:
    """What must not stand twice among the things that a card gives: it would be one thing, and more of it."""
    return worth.money.currency.code if worth.money else (worth.plan or worth.tournament)


@dataclass(frozen=True)
class _WorthBefore:
    """A thing as it went into digests before cards gave passes: what gives none keeps its digest."""

    kind: WorthKind
    money: Money | None
    plan: UUID | None
    periods: int


def _digested(worth: Worth) -> Worth | _WorthBefore:
    if worth.tournament is not None:
        return worth
    return _WorthBefore(worth.kind, worth.money, worth.plan, worth.periods)


def rung_of(who: Guessing, *, alarmed: bool) -> int:
    """How many guesses apart the rungs of the ladder are. A network is many people's, so it is allowed more."""
    return (_RUNGS_IN_ALARM if alarmed else _RUNGS)[who]


def lock_after(guesses: int, *, rung: int) -> timedelta | None:
    """For how long the guess that makes it so many locks out; None between two rungs of the ladder.

    One rung 15 minutes, two half an hour, three an hour, four and each further one a day.
    """
    climbed, between = divmod(guesses, rung)
    if between or not climbed:
        return None
    return _LADDER[min(climbed, len(_LADDER)) - 1]


Address = IPv4Address | IPv6Address | str
"""A player's address, or whatever a caller gave for one."""


def address_of(typed: str) -> Address:
    """What a caller says is a player's address: an IPv4 one also where it is written as IPv6; as it stands where it is none."""
    try:
        found = ip_address(typed.strip())
    except ValueError:
        return typed.strip()[:45]
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def household_of(address: Address) -> str:
    """What guesses from an address are counted under: the address, or in IPv6 the /64 that one household owns whole."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address.packed, 64), strict=False))
    return str(address)


def network_of(address: Address) -> str:
    """The network around an address: the smallest that is routed by itself, a /24, in IPv6 a /48. Nothing of what is none."""
    if isinstance(address, str):
        return ""
    return str(ip_network((address.packed, 24 if address.version == 4 else 48), strict=False))


def is_within(address: Address, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of these networks."""
    return not isinstance(address, str) and any(address in ip_network(one) for one in networks)
