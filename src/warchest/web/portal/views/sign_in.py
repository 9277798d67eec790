"""USR-13: a player signs in with e-mail address and password, and out again."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from warchest.members.contract import Members, Player, PlayerState
from warchest.runtime import clusters
from warchest.runtime.clusters import OtherCluster, Standing
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.portal import locks
from warchest.web.portal.commands import client_address
from warchest.web.portal.forms import SignInForm
from warchest.web.portal.players import signed_in_player
from warchest.web.portal.telling import too_many_tries


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    wanted = _own_page(request, request.POST.get("next") or request.GET.get("next") or "")
    if request.method == "GET":
        if signed_in_player(request):
            return redirect(wanted or "portal:home")
        return _page(request, SignInForm(), wanted)
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _page(request, form, wanted, status=422)
    if home := _home_named(form.cleaned_data["login"]):
        # The password is not looked at here, and does not go along.
        return redirect(f"{home.letter.portal}{resolve_url('portal:sign-in')}")
    at = now()
    who = locks.account(form.cleaned_data["login"]), locks.address(client_address(request))
    if locked_until := locks.begin_try(*who, at=at):
        wait_s = int((locked_until - at).total_seconds())
        form.add_error(None, too_many_tries(wait_s))
        response = _page(request, form, wanted, status=429)
        response["Retry-After"] = str(max(1, wait_s))
        return response
    user = authenticate(request, username=form.cleaned_data["login"], password=form.cleaned_data["password"])
    player = services.get(Members).player_of_user(user_id=user.pk) if user else None
    if user is None or player is None or player.state is PlayerState.CLOSED:
        # The same words for an unknown address, a wrong password and somebody who is no player.
        form.add_error(None, _("E-mail and password don't belong together. Look at both again."))
        return _page(request, form, wanted, status=422)
    locks.succeed(*who, at=at)
    # Gives the session a new name, so that one known from before is worth nothing.
    login(request, user)
    return speaking_with(player, request, redirect(wanted or "portal:home"))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("portal:sign-in")


def speaking_with(player: Player, request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Go on in the player's own language, unless another was chosen in this browser."""
    if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        keep_language(response, player.language)
    return response


def keep_language(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 3600,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _own_page(request: HttpRequest, path: str) -> str:
    """Where to go afterwards, if it is a page of ours."""
    is_ours = url_has_allowed_host_and_scheme(
        path, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return path if is_ours and path != resolve_url("portal:sign-out") else ""


def _other_homes() -> list[OtherCluster]:
    """The clusters whose players sign in at their own portals."""
    return [found for found in clusters.lately() if found.standing is Standing.MERGED and found.letter.portal]


def _home_named(login: str) -> OtherCluster | None:
    """The other cluster in ``ben@west``."""
    _, _, code = login.strip().rpartition("@")
    return next((home for home in _other_homes() if home.code == code), None)


def _page(request: HttpRequest, form: SignInForm, wanted: str, *, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "next": wanted, "homes": _other_homes()}
    return render(request, "portal/sign_in.html", context, status=status)
