"""User management, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once, runs_here
from warchest.kernel.errors import UnableTo
from warchest.members.contract.invoicing import ADDRESS_LINE_LENGTH_MAX as ADDRESS_LINE_LENGTH_MAX
from warchest.members.contract.invoicing import ADDRESS_LINES_MAX as ADDRESS_LINES_MAX
from warchest.members.contract.invoicing import Buyer as Buyer
from warchest.members.contract.invoicing import InvoiceDetails as InvoiceDetails
from warchest.members.contract.invoicing import Invoicing as Invoicing
from warchest.members.contract.invoicing import SealedBuyer as SealedBuyer
from warchest.members.contract.invoicing import UnableToKeepInvoiceDetails as UnableToKeepInvoiceDetails
from warchest.members.contract.invoicing import VatCheck as VatCheck


class UnableToRegister(UnableTo):
    """No player was made."""

    reasons = frozenset(
        {
            "nickname_taken",
            "nickname_malformed",  # 3 to 24 letters, digits, '_' or '-'
            "email_taken",  # told to API clients only; a page never says so
            "email_malformed",
            "country_unknown",  # no ISO 3166-1 alpha-2 code
            "language_unknown",
            "password_too_weak",
            "external_id_taken",
        }
    )


class UnableToFindPlayer(UnableTo):
    reasons = frozenset({"player_unknown"})


class UnableToAdminister(UnableTo):
    """An administrator may not do this, or is not who they say."""

    reasons = frozenset(
        {
            "right_missing",
            "administrator_unknown",
            "username_taken",
            "own_request",
            "certificate_unknown",
            "api_client_unknown",
            "sign_in_refused",  # the name or the password is wrong, or the certificate is another person's
        }
    )


class PlayerState(StrEnum):
    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSED = "closed"


class Role(StrEnum):
    OWNER = "owner"
    ADMINISTRATOR = "administrator"
    ACCOUNTANT = "accountant"
    SUPPORT = "support"
    OPERATOR = "operator"


class Scope(StrEnum):
    """What an API key may be used for."""

    PLAYERS_READ = "players:read"
    PLAYERS_WRITE = "players:write"
    WALLET_READ = "wallet:read"
    WALLET_WRITE = "wallet:write"
    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    REFUNDS_WRITE = "refunds:write"
    CATALOGUE_READ = "catalogue:read"
    SUBSCRIPTIONS_READ = "subscriptions:read"
    SUBSCRIPTIONS_WRITE = "subscriptions:write"
    ENTITLEMENTS_READ = "entitlements:read"
    CARDS_READ = "cards:read"
    CARDS_ACTIVATE = "cards:activate"
    CARDS_SELL = "cards:sell"
    CARDS_BUY = "cards:buy"
    CARDS_CODES = "cards:codes"
    REFERRALS_READ = "referrals:read"
    USAGE_WRITE = "usage:write"


@dataclass(frozen=True, slots=True)
class Player:
    """A player, without what is personal: the address is asked for apart, by who needs it."""

    id: UUID
    nickname: str
    country: str
    language: str
    time_zone: str
    display_currency: str
    state: PlayerState
    external_id: str
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class PlayerDraft:
    """A player who comes from an older system. ``password_hash`` is empty where they have to set a password anew."""

    id: UUID
    external_id: str
    nickname: str
    email: str
    country: str
    language: str
    password_hash: str
    state: PlayerState
    registered_at: datetime


@dataclass(frozen=True, slots=True)
class ExaminedPlayer:
    """What stands in a draft's way. ``reasons`` are UnableToRegister's, of what is written in it.

    The keys are the names as they are told apart. ``…_of`` is whose the name is here already: a player's, or of an e-mail
    address perhaps another identity's. ``password_hash`` is as it can be kept; empty where it can't be read.
    """

    reasons: tuple[str, ...]
    nickname_key: str
    email_key: str
    nickname_of: UUID | None
    email_of: UUID | None
    external_id_of: UUID | None
    password_hash: str


@dataclass(frozen=True, slots=True)
class Administrator:
    """``user`` is the identity that signs in."""

    id: UUID
    username: str
    role: Role
    user: UUID


@dataclass(frozen=True, slots=True)
class AdministratorCertificate:
    """A client certificate of an administrator's. ``serial`` and ``fingerprint`` are hexadecimal."""

    serial: str
    fingerprint: str
    administrator: UUID
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiClient:
    id: UUID
    name: str
    scopes: frozenset[Scope]
    calls_per_second: int


