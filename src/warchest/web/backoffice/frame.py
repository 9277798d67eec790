"""What all pages of commands share: who may open them, how they look, how a command is framed and a refusal told."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from warchest.journeys.refusals import explain
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.members.contract import RIGHTS, Administrator
from warchest.runtime.command import KEY_LENGTH_MAX, Actor, ActorKind, Channel, Command, now
from warchest.web.backoffice.site import site

P = ParamSpec("P")
R = TypeVar("R")
_UNANSWERED = "unanswered_key"

View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def may(administrator: Administrator | None, right: str) -> bool:
    """Whether to show a button. The journey decides."""
    return administrator is not None and administrator.role in RIGHTS[right]


def needs(right: str | None = None) -> Callable[[View[P]], View[P]]:
    """A page for who is signed in and, where one is named, has the right."""

    def decorated(view: View[P]) -> View[P]:
        @never_cache
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            administrator = request.administrator  # type: ignore[attr-defined]
            if administrator is None:
                return redirect("backoffice:sign-in")
            # What is sent goes on to the journey, which refuses it and has it recorded.
            if right and request.method != "POST" and not may(administrator, right):
                raise PermissionDenied(_("Your role does not allow this."))
            return view(request, *args, **kwargs)

        return guarded

    return decorated


def only_sent(place: str, *arguments: str) -> Callable[[View[P]], View[P]]:
    """For what is only ever sent: whoever comes by an address (after choosing another language, say) is led to the page
    of the form, ``place`` with those ``arguments`` of the view.
    """

    def decorated(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method != "POST":
                return redirect(place, *(kwargs[name] for name in arguments))
            return view(request, *args, **kwargs)

        return guarded

    return decorated


def page(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    """A page in the frame. ``rights`` in its context are those of who is signed in, by name with '_' for '.'."""
    administrator = request.administrator  # type: ignore[attr-defined]
    return TemplateResponse(
        request,
        f"backoffice/{template}.html",
        {
            **site.each_context(request),
            "title": title,
            "administrator": administrator,
            "rights": {right.replace(".", "_") for right in RIGHTS if may(administrator, right)},
            "key": request.session.pop(_UNANSWERED, None) or str(new_id()),
            **context,
        },
    )


def command(request: HttpRequest) -> Command:
    """The frame of what was sent. Its key stood in the form, so a form sent twice is done once."""
    return Command(
        actor=Actor(ActorKind.ADMINISTRATOR, str(request.administrator.id)),  # type: ignore[attr-defined]
        key=request.POST.get("key") or str(new_id()),
        at=now(),
        channel=Channel.BACKOFFICE,
        address=request.META.get("REMOTE_ADDR", ""),
        certificate=request.client_certificate.fingerprint,  # type: ignore[attr-defined]
        request_id=getattr(request, "request_id", ""),
    )


def attempt(request: HttpRequest, act: Callable[[], R]) -> R | None:
    """What the act answers, or None when it was refused; the refusal is then told on the next page.

    Where nobody knows yet how it ends, the form on that page has the key that was sent: whoever sends it again hears the
    end of the first time, instead of doing it a second time.
    """
    try:
        return act()
    except (UnableTo, TryAgain) as refusal:
        if isinstance(refusal, TryAgain) and (sent := request.POST.get("key", "")[:KEY_LENGTH_MAX]):
            request.session[_UNANSWERED] = sent
        messages.error(request, explain(refusal).text)
        return None
