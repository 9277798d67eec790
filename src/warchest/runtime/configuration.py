"""What an operator may say of a deployment: ``warchest.toml`` in its home, checked field by field.

Everything has a default that makes a laptop work; ``warchest doctor`` says plainly what is wrong.
"""

from __future__ import annotations

import os
import re
import tomllib
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import msgspec

from warchest.kernel import vat_numbers
from warchest.kernel.errors import UnableTo
from warchest.runtime import set_aside
from warchest.runtime.secrets import home


class UnableToReadConfiguration(UnableTo):
    """``warchest.toml`` cannot be read; the text says where and why."""

    reasons = frozenset({"configuration_malformed"})

    def __str__(self) -> str:
        return f"{self.details['file']}: {self.details['explanation']}"


class Community(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose house this is. ``accent`` is the one colour, as ``#rrggbb``; ``cluster`` names this cluster in every entry.

    ``functional_currency`` is that of the legal entity: what its gains and losses on other currencies are told in.
    """

    name: str = "Warchest"
    unit_name: str = "credits"
    accent: str = "#f0a92e"
    cluster: str = "main"
    default_country: str = "DE"
    entity: str = "Warchest"
    functional_currency: str = "EUR"


class Entity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The legal entity that sells, as receipts, invoices and credit notes name it.

    ``code`` stands for it in the books of numbers and is never changed. ``name`` empty: ``community.entity``; ``address`` are
    its lines, ``country`` empty: ``community.default_country``. ``vat_number`` is of the European Union, or any other text
    where ``country`` is none of it; ``registration`` is where the entity is registered, ``email`` for questions.
    """

    code: str = "main"
    name: str = ""
    address: tuple[str, ...] = ()
    country: str = ""
    vat_number: str = ""
    registration: str = ""
    email: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", self.code):
            raise ValueError("entity.code has 1 to 20 small letters, digits or dashes")
        if len(self.address) > 6 or any(not 1 <= len(line) <= 80 for line in self.address):
            raise ValueError("entity.address has at most six lines of at most 80 characters")
        if self.country and not re.fullmatch(r"[A-Z]{2}", self.country):
            raise ValueError("entity.country is a code of ISO 3166-1 such as DE")
        for field, length_max in (("name", 120), ("vat_number", 20), ("registration", 120), ("email", 254)):
            if len(getattr(self, field)) > length_max:
                raise ValueError(f"entity.{field} has at most {length_max} characters")
        if self.vat_number and self.vat_number[:2].upper() in vat_numbers.prefixes():
            try:
                vat_numbers.read(self.vat_number)
            except vat_numbers.UnableToReadVatNumber as error:
                raise ValueError(f"entity.vat_number {self.vat_number!r}: {error.reason}") from None


class Documents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How receipts, tax invoices and credit notes are numbered and shown.

    The first letters of each kind's numbers; numbers begin anew each year of ``time_zone`` (``yearly``) or never
    (``continuous``). ``fonts`` is a folder in the home with further fonts, for scripts that the shipped ones lack. ``vies`` is
    the base address of the Commission's look-up of VAT numbers; empty: nobody is asked, and numbers stay unchecked there.
    """

    receipts: str = "R"
    tax_invoices: str = "I"
    credit_notes: str = "C"
    numbering: Literal["yearly", "continuous"] = "yearly"
    time_zone: str = "UTC"
    fonts: str = ""
    vies: str = ""

    def __post_init__(self) -> None:
        series = (self.receipts, self.tax_invoices, self.credit_notes)
        if any(not re.fullmatch(r"[A-Z][A-Z0-9]{0,7}", one) for one in series) or len(set(series)) < 3:
            raise ValueError(
                "documents: three different series of 1 to 8 capital letters or digits, a letter first"
            )
        if self.time_zone not in available_timezones():
            raise ValueError(f"documents.time_zone {self.time_zone!r} is no time zone")
        if self.vies and not self.vies.startswith(("https://", "http://")):
            raise ValueError("documents.vies is a web address")


class Web(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where portal and API listen. ``public_url`` is how people reach them; empty: the address listened on.

    ``threads`` answer at the same time; 0: twice the cores and one more.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    trusted_proxies: tuple[str, ...] = ()
    threads: int = 0


class CodeScheme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an older system hashed the codes of its cards, so that they are good here too.

    Hashed was ``prefix``, then the code in the ``form`` that the older system gave it, then ``suffix``; with hmac under a
    ``secret``, best ``"file:secrets/NAME"``. ``form``: ``ours`` (capitals without separators, look-alikes forgiven), ``digits``
    (nothing but digits), ``upper``, ``lower``, or ``as_printed`` (letters as typed; all three without separators); ``group``
    puts a dash after so many characters.
    """

    algorithm: str
    secret: str = ""
    prefix: str = ""
    suffix: str = ""
    form: Literal["ours", "digits", "upper", "lower", "as_printed"] = "ours"
    group: Annotated[int, msgspec.Meta(ge=0, le=16)] = 0

    def __post_init__(self) -> None:
        known = ("md5", "sha1", "sha256", "sha512", "hmac-sha1", "hmac-sha256")
        if self.algorithm.lower() in ("bcrypt", "scrypt", "argon2", "argon2i", "argon2id", "pbkdf2"):
            raise ValueError(
                f"cards.schemes: codes hashed with {self.algorithm} can't be found by their hashes: each has a salt of its own."
                " Give out new cards in their place"
            )
        if self.algorithm not in known:
            raise ValueError(f"cards.schemes: {self.algorithm!r} is none of {', '.join(known)}")
        if self.algorithm.startswith("hmac-") != bool(self.secret):
            raise ValueError("cards.schemes: a secret is for hmac, and hmac needs one")


class Cards(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How guessed codes of cards are met, and how long codes of virtual ones are kept.

    Wrong codes from ``trusted_networks`` count against their players, and never against the address: the community's own
    servers, a halls' network. ``alarm_guesses`` wrong codes within ``alarm_minutes``, by whoever, ring the alarm.

    A virtual card that nobody has used may be given back for ``cancel_days`` after it was bought. Its code is forgotten
    ``code_kept_days`` after it was first shown, or delivered by mail. A till may take a sale back for ``reversal_minutes``.

    Buyers, resellers and the house are told so many ``warn_days`` before cards end. ``breakage`` says for each country what
    becomes then of what was paid for cards that nobody used: ``recognise`` makes it revenue, ``keep`` lets it be owed, where
    law forbids that cards end or gives the money to the state; ``*`` is for countries that are not named, and stands for
    ``recognise`` where it is not. Of several countries that a batch is for one with ``keep`` is enough; one that is for all
    is under the law of the seller's. ``schemes`` are older systems whose cards are good here.
    """

    trusted_networks: tuple[str, ...] = ()
    alarm_guesses: Annotated[int, msgspec.Meta(ge=10)] = 500
    alarm_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 10
    reversal_minutes: Annotated[int, msgspec.Meta(ge=0, le=10_080)] = 60
    cancel_days: Annotated[int, msgspec.Meta(ge=0, le=365)] = 14
    code_kept_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30
    warn_days: tuple[Annotated[int, msgspec.Meta(ge=1, le=365)], ...] = (60, 14)
    breakage: dict[str, Literal["recognise", "keep"]] = {}
    schemes: dict[str, CodeScheme] = {}

    def __post_init__(self) -> None:
        for name in self.schemes:
            # A code of ours is read in capitals: nobody can type what begins like one of these.
            if not re.fullmatch(r"[a-z][a-z0-9-]{0,29}", name):
                raise ValueError(f"cards.schemes: {name!r} is no name of small letters, digits and dashes")
        for country in self.breakage:
            if not re.fullmatch(r"[A-Z]{2}|\*", country):
                raise ValueError(f"cards.breakage: {country!r} is no code of ISO 3166-1 such as DE")
        for one in self.trusted_networks:
            try:
                ip_network(one)
            except ValueError as error:
                raise ValueError(f"cards.trusted_networks: {error}") from None


class BackOffice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the back office listens, always with TLS and client certificates."""

    host: str = "127.0.0.1"
    port: int = 8443
    names: tuple[str, ...] = ("localhost",)
    threads: int = 16


class Database(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``url`` of a server (a superuser's, or a role's that may create roles and databases); empty: the embedded one."""

    url: str = ""
    name: str = "warchest"
    binaries: str = ""


class FurtherDatabase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A database beside the coordinator's, for the services that ``[services]`` puts there.

    ``url`` of a server as above; empty: the coordinator's own server, or with ``own_server`` an embedded one of its own.
    ``name`` empty: the coordinator's database's name and this one's, as ``warchest_cards``.
    """

    url: str = ""
    name: str = ""
    own_server: bool = False


class JoinedCluster(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another cluster: its ``servers``' gateways as ``host:port``, and the ``password`` that they want to hear."""

    servers: tuple[str, ...]
    password: str


class MergedCluster(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cluster that this one is merged with by configuration: ``letter`` is the file of its operator's letter in the home.

    ``fingerprint`` are the forty digits that both operators have compared; until they stand here, and are right, it is known
    and not merged.
    """

    letter: str
    fingerprint: str = ""


class Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where services find and call each other: NATS. Without ``urls`` and not ``embedded`` there is none, and every process
    has all services itself.

    ``urls`` are servers that clients connect to (``nats://host:4222``), always with TLS; empty: the embedded one.
    ``authority`` (PEM) is whom clients trust; empty: the deployment's own. All else is of the ``embedded`` server, which this
    host runs: where it listens (``port`` 0: a free one), how others reach it (``advertise``, a host) and call it (``names``,
    in its certificate; or ``certificate``, a PEM file of the operator's with the key in it), and, each by its port (0: none),
    ``routes`` to servers that are one broker with it, leaves, and its own pages on loopback.

    With a ``gateway_port`` a second server runs beside it, the line: it has the ``gateways`` to other clusters and nothing
    else. Clients of this cluster reach it at ``line_port`` (0: a free one) or, from other hosts, at ``line_urls``.
    """

    urls: tuple[str, ...] = ()
    authority: str = ""
    embedded: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    advertise: str = ""
    names: tuple[str, ...] = ("localhost",)
    certificate: str = ""
    route_port: int = 0
    routes: tuple[str, ...] = ()
    gateway_port: int = 0
    gateway_authority: str = ""
    gateways: dict[str, JoinedCluster] = {}
    line_port: int = 0
    line_urls: tuple[str, ...] = ()
    leaf_port: int = 0
    monitor_port: int = 0

    @property
    def wanted(self) -> bool:
        return self.embedded or bool(self.urls)


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``host`` empty: mails are written to files in the home's ``mail`` folder."""

    host: str = ""
    port: int = 587
    username: str = ""
    sender: str = "Warchest <no-reply@localhost>"


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A game server that wants to hear of changes."""

    url: str


class Heads(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the signed heads of the journal's chain are written: ``folder`` had better be another machine's (empty:
    ``heads`` in the home), ``name`` is this host's file in it (empty: the host's own name). ``trusted`` are public keys
    that signed before the present one, hexadecimal."""

    folder: str = ""
    name: str = ""
    trusted: tuple[str, ...] = ()


class Backup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where backups go: ``folder`` had better be another machine's; empty: nowhere but where the command says. With it,
    embedded servers keep all that is written to them there, every ``wal_every_s`` at the latest."""

    folder: str = ""
    wal_every_s: int = 60


class Telemetry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What operators see of the processes.

    ``otlp``: where traces go, the base address of a receiver of OTLP over HTTP; empty: nowhere. ``sampled``: so much of
    the requests that nobody else decided about, from 0 to 1. ``log_level``: from which level on lines are written; at
    ``debug`` each journey has one. The ports are for health and metrics of processes that serve no pages of their own,
    on ``host``; 0: none. ``drain_s``: so long a process that was told to stop says that it is not ready, before it stops.
    """

    otlp: str = ""
    sampled: float = 1.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "127.0.0.1"
    worker_port: int = 0
    services_port: int = 0
    backoffice_port: int = 0
    drain_s: float = 0.0


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. ``services`` names the database of each service that does not live in the coordinator's.
    ``providers`` holds one table for each payment plug-in, by the name of its entry point; a value
    ``"file:NAME"`` in it is what the file of that name in the home holds, so that secrets need not stand here. ``erp`` is the
    same for exporters to accounting systems, and ``stores`` for those that sell our card codes."""

    community: Community = Community()
    entity: Entity = Entity()
    documents: Documents = Documents()
    web: Web = Web()
    backoffice: BackOffice = BackOffice()
    database: Database = Database()
    databases: dict[str, FurtherDatabase] = {}
    services: dict[str, str] = {}
    broker: Broker = Broker()
    clusters: dict[str, MergedCluster] = {}
    cards: Cards = Cards()
    mail: Mail = Mail()
    heads: Heads = Heads()
    backup: Backup = Backup()
    telemetry: Telemetry = Telemetry()
    providers: dict[str, dict[str, Any]] = {}
    erp: dict[str, dict[str, Any]] = {}
    stores: dict[str, dict[str, Any]] = {}
    webhooks: tuple[Webhook, ...] = ()

    @property
    def backup_folder(self) -> Path | None:
        return home() / self.backup.folder if self.backup.folder else None

    @property
    def public_url(self) -> str:
        return (self.web.public_url or f"http://{self.web.host}:{self.web.port}").rstrip("/")

    @property
    def backoffice_url(self) -> str:
        return f"https://{self.backoffice.names[0]}:{self.backoffice.port}"


def path() -> Path:
    """Where the configuration stands: ``WARCHEST_CONFIG``, or ``warchest.toml`` in the home."""
    return Path(os.environ.get("WARCHEST_CONFIG") or home() / "warchest.toml")


def read(file: Path) -> Configuration:
    """The configuration of a file; all defaults where there is none.

    ``WARCHEST_PORT``, ``WARCHEST_ADMIN_PORT``, ``WARCHEST_DATABASE_URL``, ``WARCHEST_DATABASE_NAME``,
    ``WARCHEST_HEADS_FOLDER``, ``WARCHEST_BACKUP_FOLDER`` and ``WARCHEST_LOG_LEVEL`` in the environment come before the file.
    Raises UnableToReadConfiguration.
    """
    try:
        raw = tomllib.loads(file.read_text()) if file.exists() else {}
        for variable, table, field, kind in (
            ("WARCHEST_PORT", "web", "port", int),
            ("WARCHEST_ADMIN_PORT", "backoffice", "port", int),
            ("WARCHEST_DATABASE_URL", "database", "url", str),
            ("WARCHEST_DATABASE_NAME", "database", "name", str),
            ("WARCHEST_HEADS_FOLDER", "heads", "folder", str),
            ("WARCHEST_LOG_LEVEL", "telemetry", "log_level", str),
            ("WARCHEST_BACKUP_FOLDER", "backup", "folder", str),
        ):
            if value := os.environ.get(variable):
                raw.setdefault(table, {})[field] = kind(value)
        for plugins in ("providers", "erp"):
            raw[plugins] = {
                name: {field: _from_file(value) for field, value in table.items()}
                for name, table in raw.get(plugins, {}).items()
            }
        raw["stores"] = {
            name: {field: _from_file(value) for field, value in table.items()}
            for name, table in raw.get("stores", {}).items()
        }
        for joined in raw.get("broker", {}).get("gateways", {}).values():
            joined["password"] = _from_file(joined.get("password", ""))
        for scheme in raw.get("cards", {}).get("schemes", {}).values():
            scheme["secret"] = _from_file(scheme.get("secret", ""))
        return msgspec.convert(raw, Configuration)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError, OSError) as error:
        raise UnableToReadConfiguration(
            "configuration_malformed", file=str(file), explanation=str(error)
        ) from error


def _withdrawn(found: Configuration, aside: set_aside.SetAside) -> Configuration:
    """What a restored copy knows: its own servers, and nobody outside."""
    return msgspec.structs.replace(
        found,
        database=msgspec.structs.replace(found.database, url="", name=aside.databases["default"]),
        databases={
            alias: FurtherDatabase(
                name=aside.databases.get(alias, further.name), own_server=alias in aside.own_servers
            )
            for alias, further in found.databases.items()
        },
        broker=Broker(),
        clusters={},
        documents=msgspec.structs.replace(found.documents, vies=""),
        mail=Mail(sender=found.mail.sender),
        heads=msgspec.structs.replace(found.heads, folder=""),
        backup=Backup(),
        telemetry=msgspec.structs.replace(found.telemetry, otlp=""),
        providers={},
        erp={},
        webhooks=(),
    )


def _from_file(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("file:"):
        return (home() / value.removeprefix("file:")).read_text().strip()
    return value


@cache
def configuration() -> Configuration:
    """This process's configuration, read once: of a restored copy that is set aside, the withdrawn one. Raises
    UnableToReadConfiguration."""
    aside = set_aside.note(home())
    return _withdrawn(read(path()), aside) if aside else read(path())