@dataclass(frozen=True, slots=True)
class DrawnKey:
    """A new API key, known to nobody yet. ``hash`` and ``start`` are what may be kept of it."""

    key: str
    hash: bytes
    start: str


class Members(Invoicing, Protocol):
    @at_most_once
    def register_player(
        self,
        *,
        player_id: UUID,
        nickname: str,
        email: str,
        password: str | None,
        country: str,
        language: str,
        external_id: str,
        at: datetime,
    ) -> Player:
        """Make a player. ``password`` None: signs in later by a link, or only through the community's portal.

        Raises UnableToRegister.
        """
        ...

    def player(self, *, player_id: UUID) -> Player:
        """Raises UnableToFindPlayer."""
        ...

    def players(self, *, player_ids: Sequence[UUID]) -> dict[UUID, Player]:
        """Those of the players that exist, in one query."""
        ...

    def player_named(self, *, nickname: str) -> Player | None:
        """The player of exactly this nickname, in capital or small letters."""
        ...

    def player_of_user(self, *, user_id: UUID) -> Player | None: ...

    def address_of(self, *, player_id: UUID) -> str | None:
        """The player's e-mail address: personal data, to be used and not kept."""
        ...

    def roll(self, *, after: UUID | None = None, limit: int = 10_000) -> tuple[tuple[UUID, str], ...]:
        """All players' ids with their nicknames, in the order of ids, those behind ``after``: to compare whole houses."""
        ...

    def find_players(self, *, text: str, limit: int = 20) -> tuple[Player, ...]:
        """Players whose nickname begins so, or whose e-mail address, external id or id is this."""
        ...

    def change_preferences(
        self, *, player_id: UUID, language: str, display_currency: str, time_zone: str
    ) -> Player: ...

    @at_most_once
    def create_administrator(self, *, username: str, password: str, role: Role) -> Administrator:
        """Raises UnableToAdminister (``username_taken``)."""
        ...

    @runs_here
    def hash_password(self, *, password: str) -> str:
        """What is kept of a password. Takes its time. Raises UnableToRegister (``password_too_weak``)."""
        ...

    @at_most_once
    def add_administrator(
        self, *, administrator_id: UUID, username: str, password_hash: str, role: Role
    ) -> Administrator:
        """As ``create_administrator``, for journeys: what they are told is kept, so no password may be among it.

        Raises UnableToAdminister (``username_taken``).
        """
        ...

    def administrators(self) -> tuple[Administrator, ...]:
        """All who may sign in to the back office, by name."""
        ...

    @at_most_once
    def register_certificate(
        self,
        *,
        administrator_id: UUID,
        serial: str,
        fingerprint: str,
        not_before: datetime,
        not_after: datetime,
    ) -> None:
        """Keep a client certificate that the authority has issued to an administrator."""
        ...

    def revoke_certificate(self, *, serial: str, at: datetime) -> None:
        """From now on the certificate opens nothing. Revoking twice changes nothing."""
        ...

    def certificates(self, *, administrator_id: UUID | None = None) -> tuple[AdministratorCertificate, ...]:
        """Every certificate ever issued, to one administrator or to all, the newest first."""
        ...

    def certificate(self, *, serial: str) -> AdministratorCertificate:
        """Raises UnableToAdminister (``certificate_unknown``)."""
        ...

    def note_certificate_used(self, *, fingerprint: str, at: datetime) -> None: ...

    def administrator_for(self, *, fingerprint: str) -> Administrator | None:
        """The active administrator who holds the certificate of this SHA-256 fingerprint, if it is neither revoked nor
        past its end."""
        ...

    def administrator(self, *, administrator_id: UUID) -> Administrator:
        """Raises UnableToAdminister (``administrator_unknown``)."""
        ...

    def api_client_for(self, *, key: str) -> ApiClient | None:
        """The active client of this key; the comparison takes the same time for any key."""
        ...

    @at_most_once
    def issue_api_key(
        self, *, name: str, scopes: Sequence[Scope], calls_per_second: int, at: datetime
    ) -> tuple[ApiClient, str]:
        """Make an API client. The key is in the answer and nowhere else."""
        ...

    @runs_here
    def draw_api_key(self) -> DrawnKey:
        """A key of 256 random bits, for the door that shows it once and registers what may be kept."""
        ...

    @at_most_once
    def register_api_client(
        self,
        *,
        client_id: UUID,
        name: str,
        scopes: Sequence[Scope],
        calls_per_second: int,
        key_hash: bytes,
        key_start: str,
    ) -> ApiClient: ...

    def revoke_api_client(self, *, client_id: UUID, at: datetime) -> None:
        """From now on its key opens nothing. Raises UnableToAdminister (``api_client_unknown``)."""
        ...

    # Moving in from an older system.

    def examine_players(self, *, players: Sequence[PlayerDraft]) -> tuple[ExaminedPlayer, ...]:
        """What would stand in the way of taking these over, each by itself; in their order."""
        ...

    def take_players(self, *, players: Sequence[PlayerDraft]) -> None:
        """Make all of these players, with the password hashes that can be read. Raises UnableToRegister."""
        ...

    def by_external_ids(self, *, external_ids: Sequence[str]) -> dict[str, UUID]:
        """Those of the players that exist, by the ids that another system gave them."""
        ...


