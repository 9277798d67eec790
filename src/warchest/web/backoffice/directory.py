"""The directory of certificates, as user management keeps it; and who is signed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from warchest.members.contract import Administrator, Members
from warchest.runtime import at_work
from warchest.runtime.command import ActorKind
from warchest.runtime.services import services
from warchest.web.backoffice.certificates import CertificateHolder


@dataclass(frozen=True, kw_only=True)
class Holder(CertificateHolder):
    """The holder with role and name, so that a page asks the books for them once."""

    administrator: Administrator


class MembersDirectory:
    """Implements ``certificates.CertificateDirectory``: one indexed read for each request, never cached."""

    def administrator_for(self, fingerprint: str) -> Holder | None:
        found = services.get(Members).administrator_for(fingerprint=fingerprint)
        if found is None:
            return None
        return Holder(person_id=found.user, administrator_id=found.id, administrator=found)


class AdministratorMiddleware:
    """Sets ``request.administrator``: who is signed in, with the certificate of the same person; else None."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        holder = request.client_certificate.holder  # type: ignore[attr-defined]
        user = request.user
        is_holder = user.is_authenticated and user.is_active and user.pk == holder.person_id
        request.administrator = holder.administrator if is_holder else None  # type: ignore[attr-defined]
        if is_holder:
            at_work.acting(f"{ActorKind.ADMINISTRATOR}:{holder.administrator_id}")
        return self.get_response(request)
