"""The contract between Warchest and the plug-in of an accounting system (ERP).

A plug-in is a distribution of its own that names a factory under the entry-point group ``warchest.erp_exporters``::

    [project.entry-points."warchest.erp_exporters"]
    dynamics-gp = "warchest_dynamics_gp.exporter:DynamicsGp"

The entry point's name is the exporter's name, in the configuration (``[erp.dynamics-gp]``) and in the export queue. Warchest
calls the factory with the settings (``settings_type``, decoded from the configuration and checked).

Warchest says *what* is booked: balanced journals, cash receipts and customers, with the ERP's own account strings, numbered
without gaps. A plug-in says *how* that is written and carried. Three rules hold for every plug-in:

* *Writing is pure.* The same document gives the same text, wherever and whenever it is asked for.
* *Unknown is not failed.* What was handed over and not answered stays open and is looked for again. An answer that can't be
  read is ``UNREADABLE``, and nothing follows from it.
* *Handing over may be repeated.* The same parcel handed over twice is one parcel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar, Protocol, TypeAlias, runtime_checkable
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


class Ability(StrEnum):
    """What an ERP can be told through this plug-in; Warchest offers only what is declared."""

    JOURNALS = "journals"
    CASH_RECEIPTS = "cash_receipts"
    CUSTOMERS = "customers"


class Side(StrEnum):
    DEBIT = "D"
    CREDIT = "C"


class Method(StrEnum):
    """How a cash receipt came in."""

    CARD = "card"
    BANK = "bank"
    CASH = "cash"


class Outcome(StrEnum):
    """What an answer says of its parcel."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


class UnableToWrite(UnableTo):
    """The document can't be said in this ERP's form. It is shown to the accountant, and written anew when sent again."""

    reasons = frozenset(
        {
            "field_too_long",  # what must not be cut: an account, a customer's number
            "field_malformed",  # characters that the form cannot carry
            "amount_not_sayable",
            "number_out_of_range",
            "document_not_supported",
        }
    )


@dataclass(frozen=True, slots=True)
class JournalLine:
    """``account`` is the ERP's own account string; ``amount`` is positive. ``text`` may be cut where the form is narrow.
    ``reference`` leads back to the entry in our books, where the line is of a single one."""

    account: str
    side: Side
    amount: Money
    text: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """Lines in one currency; the debits sum to the credits. ``is_summary``: of all entries of a day together."""

    lines: tuple[JournalLine, ...]
    is_summary: bool = False


@dataclass(frozen=True, slots=True)
class CashReceipt:
    """Money that came in from a customer, who is in the ERP by that number."""

    customer: str
    amount: Money
    method: Method


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer to be made in the ERP, or changed where it has one of that number."""

    number: str
    name: str


Body: TypeAlias = Journal | CashReceipt | Customer


@dataclass(frozen=True, slots=True)
class Document:
    """One document for the ERP. ``id`` is ours and stays, however often it is sent; so does ``number``, which counts the
    journals, the receipts and the customers of an exporter each without gaps. ``batch`` is the number of the batch."""

    id: UUID
    number: int
    batch: int
    day: date
    text: str
    body: Body


@dataclass(frozen=True, slots=True)
class Parcel:
    """A document's text on its way. ``name`` is unique for each attempt to send it, and fit for a file's name."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ErpError:
    """One error as the ERP tells it. ``number`` and ``procedure`` are its own, None and empty where it gives none."""

    text: str
    number: int | None = None
    procedure: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the ERP said of a parcel. ``digest``: the SHA-256, hexadecimal, of what it has accepted, where it tells that.
    ``raw`` is the answer as it came; it is kept."""

    parcel: str
    outcome: Outcome
    raw: str
    errors: tuple[ErpError, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the way to the ERP is open. ``detail`` is a sentence for the operator."""

    well: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """How an exporter presents itself. ``receipt_currencies``: in which currencies it writes cash receipts; receipts in
    others are sent as journals. ``account_length_max``: so long an account string is at most."""

    label: str
    abilities: frozenset[Ability]
    receipt_currencies: frozenset[str] = field(default_factory=frozenset)
    account_length_max: int = 75
    customer_length_max: int = 15


class Transport(Protocol):
    """How parcels and answers travel, for exporters that leave that open. ``FileDrop`` is ours; others may be given."""

    def hand_over(self, parcel: Parcel) -> None:
        """Hand a parcel over, once however often it is called. Raises OSError where nothing can be handed over now."""
        ...

    def answers(self) -> Sequence[tuple[str, bool, str]]:
        """The answers that lie there: the parcel's name, whether it was accepted, and the text. The same again until
        they are discarded."""
        ...

    def discard(self, parcel: str) -> None:
        """The answers to this parcel are kept by Warchest; discarding twice changes nothing."""
        ...

    def health(self) -> Health: ...


@runtime_checkable
class ErpExporter(Protocol):
    """One configured exporter. An instance is shared by threads and keeps nothing between calls."""

    settings_type: ClassVar[type[Any]]
    """A frozen dataclass or msgspec struct: the fields of the exporter's part of the configuration."""

    @property
    def description(self) -> Description: ...

    def write(self, document: Document) -> str:
        """The document as the ERP reads it. Asks nobody. Raises UnableToWrite."""
        ...

    def hand_over(self, parcel: Parcel) -> Answer | None:
        """Send a parcel; None where the answer comes later, as it mostly does. Raises OSError where it can't be handed
        over, or nobody knows whether it was: Warchest comes again with the same parcel."""
        ...

    def answers(self) -> Sequence[Answer]:
        """What the ERP has answered since; the same again until it is discarded. Raises OSError."""
        ...

    def discard(self, answer: Answer) -> None:
        """Warchest has kept this answer. Discarding twice changes nothing. Raises OSError."""
        ...

    def health(self) -> Health: ...
