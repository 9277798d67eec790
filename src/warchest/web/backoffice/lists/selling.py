"""What players have: subscriptions, commissions; and what is offered to them."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from warchest.catalogue.contract import in_language
from warchest.catalogue.models import OnlineService, Plan, Price
from warchest.kernel.period import TermUnit
from warchest.referrals.models import Commission, Node
from warchest.runtime.command import now
from warchest.subscriptions.models import Grant, Subscription
from warchest.web.backoffice.lists import base
from warchest.web.backoffice.reading import rows_of
from warchest.web.backoffice.site import site

SOURCES = {
    "paid": (_("paid"), "success"),
    "card": (_("card"), "info"),
    "gift": (_("gift"), "info"),
    "trial": (_("trial"), "plain"),
    "compensation": (_("compensation"), "plain"),
}
COMMISSIONS = {"on_hold": (pgettext_lazy("state of a commission", "waiting"), "plain")}
OFFERS = {
    "draft": (_("draft"), "plain"),
    "offered": (_("offered"), "success"),
    "retired": (_("retired"), "plain"),
}


@display(description=_("State"))
def _running(row: Subscription) -> SafeString:
    """Whether the time that was bought still runs: the agreement's own state does not say so."""
    label, colour = (_("active"), "success") if row.ends_at > now() else (_("ended"), "plain")
    return format_html('<span class="wb-label wb-{}">{}</span>', colour, label)


@display(description=_("Term"))
def _term(row: Plan) -> str:
    match row.term_unit:
        case TermUnit.DAY:
            text = ngettext("%(count)d day", "%(count)d days", row.term_count)
        case TermUnit.MONTH:
            text = ngettext("%(count)d month", "%(count)d months", row.term_count)
        case _:
            text = ngettext("%(count)d year", "%(count)d years", row.term_count)
    return text % {"count": row.term_count}


@display(description=_("Name"))
def _name(row: OnlineService | Plan) -> str:
    return in_language(row.names, get_language() or "en")


class GrantsOfSubscription(base.ReadOnlyTable):
    model = Grant
    verbose_name_plural = _("terms granted")
    ordering = ("-id",)
    details = (
        base.state("source", _("Source"), SOURCES),
        base.moment("starts_at", _("From")),
        base.moment("ends_at", _("Until")),
        base.moment("granted_at", _("Granted")),
        base.text("reference", _("Reference")),
        base.entry("entry_id"),
    )


@admin.register(Subscription, site=site)
class Subscriptions(base.ReadOnlyList):
    readers = base.MONEY
    players = ("player",)
    searched_ids = ("pk",)
    search_help_text = _("A player's nickname, e-mail address or id")
    list_display = (
        base.player("player"),
        base.text("service_code", _("Online service")),
        base.moment("starts_at", _("From")),
        base.moment("ends_at", _("Until")),
        _running,
    )
    list_filter = ("ends_at",)
    inlines = (GrantsOfSubscription,)
    details = (*list_display, base.text("anchor_day", _("Day of the month")), "id")

    def name_players(self, rows) -> None:
        rows = list(rows)
        super().name_players(rows)
        services = rows_of(OnlineService).in_bulk({row.online_service for row in rows})
        for row in rows:
            row.service_code = services[row.online_service].code if row.online_service in services else "–"


@admin.register(Commission, site=site)
class Commissions(base.ReadOnlyList):
    readers = base.MONEY
    players = ("sponsor", "buyer")
    searched_ids = ("pk", "sale")
    search_help_text = _("The sponsor's or buyer's nickname, e-mail address or id, or a sale's id")
    list_display = (
        base.player("sponsor", _("Sponsor")),
        base.player("buyer", _("Buyer")),
        base.text("level", _("Level")),
        base.amount("base_minor", "currency", _("Of")),
        base.amount("amount_minor", "currency", _("Commission")),
        base.state("state", _("State"), COMMISSIONS),
        base.moment("earned_at", _("Earned")),
    )
    list_filter = ("earned_at",)
    details = (*list_display, base.share("rate_bps", _("Per cent")), "sale", base.entry("entry_id"), "id")


@admin.register(Node, site=site)
class Places(base.ReadOnlyList):
    readers = base.MONEY
    players = ("player", "sponsor_id")
    searched_texts = ("sponsor_code__iexact",)
    search_help_text = _("A player's or sponsor's nickname, e-mail address or id, or an invitation code")
    list_display = (
        base.player("player"),
        base.player("sponsor_id", _("Sponsor")),
        base.text("sponsor_code", _("Invitation code")),
        base.moment("joined_at", _("Joined")),
    )
    ordering = ("-joined_at",)
    details = list_display


class PlansOfService(base.ReadOnlyTable):
    model = Plan
    verbose_name_plural = _("plans")
    ordering = ("order", "code")
    details = (
        base.text("code", _("Code")),
        _name,
        _term,
        base.state("state", _("State"), OFFERS),
    )


@admin.register(OnlineService, site=site)
class OnlineServices(base.ReadOnlyList):
    is_long = False
    searched_texts = ("code__istartswith",)
    list_display = ("code", _name, base.state("state", _("State"), OFFERS))
    ordering = ("order", "code")
    inlines = (PlansOfService,)
    details = ("code", _name, "names", "texts", base.state("state", _("State"), OFFERS), "countries", "id")


class PricesOfPlan(base.ReadOnlyTable):
    model = Price
    verbose_name_plural = _("prices")
    ordering = ("currency", "-valid_from")
    details = (
        base.amount("amount_minor", "currency", _("Price of a term")),
        base.moment("valid_from", _("In force from")),
        base.moment("recorded_at", _("Recorded")),
    )


@admin.register(Plan, site=site)
class Plans(base.ReadOnlyList):
    is_long = False
    searched_texts = ("code__istartswith",)
    list_display = (
        "code",
        base.text("online_service", _("Online service")),
        _name,
        _term,
        base.state("state", _("State"), OFFERS),
    )
    inlines = (PricesOfPlan,)
    ordering = ("online_service", "order", "code")
    details = (*list_display, "id")

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).select_related("online_service")
