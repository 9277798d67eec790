"""In with a certificate and a password, and out."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from warchest.audit.contract import Audit, OperationFilter
from warchest.journeys import administer
from warchest.journeys.refusals import explain
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.runtime.command import Actor, ActorKind, Channel, Command, now
from warchest.runtime.services import services
from warchest.web.backoffice.certificates import bind_session, may_sign_in

REFUSALS_MAX = 5
WITHIN = timedelta(minutes=15)


class SignInForm(forms.Form):
    username = forms.CharField(label=gettext_lazy("Name"), max_length=254)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=200,
        widget=forms.PasswordInput(attrs={"autofocus": True, "autocomplete": "current-password"}),
    )


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.administrator is not None:  # type: ignore[attr-defined]
        return redirect("admin:index")
    holder = request.client_certificate.holder.administrator  # type: ignore[attr-defined]
    form = SignInForm(request.POST or None, initial={"username": holder.username})
    if request.method == "POST" and form.is_valid():
        command = _command(request)
        if _refused_lately(command) >= REFUSALS_MAX:
            form.add_error(None, _("Too many attempts. Wait a quarter of an hour."))
        else:
            user = authenticate(request, **form.cleaned_data)
            try:
                proved = user is not None and may_sign_in(request, user.pk)
                administer.sign_in(command, proved=proved)
            except (UnableTo, TryAgain) as refusal:
                form.add_error(None, explain(refusal).text)
            else:
                login(request, user)
                bind_session(request)
                return redirect(_next(request))
    return TemplateResponse(
        request,
        "backoffice/sign_in.html",
        {"form": form, "holder": holder.username, "next": request.GET.get("next", "")},
        status=403 if form.errors else 200,
    )


@never_cache
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    if request.administrator is not None:  # type: ignore[attr-defined]
        administer.sign_out(_command(request))
    logout(request)
    return redirect("backoffice:sign-in")


def _command(request: HttpRequest) -> Command:
    """The certificate says who it is that tries."""
    presented = request.client_certificate  # type: ignore[attr-defined]
    return Command(
        actor=Actor(ActorKind.ADMINISTRATOR, str(presented.holder.administrator_id)),
        key=str(new_id()),
        at=now(),
        channel=Channel.BACKOFFICE,
        address=request.META.get("REMOTE_ADDR", ""),
        certificate=presented.fingerprint,
        request_id=getattr(request, "request_id", ""),
    )


def _refused_lately(command: Command) -> int:
    """The record of operations counts: nothing else has to be kept, and a restart forgives nobody."""
    refused = OperationFilter(
        actor_kind=command.actor.kind,
        actor_id=command.actor.id,
        name=administer.sign_in.name,
        outcome="refused",
        recorded_from=now() - WITHIN,
    )
    return len(services.get(Audit).operations(where=refused, limit=REFUSALS_MAX).items)


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=True)
    return wanted if wanted and safe else "admin:index"
