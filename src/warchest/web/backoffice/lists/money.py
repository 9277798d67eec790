"""Wallets with their lots, rates."""

from django.contrib import admin
from django.db.models import OuterRef, Subquery, Sum
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from warchest.accounting.models import TaxRate, UnitRate
from warchest.charging.models import Lot, LotSlice, Wallet
from warchest.web.backoffice.lists import base
from warchest.web.backoffice.site import site

STATES = {"open": (_("open"), "success"), "frozen": (_("frozen"), "warning")}
SOURCES = {
    "card_payment": (_("card payment"), "info"),
    "scratch_card": (_("scratch card"), "info"),
    "bank": (_("bank"), "info"),
    "gift": (_("gift"), "plain"),
    "promotion": (_("promotion"), "plain"),
    "commission": (_("commission"), "plain"),
    "prize": (_("prize"), "plain"),
}
_LOT = (
    base.state("source", _("Source"), SOURCES),
    base.amount("issued_minor", "XCR", _("Units at first")),
    base.amount("units_left_minor", "XCR", _("Units left")),
    base.amount("consideration_minor", "currency", _("Paid for them")),
    base.amount("consideration_left_minor", "currency", _("Of that left")),
    base.moment("opened_at", _("Since")),
    base.moment("expires_at", _("Expires")),
)


class LotsOfWallet(base.ReadOnlyTable):
    model = Lot
    verbose_name_plural = _("lots")
    ordering = ("-id",)
    details = (*_LOT, base.text("reference", _("Reference")))


@admin.register(Wallet, site=site)
class Wallets(base.ReadOnlyList):
    readers = base.MONEY
    players = ("player_id",)
    search_help_text = _("A player's nickname, e-mail address or id")
    list_display = (
        base.player("player_id"),
        base.amount("units_left", "XCR", _("Units left"), absent="0"),
        base.state("state", _("State"), STATES),
        base.moment("opened_at", _("Since")),
    )
    list_filter = (base.one_of("state", _("State"), base.labels_of(STATES)),)
    inlines = (LotsOfWallet,)
    details = (
        base.player("player_id"),
        base.amount("units_left", "XCR", _("Units left"), absent="0"),
        base.state("state", _("State"), STATES),
        base.moment("opened_at", _("Since")),
    )

    def get_queryset(self, request: HttpRequest):
        left = (
            Lot.objects.filter(wallet=OuterRef("pk"), units_left_minor__gt=0)
            .order_by()
            .values("wallet")
            .annotate(total=Sum("units_left_minor"))
            .values("total")
        )
        return super().get_queryset(request).annotate(units_left=Subquery(left))

    def title_of(self, row: Wallet) -> str:
        player = row.named_players.get(row.player_id)  # type: ignore[attr-defined]
        return player.nickname if player else super().title_of(row)


class SlicesOfLot(base.ReadOnlyTable):
    model = LotSlice
    verbose_name_plural = _("what was spent of it")
    ordering = ("-id",)
    details = (
        base.moment("occurred_at", _("Spent")),
        base.amount("units_minor", "XCR", _("Units")),
        base.amount("consideration_minor", "lot__currency", _("Of what was paid")),
        base.text("reference", _("For")),
    )

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).select_related("lot")


@admin.register(Lot, site=site)
class Lots(base.ReadOnlyList):
    readers = base.MONEY
    searched_ids = ("pk",)
    players = ("wallet_id",)
    search_help_text = _("A player's nickname, e-mail address or id, or a lot's id")
    list_display = (base.player("wallet_id"), *_LOT)
    list_filter = (base.one_of("source", _("Source"), base.labels_of(SOURCES)),)
    inlines = (SlicesOfLot,)
    details = (
        base.player("wallet_id"),
        *_LOT,
        "reference",
        "refundable",
        "transferable",
        "payable_out",
        "id",
    )


@admin.register(UnitRate, site=site)
class Rates(base.ReadOnlyList):
    readers = base.MONEY
    is_long = False
    searched_texts = ("currency__iexact",)
    list_display = (
        "currency",
        base.number("units_per_major", _("Units for one")),
        base.moment("valid_from", _("In force from")),
        base.moment("recorded_at", _("Recorded")),
    )
    ordering = ("-valid_from",)
    details = list_display


@admin.register(TaxRate, site=site)
class TaxRates(base.ReadOnlyList):
    readers = base.MONEY
    is_long = False
    searched_texts = ("country__iexact",)
    list_display = (
        base.country("country"),
        base.share("rate_bps", _("Tax rate")),
        base.moment("valid_from", _("In force from")),
    )
    ordering = ("country", "-valid_from")
    details = list_display