# What each role may do in the back office. Checked by journeys through ``require``.
RIGHTS: dict[str, frozenset[Role]] = {
    "batch.order": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "batch.approve": frozenset({Role.OWNER}),
    "batch.generate": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "batch.hand_over": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "batch.cancel": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "batch.export": frozenset({Role.ADMINISTRATOR, Role.ACCOUNTANT, Role.OWNER}),
    "batch.close": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "printer.keep": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "card.issue": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "reseller.see": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT, Role.ACCOUNTANT}),
    "reseller.take_on": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "card.ship": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "card.block": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT}),
    "card.extend": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "card.verify": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT}),
    "card.replace": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT}),
    "tournament.plan": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "card.look_up": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT, Role.ACCOUNTANT}),
    "lock.lift": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT}),
    "rate.set": frozenset({Role.ADMINISTRATOR, Role.ACCOUNTANT, Role.OWNER}),
    "books.read": frozenset({Role.ACCOUNTANT, Role.ADMINISTRATOR, Role.OWNER}),
    "entry.reverse": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "journal.export": frozenset({Role.ADMINISTRATOR, Role.ACCOUNTANT, Role.OWNER}),
    "money.exchange": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "bank.read": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "bank.import": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "bank.resolve": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "bank.order": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "intercluster.settle": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "erp.send": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "erp.map": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "instance.control": frozenset({Role.OPERATOR, Role.OWNER}),
    "cluster.see": frozenset({Role.OPERATOR, Role.OWNER, Role.ADMINISTRATOR, Role.ACCOUNTANT}),
    "cluster.prepare": frozenset({Role.OPERATOR, Role.OWNER}),
    "cluster.merge": frozenset({Role.OPERATOR, Role.OWNER}),
    "catalogue.edit": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "payment.ask": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT, Role.ACCOUNTANT}),
    "payment.refund": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "payment.dispute": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT}),
    "settlement.take": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "debt.write_off": frozenset({Role.ACCOUNTANT, Role.OWNER}),
    "document.read": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT, Role.ACCOUNTANT}),
    "document.send": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.SUPPORT, Role.ACCOUNTANT}),
    "api_key.issue": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "certificate.issue": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "administrator.add": frozenset({Role.OWNER}),
    "payment.review": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "payment_rule.see": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.ACCOUNTANT, Role.SUPPORT}),
    "payment_rule.set": frozenset({Role.ADMINISTRATOR, Role.OWNER}),
    "provider.see": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.OPERATOR, Role.ACCOUNTANT}),
    "provider.configure": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.OPERATOR}),
    "notice.replay": frozenset({Role.ADMINISTRATOR, Role.OWNER, Role.OPERATOR}),
}


def require(administrator: Administrator, right: str) -> None:
    """Raises UnableToAdminister (``right_missing``)."""
    if administrator.role not in RIGHTS[right]:
        raise UnableToAdminister("right_missing", right=right)
