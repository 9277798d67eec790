"""Cards in somebody's hand: looked at without being used, replaced where they can't be read, given a later end."""

from __future__ import annotations

from datetime import UTC, datetime, time

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from warchest.cards.contract import Cards, CardSelection, VerifiedCard
from warchest.journeys.extend_cards import extend_cards
from warchest.journeys.replace_card import replace_card
from warchest.journeys.verify_card import verify_card
from warchest.runtime.command import now
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services
from warchest.web.backoffice import charts
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.templatetags.backoffice import plain_number
from warchest.web.backoffice.worths import worths_words
from warchest.web.portal.templatetags.portal import day

_ENDING_DAYS = 120


class LookForm(forms.Form):
    """The whole code; or, where that can't be read, the serial and how the code ends."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("As the player reads it out; or else the serial and the last four."),
    )
    serial = forms.CharField(label=gettext_lazy("Serial"), max_length=40, required=False)
    last_four = forms.CharField(
        label=gettext_lazy("Last four of the code"),
        max_length=4,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        max_length=300,
        help_text=gettext_lazy("Such as the number of the ticket. It is kept, with your name."),
    )


@sensitive_post_parameters("code", "last_four")
@needs("card.verify")
def verify(request: HttpRequest) -> HttpResponse:
    form = LookForm(request.POST or None, initial={"serial": request.GET.get("serial", "")[:40]})
    seen = None
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        seen = attempt(
            request,
            lambda: (
                verify_card(
                    command(request),
                    code=said["code"],
                    serial="" if said["code"] else said["serial"],
                    last_four="" if said["code"] else said["last_four"],
                    reason=said["reason"],
                ).answer
            ),
        )
        # What was typed is not sent back: it would stay in the page.
        form = LookForm(initial={"serial": said["serial"], "reason": said["reason"]})
    return page(
        request,
        "verify_card",
        _("Verify a card"),
        form=form,
        seen=seen,
        told=_told(seen) if seen else "",
        gives=worths_words(seen.gives) if seen else "",
        state=charts.CARD_STATES[seen.state] if seen and seen.state else "",
    )


def _told(seen: VerifiedCard) -> str:
    if seen.right:
        return _("That is right.")
    if seen.serial:
        return _("The code of this card ends otherwise. The look is kept, and counts as a guess of yours.")
    return _("This is not a code of ours. The look is kept, and counts as a guess of yours.")


@never_cache
@sensitive_post_parameters("last_four")
@only_sent("backoffice:card", "serial")
@needs("card.replace")
def replace(request: HttpRequest, serial: str) -> HttpResponse:
    """The new card's code is in the answer, and nowhere afterwards."""
    done = attempt(
        request,
        lambda: (
            replace_card(
                command(request),
                serial=serial,
                last_four=request.POST.get("last_four", "")[:20],
                reason=request.POST.get("reason", "")[:300],
            ).answer
        ),
    )
    if done is None:
        return redirect("backoffice:card", serial)
    code = services.get(Cards).show_replacement(void=done.void, at=now())
    if code is None:
        messages.info(request, _("The code of the new card was shown before."))
        return redirect("backoffice:card", done.serial)
    return page(
        request,
        "replaced_card",
        _("Replaced"),
        done=done,
        code=code,
        gives=worths_words(done.gives),
    )


@needs("card.look_up")
def ending(request: HttpRequest) -> HttpResponse:
    """Which unused cards end soon, and what is owed for them; and a later end for some of them."""
    at, cards = now(), services.get(Cards)
    found = cards.ending(within_days=_ENDING_DAYS, at=at)
    return page(
        request,
        "ending_cards",
        _("Cards that end"),
        found=[(one, cards.batch(batch_id=one.batch), one.ends_at <= at) for one in found],
        days=_ENDING_DAYS,
        warn_days=sorted(configuration().cards.warn_days, reverse=True),
    )


@only_sent("backoffice:ending-cards")
@needs("card.extend")
def extend(request: HttpRequest) -> HttpResponse:
    said = request.POST
    selection = CardSelection(
        first_serial=said.get("first_serial", "").strip()[:40],
        last_serial=said.get("last_serial", "").strip()[:40],
    )
    try:
        last_day = datetime.strptime(said.get("ends_on", ""), "%Y-%m-%d")
    except ValueError:
        messages.error(request, _("Say until which day the cards shall be good."))
        return redirect("backoffice:ending-cards")
    done = attempt(
        request,
        lambda: (
            extend_cards(
                command(request),
                selection=selection,
                ends_at=datetime.combine(last_day.date(), time(23, 59, 59), UTC),
                reason=said.get("reason", ""),
            ).answer
        ),
    )
    if done is None:
        return redirect("backoffice:ending-cards")
    text = ngettext(
        "%(count)s card is good until %(day)s now.", "%(count)s cards are good until %(day)s now.", done.count
    )
    messages.success(request, text % {"count": plain_number(done.count), "day": day(done.ends_at)})
    return redirect("backoffice:card", done.first_serial)
