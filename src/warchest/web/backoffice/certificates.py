"""Whose certificate came with this request, and which sessions it may carry on.

The handshake has already refused what is foreign, expired or revoked. Here the books are asked too, on every
request: a certificate opens the back office only while the directory of administrators says whose it is, and
only for sessions that the same person opened with that very certificate. So neither a stolen cookie nor a
stolen certificate is enough.

``ClientCertificateMiddleware`` belongs between Django's session and authentication middleware: a session that
died here must not have made anybody signed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

# A header always arrives as `HTTP_…` in upper case, so no client can write these two.
FINGERPRINT_KEY = "warchest.client_certificate.fingerprint"
SERIAL_KEY = "warchest.client_certificate.serial"

BOUND_FINGERPRINT = "client_certificate_fingerprint"
"""Where a session keeps the fingerprint of the certificate that it was opened with."""


@dataclass(frozen=True, kw_only=True)
class CertificateHolder:
    """The administrator a certificate was issued to. ``person_id`` is the identity that signs in."""

    person_id: UUID
    administrator_id: UUID


class CertificateDirectory(Protocol):
    def administrator_for(self, fingerprint: str) -> CertificateHolder | None:
        """Who holds the certificate with this SHA-256 (hexadecimal, lower case); None unless it is active
        *now*.

        Active means recorded as issued, neither revoked nor past its end, and its administrator not
        suspended. Asked on every request, so one indexed read at most, and never an answer from a cache that
        outlives the request.
        """
        ...


class UnableToBindSession(PermissionDenied):
    """The session was opened by somebody who is not the certificate's holder; it is gone. Shown as 403."""


@dataclass(frozen=True, kw_only=True)
class PresentedCertificate:
    """The certificate behind a request, as ``request.client_certificate``; the record of operations keeps its
    serial.
    """

    fingerprint: str
    serial: str
    holder: CertificateHolder


_directory: CertificateDirectory | None = None


def use_directory(directory: CertificateDirectory) -> None:
    """Tell the back office whom to ask. Called once, by the wiring, before the first request."""
    global _directory
    _directory = directory


def get_directory() -> CertificateDirectory:
    if _directory is None:
        raise RuntimeError("no directory of certificates: the wiring has to call use_directory() first")
    return _directory


class ClientCertificateMiddleware:
    def __init__(
        self,
        get_response: Callable[[HttpRequest], HttpResponse],
        get_directory: Callable[[], CertificateDirectory] = get_directory,
    ) -> None:
        self.get_response = get_response
        self.get_directory = get_directory

    def __call__(self, request: HttpRequest) -> HttpResponse:
        fingerprint = request.META.get(FINGERPRINT_KEY)
        if not fingerprint:
            return _refusal(_("The back office opens only with a client certificate."))
        holder = self.get_directory().administrator_for(fingerprint)
        if holder is None:
            return _refusal(_("This certificate is not, or no longer, an administrator's."))
        request.client_certificate = PresentedCertificate(
            fingerprint=fingerprint, serial=request.META[SERIAL_KEY], holder=holder
        )
        if not _carries(request):
            request.session.flush()
            return HttpResponseRedirect(resolve_url(settings.LOGIN_URL))
        return self.get_response(request)


def may_sign_in(request: HttpRequest, person_id: UUID) -> bool:
    """Whether this person may sign in here: only with a certificate of their own. To be asked before signing
    in.
    """
    presented: PresentedCertificate | None = getattr(request, "client_certificate", None)
    return presented is not None and presented.holder.person_id == person_id


def bind_session(request: HttpRequest) -> None:
    """Tie a session just signed in to the certificate of this request; without it the next request ends the
    session.

    Call it last in signing in, after Django's ``login`` has given the session a new key. When the signed-in
    person is not the certificate's holder the session is emptied, and UnableToBindSession raised: nobody
    signs in with somebody else's certificate, whatever the view before forgot to ask.
    """
    person = request.session.get(SESSION_KEY)
    if person is None or not may_sign_in(request, UUID(person)):
        request.session.flush()
        raise UnableToBindSession(_("This certificate is not yours."))
    request.session[BOUND_FINGERPRINT] = request.client_certificate.fingerprint


def _carries(request: HttpRequest) -> bool:
    """Whether the request's certificate may carry on its session. A session of nobody is anyone's: there is
    no harm.
    """
    session, presented = request.session, request.client_certificate
    person, bound = session.get(SESSION_KEY), session.get(BOUND_FINGERPRINT)
    if person is None and bound is None:
        return True
    return (
        person == str(presented.holder.person_id)
        and bound is not None
        and constant_time_compare(bound, presented.fingerprint)
    )


def _refusal(text: str) -> HttpResponse:
    """Plain text, without template, style or menu: this reader is to see nothing of the back office."""
    response = HttpResponse(text + "\n", status=403, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response
