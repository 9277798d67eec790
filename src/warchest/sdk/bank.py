"""The contract between Warchest and a plug-in that deals with a bank by files: statements come in, orders to pay go out.

A payment provider that declares ``Ability.BANK_STATEMENT`` or ``Ability.PAYOUT_FILE`` has the methods of ``BankFiles``. It
reads and writes; what becomes of an entry is decided in Warchest.

* *A statement is whole or it is refused.* What it began with and its entries make what it ended with; a file in which one
  statement does not add up is used in no part.
* *Only what is booked counts.* An entry that the bank has only announced is left out.
* *An entry has one name*: our account's IBAN, the statement's id and the bank's own reference. Told again, it is the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Protocol, runtime_checkable

from warchest.kernel.codes import ALPHABET
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

END_TO_END_CHARACTERS_MAX = 35
"""ISO 20022, Max35Text: so long may a reference be that travels with an order."""

PAYER_IBAN, PAYER_NAME = "payer_iban", "payer_name"
"""The names under which Warchest keeps with a payment (``PaymentRequest.kept``) whose account the money came from."""


class UnableToWriteOrders(UnableTo):
    """Nothing was written: the file would not do what was asked, or no bank would take it."""

    reasons = frozenset(
        {
            "orders_missing",
            "iban_wrong",  # its check digits or its length; which order it is, is in the details
            "order_malformed",  # no amount above zero, no name, no reference, or one used twice
            "currency_not_supported",
        }
    )


@dataclass(frozen=True, slots=True)
class BankEntry:
    """Money that came in or went out, as the bank booked it. ``amount`` is always positive.

    ``reference`` is the bank's, unique within its statement; where the bank booked several transfers in one sum, each is an
    entry of its own, and where it gave no reference, the place in the statement stands for it. ``creditor_reference`` is what
    the payer put in the field made for it, ``text`` what they wrote in words, ``end_to_end_id`` what came with the order.
    ``name`` and ``iban`` are those of the other side. ``reversal``: takes an earlier entry back.
    """

    reference: str
    amount: Money
    incoming: bool
    booked_on: date
    creditor_reference: str = ""
    end_to_end_id: str = ""
    text: str = ""
    name: str = ""
    iban: str = ""
    reversal: bool = False


@dataclass(frozen=True, slots=True)
class BankStatement:
    """What the bank booked on our account ``iban`` between two balances, which may be negative. One currency."""

    iban: str
    id: str
    opening: Money
    closing: Money
    closed_on: date
    entries: tuple[BankEntry, ...]

    def adds_up(self) -> bool:
        """Whether the entries lead from the opening balance to the closing one."""
        total = self.opening
        for entry in self.entries:
            if entry.amount.currency != total.currency:
                return False
            total = total + entry.amount if entry.incoming else total - entry.amount
        return total == self.closing


@dataclass(frozen=True, slots=True)
class PayoutOrder:
    """One transfer to be made. ``reference`` is ours, at most 35 characters; it comes back with the statement.

    ``text`` is what the receiver reads, at most 140 characters.
    """

    reference: str
    amount: Money
    name: str
    iban: str
    text: str
    bic: str = ""


@dataclass(frozen=True, slots=True)
class PayoutFile:
    """Orders to be made together on a day. Written again with the same ``id``, it is the same file, byte by byte: a bank
    that was handed it twice takes it once."""

    id: str
    orders: tuple[PayoutOrder, ...]
    made_at: datetime
    execute_on: date


@runtime_checkable
class BankFiles(Protocol):
    """What a plug-in has beside ``PaymentProvider`` that deals with a bank. Both only read and write; nothing is sent."""

    def read_statement(self, data: bytes) -> tuple[BankStatement, ...]:
        """The statements of a file as the bank gave it. Raises sdk.payments.UnableToRead."""
        ...

    def write_orders(self, orders: PayoutFile) -> bytes:
        """A file that the bank takes. Raises UnableToWriteOrders."""
        ...


# Numbers with check digits: ISO 7064, MOD 97-10, over letters that count as 10 to 35.

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_REFERENCE = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}", re.ASCII)
_IBAN_CHARACTERS = {
    # The countries of the Single Euro Payments Area, by the register of ISO 13616.
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "NL"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "EE", "LT", "LU"), 20),
    **dict.fromkeys(("CH", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "DE", "GB", "GG", "IE", "IM", "JE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("GI",), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "RO", "SE", "SK"), 24),
    **dict.fromkeys(("PT",), 25),
    **dict.fromkeys(("IS",), 26),
    **dict.fromkeys(("FR", "GR", "IT", "MC", "SM"), 27),
    **dict.fromkeys(("AL", "CY", "HU", "PL"), 28),
    **dict.fromkeys(("MT",), 31),
}


def compact(text: str) -> str:
    """A number without the spaces and signs, and in the capitals, in which people write it otherwise."""
    return re.sub(r"[^A-Z0-9]", "", text.upper(), flags=re.ASCII)


def is_iban(text: str) -> bool:
    """Whether it is an account number (ISO 13616) with right check digits, of the length that its country uses."""
    if not _IBAN.fullmatch(text) or len(text) != _IBAN_CHARACTERS.get(text[:2], len(text)):
        return False
    return _remainder(text) == 1


def end_to_end_id(reference: str) -> str:
    """Ours as it travels with an order: of an id, without the dashes."""
    return reference.replace("-", "")[:END_TO_END_CHARACTERS_MAX]


def creditor_reference(of: str) -> str:
    """The reference (ISO 11649) that a payer writes for the payment ``of`` this reference: 16 characters, four times four.

    Twelve of them are 60 bits of the SHA-256 of ours. Should two payments ever get the same, the second is not opened: a
    provider's number belongs to one payment.
    """
    bits = int.from_bytes(sha256(of.encode()).digest()[:8], "big")
    body = "".join(ALPHABET[(bits >> (5 * place)) & 31] for place in range(12))
    return f"RF{98 - _remainder(f'RF00{body}'):02}{body}"


def is_creditor_reference(text: str) -> bool:
    """Whether it is a creditor reference with right check digits."""
    return bool(_REFERENCE.fullmatch(text)) and _remainder(text) == 1


def creditor_references_in(text: str, *, characters: int = 16) -> tuple[str, ...]:
    """The references of this length in what a payer wrote, however they set it apart or ran it into other words."""
    written = compact(text)
    found = (written[at : at + characters] for at in range(len(written)) if written.startswith("RF", at))
    return tuple(dict.fromkeys(one for one in found if len(one) == characters and is_creditor_reference(one)))


def _remainder(number: str) -> int:
    turned = number[4:] + number[:4]
    return int("".join(str(int(symbol, 36)) for symbol in turned)) % 97
