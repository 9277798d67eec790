"""Lines of a statement as parts/line.html shows them: what happened in words, and behind a tap why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from warchest.accounting.contract import Document, DocumentKind
from warchest.cards.contract import ActivatedCard
from warchest.charging.contract import Transfer
from warchest.payments.contract import Payment, Status
from warchest.views.statement import Line
from warchest.views.wallet_page import Background
from warchest.web.portal.templatetags.portal import money

CREDITED = frozenset({Status.SUCCEEDED, Status.PARTIALLY_REFUNDED, Status.REFUNDED, Status.DISPUTED})


def document_title(document: Document) -> str:
    """What a document is called in the reader's language, whatever its own is."""
    match document.kind:
        case DocumentKind.RECEIPT:
            return pgettext("title of a document", "Receipt")
        case DocumentKind.TAX_INVOICE:
            return pgettext("title of a document", "Invoice")
        case _:
            return pgettext("title of a document", "Credit note")


def _document_links(documents: Iterable[Document]) -> list[dict[str, str]]:
    return [
        {
            "label": f"{document_title(one)} {one.number}",
            "url": reverse("portal:document", args=[one.id]),
        }
        for one in documents
    ]


def wallet_line(line: Line, background: Background) -> dict[str, Any]:
    title, why, facts = line.description, "", []
    payment, receipt_url = None, None
    if line.kind == "top_up":
        title = _("Top-up")
        payment = background.payments.get(line.reference)
        if payment:
            why = _("You paid %(paid)s and got %(units)s.") % {
                "paid": money(payment.amount),
                "units": money(payment.units),
            }
        facts.append((_("Payment number"), line.reference))
    elif line.kind == "card_activated":
        title = _("Card activated")
        why = _("You activated this card.")
        facts.append((_("Serial number"), line.reference))
    elif line.kind in ("card_bought", "card_bought_back"):
        title = _("Card bought") if line.kind == "card_bought" else _("Card given back")
        facts.append((_("Serial number"), line.reference))
    elif line.kind == "subscription":
        title = background.subscription_names.get(line.reference, line.description)
        why = _("Time bought from your wallet.")
    elif line.kind == "withdrawal":
        name = background.subscription_names.get(line.reference, "")
        title = _("Withdrawn: %(what)s") % {"what": name} if name else _("Withdrawn")
        why = _("You withdrew, and got the credits back.")
    elif line.kind == "refund":
        title = _("Paid back")
        why = _("The money went back the way it came, and these credits with it.")
    elif line.kind == "expiry":
        why = _("These credits had an end, and it has passed.")
    elif line.kind == "transfer" and (transfer := background.transfers.get(line.reference)):
        name = other_name(transfer, background.names, is_sender=line.amount.minor < 0)
        words = pgettext("credits sent", "To %(name)s") if line.amount.minor < 0 else _("From %(name)s")
        title, why = words % {"name": name}, transfer.message
        receipt_url = reverse("portal:transfer", args=[transfer.id])
    return {
        "id": str(line.sequence),
        "kind": "in" if line.amount.minor > 0 else "out",
        "title": title,
        "at": line.at,
        "amount": line.amount,
        "why": why,
        "facts": facts,
        "available_after": line.balance_after,
        "receipt_url": reverse("portal:payment", args=[payment.id]) if payment else receipt_url,
        "documents": _document_links(background.documents.get(line.entry_id, ())),
    }


def other_name(transfer: Transfer, names: Mapping[UUID, str], *, is_sender: bool) -> str:
    """What the other player of a transfer is called."""
    other = transfer.recipient if is_sender else transfer.sender
    if not transfer.cluster:
        return names.get(other, "–")
    return transfer.other_name or _("a player in %(cluster)s") % {"cluster": transfer.cluster}


def payment_line(payment: Payment, label: str) -> dict[str, Any]:
    credited = payment.status in CREDITED
    return {
        "id": f"payment-{payment.id}",
        "kind": "in"
        if credited
        else "out"
        if payment.status in (Status.FAILED, Status.CANCELLED)
        else "held",
        "title": f"{label}: {state_words(payment.status)}",
        "at": payment.opened_at,
        "amount": payment.amount,
        "why": "",
        "facts": [
            (_("You get"), money(payment.units)),
            (_("Payment number"), str(payment.id)),
        ],
        "is_plain": True,
        "available_after": None,
        "receipt_url": reverse("portal:payment", args=[payment.id]),
    }


def card_line(card: ActivatedCard, gave: str) -> dict[str, Any]:
    return {
        "id": f"card-{card.serial}",
        "kind": "in",
        "title": gave,
        "at": card.activated_at,
        "amount": card.units,
        "why": _("You activated this card."),
        "facts": [(_("Serial number"), card.serial)],
        "available_after": None,
        "receipt_url": None,
    }


def state_words(status: Status) -> str:
    """How a payment stands, in a player's words. What is not final yet is on its way."""
    match status:
        case Status.SUCCEEDED:
            return pgettext("state of a payment", "paid")
        case Status.FAILED:
            return pgettext("state of a payment", "did not go through")
        case Status.CANCELLED:
            return pgettext("state of a payment", "stopped")
        case Status.PARTIALLY_REFUNDED:
            return pgettext("state of a payment", "paid back in part")
        case Status.REFUNDED:
            return pgettext("state of a payment", "paid back")
        case Status.DISPUTED:
            return pgettext("state of a payment", "disputed")
        case Status.REVIEW:
            return pgettext("state of a payment", "being looked at")
        case _:
            return pgettext("state of a payment", "on its way")


def by_day(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines in groups of one day each, by the player's own clock; their order stays."""
    days: list[dict[str, Any]] = []
    for line in lines:
        day: date = timezone.localtime(line["at"]).date()
        if not days or days[-1]["day"] != day:
            days.append({"day": day, "lines": []})
        days[-1]["lines"].append(line)
    return days
