"""Writing a mail: its kind's templates, in the player's language, as plain text and as HTML, with what is enclosed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format

from warchest.accounting.contract import Accounting, Document, UnableToFindDocument
from warchest.cards.contract import CardPaper, Cards, UnableToHandleBoughtCard
from warchest.delivery import card_letters
from warchest.delivery.contract import MailKind
from warchest.delivery.documents import pdf
from warchest.delivery.documents.paper import title_of, written
from warchest.delivery.models import Mail
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.members.contract import Members, PlayerState, UnableToFindPlayer
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services


class NoAddress(Exception):
    """The player is gone, or has no address: there is nobody to write to."""


def write_letter(mail: Mail, *, at: datetime) -> EmailMultiAlternatives:
    """The mail as it leaves the house at this moment. The address is asked for here, used, and kept nowhere.

    Raises NoAddress.
    """
    if mail.kind == MailKind.GIFT:
        return _write_gift(mail, at=at)
    members = services.get(Members)
    try:
        player = members.player(player_id=mail.player)
    except UnableToFindPlayer:
        raise NoAddress("player_unknown") from None
    if player.state is PlayerState.CLOSED:
        raise NoAddress("player_closed")
    address = members.address_of(player_id=mail.player)
    if not address:
        raise NoAddress("no_address")
    document, portal_url = _enclosed(mail), configuration().public_url
    card = _card(mail, at=at) if mail.kind == MailKind.CARD else None
    with translation.override(mail.language or player.language):
        words: dict[str, Any] = {"nickname": player.nickname}
        if document:
            words |= _of_document(document, portal_url=portal_url)
        if mail.kind == MailKind.WITHDRAWAL:
            words |= _of_withdrawal(mail, zone=player.time_zone)
        if mail.kind == MailKind.GIFT_ENDED:
            words |= _of_gift(mail, portal_url=portal_url, at=at)
        if mail.kind == MailKind.CARDS_END:
            ends_at = datetime.fromisoformat(str(mail.context["ends_at"])).astimezone(
                ZoneInfo(player.time_zone)
            )
            words |= {"ends_on": date_format(ends_at, "DATE_FORMAT")}
        said = card_letters.words_of(card, sender="", at=at) if card else None
        if card and said:
            words |= _of_card(said, card, portal_url=portal_url)
        letter = _letter(mail, address, words)
        if card and said:
            card_letters.enclose(letter, said, card)
    if document and pdf.can_render():
        file = pdf.render(document)
        letter.attach(file.filename, file.content, "application/pdf")
    return letter


def _letter(mail: Mail, address: str, words: dict[str, Any]) -> EmailMultiAlternatives:
    """Both texts, in the language that is active now."""
    house = configuration()
    words = mail.context | {
        "community": house.community.name,
        "accent": house.community.accent,
        "portal_url": house.public_url,
        "language": translation.get_language(),
        "direction": "rtl" if translation.get_language_bidi() else "ltr",
        **words,
    }
    # A subject is one line, whatever its template or a nickname looks like.
    subject = " ".join(render_to_string(f"delivery/mails/{mail.kind}.subject.txt", words).split())
    letter = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"delivery/mails/{mail.kind}.txt", words),
        to=[address],
        # Names the mail for ever: should it ever go twice, the reader's program can tell.
        headers={
            "Message-ID": f"<{mail.id}@{house.public_url.split('://')[-1].split('/')[0].split(':')[0]}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    letter.attach_alternative(render_to_string(f"delivery/mails/{mail.kind}.html", words), "text/html")
    return letter


def _write_gift(mail: Mail, *, at: datetime) -> EmailMultiAlternatives:
    """To whom the sender said, in the language that the sender chose for them. Raises NoAddress."""
    paper = _card(mail, at=at)
    if paper.words is None:
        raise NoAddress("nothing_to_send")
    try:
        sender = services.get(Members).player(player_id=mail.player).nickname
    except UnableToFindPlayer:
        raise NoAddress("player_unknown") from None
    with translation.override(paper.language):
        said = card_letters.words_of(paper, sender=sender, at=at)
        words = _of_card(said, paper, portal_url=configuration().public_url)
        letter = _letter(mail, paper.words.recipient, words)
        card_letters.enclose(letter, said, paper)
    return letter


def _card(mail: Mail, *, at: datetime) -> CardPaper:
    """Raises NoAddress where there is nothing to send any more, or it is another player's."""
    paper = card_letters.paper_for(
        bought_id=UUID(str(mail.context["card"])), sends=int(mail.context["sends"]), at=at
    )
    if paper is None or paper.buyer != mail.player:
        raise NoAddress("nothing_to_send")
    return paper


def _of_card(said: card_letters.CardWords, paper: CardPaper, *, portal_url: str) -> dict[str, Any]:
    return {
        "card": said,
        "qr": f"cid:{card_letters.QR_ID}",
        "is_enclosed": pdf.can_render(),
        "card_url": f"{portal_url}/cards/{paper.id}",
    }


def _of_gift(mail: Mail, *, portal_url: str, at: datetime) -> dict[str, Any]:
    """What a sender is told of a gift: what it was and how it stands, and no word of it."""
    card = UUID(str(mail.context["card"]))
    try:
        bought = services.get(Cards).bought_card(bought_id=card, buyer=mail.player, at=at)
    except UnableToHandleBoughtCard:
        raise NoAddress("nothing_to_send") from None
    return {
        "value": card_letters.summary_of(bought.gives, at=at),
        "card_url": f"{portal_url}/cards/{card}",
    }


def _enclosed(mail: Mail) -> Document | None:
    """Raises NoAddress where the document is another player's, or there is none: a mail goes to nobody else."""
    if mail.kind != MailKind.DOCUMENT:
        return None
    try:
        document = services.get(Accounting).document(document_id=UUID(str(mail.context["document"])))
    except UnableToFindDocument:
        raise NoAddress("document_unknown") from None
    if document.player != mail.player:
        raise NoAddress("document_of_another")
    return document


def _of_withdrawal(mail: Mail, *, zone: str) -> dict[str, Any]:
    """What is confirmed of a withdrawal, by the player's clock."""
    told = mail.context
    units = Money.units(int(told["units_minor"]))
    is_top_up = told["of"] == "top_up"
    returns = Money(int(told["amount_minor"]), currency(str(told["currency"]))) if is_top_up else units
    declared = datetime.fromisoformat(str(told["at"])).astimezone(ZoneInfo(zone))
    return {
        "is_top_up": is_top_up,
        "returns": written(returns),
        "declared": f"{date_format(declared, 'DATETIME_FORMAT')} ({zone})",
        "number": str(told["number"]),
    }


def _of_document(document: Document, *, portal_url: str) -> dict[str, Any]:
    """What a document's mail says of it, in the language that is active now."""
    return {
        "title": title_of(document.kind),
        "number": document.number,
        "item": document.item,
        "total": written(document.gross),
        "kind": document.kind.value,
        "is_enclosed": pdf.can_render(),
        "document_url": f"{portal_url}/documents/{document.id}",
    }
