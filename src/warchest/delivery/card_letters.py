"""Virtual cards on their way to who may use them: the words of the mail, the QR code, and the card as PDF.

The QR code opens the activation page with the code behind ``#``, which browsers keep to themselves: it stands in no request,
and so in no log. Nothing of this is kept: it is written when the mail is sent.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.mime.image import MIMEImage
from uuid import UUID

import segno
from babel import Locale
from babel.dates import format_date
from django.core.mail import EmailMultiAlternatives
from django.utils import translation
from django.utils.translation import gettext, ngettext, pgettext

from warchest.cards.contract import CardPaper, Cards, Worth
from warchest.catalogue.contract import Catalogue, UnableToFindInCatalogue, in_language
from warchest.delivery.documents import pdf
from warchest.delivery.documents.paper import written
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services

QR_ID = "qr"
"""The content id of the picture in the mail."""


@dataclass(frozen=True, slots=True)
class CardWords:
    """What stands on a card, in the language of who gets it; ``code`` and ``link`` are secret."""

    title: str
    value: str
    note: str
    code_label: str
    code: str
    link: str
    qr_label: str
    steps: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    to: str
    message: str
    sender: str


def paper_for(*, bought_id: UUID, sends: int, at: datetime) -> CardPaper | None:
    return services.get(Cards).write_card_paper(bought_id=bought_id, sends=sends, at=at)


def words_of(paper: CardPaper, *, sender: str, at: datetime) -> CardWords:
    """In the language that is active now. ``sender`` is who gives it; empty: nobody but the buyer gets it."""
    community = configuration().community.name
    facts = [(gettext("Serial number"), paper.serial)]
    if paper.expires_at:
        facts.append((pgettext("of a card", "Use it until"), _day(paper.expires_at)))
    said = paper.words
    value, note = value_of(paper.gives, at=at)
    return CardWords(
        title=gettext("A gift for you") if said else gettext("Your card"),
        value=value,
        note=note,
        code_label=gettext("Code"),
        code=paper.code,
        link=f"{configuration().public_url}/activate#{paper.code}",
        qr_label=gettext("Scan it to activate the card"),
        steps=(
            gettext("Scan the picture with your phone, or open %(address)s and type the code.")
            % {"address": f"{configuration().public_url.split('://')[-1]}/activate"},
            gettext("Sign in, or join %(community)s: it costs nothing.") % {"community": community},
            gettext("See what the card gives you, and activate it. It works once."),
        ),
        facts=tuple(facts),
        to=said.name if said else "",
        message=said.message if said else "",
        sender=sender,
    )


def value_of(gives: Sequence[Worth], *, at: datetime) -> tuple[str, str]:
    """What a card is worth in large letters, and beside it in small ones."""
    first, *more = [_worth(worth, at=at) for worth in gives]
    return first, " · ".join(more)


def _worth(worth: Worth, *, at: datetime) -> str:
    if worth.money is not None:
        return written(worth.money)
    if worth.plan is None:
        return gettext("A pass for an event")
    catalogue, language = services.get(Catalogue), translation.get_language() or "en"
    try:
        plan = catalogue.plan(plan_id=worth.plan, at=at)
        service = catalogue.online_service(online_service_id=plan.online_service)
    except UnableToFindInCatalogue:
        return gettext("Time in a game")
    return ngettext("%(service)s: %(plan)s", "%(service)s: %(count)s × %(plan)s", worth.periods) % {
        "service": in_language(service.names, language),
        "plan": in_language(plan.names, language),
        "count": worth.periods,
    }


def _day(at: datetime) -> str:
    try:
        locale = Locale.parse(translation.to_locale(translation.get_language() or "en"))
    except ValueError:
        locale = Locale.parse("en")
    return format_date(at.date(), "full", locale=locale)


def enclose(letter: EmailMultiAlternatives, words: CardWords, paper: CardPaper) -> None:
    """The QR code as a picture that the mail shows, and the card to print."""
    drawn = io.BytesIO()
    _qr(words).save(drawn, kind="png", scale=6, border=3)
    picture = MIMEImage(drawn.getvalue(), "png")
    picture.add_header("Content-ID", f"<{QR_ID}>")
    picture.add_header("Content-Disposition", "inline", filename="qr.png")
    letter.attach(picture)
    if pdf.can_render():
        letter.attach(f"{paper.serial}.pdf", card_pdf(words, paper), "application/pdf")


def card_pdf(words: CardWords, paper: CardPaper) -> bytes:
    """The card on a sheet, in the language that is active now."""
    drawn = io.BytesIO()
    _qr(words).save(drawn, kind="svg", scale=4, border=2, xmldecl=False)
    house = configuration().community
    return pdf.set_card(
        {
            "title": words.title,
            "community": house.name,
            "accent": house.accent,
            "language": (translation.get_language() or "en").split("-")[0],
            "rtl": translation.get_language_bidi(),
            "value": words.value,
            "note": words.note,
            "code_label": words.code_label,
            "code": words.code,
            "qr": drawn.getvalue().decode(),
            "qr_label": words.qr_label,
            "steps": list(words.steps),
            "facts": [list(fact) for fact in words.facts],
            "to": gettext("For %(name)s") % {"name": words.to} if words.to else "",
            "message": words.message,
            "sender": gettext("From %(name)s") % {"name": words.sender} if words.sender else "",
        },
        at=paper.bought_at,
    )


def _qr(words: CardWords) -> segno.QRCode:
    return segno.make(words.link, error="m", micro=False)


def summary_of(gives: Sequence[Worth], *, at: datetime) -> str:
    """What a card is worth, for a mail that tells its buyer about it."""
    return " · ".join(_worth(worth, at=at) for worth in gives)
