"""The plug-in: documents as eConnect XML, carried by a folder that GP's integration watches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import msgspec

from warchest.kernel.currency import currency
from warchest.sdk.erp import Ability, Answer, Description, Document, Health, Outcome, Parcel, Transport
from warchest.sdk.erp_files import FileDrop
from warchest_dynamics_gp import econnect, errors

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class DynamicsGpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``folder`` is shared with GP's integration. The prefixes stand before the numbers of batches and receipts.

    ``functional_currency`` is that of the company in GP: cash receipts are written in it alone, since the documented
    elements of a receipt name no currency; empty: no receipts. ``currency_ids`` are GP's ids where they are not the
    ISO codes. ``customer_class`` and ``address_code`` are given to customers that are made.
    """

    folder: str
    batch_prefix: str = "WC"
    receipt_prefix: str = "WC"
    functional_currency: str = ""
    currency_ids: dict[str, str] = {}
    customer_class: str = ""
    address_code: str = "PRIMARY"


class DynamicsGp:
    """Implements ``warchest.sdk.erp.ErpExporter``. Another ``transport`` than the folder may be given."""

    settings_type: ClassVar[type[DynamicsGpSettings]] = DynamicsGpSettings

    def __init__(self, settings: DynamicsGpSettings, *, transport: Transport | None = None) -> None:
        self._transport = transport or FileDrop(Path(settings.folder), suffix=".xml")
        self._words = econnect.Words(
            batch_prefix=settings.batch_prefix,
            receipt_prefix=settings.receipt_prefix,
            currency_ids=settings.currency_ids,
            customer_class=settings.customer_class,
            address_code=settings.address_code,
        )
        receipts_in = [currency(settings.functional_currency).code] if settings.functional_currency else []
        self.description = Description(
            label="Microsoft Dynamics GP",
            abilities=frozenset(Ability),
            receipt_currencies=frozenset(receipts_in),
            account_length_max=75,
            customer_length_max=15,
        )

    def write(self, document: Document) -> str:
        return econnect.written(document, words=self._words)

    def hand_over(self, parcel: Parcel) -> None:
        self._transport.hand_over(parcel)

    def answers(self) -> Sequence[Answer]:
        return [_read(*told) for told in self._transport.answers()]

    def discard(self, answer: Answer) -> None:
        self._transport.discard(answer.parcel)

    def health(self) -> Health:
        return self._transport.health()


def _read(parcel: str, accepted: bool, text: str) -> Answer:
    """What can't be read may be half written, or not meant for us: nothing follows from it."""
    told = text.strip()
    if accepted and _DIGEST.fullmatch(told):
        return Answer(parcel, Outcome.ACCEPTED, raw=text, digest=told)
    if accepted or not told:
        return Answer(parcel, Outcome.UNREADABLE, raw=text)
    return Answer(parcel, Outcome.REFUSED, raw=text, errors=errors.read(text))
