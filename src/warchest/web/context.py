"""What every template may show of the community."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def community(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("warchest_theme", "")
    return {
        "community_name": settings.WARCHEST_COMMUNITY.name,
        "theme": theme if theme in ("dark", "light") else "",
        "languages": settings.LANGUAGES,
    }
