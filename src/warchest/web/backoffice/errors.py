"""What administrators see where something went wrong: what happened, and what to do next. Frameless: the frame may be broken."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from warchest.runtime.outage import is_outage


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(
        request,
        403,
        _("Your role does not allow this."),
        _("An owner can say who may, and give you another role."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 404, _("There is nothing at this address."), _("It was moved, or mistyped."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django calls it while it handles the error; one that will pass by itself is told as one."""
    if is_outage(sys.exc_info()[1]):
        response = _page(
            request,
            503,
            _("This can't be done right now. Try again in a moment."),
            _("A database is away. Nothing is lost; what was sent may be sent again."),
        )
        response["Retry-After"] = "1"
        return response
    return _page(
        request,
        500,
        _("Something went wrong on our side. It has been written down."),
        _("See in the lists whether it was done before you try again."),
    )


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's proof against forgery is missing or old: cookies are off, or it stood open over a sign-in."""
    return _page(
        request,
        403,
        _("This page is too old"),
        _("It was open for long, or your browser keeps no cookies. Open it again; nothing was taken."),
    )


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    context = {
        "status": status,
        "title": title,
        "text": text,
        "reference": getattr(request, "request_id", "") if status >= 500 else "",
    }
    return HttpResponse(render_to_string("backoffice/error.html", context), status=status)
