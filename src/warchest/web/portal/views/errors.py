"""What people see where something went wrong: what happened, what to do next, and never how it works inside."""

from __future__ import annotations

import sys
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from warchest.runtime.outage import is_outage
from warchest.web.portal.players import signed_in_player


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(
        request, 400, text=_("Your browser sent something that we can't read. Go back and try again.")
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django calls it while it handles the error; one that will pass by itself is told as one."""
    if not is_outage(sys.exc_info()[1]):
        return _page(request, 500)
    response = _page(request, 503)
    response["Retry-After"] = "1"
    return response


def form_too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's proof against forgery is missing or old: cookies are off, or it stood open over a sign-in."""
    return _page(
        request,
        403,
        title=_("This page is too old"),
        text=_("It was open for long, or your browser keeps no cookies. Open it again; nothing was taken."),
    )


def _page(request: HttpRequest, status: int, **words: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _problem(request, status)
    context: dict[str, Any] = {"status": status, **words}
    if status >= 500:
        context["reference"] = getattr(request, "request_id", "")
    try:
        # The name in the frame; where not even that can be read, the page does without.
        signed_in_player(request)
        return render(request, "portal/error.html", context, status=status)
    except Exception:
        return HttpResponse(render_to_string("portal/error.html", context), status=status)


def _problem(request: HttpRequest, status: int) -> HttpResponse:
    """Programs get problem details (RFC 9457) wherever under their address they land."""
    codes = {
        400: "request_malformed",
        403: "forbidden",
        404: "not_found",
        500: "internal_error",
        503: "database_unreachable",
    }
    body = {
        "type": "about:blank",
        "title": codes[status].replace("_", " ").capitalize(),
        "status": status,
        "code": codes[status],
        "instance": request.path,
    }
    return JsonResponse(body, status=status, content_type="application/problem+json")
