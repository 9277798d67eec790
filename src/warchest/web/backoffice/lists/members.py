"""Players, administrators with their certificates, programs that call the API."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from warchest.members.models import Administrator, ApiClient, Certificate, Player
from warchest.web.backoffice.lists import base
from warchest.web.backoffice.site import site

STATES = {
    "active": (_("active"), "success"),
    "frozen": (_("frozen"), "warning"),
    "closed": (_("closed"), "plain"),
}
ROLES = {
    "owner": (_("owner"), "info"),
    "administrator": (_("administrator"), "info"),
    "accountant": (_("accountant"), "info"),
    "support": (_("support"), "info"),
    "operator": (_("operator"), "info"),
}


@display(description=_("Everything about"))
def _everything(row: Player) -> SafeString:
    places = (
        (reverse("admin:charging_wallet_change", args=[row.pk]), _("Wallet and lots")),
        (reverse("admin:payments_payment_changelist") + f"?q={row.pk}", _("Payments")),
        (reverse("admin:cards_card_changelist") + f"?q={row.pk}", _("Cards")),
        (reverse("admin:subscriptions_subscription_changelist") + f"?q={row.pk}", _("Subscriptions")),
        (reverse("admin:referrals_commission_changelist") + f"?q={row.pk}", _("Commissions")),
        (reverse("admin:runtime_operation_changelist") + f"?q={row.pk}", _("Record of operations")),
    )
    links = "".join(format_html('<a class="wb-link" href="{}">{}</a>', *place) for place in places)
    return SafeString(f'<span class="wb-links">{links}</span>')


@admin.register(Player, site=site)
class Players(base.ReadOnlyList):
    readers = base.MONEY
    searched_ids = ("pk",)
    searched_texts = ("nickname__istartswith", "user__login__iexact", "external_id")
    search_help_text = _("Beginning of a nickname, or a whole e-mail address, id or external id")
    list_display = (
        "nickname",
        base.country("country"),
        base.language("language"),
        base.state("state", _("State"), STATES),
        base.moment("registered_at", _("Registered")),
    )
    list_filter = (base.one_of("state", _("State"), base.labels_of(STATES)), "registered_at")
    list_select_related = ("user",)
    ordering = ("-registered_at",)
    details = (
        "nickname",
        _everything,
        base.text("user__login", _("E-mail address")),
        base.state("state", _("State"), STATES),
        base.country("country"),
        base.language("language"),
        "time_zone",
        "display_currency",
        "external_id",
        base.moment("registered_at", _("Registered")),
        base.moment("user__last_login", _("Last sign-in")),
        "id",
    )

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).select_related("user")


@display(description=_("State"))
def _standing(row: Certificate) -> SafeString:
    if row.revoked_at:
        return format_html('<span class="wb-label wb-danger">{}</span>', _("revoked"))
    return format_html('<span class="wb-label wb-success">{}</span>', _("in force"))


class CertificatesOfOne(base.ReadOnlyTable):
    model = Certificate
    verbose_name_plural = _("certificates")
    ordering = ("-issued_at",)
    details = (
        base.short("serial", _("Serial")),
        _standing,
        base.moment("not_after", _("Valid until")),
        base.moment("last_used_at", _("Last sign-in")),
    )


@admin.register(Administrator, site=site)
class Administrators(base.ReadOnlyList):
    readers = base.OVERSEERS
    is_long = False
    searched_texts = ("user__login__istartswith",)
    list_display = (
        base.text("user__login", _("Name")),
        base.state("role", _("Role"), ROLES),
        base.moment("user__last_login", _("Last sign-in")),
        base.moment("created_at", _("Since")),
    )
    list_filter = (base.one_of("role", _("Role"), base.labels_of(ROLES)),)
    list_select_related = ("user",)
    ordering = ("user__login",)
    inlines = (CertificatesOfOne,)
    details = (
        base.text("user__login", _("Name")),
        base.state("role", _("Role"), ROLES),
        base.moment("user__last_login", _("Last sign-in")),
        base.moment("created_at", _("Since")),
        "id",
    )

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).select_related("user")

    def title_of(self, row: Administrator) -> str:
        return row.user.login


@admin.register(Certificate, site=site)
class Certificates(base.ReadOnlyList):
    readers = base.OVERSEERS
    is_long = False
    searched_texts = (
        "serial__istartswith",
        "fingerprint__istartswith",
        "administrator__user__login__istartswith",
    )
    list_display = (
        base.short("serial", _("Serial")),
        base.text("administrator__user__login", _("Administrator")),
        _standing,
        base.moment("not_after", _("Valid until")),
        base.moment("last_used_at", _("Last sign-in")),
    )
    ordering = ("-issued_at",)
    details = (
        "serial",
        "fingerprint",
        base.text("administrator__user__login", _("Administrator")),
        _standing,
        base.moment("not_before", _("Valid from")),
        base.moment("not_after", _("Valid until")),
        base.moment("issued_at", _("Issued")),
        base.moment("revoked_at", _("Revoked")),
        base.moment("last_used_at", _("Last sign-in")),
    )

    def get_queryset(self, request: HttpRequest):
        return super().get_queryset(request).select_related("administrator__user")


@display(description=_("Scopes"))
def _scopes(row: ApiClient) -> str:
    return ", ".join(row.scopes)


@display(description=_("State"))
def _in_use(row: ApiClient) -> SafeString:
    if row.revoked_at:
        return format_html('<span class="wb-label wb-danger">{}</span>', _("revoked"))
    return format_html('<span class="wb-label wb-success">{}</span>', _("in force"))


@admin.register(ApiClient, site=site)
class ApiClients(base.ReadOnlyList):
    readers = base.OVERSEERS
    is_long = False
    searched_ids = ("pk",)
    searched_texts = ("name__icontains", "key_start")
    list_display = (
        "name",
        base.text("key_start", _("Key begins")),
        _in_use,
        _scopes,
        base.text("calls_per_second", _("Calls per second")),
        base.moment("created_at", _("Since")),
    )
    details = (
        "name",
        base.text("key_start", _("Key begins")),
        _in_use,
        _scopes,
        base.text("calls_per_second", _("Calls per second")),
        base.moment("created_at", _("Since")),
        base.moment("revoked_at", _("Revoked")),
        "id",
    )

    def get_queryset(self, request: HttpRequest):
        # The key's hash is not even read.
        return super().get_queryset(request).defer("key_hash")

    def title_of(self, row: ApiClient) -> str:
        return row.name
