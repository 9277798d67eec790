"""Payments, with all that was told to providers and heard from them."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.decorators import display

from warchest.payments.models import Attempt, Message, Payment
from warchest.web.backoffice.lists import base
from warchest.web.backoffice.site import site

STATUSES = {
    "created": (_("created"), "plain"),
    "pending": (_("pending"), "info"),
    "unknown": (_("no answer"), "warning"),
    "review": (_("under review"), "danger"),
    "succeeded": (_("succeeded"), "success"),
    "failed": (_("failed"), "danger"),
    "cancelled": (_("cancelled"), "plain"),
    "partially_refunded": (_("partly refunded"), "info"),
    "refunded": (_("refunded"), "info"),
    "disputed": (_("disputed"), "danger"),
}


DIRECTIONS = {"to_provider": _("to the provider"), "from_provider": _("from the provider")}
EXCHANGES = {
    "start": pgettext_lazy("message of a payment", "opening"),
    "inquiry": pgettext_lazy("message of a payment", "question"),
    "return": pgettext_lazy("message of a payment", "player's return"),
    "notice": pgettext_lazy("message of a payment", "notice"),
    "capture": pgettext_lazy("message of a payment", "capture"),
    "void": pgettext_lazy("message of a payment", "letting go"),
    "refund": pgettext_lazy("message of a payment", "refund"),
    "dispute": pgettext_lazy("message of a payment", "dispute"),
}
STANDINGS = {
    "pending": (_("pending"), "info"),
    "authorised": (_("reserved, not taken"), "info"),
    "succeeded": (_("succeeded"), "success"),
    "failed": (_("failed"), "danger"),
    "cancelled": (_("cancelled"), "plain"),
    "unknown": (_("not known"), "warning"),
}


@display(description=_("Support"))
def _ask(row: Payment) -> SafeString:
    return format_html(
        '<a class="wb-link" href="{}">{}</a>',
        reverse("backoffice:payment", args=[row.pk]),
        _("See what was said, or ask the provider"),
    )


class AttemptsOfPayment(base.ReadOnlyTable):
    model = Attempt
    verbose_name_plural = _("attempts")
    details = (
        base.text("number", _("Number")),
        base.text("provider", _("Provider")),
        base.text("reference", _("Our reference")),
        base.moment("started_at", _("Started")),
        base.moment("answered_at", _("Answered")),
    )


class MessagesOfPayment(base.ReadOnlyTable):
    model = Message
    verbose_name_plural = _("messages, oldest first")
    details = (
        base.moment("at", _("At")),
        base.word("direction", _("Direction"), DIRECTIONS),
        base.word("exchange", _("Occasion"), EXCHANGES),
        base.state("standing", _("Standing"), STANDINGS),
        base.amount("amount_minor", "currency", _("Amount")),
        base.text("reason", _("Reason")),
    )


@admin.register(Payment, site=site)
class Payments(base.ReadOnlyList):
    readers = base.MONEY
    searched_ids = ("pk", "journal_entry", "lot")
    searched_texts = ("provider_reference",)
    players = ("player",)
    search_help_text = _(
        "A payment's id, the provider's reference, or a player's nickname, e-mail address or id"
    )
    list_display = (
        base.short("id", _("Payment")),
        base.player("player"),
        base.amount("amount_minor", "currency", _("Amount")),
        base.amount("units_minor", "XCR", _("Brings")),
        base.state("status", _("Status"), STATUSES),
        base.text("provider", _("Provider")),
        base.moment("opened_at", _("Opened")),
    )
    list_filter = (
        base.one_of("status", _("Status"), base.labels_of(STATUSES)),
        "opened_at",
    )
    inlines = (MessagesOfPayment, AttemptsOfPayment)
    details = (
        base.state("status", _("Status"), STATUSES),
        _ask,
        base.player("player"),
        base.amount("amount_minor", "currency", _("Amount")),
        base.amount("units_minor", "XCR", _("Brings")),
        base.number("units_per_major", _("Rate")),
        base.amount("taken_minor", "taken_currency", _("Taken, where it differs")),
        "reason",
        "provider",
        "provider_reference",
        base.moment("opened_at", _("Opened")),
        base.moment("changed_at", _("Changed")),
        base.moment("credited_at", _("Credited")),
        base.moment("next_inquiry_at", _("Asked next")),
        "inquiries",
        base.country("country"),
        base.entry("journal_entry"),
        "lot",
        "id",
    )

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).defer("redirect_url", "return_url")

    def title_of(self, row: Payment) -> str:
        return f"{base.written(base.Money(row.amount_minor, base.currency(row.currency)))} · …{str(row.pk)[-12:]}"
