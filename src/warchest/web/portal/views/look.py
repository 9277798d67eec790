"""The community's colour as a style sheet."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition, require_GET

from warchest.web.portal.accent import accent, style_sheet


def accent_tag(request: HttpRequest | None = None) -> str:
    """Changes when the colour does: the sheet's entity tag, and what its address ends with."""
    return settings.WARCHEST_COMMUNITY.accent.lstrip("#")


@require_GET
@cache_control(public=True, max_age=24 * 3600)
@condition(etag_func=lambda request: f'"{accent_tag()}"')
def accent_sheet(request: HttpRequest) -> HttpResponse:
    return HttpResponse(
        style_sheet(accent(settings.WARCHEST_COMMUNITY.accent)), content_type="text/css; charset=utf-8"
    )
