"""Payment providers: which are installed and how they do; each one's settings, switch and test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.journeys.configure_provider import check_provider, configure_provider, switch_provider
from warchest.journeys.refusals import explain
from warchest.kernel.errors import UnableTo
from warchest.members.contract import Members
from warchest.payments.contract import (
    OVERLAP_HOURS_MAX,
    CallFigures,
    Mode,
    Origin,
    Payments,
    ProviderSettings,
    SettingField,
    UnableToConfigureProvider,
)
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page

MODES = {
    Mode.SANDBOX: (gettext_lazy("play money"), "warning"),
    Mode.LIVE: (gettext_lazy("real money"), "success"),
}
ORIGINS = {
    Origin.NOWHERE: gettext_lazy("not configured"),
    Origin.FILE: gettext_lazy("configuration file"),
    Origin.DATABASE: gettext_lazy("back office"),
}
ABILITIES = {
    "inquire": gettext_lazy("tells how a payment stands"),
    "refund": gettext_lazy("refunds"),
    "partial_refund": gettext_lazy("refunds in part"),
    "capture": gettext_lazy("authorises first, captures later"),
    "void": gettext_lazy("takes back what is not captured"),
    "saved_methods": gettext_lazy("saves ways to pay"),
    "disputes": gettext_lazy("tells of disputes"),
    "settlement_report": gettext_lazy("answers settlements"),
    "settlement_file": gettext_lazy("sends settlement files"),
    "bank_statement": gettext_lazy("reads bank statements"),
    "payout_file": gettext_lazy("writes payment orders"),
}
_SETTING = "setting-"
_LONG_AFTER = 60


@needs("provider.see")
def providers(request: HttpRequest) -> HttpResponse:
    payments, at = services.get(Payments), now()
    states = {state.provider: state for state in payments.provider_states(at=at)}
    figures = payments.call_figures(since=at - timedelta(days=1))
    return page(
        request,
        "providers",
        _("Payment providers"),
        providers=[
            {
                "provider": provider,
                "settings": settings,
                "origin": ORIGINS[settings.origin],
                "mode": MODES[settings.mode] if settings.origin is Origin.DATABASE else None,
                "abilities": sorted(str(ABILITIES.get(each, each)) for each in provider.abilities),
                "state": states.get(provider.name),
                "day": _summed([each for each in figures if each.provider == provider.name]),
            }
            for provider in payments.providers()
            for settings in [payments.provider_settings(provider=provider.name)]
        ],
    )


def _summed(figures: list[CallFigures]) -> Mapping[str, Any] | None:
    calls = sum(each.calls for each in figures)
    if not calls:
        return None
    return {
        "calls": calls,
        "silent": sum(each.silent for each in figures),
        "slow_ms": max((each.slow_ms or 0 for each in figures), default=0),
    }


class SettingsForm(forms.Form):
    """Made of what the plug-in's settings ask for."""

    mode = forms.ChoiceField(
        label=gettext_lazy("These settings are for"),
        choices=[(mode.value, label) for mode, (label, _colour) in MODES.items()],
        help_text=gettext_lazy("A mark for people. What the credentials are for, the provider alone knows."),
    )

    def __init__(self, *args: Any, settings: ProviderSettings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked = settings.fields
        for field in settings.fields:
            self.fields[_SETTING + field.name] = _control(field)
        self.fields["mode"].initial = settings.mode.value
        if settings.number:
            self.fields["overlap_hours"] = forms.IntegerField(
                label=gettext_lazy("Believe notices under the former settings for so many hours"),
                min_value=0,
                max_value=OVERLAP_HOURS_MAX,
                initial=24,
                help_text=gettext_lazy(
                    "While a secret is being changed at the provider. 0: no more from now on."
                ),
            )

    def said(self) -> tuple[dict[str, Any], list[str]]:
        """What was entered, and the names of secrets that stay as they were."""
        entered: dict[str, Any] = {}
        kept = []
        for field in self.asked:
            value = self.cleaned_data.get(_SETTING + field.name)
            if field.kind in ("secret", "secret_json") and value in ("", None):
                if field.is_set and not self.cleaned_data.get(f"{_SETTING}{field.name}-none"):
                    kept.append(field.name)
            elif value is not None and (
                value != "" or (field.kind == "text" and field.value not in ("", None))
            ):
                entered[field.name] = value
        return entered, kept


class _JsonField(forms.CharField):
    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError:
            raise forms.ValidationError(_("This is not JSON.")) from None


class _ListField(forms.CharField):
    def clean(self, value: Any) -> Any:
        return [line.strip() for line in super().clean(value).splitlines() if line.strip()]


def _control(field: SettingField) -> forms.Field:
    required = field.required and not field.is_set
    common: dict[str, Any] = {
        "label": field.title or field.name.replace("_", " ").capitalize(),
        "required": required,
        "help_text": " ".join(field.says.split()),
    }
    match field.kind:
        case "secret":
            return _secret(forms.CharField, field, common)
        case "secret_json":
            return _secret(_JsonField, field, common)
        case "yes_or_no":
            return forms.BooleanField(**{**common, "required": False}, initial=bool(field.value))
        case "whole_number":
            return forms.IntegerField(**common, initial=field.value)
        case "number":
            return forms.FloatField(**common, initial=field.value)
        case "choice":
            choices = [("", "—")] * (not field.required) + [(each, each) for each in field.choices]
            return forms.ChoiceField(**common, choices=choices, initial=field.value)
        case "list":
            return _ListField(
                **common,
                widget=forms.Textarea(attrs={"rows": 3}),
                initial="\n".join(field.value or ()),
            )
        case "json":
            written = "" if field.value is None else json.dumps(field.value, indent=1, ensure_ascii=False)
            return _JsonField(**common, widget=forms.Textarea(attrs={"rows": 4}), initial=written)
        case _:
            long = isinstance(field.value, str) and len(field.value) > _LONG_AFTER
            widget = forms.Textarea(attrs={"rows": 3}) if long else forms.TextInput()
            return forms.CharField(**common, initial=field.value, widget=widget, strip=True)


def _secret(kind: type[forms.CharField], field: SettingField, common: dict[str, Any]) -> forms.Field:
    shown = _("•••••••• kept; leave empty to keep it") if field.is_set else ""
    attributes = {"autocomplete": "new-password", "placeholder": shown, "spellcheck": "false"}
    return kind(**common, widget=forms.PasswordInput(render_value=False, attrs=attributes), strip=False)


@needs("provider.see")
def provider(request: HttpRequest, name: str) -> HttpResponse:
    payments, at = services.get(Payments), now()
    try:
        settings = payments.provider_settings(provider=name)
    except UnableToConfigureProvider as refusal:
        if refusal.reason == "provider_not_installed":
            raise Http404(explain(refusal).text) from None
        raise
    form = None
    if settings.origin is not Origin.FILE:
        form = SettingsForm(request.POST or None, settings=settings)
        if request.method == "POST" and form.is_valid() and _keep(request, name, form):
            return redirect("backoffice:provider", name)
    (found,) = (each for each in payments.providers() if each.name == name)
    states = {state.provider: state for state in payments.provider_states(at=at)}
    return page(
        request,
        "provider",
        found.label,
        provider=found,
        settings=settings,
        origin=ORIGINS[settings.origin],
        mode=MODES[settings.mode] if settings.origin is Origin.DATABASE else None,
        abilities=sorted(str(ABILITIES.get(each, each)) for each in found.abilities),
        state=states.get(name),
        form=form,
        based_on=request.POST.get("based_on", settings.number),
        figures=[
            each for each in payments.call_figures(since=at - timedelta(days=7)) if each.provider == name
        ],
        versions=[(version, MODES[version.mode][0], who(version.made_by)) for version in settings.versions],
        switched=[(moment, on, who(by)) for moment, on, by in settings.switched],
    )


def _keep(request: HttpRequest, name: str, form: SettingsForm) -> bool:
    said, kept = form.said()
    try:
        configure_provider(
            command(request),
            provider=name,
            settings=said,
            keep=kept,
            mode=Mode(form.cleaned_data["mode"]),
            based_on=int(request.POST.get("based_on") or 0),
            overlap_hours=form.cleaned_data.get("overlap_hours") or 0,
        )
    except UnableToConfigureProvider as refusal:
        field = _SETTING + str(refusal.details.get("field", ""))
        form.add_error(field if field in form.fields else None, explain(refusal).text)
        return False
    messages.success(
        request,
        _(
            "The settings are kept, encrypted. Every process uses them from now on. Test them before you switch on."
        ),
    )
    return True


def who(actor: str) -> str:
    kind, _colon, identity = actor.partition(":")
    if kind != "administrator":
        return actor
    try:
        return services.get(Members).administrator(administrator_id=UUID(identity)).username
    except (UnableTo, ValueError):
        return actor


@only_sent("backoffice:provider", "name")
@needs("provider.configure")
def switch(request: HttpRequest, name: str) -> HttpResponse:
    enabled = request.POST.get("enabled") == "yes"
    done = attempt(
        request, lambda: [switch_provider(command(request), provider=name, enabled=enabled).answer]
    )
    if done:
        messages.success(
            request,
            _("It takes new payments from now on.")
            if enabled
            else _("It takes no new payments any more. Those under way are finished."),
        )
    return redirect("backoffice:provider", name)


@only_sent("backoffice:provider", "name")
@needs("provider.see")
def check(request: HttpRequest, name: str) -> HttpResponse:
    said = attempt(request, lambda: check_provider(command(request), provider=name))
    if said and said.well:
        messages.success(
            request, _("The provider says: %(detail)s") % {"detail": said.detail or _("all is well")}
        )
    elif said:
        messages.error(request, _("The provider is not well: %(detail)s") % {"detail": said.detail})
    return redirect("backoffice:provider", name)
