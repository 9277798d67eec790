"""Administrators and their certificates: taken on, issued, revoked."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from warchest.journeys import administer
from warchest.members.contract import Administrator, Members, Role
from warchest.runtime.authority import ClientCertificate
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.web.backoffice.frame import attempt, command, needs, only_sent, page
from warchest.web.backoffice.navigation import ROLES


class AdministratorForm(forms.Form):
    username = forms.RegexField(
        r"^[\w.@-]{2,64}$",
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("Letters, digits, and any of . @ - _"),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), initial=Role.SUPPORT.value)
    password = forms.CharField(
        label=gettext_lazy("First password"),
        max_length=200,
        widget=forms.PasswordInput,
        help_text=gettext_lazy(
            "At least ten characters. Tell it to the person by another way than the certificate."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role.value, name) for role, name in ROLES.items()]


@needs("certificate.issue")
def administrators(request: HttpRequest) -> HttpResponse:
    members = services.get(Members)
    certificates: dict[UUID, list[Any]] = {}
    for certificate in members.certificates():
        certificates.setdefault(certificate.administrator, []).append(certificate)
    return page(
        request,
        "administrators",
        _("Administrators"),
        people=[(one, ROLES[one.role], certificates.get(one.id, [])) for one in members.administrators()],
        form=AdministratorForm(),
        days=administer.CERTIFICATE_DAYS,
        days_max=administer.CERTIFICATE_DAYS_MAX,
        mine=request.client_certificate.serial,  # type: ignore[attr-defined]
        now=now(),
    )


@needs()
def mine(request: HttpRequest) -> HttpResponse:
    me = request.administrator  # type: ignore[attr-defined]
    return page(
        request,
        "my_certificates",
        _("My certificates"),
        certificates=services.get(Members).certificates(administrator_id=me.id),
        mine=request.client_certificate.serial,  # type: ignore[attr-defined]
        now=now(),
    )


@sensitive_post_parameters("password")
@only_sent("backoffice:administrators")
@needs("administrator.add")
def add(request: HttpRequest) -> HttpResponse:
    form = AdministratorForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(map(str, errors)))
        return redirect("backoffice:administrators")
    said = form.cleaned_data
    made = attempt(
        request,
        lambda: administer.take_on_administrator(
            command(request), username=said["username"], password=said["password"], role=Role(said["role"])
        ),
    )
    if made is None:
        return redirect("backoffice:administrators")
    return _shown_once(request, made.administrator, made.certificate)


@only_sent("backoffice:administrators")
@needs("certificate.issue")
def issue(request: HttpRequest, administrator_id: UUID) -> HttpResponse:
    days = request.POST.get("days", "")
    made = attempt(
        request,
        lambda: administer.issue_certificate(
            command(request),
            administrator_id=administrator_id,
            days=int(days) if days.isdecimal() and len(days) < 6 else 0,
        ),
    )
    if made is None:
        return redirect("backoffice:administrators")
    holder = services.get(Members).administrator(administrator_id=administrator_id)
    return _shown_once(request, holder, made)


def _shown_once(request: HttpRequest, holder: Administrator, made: ClientCertificate) -> HttpResponse:
    """File and passphrase are in this one answer; nobody can show them again."""
    return page(
        request,
        "certificate_issued",
        _("Certificate for %(name)s") % {"name": holder.username},
        holder=holder,
        certificate=made,
        file=base64.b64encode(made.pkcs12).decode(),
        file_name=f"{holder.username}.p12",
    )


@only_sent("backoffice:administrators")
@needs("certificate.issue")
def revoke(request: HttpRequest) -> HttpResponse:
    serial = request.POST.get("serial", "")[:40]
    wanted = command(request)

    def done() -> bool:
        administer.revoke_certificate(wanted, serial=serial)
        return True

    if attempt(request, done):
        messages.success(request, _("The certificate is revoked. It opens nothing any more."))
    return redirect("backoffice:administrators")
