"""Who gets into the back office and the API: administrators, their certificates, and the keys of programs.

What a journey is told and what it answers is kept under its key, so no password, no key and no private key passes
through one: each is made beside it, and the journey is told only what may be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.members.contract import (
    Administrator,
    ApiClient,
    Members,
    Role,
    Scope,
    UnableToAdminister,
    require,
)
from warchest.runtime.authority import CertificateAuthority, ClientCertificate
from warchest.runtime.command import ActorKind, Command
from warchest.runtime.journey import journey
from warchest.runtime.secrets import home
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

CERTIFICATE_DAYS = 365
CERTIFICATE_DAYS_MAX = 2 * 365
CALLS_PER_SECOND_MAX = 100_000


class UnableToIssue(UnableTo):
    reasons = frozenset(
        {
            "certificate_days_out_of_range",
            "api_client_name_missing",
            "scopes_missing",
            "calls_per_second_out_of_range",
        }
    )


@dataclass(frozen=True, slots=True)
class TakenOn:
    """A new administrator and the one copy of what opens the back office to them."""

    administrator: Administrator
    certificate: ClientCertificate


def authority(*, now: datetime) -> CertificateAuthority:
    """The deployment's certificate authority, founded at its first use. Raises UnableToOpenAuthority."""
    return CertificateAuthority.open(home() / "authority", now=now)


def count_administrators() -> int:
    return len(services.get(Members).administrators())


def take_on_administrator(
    command: Command, *, username: str, password: str, role: Role, days: int = CERTIFICATE_DAYS
) -> TakenOn:
    """An administrator with a first certificate; the password is theirs to keep.

    Raises UnableToAdminister, UnableToRegister (``password_too_weak``), UnableToIssue, UnableToIssueCertificate.
    """
    kept = services.get(Members).hash_password(password=password)
    administrator = _add_administrator(
        command, administrator_id=new_id(), username=username, password_hash=kept, role=role
    ).answer
    return TakenOn(administrator, issue_certificate(command, administrator_id=administrator.id, days=days))


def issue_certificate(
    command: Command, *, administrator_id: UUID, days: int = CERTIFICATE_DAYS
) -> ClientCertificate:
    """A new client certificate for an administrator. The answer holds the private key, which is kept nowhere.

    It is valid by the machine's clock, as every handshake is. Raises UnableToAdminister, UnableToIssue,
    UnableToIssueCertificate.
    """
    if not 1 <= days <= CERTIFICATE_DAYS_MAX:
        raise UnableToIssue("certificate_days_out_of_range", days_max=CERTIFICATE_DAYS_MAX)
    holder = services.get(Members).administrator(administrator_id=administrator_id)
    made = authority(now=command.at).issue_client_certificate(
        common_name=holder.username[:64], person_id=holder.id, days=days, now=command.at
    )
    # Until it stands in the books it opens nothing; if the journey refuses, it is forgotten.
    _register_certificate(
        command,
        administrator_id=holder.id,
        serial=made.serial,
        fingerprint=made.fingerprint,
        not_before=made.not_before,
        not_after=made.not_after,
    )
    return made


def revoke_certificate(command: Command, *, serial: str) -> None:
    """The certificate opens nothing from now on: first in the books, asked on every request, then at the handshake.

    Raises UnableToAdminister.
    """
    _revoke_certificate(command, serial=serial)
    authority(now=command.at).revoke([serial], now=command.at)


def issue_api_key(command: Command, *, name: str, scopes: list[str], calls_per_second: int) -> str:
    """A new API client's key. It is in the answer and nowhere else. Raises UnableToAdminister, UnableToIssue."""
    drawn = services.get(Members).draw_api_key()
    add_api_client(
        command,
        client_id=new_id(),
        name=name,
        scopes=sorted(scopes),
        calls_per_second=calls_per_second,
        key_hash=drawn.hash,
        key_start=drawn.start,
    )
    return drawn.key


@journey("administrators.add")
def _add_administrator(
    tx: Transaction, *, administrator_id: UUID, username: str, password_hash: str, role: Role
) -> Administrator:
    _may(tx, "administrator.add")
    tx.about("administrator", administrator_id, role=role)
    return tx.get(Members).add_administrator(
        administrator_id=administrator_id, username=username, password_hash=password_hash, role=role
    )


@journey("certificates.issue")
def _register_certificate(
    tx: Transaction,
    *,
    administrator_id: UUID,
    serial: str,
    fingerprint: str,
    not_before: datetime,
    not_after: datetime,
) -> None:
    tx.about("certificate", serial, administrator=administrator_id, not_after=not_after)
    _may(tx, "certificate.issue")
    tx.get(Members).register_certificate(
        administrator_id=administrator_id,
        serial=serial,
        fingerprint=fingerprint,
        not_before=not_before,
        not_after=not_after,
    )


@journey("certificates.revoke")
def _revoke_certificate(tx: Transaction, *, serial: str) -> None:
    tx.about("certificate", serial)
    _may(tx, "certificate.issue")
    certificate = tx.get(Members).certificate(serial=serial)
    tx.get(Members).revoke_certificate(serial=serial, at=tx.command.at)
    tx.about("certificate", serial, administrator=certificate.administrator)


@journey("api_clients.add")
def add_api_client(
    tx: Transaction,
    *,
    client_id: UUID,
    name: str,
    scopes: list[str],
    calls_per_second: int,
    key_hash: bytes,
    key_start: str,
) -> ApiClient:
    tx.about("api_client", client_id, scopes=scopes, calls_per_second=calls_per_second)
    _may(tx, "api_key.issue")
    if not name.strip():
        raise UnableToIssue("api_client_name_missing")
    if not scopes:
        raise UnableToIssue("scopes_missing")
    if not 1 <= calls_per_second <= CALLS_PER_SECOND_MAX:
        raise UnableToIssue("calls_per_second_out_of_range", calls_per_second_max=CALLS_PER_SECOND_MAX)
    return tx.get(Members).register_api_client(
        client_id=client_id,
        name=name.strip(),
        scopes=[Scope(scope) for scope in scopes],
        calls_per_second=calls_per_second,
        key_hash=key_hash,
        key_start=key_start,
    )


@journey("api_clients.revoke")
def revoke_api_client(tx: Transaction, *, client_id: UUID) -> None:
    """Its key opens nothing from now on. Raises UnableToAdminister."""
    tx.about("api_client", client_id)
    _may(tx, "api_key.issue")
    tx.get(Members).revoke_api_client(client_id=client_id, at=tx.command.at)


@journey("backoffice.sign_in")
def sign_in(tx: Transaction, *, proved: bool) -> None:
    """The door tells that somebody came with a certificate, and whether they ``proved`` to be its holder.

    Raises UnableToAdminister (``sign_in_refused``), so that what was refused stands in the record too.
    """
    tx.about("administrator", tx.command.actor.id)
    if not proved:
        raise UnableToAdminister("sign_in_refused")
    tx.get(Members).note_certificate_used(fingerprint=tx.command.certificate, at=tx.command.at)


@journey("backoffice.sign_out")
def sign_out(tx: Transaction) -> None:
    tx.about("administrator", tx.command.actor.id)


def _may(tx: Transaction, right: str) -> None:
    """The operator of the machines may all of this: without it nobody would ever be the first administrator."""
    actor = tx.command.actor
    if actor.kind is ActorKind.OPERATOR:
        return
    if actor.kind is not ActorKind.ADMINISTRATOR:
        raise UnableToAdminister("right_missing", right=right)
    require(tx.get(Members).administrator(administrator_id=UUID(actor.id)), right)
