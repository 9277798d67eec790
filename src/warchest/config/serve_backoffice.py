"""The back office's process: ``python -m warchest.config.serve_backoffice``, until terminated.

Its own certificate and the revocation list are kept fresh by a thread here, so that a deployment that is left alone for a
month still lets its administrators in.
"""

from __future__ import annotations

import ipaddress
import os
import threading
from pathlib import Path
from typing import Any

import structlog

from warchest.config.backoffice_server import serve
from warchest.kernel.clock import SystemClock
from warchest.runtime import listener, recovery, set_aside
from warchest.runtime.authority import CertificateAuthority
from warchest.runtime.configuration import BackOffice, configuration
from warchest.runtime.redaction import guard_last_words, last_words_guarded
from warchest.runtime.secrets import home

_HOUR_SECONDS = 3600

log = structlog.get_logger(__name__)


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "warchest.config.settings_backoffice"
    os.environ["WARCHEST_PROCESS"] = "backoffice"
    wanted = configuration().backoffice
    guard_last_words()
    set_aside.check_in_service()
    # Handshakes are judged by the machine's clock, whatever clock the business goes by.
    clock = SystemClock()
    authority = CertificateAuthority.open(home() / "authority", now=clock.now())
    certificate = _refresh(authority, wanted, clock)
    serve(
        lambda: _application(authority, wanted, clock),
        wanted.host,
        wanted.port,
        authority.folder,
        certificate,
        threads=wanted.threads,
        # A batch of millions of cards takes a minute to make, and its answer comes after.
        request_seconds_max=120.0,
    )


def _application(authority: CertificateAuthority, wanted: BackOffice, clock: SystemClock) -> Any:
    """Called in the worker, after the fork: threads and connections begin here."""
    from django.core.wsgi import get_wsgi_application

    with last_words_guarded():
        application = get_wsgi_application()
    telemetry = configuration().telemetry
    listener.start(host=telemetry.host, port=telemetry.backoffice_port)
    recovery.start()
    threading.Thread(
        target=_keep_fresh, args=(authority, wanted, clock), daemon=True, name="certificates"
    ).start()
    return application


def _keep_fresh(authority: CertificateAuthority, wanted: BackOffice, clock: SystemClock) -> None:
    while True:
        try:
            _refresh(authority, wanted, clock)
            _list_revoked(authority, clock)
        except Exception:
            log.exception("certificates_not_refreshed")
        threading.Event().wait(_HOUR_SECONDS)


def _refresh(authority: CertificateAuthority, wanted: BackOffice, clock: SystemClock) -> Path:
    authority.reissue_revocation_list(now=clock.now())
    return authority.keep_server_certificate(
        names=wanted.names, addresses=_addresses(wanted.host), now=clock.now()
    )


def _addresses(host: str) -> list[str]:
    """The address that is listened on, where it is one that somebody can type."""
    try:
        return [] if ipaddress.ip_address(host).is_unspecified else [host]
    except ValueError:
        return []


def _list_revoked(authority: CertificateAuthority, clock: SystemClock) -> None:
    """What the books know as revoked is on the list too, also when the process that revoked it died in between."""
    from django.db import connections

    from warchest.members.contract import Members
    from warchest.runtime.services import services

    try:
        revoked = {one.serial for one in services.get(Members).certificates() if one.revoked_at}
        if missing := revoked - authority.revoked_serials():
            authority.revoke(missing, now=clock.now())
    finally:
        connections.close_all()


if __name__ == "__main__":
    main()
