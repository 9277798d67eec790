"""Programs that may call the API: a key shown once, and its end."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.journeys import administer
from warchest.members.contract import Scope
from warchest.members.models import ApiClient
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.reading import rows_of


class KeyForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the program"), max_length=60)
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        choices=[(scope.value, scope.value) for scope in Scope],
        widget=forms.CheckboxSelectMultiple,
    )
    calls_per_second = forms.IntegerField(
        label=gettext_lazy("Calls per second at most"),
        min_value=1,
        max_value=administer.CALLS_PER_SECOND_MAX,
        initial=50,
    )


@needs("api_key.issue")
def api_keys(request: HttpRequest) -> HttpResponse:
    form = KeyForm(request.POST or None)
    context: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        key = attempt(request, lambda: administer.issue_api_key(command(request), **said))
        if key:
            context = {"new_key": key, "new_name": said["name"]}
            form = KeyForm()
    clients = rows_of(ApiClient).defer("key_hash").order_by("revoked_at", "name")
    return page(request, "api_keys", _("API keys"), form=form, clients=clients, **context)


@only_sent("backoffice:api-keys")
@needs("api_key.issue")
def revoke(request: HttpRequest) -> HttpResponse:
    wanted = command(request)

    def done() -> bool:
        administer.revoke_api_client(wanted, client_id=UUID(request.POST.get("client", "")))
        return True

    try:
        if attempt(request, done):
            messages.success(request, _("The key opens nothing any more."))
    except ValueError:
        messages.error(request, _("There is no such API client."))
    return redirect("backoffice:api-keys")
