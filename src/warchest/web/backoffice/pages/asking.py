"""Fields that pages of the books share: days, moments, whose, and the address of the next page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.members.contract import Members, Player
from warchest.runtime.services import services

PAGE_ROWS = 50
_PLAYERS_NAMED_MAX = 10
# No books are older, and what lies beyond is mistyped.
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)


def day_field(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        validators=[MinValueValidator(_FIRST.date()), MaxValueValidator(_LAST.date())],
    )


class MomentForm(forms.Form):
    at = forms.DateTimeField(
        label=gettext_lazy("At the moment (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        validators=[MinValueValidator(_FIRST), MaxValueValidator(_LAST)],
    )

    def moment(self) -> datetime | None:
        """What was asked for; None for now, and where it can't be read."""
        return self.cleaned_data.get("at") if self.is_valid() else None


def start_of(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


def end_of(day: date | None) -> datetime | None:
    return start_of(day + timedelta(days=1)) if day else None


def usual_moments(now: datetime) -> list[tuple[str, str]]:
    """Moments that are asked for most, each with its name and the query that asks for it."""
    today = start_of(now.date())
    assert today
    return [
        (_("now"), ""),
        (_("end of yesterday"), f"?at={today:%Y-%m-%dT%H:%M:%S}"),
        (_("end of last month"), f"?at={today.replace(day=1):%Y-%m-%dT%H:%M:%S}"),
        (_("end of last year"), f"?at={today.replace(month=1, day=1):%Y-%m-%dT%H:%M:%S}"),
    ]


@dataclass(frozen=True, slots=True)
class Whose:
    """Whom a text means: the ``owner`` of accounts, and ``alike``, players whose nicknames only begin so."""

    owner: str | None = None
    alike: tuple[Player, ...] = field(default=())


def whose(text: str) -> Whose:
    """A player by nickname, e-mail address, external id or id; else whatever the text says (a provider, a country)."""
    if not text:
        return Whose()
    found = services.get(Members).find_players(text=text, limit=_PLAYERS_NAMED_MAX)
    begins = text.casefold()
    for player in found:
        nickname = player.nickname.casefold()
        if nickname == begins or not nickname.startswith(begins):
            return Whose(str(player.id))
    return Whose(text, found)


def asked(request: HttpRequest, **changes: str) -> str:
    """This page's address with some of what was asked changed; what is empty is left out."""
    query: Mapping[str, str] = {**request.GET.dict(), **changes}
    return f"{request.path}?{urlencode({name: value for name, value in query.items() if value})}"
