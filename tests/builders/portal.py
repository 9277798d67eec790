"""A player in front of the portal's pages."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client

from warchest.journeys.register_player import Registered


def a_browser(player: Registered | None = None, **headers: str) -> Client:
    """A browser with cookies, signed in as the player where one is given; forgery checks are on."""
    browser = Client(headers=headers)
    if player:
        browser.force_login(get_user_model().objects.get(player__id=player.id))
    return browser


def hidden(page: Any, name: str) -> str:
    """The value of the first hidden field of this name on a page."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page.content.decode())
    assert found, f"no hidden field {name!r}"
    return found.group(1)


def says(page: Any, *texts: str) -> bool:
    """Whether all of the texts stand on the page, whatever spaces it is set with."""
    content = page.content.decode().replace("\u00a0", " ").replace("&#x27;", "'")
    return all(text in content for text in texts)
