"""The menu, colours and names of the frame, as unfold reads them. Links are shown to who may open them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from warchest.members.contract import RIGHTS, Role


def community_name(request: HttpRequest) -> str:
    from django.conf import settings

    return settings.WARCHEST_COMMUNITY.name


def role_of(request: HttpRequest) -> tuple[str, str] | None:
    """Shown at the top of every page, so that nobody wonders why a button is missing."""
    administrator = getattr(request, "administrator", None)
    return (str(ROLES[administrator.role]), "info") if administrator else None


ROLES = {
    Role.OWNER: _("Owner"),
    Role.ADMINISTRATOR: _("Administrator"),
    Role.ACCOUNTANT: _("Accountant"),
    Role.SUPPORT: _("Support"),
    Role.OPERATOR: _("Operator"),
}


def _right(right: str) -> Any:
    def permitted(request: HttpRequest) -> bool:
        administrator = getattr(request, "administrator", None)
        return administrator is not None and administrator.role in RIGHTS[right]

    return permitted


def _list(model: str) -> Any:
    def permitted(request: HttpRequest) -> bool:
        from django.apps import apps

        from warchest.web.backoffice.site import site

        return site.get_model_admin(apps.get_model(model.replace("_", ".", 1))).has_view_permission(request)

    return permitted


def _listed(title: Any, icon: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model}_changelist"),
        "permission": _list(model),
    }


def _page(title: Any, icon: str, name: str, right: str = "") -> dict[str, Any]:
    link = reverse_lazy(f"backoffice:{name}")
    # Unfold goes by how addresses begin, and would mark /card on every page below /cards/.
    item = {"title": title, "icon": icon, "link": link, "active": lambda request: request.path == str(link)}
    return {**item, "permission": _right(right)} if right else item


NAVIGATION = [
    {
        "items": [
            {"title": _("Today"), "icon": "monitoring", "link": reverse_lazy("admin:index")},
        ],
    },
    {
        "title": _("Players"),
        "separator": True,
        "items": [
            _listed(_("Players"), "group", "members_player"),
            _listed(_("Wallets"), "account_balance_wallet", "charging_wallet"),
            _listed(_("Lots"), "layers", "charging_lot"),
            _listed(_("Transfers"), "send_money", "charging_transfer"),
            _listed(_("Subscriptions"), "event_repeat", "subscriptions_subscription"),
            _listed(_("Commissions"), "hub", "referrals_commission"),
        ],
    },
    {
        "title": _("Cards"),
        "separator": True,
        "items": [
            _listed(_("Batches"), "style", "cards_batch"),
            _page(_("Order a batch"), "add_card", "order-batch", "batch.order"),
            _page(_("Import cards"), "move_to_inbox", "import-cards", "batch.order"),
            _page(_("Batches to decide about"), "approval", "approvals", "batch.approve"),
            _page(_("Print houses"), "print", "printers", "batch.hand_over"),
            _page(_("Sell at the desk"), "point_of_sale", "desk", "card.issue"),
            _page(_("Resellers"), "local_shipping", "resellers", "reseller.see"),
            _page(_("Stores"), "storefront", "stores", "card.look_up"),
            _page(_("Look up a card"), "manage_search", "look-up-card", "card.look_up"),
            _page(_("Verify a card"), "fact_check", "verify-card", "card.verify"),
            _page(_("Block cards"), "block", "block-cards", "card.block"),
            _page(_("Cards that end"), "event_busy", "ending-cards", "card.look_up"),
            _page(_("Guessed codes"), "password", "guesses", "card.look_up"),
            _listed(_("Cards"), "credit_card", "cards_card"),
        ],
    },
    {
        "title": _("Money"),
        "separator": True,
        "items": [
            _listed(_("Payments"), "payments", "payments_payment"),
            _listed(_("Receipts and invoices"), "receipt_long", "accounting_document"),
            _page(_("Settlements"), "fact_check", "settlements", "books.read"),
            _page(_("Bank"), "account_balance_wallet", "bank", "bank.read"),
            _page(_("What players owe"), "money_off", "debts", "payment.ask"),
            _page(_("Exchange rates"), "currency_exchange", "rates", "rate.set"),
            _page(_("Journal"), "menu_book", "journal"),
            _page(_("Accounts"), "account_balance", "accounts", "books.read"),
            _page(_("Trial balance"), "balance", "trial-balance", "books.read"),
            _page(_("Owed for wallets"), "show_chart", "liability", "books.read"),
            _page(_("Owed for cards"), "style", "card-liability", "books.read"),
            _page(_("Owed between clusters"), "handshake", "intercluster", "books.read"),
            _page(_("Export the journal"), "download", "export-journal", "journal.export"),
            _page(_("Payments to decide about"), "rule", "reviews", "payment.ask"),
            _page(_("Rules for payments"), "alt_route", "payment-rules", "payment_rule.see"),
            _page(_("Payment providers"), "extension", "providers", "provider.see"),
            _page(_("Accounting systems"), "move_group", "erp", "books.read"),
        ],
    },
    {
        "title": _("Currencies"),
        "separator": True,
        "items": [
            _page(_("Record an exchange"), "swap_horiz", "exchange", "money.exchange"),
            _page(_("Currency rates"), "currency_exchange", "currency-rates", "rate.set"),
            _page(_("Gains and losses"), "trending_up", "exchange-differences", "books.read"),
        ],
    },
    {
        "title": _("Offers"),
        "separator": True,
        "items": [
            _listed(_("Online services"), "sports_esports", "catalogue_onlineservice"),
            _listed(_("Plans and prices"), "sell", "catalogue_plan"),
            _page(_("Tournaments"), "trophy", "tournaments"),
        ],
    },
    {
        "title": _("House"),
        "separator": True,
        "items": [
            _page(_("Administrators"), "shield_person", "administrators", "certificate.issue"),
            _page(_("API keys"), "key", "api-keys", "api_key.issue"),
            _listed(_("Record of operations"), "history", "runtime_operation"),
            _page(_("Services"), "dns", "services"),
            _page(_("Clusters"), "hub", "clusters", "cluster.see"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": community_name,
    "SITE_HEADER": community_name,
    "SITE_SUBHEADER": _("Back office"),
    "SITE_URL": None,
    "SITE_SYMBOL": "shield_lock",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "warchest.web.backoffice.navigation.role_of",
    "STYLES": [lambda request: static("backoffice/style.css")],
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("backoffice/favicon.svg")}
    ],
    "BORDER_RADIUS": "8px",
    "ACCOUNT": {
        "navigation": [{"title": _("My certificates"), "link": reverse_lazy("backoffice:my-certificates")}]
    },
    "COLORS": {
        # The community's amber, dark enough for white text at 600.
        "primary": {
            "50": "#fff8eb",
            "100": "#feecc7",
            "200": "#fdd98a",
            "300": "#fbc04d",
            "400": "#f0a92e",
            "500": "#d98a0b",
            "600": "#a25e06",
            "700": "#8a4c09",
            "800": "#703d0e",
            "900": "#5d330f",
            "950": "#351903",
        }
    },
    "SIDEBAR": {"show_search": True, "navigation": NAVIGATION},
}
