"""How a refusal is told on a page: what went wrong in the reader's language, and where to go from there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils.translation import gettext as _

from warchest.journeys.refusals import explain
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.runtime.command import now
from warchest.web.portal.templatetags.portal import clock


@dataclass(frozen=True, slots=True)
class Told:
    """``next`` is a link, {label, url}, or None; ``retry_after_s`` is 0 where waiting does not help."""

    text: str
    status: int
    next: dict[str, str] | None = None
    retry_after_s: int = 0


def tell(refusal: UnableTo | TryAgain) -> Told:
    explanation = explain(refusal)
    if isinstance(refusal, TryAgain) and refusal.reason == "too_many_attempts":
        return Told(too_many_tries(refusal.retry_after_s), 429, retry_after_s=refusal.retry_after_s)
    if refusal.reason == "idempotency_key_reused":
        # Somebody went back in the browser and sent the form once more with other contents.
        return Told(_("This page was used before. Look at it again and send it once more."), 409)
    return Told(
        explanation.text,
        explanation.status,
        next=_next_step(refusal.reason),
        retry_after_s=refusal.retry_after_s if isinstance(refusal, TryAgain) else 0,
    )


def too_many_tries(wait_s: int) -> str:
    """Says the time of day from which it works again, rounded up to the minute."""
    return _("Too many tries. It works again at %(time)s.") % {
        "time": clock(now() + timedelta(seconds=wait_s + 59))
    }


def _next_step(reason: str) -> dict[str, str] | None:
    if reason == "insufficient_funds":
        return {"label": _("Top up"), "url": reverse("portal:top-up")}
    if reason in ("card_already_activated",):
        return {"label": _("Cards you have activated"), "url": reverse("portal:statement") + "?show=cards"}
    if reason in ("plan_not_offered", "plan_unknown"):
        return {"label": _("See services"), "url": reverse("portal:services")}
    return None
