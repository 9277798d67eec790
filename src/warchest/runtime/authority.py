"""The deployment's own certificate authority: it makes the certificates that open the back office, and takes
them back.

One folder holds all of it: ``ca.pem`` (the authority's certificate, for anyone), ``ca.key`` (its key, for the
owner of the process alone), ``crl.pem`` (the list of what was revoked) and, when asked for,
``backoffice.pem`` (the back office's own certificate with its key). The file ``ca.pem`` is written last, so
its presence says that the folder is complete.

Every moment is an argument, in any time zone but never without one. A handshake is judged by the machine's
own clock: pass that one, not a simulated one, or nobody gets in. The functions here know neither who may be
given a certificate nor who revoked one: that is for the callers to decide and to record.

**The revocation list expires.** A list past its ``next_update`` refuses everybody, since a server that cannot
know what was revoked must not guess. So it is good for thirty days and has to be issued anew every day, by
``CertificateAuthority.reissue_revocation_list``; who forgets has a month to notice.
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import os
import secrets
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from warchest.kernel.errors import UnableTo

ADMINISTRATOR_URN = "urn:warchest:administrator:"

AUTHORITY_YEARS = 10
SERVER_CERTIFICATE_DAYS = 397
"""Browsers are wary of a server's certificate that lives longer than about thirteen months."""
SERVER_CERTIFICATE_RENEWED_DAYS_BEFORE = 30
REVOCATION_LIST_DAYS = 30
CLOCK_SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may differ: everything is valid from that much earlier."""
COMMON_NAME_CHARACTERS_MAX = 64
"""RFC 5280, appendix A.1: ub-common-name."""

_AUTHORITY_FILE, _KEY_FILE, _REVOCATION_FILE, _LOCK_FILE = "ca.pem", "ca.key", "crl.pem", "lock"


class UnableToOpenAuthority(UnableTo):
    """The folder is not a usable authority. Nothing was made or changed; a backup of the folder is the way
    back.
    """

    reasons = frozenset({"authority_incomplete", "key_readable_by_others", "key_of_another_authority"})


class UnableToIssueCertificate(UnableTo):
    """No certificate was made."""

    reasons: ClassVar[frozenset[str]] = frozenset(
        {"name_missing", "name_too_long", "nothing_to_certify", "not_a_period", "authority_expired"}
    )


@dataclass(frozen=True, kw_only=True)
class ServerCertificate:
    """A server's certificate with its key. ``serial`` is forty hexadecimal digits, ``fingerprint``
    sixty-four.
    """

    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    certificate_pem: bytes
    key_pem: bytes


@dataclass(frozen=True, kw_only=True)
class ClientCertificate:
    """A person's certificate with its key, in both shapes that people install. The authority keeps no copy of
    the key.

    ``serial`` is forty hexadecimal digits, ``fingerprint`` is the SHA-256 of the certificate's DER form in
    sixty-four; ``not_before`` and ``not_after`` are in UTC, both included (RFC 5280, section 4.1.2.5).
    ``key_pem`` has no passphrase; ``pkcs12`` is opened by ``pkcs12_passphrase`` and brings the authority's
    certificate along.
    """

    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    certificate_pem: bytes
    key_pem: bytes
    pkcs12: bytes
    pkcs12_passphrase: str


def fingerprint_of(der: bytes) -> str:
    """The SHA-256 of a certificate's DER form, as sixty-four hexadecimal digits in lower case, without
    colons.
    """
    return hashlib.sha256(der).hexdigest()


def serial_text(serial: int) -> str:
    """A certificate's serial number as forty hexadecimal digits: at most twenty octets (RFC 5280, section
    4.1.2.2).
    """
    return format(serial, "040x")


class CertificateAuthority:
    """One deployment's authority, over its folder. Safe to use from several processes and threads at once."""

    def __init__(self, folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        """Not for callers: use ``open``, which makes the folder at first start."""
        self.folder = folder
        self._certificate = certificate
        self._key = key

    @classmethod
    def open(cls, folder: Path, *, now: datetime) -> CertificateAuthority:
        """The authority kept in ``folder``, made there and then when there is none yet.

        Two processes that start at once end up with the same authority. Raises UnableToOpenAuthority when a
        file of an existing authority is missing or its key is open to others: a new authority is never put in
        the place of a damaged one, since that would lock every administrator out.
        """
        _aware(now)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder):
            if not (folder / _AUTHORITY_FILE).exists():
                _found_authority(folder, now)
        return cls._load(folder)

    @classmethod
    def _load(cls, folder: Path) -> CertificateAuthority:
        key_file = folder / _KEY_FILE
        for file in (key_file, folder / _REVOCATION_FILE):
            if not file.exists():
                raise UnableToOpenAuthority("authority_incomplete", missing=file.name)
        if key_file.stat().st_mode & 0o007:
            raise UnableToOpenAuthority("key_readable_by_others", file=key_file.name)
        certificate = x509.load_pem_x509_certificate((folder / _AUTHORITY_FILE).read_bytes())
        key = load_pem_private_key(key_file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise UnableToOpenAuthority("key_of_another_authority", file=key_file.name)
        return cls(folder, certificate, key)

    @property
    def certificate_file(self) -> Path:
        """The authority's certificate, which a browser has to trust and which may be given to anyone."""
        return self.folder / _AUTHORITY_FILE

    @property
    def revocation_file(self) -> Path:
        return self.folder / _REVOCATION_FILE

    # Issuing

    def issue_server_certificate(
        self,
        *,
        names: Collection[str],
        addresses: Collection[str] = (),
        now: datetime,
        days: int = SERVER_CERTIFICATE_DAYS,
        among_peers: bool = False,
    ) -> ServerCertificate:
        """A certificate for a server that is reached by these host names and IP addresses.

        ``among_peers``: it also presents itself with it to servers of its kind.

        Browsers look at the alternative names only (RFC 9525, section 6.3), so at least one is needed. Raises
        UnableToIssueCertificate, and ValueError for an address that is none.
        """
        if not names and not addresses:
            raise UnableToIssueCertificate("nothing_to_certify")
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        common_name = [*names, *addresses][0][:COMMON_NAME_CHARACTERS_MAX]
        certificate, key = self._sign(
            common_name=common_name,
            alternatives=alternatives,
            purposes=[
                ExtendedKeyUsageOID.SERVER_AUTH,
                *([ExtendedKeyUsageOID.CLIENT_AUTH] if among_peers else []),
            ],
            now=now,
            days=days,
        )
        return ServerCertificate(
            serial=serial_text(certificate.serial_number),
            fingerprint=fingerprint_of(certificate.public_bytes(Encoding.DER)),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            certificate_pem=certificate.public_bytes(Encoding.PEM),
            key_pem=_pem_of(key),
        )

    def keep_server_certificate(
        self,
        *,
        names: Collection[str],
        addresses: Collection[str] = (),
        now: datetime,
        server: str = "backoffice",
        among_peers: bool = False,
    ) -> Path:
        """The file with a server's own certificate and key (the back office's), issued anew when that is due.

        Due is: none there yet, thirty days or less to go, a name or address that the present one lacks, or
        the present one from another authority. Certificate and key are one file, so that renewing swaps both
        in one step; a running server takes the new one for its next handshake. To be called at start and
        every day.
        """
        file = self.folder / f"{server}.pem"
        with _locked(self.folder):
            if not self._serves(file, names=names, addresses=addresses, now=now):
                issued = self.issue_server_certificate(
                    names=names, addresses=addresses, now=now, among_peers=among_peers
                )
                _replace(file, issued.certificate_pem + issued.key_pem, mode=0o600)
        return file

    def issue_client_certificate(
        self, *, common_name: str, person_id: UUID, days: int, now: datetime
    ) -> ClientCertificate:
        """A certificate with which one person may open the back office, valid for ``days`` from ``now``.

        The person is named as a URI, ``urn:warchest:administrator:`` and the id: names change and repeat, ids
        do not. Valid only for signing in as a client (RFC 5280, section 4.2.1.12), never beyond the
        authority's own end. Raises UnableToIssueCertificate. Being certified opens no page by itself: the
        directory of administrators still has to know the fingerprint, so a certificate that nobody recorded
        is worth nothing.
        """
        if not common_name.strip():
            raise UnableToIssueCertificate("name_missing")
        if len(common_name) > COMMON_NAME_CHARACTERS_MAX:
            raise UnableToIssueCertificate("name_too_long", characters_max=COMMON_NAME_CHARACTERS_MAX)
        certificate, key = self._sign(
            common_name=common_name,
            alternatives=[x509.UniformResourceIdentifier(f"{ADMINISTRATOR_URN}{person_id}")],
            purposes=[ExtendedKeyUsageOID.CLIENT_AUTH],
            now=now,
            days=days,
        )
        passphrase = secrets.token_urlsafe(12)
        return ClientCertificate(
            serial=serial_text(certificate.serial_number),
            fingerprint=fingerprint_of(certificate.public_bytes(Encoding.DER)),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            certificate_pem=certificate.public_bytes(Encoding.PEM),
            key_pem=_pem_of(key),
            pkcs12=pkcs12.serialize_key_and_certificates(
                common_name.encode(),
                key,
                certificate,
                [self._certificate],
                BestAvailableEncryption(passphrase.encode()),
            ),
            pkcs12_passphrase=passphrase,
        )

    def _sign(
        self,
        *,
        common_name: str,
        alternatives: Iterable[x509.GeneralName],
        purposes: Iterable[x509.ObjectIdentifier],
        now: datetime,
        days: int,
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        _aware(now)
        if days < 1:
            raise UnableToIssueCertificate("not_a_period", days=days)
        if now >= self._certificate.not_valid_after_utc:
            raise UnableToIssueCertificate("authority_expired")
        key = ec.generate_private_key(ec.SECP256R1())
        not_after = min(now + timedelta(days=days), self._certificate.not_valid_after_utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_identifier_of(self._key), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return certificate, key

    def _serves(
        self, file: Path, *, names: Collection[str], addresses: Collection[str], now: datetime
    ) -> bool:
        if not file.exists():
            return False
        present = x509.load_pem_x509_certificate(file.read_bytes())
        if present.issuer != self._certificate.subject:
            return False
        if present.not_valid_after_utc - now <= timedelta(days=SERVER_CERTIFICATE_RENEWED_DAYS_BEFORE):
            return False
        alternatives = present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return set(names) <= set(alternatives.get_values_for_type(x509.DNSName)) and {
            ipaddress.ip_address(address) for address in addresses
        } <= set(alternatives.get_values_for_type(x509.IPAddress))

    # Revoking

    def revoke(self, serials: Collection[str], *, now: datetime) -> None:
        """Put these serials (hexadecimal) on the list; whoever reads the list from now on refuses them.

        A serial already there keeps the moment it was first revoked, so repeating is harmless, and two
        processes at once lose neither's revocation. There is no way back: a person whose certificate was
        revoked is given a new one. Names only what this authority issued; it does not check. After the folder
        came back from a backup, call it with all that was ever revoked.
        """
        _aware(now)
        with _locked(self.folder):
            self._write_revocation_list(self._present_list(), serials, now)

    def reissue_revocation_list(self, *, now: datetime, older_than: timedelta = timedelta(days=1)) -> bool:
        """Issue the same list for another thirty days unless the present one is younger; whether it was
        issued.

        To be called at every start and every hour or so: a list that ran out refuses everybody.
        """
        _aware(now)
        with _locked(self.folder):
            present = self._present_list()
            if now - (present.last_update_utc + CLOCK_SKEW) < older_than and now > present.last_update_utc:
                return False
            self._write_revocation_list(present, (), now)
            return True

    def revoked_serials(self) -> frozenset[str]:
        return frozenset(serial_text(entry.serial_number) for entry in self._present_list())

    def _present_list(self) -> x509.CertificateRevocationList:
        return x509.load_pem_x509_crl(self.revocation_file.read_bytes())

    def _write_revocation_list(
        self, present: x509.CertificateRevocationList, serials: Collection[str], now: datetime
    ) -> None:
        number = present.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number + 1
        revoked = {entry.serial_number: entry.revocation_date_utc for entry in present}
        for serial in serials:
            revoked.setdefault(int(serial, 16), now)
        content = _revocation_list(
            self._certificate.subject, self._key, number=number, revoked=revoked, now=now
        )
        _replace(self.revocation_file, content, mode=0o644)


# Making the authority


def _found_authority(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # A browser may hold the authorities of several deployments: the key's own digits tell them apart.
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"Warchest authority {identifier.digest.hex()[:8]}")]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=365 * AUTHORITY_YEARS))
        # A path length of zero: it signs leaves, never another authority (RFC 5280, section 4.2.1.9).
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(_identifier_of(key), critical=False)
        .sign(key, hashes.SHA256())
    )
    _replace(folder / _KEY_FILE, _pem_of(key), mode=0o600)
    _replace(
        folder / _REVOCATION_FILE, _revocation_list(name, key, number=1, revoked={}, now=now), mode=0o644
    )
    _replace(folder / _AUTHORITY_FILE, certificate.public_bytes(Encoding.PEM), mode=0o644)


def _revocation_list(
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    number: int,
    revoked: dict[int, datetime],
    now: datetime,
) -> bytes:
    """A complete list in PEM, with the two extensions that RFC 5280 demands in sections 5.2.1 and 5.2.3."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer)
        .last_update(now - CLOCK_SKEW)
        .next_update(now + timedelta(days=REVOCATION_LIST_DAYS))
        .add_extension(_identifier_of(key), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for serial, revoked_at in sorted(revoked.items()):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revoked_at).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _identifier_of(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


# Files


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time, over all processes and threads; the lock goes with its holder."""
    descriptor = os.open(folder / _LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(file: Path, content: bytes, *, mode: int) -> None:
    """Readers see the old file or the new one, never half of one; a power cut leaves one of the two."""
    # A temporary file is its owner's alone from the moment it exists, so a key is never open to others.
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(content)
            os.fchmod(temporary.fileno(), mode)
            temporary.flush()
            os.fsync(temporary.fileno())
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _aware(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
