"""What every template may show of the community."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.messages import get_messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject


def community(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("warchest_theme", "")
    return {
        "community_name": settings.WARCHEST_COMMUNITY.name,
        "accent_url": _accent_url(),
        "theme": theme if theme in ("dark", "light") else "",
        "languages": settings.LANGUAGES,
        # Read only by pages that show them: reading takes them out of the session.
        "messages": SimpleLazyObject(lambda: _each_once(get_messages(request))),
    }


def _accent_url() -> str:
    """The sheet's address ends with the colour, so that a new colour shows at once."""
    try:
        return f"{reverse('portal:accent')}?{settings.WARCHEST_COMMUNITY.accent.lstrip('#')}"
    except NoReverseMatch:
        # The back office has no such page.
        return ""


def _each_once(found: Iterable[Message]) -> list[Message]:
    """A form that was sent twice has one result, so it is told once."""
    told: dict[tuple[int, str], Message] = {}
    for message in found:
        told.setdefault((message.level, str(message.message)), message)
    return list(told.values())
