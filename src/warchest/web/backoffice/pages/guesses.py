"""Guessed codes: who guesses, how often, who is locked out, and how a lock is lifted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.cards.contract import Cards, GuessesOfHour, Guessing
from warchest.journeys.watch_guesses import lift_lock
from warchest.members.contract import Members, UnableToFindPlayer
from warchest.runtime.command import now
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, may, needs, only_sent, page

WHO = {
    Guessing.PLAYER: gettext_lazy("Player"),
    Guessing.ADDRESS: gettext_lazy("Address"),
    Guessing.NETWORK: gettext_lazy("Network"),
}
_HOURS = 48


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour. ``height`` is its share of the highest, in thousandths."""

    hour: datetime
    guesses: int
    place: int
    height: int

    @property
    def top(self) -> int:
        return 1000 - self.height


@needs("card.look_up")
def guesses(request: HttpRequest) -> HttpResponse:
    cards, at = services.get(Cards), now()
    since = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=_HOURS - 1)
    terms = configuration().cards
    return page(
        request,
        "guesses",
        _("Guessed codes"),
        alarm=cards.alarm(),
        alarms=cards.alarms(limit=10),
        alarm_guesses=terms.alarm_guesses,
        alarm_minutes=terms.alarm_minutes,
        bars=_bars(cards.guesses_by_hour(since=since), since=since),
        locks=[(lock, WHO[lock.who], _named(lock.who, lock.identity)) for lock in cards.locks(at=at)[:100]],
        sources=[
            (source, WHO[source.who], _named(source.who, source.identity))
            for source in cards.guess_sources(since=since, limit=10)
        ],
        can_lift=may(request.administrator, "lock.lift"),  # type: ignore[attr-defined]
    )


@needs("lock.lift")
@only_sent("backoffice:guesses")
def lift(request: HttpRequest) -> HttpResponse:
    sent = request.POST
    if sent.get("who") in set(Guessing):
        lifted = attempt(
            request,
            lambda: lift_lock(
                command(request),
                who=Guessing(sent["who"]),
                identity=sent.get("identity", "")[:45],
                reason=sent.get("reason", "")[:300],
            ),
        )
        if lifted:
            messages.success(request, _("The lock is lifted: codes may be tried again."))
    return redirect("backoffice:guesses")


def _bars(hours: tuple[GuessesOfHour, ...], *, since: datetime) -> list[Bar]:
    """An hour a bar, those without a guess too; none at all where nobody guessed."""
    counted = {row.hour: row.guesses for row in hours}
    highest = max(counted.values(), default=0)
    if not highest:
        return []
    moments = [since + timedelta(hours=place) for place in range(_HOURS)]
    return [
        Bar(hour, counted.get(hour, 0), place, counted.get(hour, 0) * 1000 // highest)
        for place, hour in enumerate(moments)
    ]


def _named(who: Guessing, identity: str) -> str:
    if who is Guessing.PLAYER:
        with suppress(UnableToFindPlayer, ValueError):
            return services.get(Members).player(player_id=UUID(identity)).nickname
    return identity
