"""The chart of accounts. Entries and accounts have pages of their own, which ask the ledger itself."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from warchest.ledger.models import Book
from warchest.web.backoffice.books import BOOK_KINDS, BOOKS, SIDES
from warchest.web.backoffice.lists import base
from warchest.web.backoffice.site import site


@admin.register(Book, site=site)
class Books(base.ReadOnlyList):
    is_long = False
    list_display = (
        "code",
        base.word("code", _("Name"), BOOKS),
        base.word("kind", _("Kind"), BOOK_KINDS),
        base.word("side", _("Grows on"), SIDES),
        "floored",
    )
    ordering = ("kind", "code")
    details = list_display
