"""The form for a card that is a gift, and what it says to a journey."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from warchest.cards.contract import GIFT_MESSAGE_LENGTH_MAX, GIFT_NAME_LENGTH_MAX, GiftWish

_DELIVERED_AT = time(9)
"""On the day that the sender chose, by the sender's clock."""


class GiftForm(forms.Form):
    recipient = forms.EmailField(
        label=pgettext_lazy("of whoever gets a gift", "Their e-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "ltr"}),
    )
    name = forms.CharField(
        label=pgettext_lazy("of whoever gets a gift", "Their name"),
        max_length=GIFT_NAME_LENGTH_MAX,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    message = forms.CharField(
        label=_("A few words, if you like"),
        max_length=GIFT_MESSAGE_LENGTH_MAX,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": GIFT_MESSAGE_LENGTH_MAX}),
    )
    deliver_on = forms.DateField(
        label=_("On which day"),
        help_text=_("Empty: at once. Otherwise at nine in the morning of that day."),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    language = forms.ChoiceField(label=_("Language of the mail"), choices=lambda: settings.LANGUAGES)

    def wish(self, *, at: datetime) -> GiftWish:
        """In the time zone that is active now."""
        said: dict[str, Any] = self.cleaned_data
        return GiftWish(
            recipient=said["recipient"],
            name=said["name"],
            message=said["message"],
            deliver_at=_moment(said["deliver_on"], at=at),
            language=said["language"],
        )


def _moment(day: date | None, *, at: datetime) -> datetime | None:
    """At once, where none is chosen or its morning has begun."""
    if day is None:
        return None
    chosen = timezone.make_aware(datetime.combine(day, _DELIVERED_AT))
    return None if chosen <= at and day == timezone.localtime(at).date() else chosen
