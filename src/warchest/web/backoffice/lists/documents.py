"""Receipts, tax invoices and credit notes, and entries that wait for theirs."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.decorators import display

from warchest.accounting.models import Document, UndocumentedEntry
from warchest.web.backoffice.lists import base
from warchest.web.backoffice.site import site

KINDS = {
    "receipt": (pgettext_lazy("title of a document", "Receipt"), "info"),
    "tax_invoice": (pgettext_lazy("title of a document", "Invoice"), "success"),
    "credit_note": (pgettext_lazy("title of a document", "Credit note"), "warning"),
}
EVIDENCE = {
    "account": pgettext_lazy("what says where a buyer is", "account"),
    "payment": pgettext_lazy("what says where a buyer is", "last payment"),
    "instrument": pgettext_lazy("what says where a buyer is", "card or bank"),
    "address": pgettext_lazy("what says where a buyer is", "network"),
    "vat_number": pgettext_lazy("what says where a buyer is", "VAT number"),
}


@display(description=_("Number"))
def _number(row: Document) -> SafeString:
    return format_html(
        '<a class="wb-link" href="{}">{}</a>', reverse("backoffice:document", args=[row.pk]), row.number
    )


_number.leads_away = True


@admin.register(Document, site=site)
class Documents(base.ReadOnlyList):
    readers = base.MONEY
    searched_ids = ("pk", "entry_id", "payment")
    searched_texts = ("number__iexact",)
    players = ("player",)
    search_help_text = _(
        "A document's number, the id of its payment or journal entry, or a player's nickname, e-mail address or id"
    )
    list_display = (
        _number,
        base.state("kind", _("Kind"), KINDS),
        base.player("player"),
        base.amount("gross_minor", "currency", _("Total")),
        base.amount("tax_minor", "currency", _("Tax")),
        base.country("place", _("Taxed in")),
        base.moment("issued_at", _("Issued")),
    )
    list_filter = (base.one_of("kind", _("Kind"), base.labels_of(KINDS)), "issued_at")
    details = (
        _number,
        base.state("kind", _("Kind"), KINDS),
        base.player("player"),
        base.amount("net_minor", "currency", _("Net")),
        base.amount("tax_minor", "currency", _("Tax")),
        base.amount("gross_minor", "currency", _("Total")),
        base.moment("issued_at", _("Issued")),
        base.entry("entry_id"),
        "id",
    )


@admin.register(UndocumentedEntry, site=site)
class UndocumentedEntries(base.ReadOnlyList):
    readers = base.MONEY
    searched_ids = ("pk",)
    search_help_text = _("A journal entry's id")
    list_display = (
        base.entry("entry_id"),
        base.text("problem", _("Why")),
        base.number("tries", _("Tries")),
        base.moment("since", _("Since")),
        base.moment("solved_at", _("Solved")),
    )
    ordering = ("-since",)
    details = list_display
