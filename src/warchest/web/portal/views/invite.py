"""MLM-04, MLM-12 and MLM-14: a sponsor's link, code and picture to scan, and what they earned and why."""

from __future__ import annotations

from decimal import Decimal

import segno
from babel import Locale
from babel.numbers import format_percent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, pgettext_lazy, to_locale
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from warchest.kernel.codes import grouped
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.referrals.contract import CommissionState, Referrals, UnableToListReferrals
from warchest.runtime.command import now
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services
from warchest.views.earnings_page import EarnedLine, earnings_page
from warchest.web.portal.players import for_players


@require_GET
@for_players
def invite(request: HttpRequest, player: Player) -> HttpResponse:
    at = now()
    month = timezone.localtime(at).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    try:
        page = earnings_page(
            player=player.id,
            since=month,
            at=at,
            language=get_language() or "en",
            shown_in=player.display_currency,
            cursor=request.GET.get("before", ""),
        )
    except UnableToListReferrals:
        return redirect("portal:invite")
    node = services.get(Referrals).node(player=player.id)
    code = node.sponsor_code if node else ""
    link = configuration().public_url + reverse("portal:join", args=[code])
    context = {
        "link": link,
        "code": grouped(code),
        "qr_svg": qr_picture(link),
        "people_count": page.people_count,
        "period_start": month.date(),
        # Of the many currencies that a downline pays in, those in which something came this month.
        "earned": [amount for amount in page.earned if amount]
        or [Money.zero(currency(player.display_currency))],
        "on_hold": [amount for amount in page.on_hold if amount],
        "available": None,
        "releases_at": None,
        "lines": [_line(line) for line in page.lines],
        "next_url": f"{reverse('portal:invite')}?before={page.next_cursor}" if page.next_cursor else None,
    }
    return render(request, "portal/invite.html", context)


def qr_picture(text: str) -> SafeString:
    """An inline SVG without style attributes, which our content security policy would refuse."""
    picture = segno.make(text, error="m", micro=False).svg_inline(
        omitsize=True, border=4, dark="#000", light="#fff"
    )
    # Made by segno from a link that is ours; the text itself does not stand in it.
    return mark_safe(picture)


_STATES = {
    CommissionState.ON_HOLD: pgettext_lazy("state of a commission", "waiting"),
    CommissionState.REVERSED: pgettext_lazy("state of a commission", "taken back, the purchase was refunded"),
}


def _line(line: EarnedLine) -> dict[str, object]:
    commission = line.commission
    return {
        "nickname": line.nickname or _("A player"),
        "what": line.what or _("a purchase"),
        "at": commission.earned_at,
        "level": commission.level,
        "rate": rate_in_words(commission.rate_bps),
        "base": commission.base,
        "amount": commission.amount,
        "why": _STATES.get(commission.state) or None,
        "taken_back": commission.taken_back or None,
    }


def rate_in_words(rate_bps: int) -> str:
    """Hundredths of a per cent as the reader writes them: ``2.5%``, ``2,5 %``."""
    locale = Locale.parse(to_locale(get_language() or "en"))
    return format_percent(Decimal(rate_bps).scaleb(-4), format="#,##0.##%", locale=locale)
