"""USR-03 and MLM-04: somebody joins, perhaps by a friend's link.

A taken nickname is told. A known e-mail address is not: the answer sends the newcomer to their mail, and the mail tells
the owner of the address. What else is wrong (a nickname that is taken, a code that is nobody's) is told for known and new
addresses alike, so that no request without consequences shows the difference; and registrations with known addresses are
limited for each address on the network.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from warchest.journeys.register_player import Registered, register_player
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.members.contract import Members, Player, UnableToRegister
from warchest.referrals.contract import Referrals, UnableToJoin
from warchest.runtime.command import now
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services
from warchest.web.portal import locks, mails
from warchest.web.portal.commands import a_key, client_address, key_after, newcomer_command
from warchest.web.portal.countries import country_wished
from warchest.web.portal.forms import SignUpForm
from warchest.web.portal.players import signed_in_player
from warchest.web.portal.telling import tell, too_many_tries
from warchest.web.portal.views.sign_in import keep_language

_FIELD_OF = {
    "nickname_taken": "nickname",
    "nickname_malformed": "nickname",
    "email_malformed": "email",
    "password_too_weak": "password",
    "country_unknown": "country",
    "language_unknown": "language",
    "sponsor_code_unknown": "sponsor_code",
}
_SPONSOR = "sponsor_code"


@require_GET
def join(request: HttpRequest, code: str) -> HttpResponse:
    """A friend's link: the code is kept for the form, and for coming back later in this browser's session."""
    request.session[_SPONSOR] = code[:40]
    return redirect("portal:home" if signed_in_player(request) else "portal:sign-up")


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        if signed_in_player(request):
            return redirect("portal:home")
        return _page(request, SignUpForm(initial=_initial(request)))
    form = SignUpForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        registered = _register(request, form.cleaned_data)
    except (UnableTo, TryAgain) as refusal:
        if refusal.reason != "email_taken":
            return _refused(request, form, refusal)
        would_be_told = _refusal_of_the_rest(form.cleaned_data)
        if would_be_told:
            return _refused(request, form, would_be_told)
        return _look_into_your_mail(request, form)
    player = _with_time_zone(registered, form.cleaned_data["time_zone"])
    request.session.pop(_SPONSOR, None)
    login(
        request,
        get_user_model().objects.get(player__id=registered.id),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    response = redirect("portal:home")
    keep_language(response, player.language)
    return response


def _refusal_of_the_rest(asked: dict[str, Any]) -> UnableTo | None:
    """What would have been refused had the address been new."""
    nickname = asked["nickname"].casefold()
    found = services.get(Members).find_players(text=asked["nickname"])
    if any(player.nickname.casefold() == nickname for player in found):
        return UnableToRegister("nickname_taken")
    if asked["sponsor_code"] and services.get(Referrals).by_code(sponsor_code=asked["sponsor_code"]) is None:
        return UnableToJoin("sponsor_code_unknown")
    return None


def _register(request: HttpRequest, asked: dict[str, Any]) -> Registered:
    return register_player(
        newcomer_command(request, key=request.POST.get("key", "")),
        nickname=asked["nickname"],
        email=asked["email"],
        password=asked["password"],
        country=asked["country"],
        language=asked["language"],
        sponsor_code=asked["sponsor_code"] or None,
    ).answer


def _with_time_zone(registered: Registered, time_zone: str) -> Player:
    members = services.get(Members)
    player = members.player(player_id=registered.id)
    if not time_zone:
        return player
    return members.change_preferences(
        player_id=player.id,
        language=player.language,
        display_currency=player.display_currency,
        time_zone=time_zone,
    )


def _look_into_your_mail(request: HttpRequest, form: SignUpForm) -> HttpResponse:
    at: datetime = now()
    if locked_until := locks.begin_try(locks.registrations_from(client_address(request)), at=at):
        form.add_error(None, too_many_tries(int((locked_until - at).total_seconds())))
        return _page(request, form, status=429)
    mails.somebody_joined_with_your_address(form.cleaned_data["email"])
    return render(request, "portal/look_into_mail.html", {"email": form.cleaned_data["email"]})


def _refused(request: HttpRequest, form: SignUpForm, refusal: UnableTo | TryAgain) -> HttpResponse:
    told = tell(refusal)
    form.add_error(_FIELD_OF.get(refusal.reason), told.text)
    return _page(request, form, status=told.status, key=key_after(request, refusal))


def _initial(request: HttpRequest) -> dict[str, str]:
    return {
        "country": country_wished(
            request.headers.get("Accept-Language", ""), otherwise=configuration().community.default_country
        ),
        "language": get_language() or "en",
        "sponsor_code": request.session.get(_SPONSOR, ""),
    }


def _page(request: HttpRequest, form: SignUpForm, *, status: int = 200, key: str = "") -> HttpResponse:
    code = form.data.get("sponsor_code", "") if form.is_bound else form.initial.get("sponsor_code", "")
    context = {"form": form, "key": key or a_key(), "sponsor": _sponsor(code)}
    return render(request, "portal/sign_up.html", context, status=status)


def _sponsor(code: str) -> Player | None:
    node = services.get(Referrals).by_code(sponsor_code=code) if code else None
    if node is None:
        return None
    sponsor: UUID = node.player
    return services.get(Members).players(player_ids=[sponsor]).get(sponsor)
