"""Who invoices are written to, and how that is kept in documents that outlive an account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo

ADDRESS_LINES_MAX = 5
ADDRESS_LINE_LENGTH_MAX = 80


class UnableToKeepInvoiceDetails(UnableTo):
    """Who invoices are written to is as it was."""

    reasons = frozenset(
        {
            "invoice_name_missing",
            "invoice_address_missing",  # a business must give one
            "invoice_address_too_long",
            "country_unknown",
            "vat_country_unknown",
            "vat_number_malformed",
            "vat_number_mistyped",
            "vat_country_differs",  # the number is of another country than the address
            "person_erased",
        }
    )


class VatCheck(StrEnum):
    """What a look-up said of a VAT number. A number that nobody could be asked about stays unchecked, and is never wrong."""

    NONE = "none"  # there is no number
    UNCHECKED = "unchecked"
    REGISTERED = "registered"
    NOT_REGISTERED = "not_registered"


@dataclass(frozen=True, slots=True)
class InvoiceDetails:
    """Who invoices are written to: personal data, to be used and not kept. ``vat_number`` is empty where it is no business.

    ``vat_check_reference`` is what the look-up calls its answer.
    """

    name: str
    address: tuple[str, ...]
    country: str
    vat_number: str = ""
    vat_check: VatCheck = VatCheck.NONE
    vat_checked_at: datetime | None = None
    vat_check_reference: str = ""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who bought, as they called themselves on the day of the document."""

    nickname: str
    details: InvoiceDetails | None = None


@dataclass(frozen=True, slots=True)
class SealedBuyer:
    """A ``Buyer`` that only ``unseal_buyer`` opens. ``vat_country`` is that of the business's VAT number, or empty."""

    sealed: bytes
    vat_country: str = ""


class Invoicing(Protocol):
    def invoice_details(self, *, player_id: UUID) -> InvoiceDetails | None:
        """Who this player's invoices are written to, where they said so."""
        ...

    def keep_invoice_details(
        self,
        *,
        player_id: UUID,
        name: str,
        address: Sequence[str],
        country: str,
        vat_number: str,
        at: datetime,
    ) -> InvoiceDetails:
        """From now on invoices are written to these. A VAT number's form and check digits must be right; what a look-up said
        of the same number stays. Raises UnableToKeepInvoiceDetails, UnableToFindPlayer."""
        ...

    def forget_invoice_details(self, *, player_id: UUID) -> None:
        """From now on invoices are written to the nickname alone."""
        ...

    def note_vat_check(
        self, *, player_id: UUID, vat_number: str, check: VatCheck, reference: str, at: datetime
    ) -> InvoiceDetails | None:
        """Keep what a look-up said of a number; of another than the player has by now it changes nothing."""
        ...

    def vat_numbers_to_check(self, *, before: datetime, limit: int = 50) -> tuple[UUID, ...]:
        """Players whose number nobody could be asked about yet, given before this moment, in no order."""
        ...

    def seal_buyers(self, *, player_ids: Sequence[UUID]) -> dict[UUID, SealedBuyer]:
        """Each of these players as a ``Buyer``, encrypted under a key of their own; who is unknown or erased is left out."""
        ...

    def unseal_buyer(self, *, player_id: UUID, sealed: bytes) -> Buyer | None:
        """What ``seal_buyers`` sealed; None where the person was erased."""
        ...

    def destroy_person_key(self, *, player_id: UUID) -> None:
        """Nothing that was sealed for this person can be read any more, for ever."""
        ...
