"""Forms of the portal. They check shapes; what is allowed is for the journeys to say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import get_language, gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from warchest.charging.contract import TRANSFER_MESSAGE_LENGTH_MAX
from warchest.ledger.contract import StatementFilter
from warchest.members.contract import ADDRESS_LINE_LENGTH_MAX, ADDRESS_LINES_MAX
from warchest.views.statement import KINDS
from warchest.web.portal.countries import countries, currency_names, time_zones


class SignInForm(forms.Form):
    login = forms.CharField(
        label=_("E-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=256,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SignUpForm(forms.Form):
    nickname = forms.CharField(
        label=_("Nickname"),
        max_length=24,
        help_text=_("Other players see it."),
        widget=forms.TextInput(
            attrs={"autocomplete": "nickname", "autocapitalize": "off", "spellcheck": "false"}
        ),
    )
    email = forms.CharField(
        label=_("E-mail"), max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=256,
        strip=False,
        help_text=_("At least ten characters. Three or four words in a row are good."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    country = forms.ChoiceField(label=_("Country"), widget=forms.Select(attrs={"autocomplete": "country"}))
    language = forms.ChoiceField(label=_("Language"), choices=lambda: settings.LANGUAGES)
    sponsor_code = forms.CharField(
        label=_("Invitation code, if you have one"),
        max_length=40,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )
    # A script fills it in; without one the player chooses it in the settings.
    time_zone = forms.CharField(
        required=False, max_length=40, widget=forms.HiddenInput(attrs={"data-time-zone": ""})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = countries(get_language() or "en")  # type: ignore[attr-defined]

    def clean_time_zone(self) -> str:
        zone = self.cleaned_data["time_zone"]
        return zone if zone in time_zones() else ""


class SendForm(forms.Form):
    to = forms.CharField(
        label=pgettext_lazy("label of the recipient of credits", "To"),
        max_length=70,
        help_text=_("The nickname of the player who gets them."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )
    amount = forms.CharField(
        label=_("How many"),
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    message = forms.CharField(
        label=_("A few words, if you like"), max_length=TRANSFER_MESSAGE_LENGTH_MAX, required=False
    )

    def __init__(self, *args: Any, clusters: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if clusters:
            self.fields["to"].help_text = gettext(
                "The nickname of the player who gets them; where that player is at home elsewhere, with the place"
                " (%(places)s): nickname@%(first)s."
            ) % {"places": ", ".join(clusters), "first": clusters[0]}


class SettingsForm(forms.Form):
    language = forms.ChoiceField(label=_("Language"), choices=lambda: settings.LANGUAGES)
    display_currency = forms.ChoiceField(
        label=_("Currency"), help_text=_("In which you see prices. You always pay in credits.")
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), help_text=_("All times on these pages are in it."))

    def __init__(self, *args: Any, currencies: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = currency_names(get_language() or "en")
        self.fields["display_currency"].choices = [  # type: ignore[attr-defined]
            (code, f"{code} · {names[code]}" if code in names else code) for code in currencies
        ]
        self.fields["time_zone"].choices = [  # type: ignore[attr-defined]
            (zone, zone.replace("_", " ")) for zone in time_zones()
        ]


class InvoiceDetailsForm(forms.Form):
    """Who invoices are written to; all empty: the nickname is enough."""

    name = forms.CharField(
        label=pgettext_lazy("of a person or a business", "Name"),
        max_length=ADDRESS_LINE_LENGTH_MAX,
        required=False,
        help_text=_("Your own, or that of your business. Leave it empty to have your nickname only."),
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    address = forms.CharField(
        label=_("Address"),
        max_length=(ADDRESS_LINE_LENGTH_MAX + 2) * ADDRESS_LINES_MAX,
        required=False,
        help_text=_("As on a letter, without the country."),
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "street-address"}),
    )
    country = forms.ChoiceField(label=_("Country"), widget=forms.Select(attrs={"autocomplete": "country"}))
    vat_number = forms.CharField(
        label=_("VAT number"),
        max_length=24,
        required=False,
        help_text=_("Of a business in the European Union, with the two letters in front."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = countries(get_language() or "en")  # type: ignore[attr-defined]


def _day_field(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        # What lies beyond is mistyped.
        validators=[MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2199, 12, 31))],
    )


class StatementForm(forms.Form):
    """Which lines of the statement are wanted. Days are the player's own, the last one included."""

    kind = forms.ChoiceField(
        label=pgettext_lazy("kinds of lines of the statement", "What"),
        choices=lambda: [("", _("Everything")), *KINDS.items()],
        required=False,
    )
    direction = forms.ChoiceField(
        label=pgettext_lazy("of lines of the statement", "In or out"),
        choices=[("", _("In and out")), ("in", _("What came in")), ("out", _("What went out"))],
        required=False,
    )
    from_day = _day_field(pgettext_lazy("first day", "From"))
    to_day = _day_field(pgettext_lazy("last day", "Until"))

    def filter(self) -> StatementFilter:
        """In the time zone that is active now."""
        said = self.cleaned_data
        last = said["to_day"]
        return StatementFilter(
            kinds=(said["kind"],) if said["kind"] else (),
            occurred_from=_start(said["from_day"]),
            occurred_until=_start(last + timedelta(days=1)) if last else None,
            incoming=said["direction"] == "in" if said["direction"] else None,
        )


def _start(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time())) if day else None
