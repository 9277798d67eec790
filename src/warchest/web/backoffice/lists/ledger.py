"""The books: entries with their legs, accounts with their balances."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from warchest.cards.models import Batch
from warchest.ledger.models import Account, Balance, Book, JournalEntry, Posting
from warchest.members.contract import Members
from warchest.runtime.services import services
from warchest.web.backoffice.lists import base
from warchest.web.backoffice.site import site

KINDS = {
    "top_up": _("top-up"),
    "card_activated": _("card activated"),
    "batch_delivered": _("batch delivered"),
    "subscription": _("subscription"),
    "charge": _("charge"),
    "recognition": _("revenue recognised"),
}
BOOK_KINDS = {
    "asset": _("asset"),
    "liability": _("liability"),
    "income": _("income"),
    "expense": _("expense"),
    "memorandum": _("memorandum"),
}
# Where the page of the document is that an entry of a kind refers to.
_DOCUMENTS = {
    "top_up": "payments_payment",
    "card_activated": "cards_card",
    "batch_delivered": "cards_batch",
    "subscription": "subscriptions_subscription",
}
_LENGTH_OF_ID = 36
SIDES = {"D": _("Debit"), "C": _("Credit")}


@display(description=_("Debit"))
def _debit(row: Posting) -> str:
    return (
        base.written(base.Money(row.amount_minor, base.currency(row.account.currency)))
        if row.side == "D"
        else ""
    )


@display(description=_("Credit"))
def _credit(row: Posting) -> str:
    return (
        base.written(base.Money(row.amount_minor, base.currency(row.account.currency)))
        if row.side == "C"
        else ""
    )


@display(description=_("Account"))
def _account(row: Posting) -> SafeString:
    return base.link("ledger_account", row.account_id, row.account.book_id)


@display(description=_("Whose"))
def _leg_owner(row: Posting) -> SafeString | str:
    return _owners([row.account])[row.account.owner] or "–"


@display(description=_("Whose"))
def _owner(row: Account) -> SafeString | str:
    return row.named_owner or "–"  # type: ignore[attr-defined]


def _owners(accounts: Iterable[Account]) -> dict[str, SafeString | str]:
    """Whom accounts belong to, by name where an owner is a player or a batch: in two queries, however many."""
    owners = {account.owner for account in accounts}
    ids = {UUID(owner): owner for owner in owners if _is_id(owner)}
    players = services.get(Members).players(player_ids=list(ids)) if ids else {}
    batches = Batch.objects.using(base.READER).in_bulk(ids.keys() - players.keys()) if ids else {}
    links = {ids[key]: base.link("members_player", key, one.nickname) for key, one in players.items()}
    links |= {ids[key]: base.link("cards_batch", key, one) for key, one in batches.items()}
    return {owner: links.get(owner, owner) for owner in owners}


def _is_id(text: str) -> bool:
    return len(text) == _LENGTH_OF_ID and text.count("-") == 4


@display(description=_("Entry"))
def _entry(row: Posting) -> SafeString:
    return base.link("ledger_journalentry", row.entry_id, f"…{str(row.entry_id)[-12:]}")


class Legs(base.ReadOnlyTable):
    model = Posting
    verbose_name_plural = _("legs")
    ordering = ("leg",)
    details = (_account, _leg_owner, _debit, _credit)

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).select_related("account")


@display(description=_("Reversal of"))
def _reverses(row: JournalEntry) -> SafeString | str:
    return base.link("ledger_journalentry", row.reverses_id, row.reverses_id) if row.reverses_id else "–"


@display(description=_("Reference"))
def _reference(row: JournalEntry) -> SafeString | str:
    """The document that was booked, leading to it where it has a page."""
    place = _DOCUMENTS.get(row.kind)
    if not place or not row.reference:
        return row.reference or "–"
    shown = f"…{row.reference[-12:]}" if _is_id(row.reference) else row.reference
    return base.link(place, row.reference, shown)


@admin.register(JournalEntry, site=site)
class JournalEntries(base.ReadOnlyList):
    readers = base.EVERYONE
    searched_ids = ("pk",)
    searched_texts = ("reference",)
    search_help_text = _("An entry's id, or the reference of a business document")
    list_display = (
        base.short("id", _("Entry")),
        base.word("kind", _("Kind"), KINDS),
        _reference,
        base.moment("occurred_at", _("Occurred")),
        base.moment("recorded_at", _("Recorded")),
    )
    list_filter = (base.one_of("kind", _("Kind"), KINDS), "occurred_at")
    inlines = (Legs,)
    details = (
        base.word("kind", _("Kind"), KINDS),
        "key",
        _reference,
        base.moment("occurred_at", _("Occurred")),
        base.moment("recorded_at", _("Recorded")),
        _reverses,
        "details",
        "cluster",
        "id",
    )

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).defer("accounts", "amounts", "sides", "currencies")


@display(description=_("Balance"))
def _balance(row: Account) -> str:
    try:
        kept = row.balance
    except Balance.DoesNotExist:
        return str(_("folded from the journal"))
    return base.written(base.Money(kept.posted_minor, base.currency(row.currency)))


@display(description=_("Of that held"))
def _held(row: Account) -> str:
    try:
        return base.written(base.Money(row.balance.held_minor, base.currency(row.currency)))
    except Balance.DoesNotExist:
        return "–"


@display(description=_("Balance after"))
def _balance_after(row: Posting) -> str:
    net = row.net_after_minor if row.account.book.side == "D" else -row.net_after_minor
    return base.written(base.Money(net, base.currency(row.account.currency)))


class PostingsOfAccount(base.ReadOnlyTable):
    model = Posting
    verbose_name_plural = _("statement, newest first")
    ordering = ("-position", "-leg")
    details = (
        base.moment("occurred_at", _("Occurred")),
        _entry,
        _debit,
        _credit,
        _balance_after,
    )

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).select_related("account__book")


@admin.register(Account, site=site)
class Accounts(base.ReadOnlyList):
    searched_texts = ("owner", "book_id")
    search_help_text = _("A book's code, or an owner: a player's id, a provider, a country")
    list_display = (
        base.text("book_id", _("Book")),
        _owner,
        base.word("book__kind", _("Kind"), BOOK_KINDS),
        _balance,
        _held,
        base.text("currency", _("Currency")),
    )
    list_filter = (base.one_of("book__kind", _("Kind"), BOOK_KINDS),)
    inlines = (PostingsOfAccount,)
    details = ("book_code", _owner, "currency", _balance, _held, base.moment("opened_at", _("Since")))

    @display(description=_("Book"))
    def book_code(self, row: Account) -> SafeString:
        return format_html(
            '<a class="wb-link" href="{}?q={}">{}</a>',
            reverse("admin:ledger_account_changelist"),
            row.book_id,
            row.book_id,
        )

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).select_related("book", "balance")

    def name_players(self, rows: Iterable[Account]) -> None:
        rows = list(rows)
        owners = _owners(rows)
        for row in rows:
            row.named_owner = owners[row.owner]  # type: ignore[attr-defined]


@admin.register(Book, site=site)
class Books(base.ReadOnlyList):
    is_long = False
    list_display = (
        "code",
        base.word("kind", _("Kind"), BOOK_KINDS),
        base.word("side", _("Grows on"), SIDES),
        "floored",
    )
    ordering = ("kind", "code")
    details = list_display
