"""What an administrator and a print house look at before the press runs: a test sheet of specimens, and the artwork of the card.

No specimen is a card: its code ends in a wrong check character, so that no card of any batch ever has it.
"""

from __future__ import annotations

import io
from datetime import datetime
from uuid import UUID

import segno
from django.utils import translation
from django.utils.translation import gettext

from warchest.cards.contract import Batch, BatchTerms, Cards
from warchest.delivery.card_letters import value_of
from warchest.delivery.contract import RenderedDocument
from warchest.delivery.documents import pdf
from warchest.kernel import codes
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services

SPECIMENS = 10
_CODE_SIZE_MAX = 9.0
_WIDTH_OF_CODE = 150.0
"""In points for the size of one: a code of so many characters has just room on the card."""


def render_card_sheet(*, batch_id: UUID, language: str, at: datetime) -> RenderedDocument:
    batch = services.get(Cards).batch(batch_id=batch_id)
    with translation.override(language):
        content = pdf.set_sheet(_words(batch, at=at), at=batch.ordered_at)
    return RenderedDocument(filename=f"cards-{batch.first_serial}.pdf", content=content)


def _words(batch: Batch, *, at: datetime) -> dict[str, object]:
    terms, house = batch.terms, configuration().community
    value, note = value_of(terms.gives, at=at)
    address = f"{configuration().public_url.split('://')[-1]}/activate"
    return {
        "title": gettext("Test sheet and artwork"),
        "community": house.name,
        "accent": house.accent,
        "language": (translation.get_language() or "en").split("-")[0],
        "rtl": translation.get_language_bidi(),
        "value": value,
        "note": note,
        "specimen": gettext("SPECIMEN"),
        "warning": gettext(
            "Nothing on this sheet can be activated: all codes end in a wrong check character."
        ),
        "serial_label": gettext("Serial number"),
        "code_label": gettext("Scratch here, then type the code"),
        "qr_label": gettext("Scan it to activate the card"),
        "steps": gettext("Scan the picture, or open %(address)s and type the code. It works once.")
        % {"address": address},
        "facts": _facts(batch),
        "cards": [_specimen(batch, place) for place in range(SPECIMENS)],
    }


def _facts(batch: Batch) -> list[tuple[str, str, bool]]:
    """Label, fact, and whether it is to be read character by character."""
    terms = batch.terms
    facts = [
        (gettext("Cards"), f"{terms.quantity:,}".replace(",", "\u00a0"), False),
        (gettext("Spares"), f"{terms.spares:,}".replace(",", "\u00a0"), False),
        (gettext("First serial"), batch.first_serial, True),
        (gettext("Last serial"), batch.last_serial, True),
        (gettext("Characters of the codes"), codes.ALPHABETS[terms.alphabet], True),
        (
            gettext("Length of the codes"),
            gettext("%(length)d, in groups of %(size)d, the last a check character")
            % {"length": terms.code_length, "size": terms.group_size},
            False,
        ),
        (gettext("Size of a card"), "85.60 × 53.98 mm (ID-1), + 3 mm", False),
        (gettext("Fingerprint of the order"), _in_groups(batch.digest), True),
    ]
    if terms.printer:
        facts.append((gettext("Print house"), terms.printer, False))
    if terms.printer_key:
        facts.append((gettext("Fingerprint of its key"), _in_groups(terms.printer_key), True))
    return facts


def _in_groups(hexadecimal: str) -> str:
    return " ".join(hexadecimal[start : start + 8] for start in range(0, len(hexadecimal), 8))


def _specimen(batch: Batch, place: int) -> dict[str, object]:
    terms = batch.terms
    code = codes.grouped(_no_code(terms), size=terms.group_size)
    drawn = io.BytesIO()
    link = f"{configuration().public_url}/activate#{code}"
    segno.make(link, error="m", micro=False).save(drawn, kind="svg", scale=4, border=2, xmldecl=False)
    return {
        "serial": services.get(Cards).specimen_serial(batch_id=batch.id, number=place + 1),
        "code": code,
        "code_size": min(_CODE_SIZE_MAX, _WIDTH_OF_CODE / len(code)),
        "qr": drawn.getvalue().decode(),
    }


def _no_code(terms: BatchTerms) -> str:
    """As a code looks, and none: behind a random one's check character comes the next of the alphabet."""
    symbols = codes.ALPHABETS[terms.alphabet]
    whole = codes.random_code(length=terms.code_length, alphabet=terms.alphabet)
    return whole[:-1] + symbols[(symbols.index(whole[-1]) + 1) % len(symbols)]
