"""USR-18, USR-19 and USR-20: a player's language, display currency and time zone, and light or dark pages."""

from __future__ import annotations

from django.conf import settings as django_settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from warchest.accounting.contract import Accounting
from warchest.members.contract import Members, Player
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction
from warchest.web.portal.forms import SettingsForm
from warchest.web.portal.players import for_players
from warchest.web.portal.views.sign_in import keep_language

THEME_COOKIE = "warchest_theme"


@require_http_methods(["GET", "POST"])
@for_players
def settings(request: HttpRequest, player: Player) -> HttpResponse:
    accepted = services.get(Accounting).accepted_currencies(at=now())
    currencies = tuple(sorted({*accepted, player.display_currency}))
    if request.method == "GET":
        return _page(request, SettingsForm(initial=_kept(player), currencies=currencies))
    form = SettingsForm(request.POST, currencies=currencies)
    if not form.is_valid():
        return _page(request, form, status=422)
    with technical_transaction("members"):
        services.get(Members).change_preferences(player_id=player.id, **form.cleaned_data)
    with translation.override(form.cleaned_data["language"]):
        messages.success(request, _("Kept."))
    response = redirect("portal:settings")
    keep_language(response, form.cleaned_data["language"])
    _keep_theme(response, request.POST.get("theme", ""))
    return response


def _kept(player: Player) -> dict[str, str]:
    return {
        "language": player.language,
        "display_currency": player.display_currency,
        "time_zone": player.time_zone,
    }


def _keep_theme(response: HttpResponse, theme: str) -> None:
    if theme in ("dark", "light"):
        response.set_cookie(
            THEME_COOKIE,
            theme,
            max_age=365 * 24 * 3600,
            samesite="Lax",
            secure=django_settings.SESSION_COOKIE_SECURE,
        )
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")


def _page(request: HttpRequest, form: SettingsForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "theme_choice": request.COOKIES.get(THEME_COOKIE, "")}
    return render(request, "portal/settings.html", context, status=status)
