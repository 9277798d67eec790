"""What a player sees first: the wallet, the time that is left, and what happened lately."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import Accounting, Document
from warchest.catalogue.contract import Catalogue
from warchest.charging.contract import WALLET_BOOK, Charging, Transfer, Wallet
from warchest.ledger.contract import Hold, Ledger
from warchest.members.contract import Members, Player
from warchest.payments.contract import Payment, Payments
from warchest.runtime.services import services
from warchest.views.statement import Line, statement
from warchest.views.times import SubscribedTime, subscribed_times

_PAYMENTS_KNOWN_MAX = 100
HOLDS_SHOWN_MAX = 5


@dataclass(frozen=True, slots=True)
class Background:
    """What lines of a statement refer to: names of subscriptions and payments, by the ids in their references."""

    subscription_names: Mapping[str, str]
    payments: Mapping[str, Payment]
    transfers: Mapping[str, Transfer]
    documents: Mapping[UUID, tuple[Document, ...]]
    """Receipts, invoices and credit notes, by the lines' entries."""
    names: Mapping[UUID, str]
    """Of the other players of the transfers, as far as they live in this cluster."""


@dataclass(frozen=True, slots=True)
class WalletPage:
    """``holds`` are those open on the wallet that end first, and one more than are to be shown where there are more."""

    wallet: Wallet
    holds: tuple[Hold, ...]
    times: tuple[SubscribedTime, ...]
    lately: tuple[Line, ...]
    background: Background


def wallet_page(*, player: Player, language: str, at: datetime, lines: int = 5) -> WalletPage:
    """The number of queries does not grow with the length of the statement."""
    times = times_of(player=player, language=language, at=at)
    lately = statement(player=player.id, limit=lines)
    wallet = services.get(Charging).wallet(player=player.id, at=at)
    return WalletPage(
        wallet=wallet,
        holds=_holds(player.id) if wallet.held.minor else (),
        times=times,
        lately=lately,
        background=background_of(player=player.id, times=times, lines=lately),
    )


def _holds(player: UUID) -> tuple[Hold, ...]:
    ledger = services.get(Ledger)
    return ledger.open_holds(book=WALLET_BOOK, owner=str(player), limit=HOLDS_SHOWN_MAX + 1)


def times_of(*, player: Player, language: str, at: datetime) -> tuple[SubscribedTime, ...]:
    listed = services.get(Catalogue).catalogue(
        country=player.country, currency=player.display_currency, language=language, at=at
    )
    return subscribed_times(player=player, listed=listed, language=language, at=at)


def background_of(*, player: UUID, times: tuple[SubscribedTime, ...], lines: tuple[Line, ...]) -> Background:
    """Asks for payments only where a line refers to one."""
    refers_to_payments = any(line.kind == "top_up" for line in lines)
    known = (
        services.get(Payments).payments_of(player=player, limit=_PAYMENTS_KNOWN_MAX)
        if refers_to_payments
        else ()
    )
    ids = tuple(UUID(line.reference) for line in lines if line.kind == "transfer")
    moved = services.get(Charging).transfers(transfer_ids=ids) if ids else {}
    return Background(
        subscription_names={str(time.id): time.service_name for time in times},
        payments={str(payment.id): payment for payment in known},
        transfers={str(transfer.id): transfer for transfer in moved.values()},
        documents=services.get(Accounting).documents_of_entries(
            entry_ids=tuple(line.entry_id for line in lines)
        )
        if lines
        else {},
        names=names_in(moved.values()),
    )


def names_in(transfers: Iterable[Transfer]) -> dict[UUID, str]:
    """Nicknames of those who sent or got these, as far as they live here."""
    asked = {player for transfer in transfers for player in (transfer.sender, transfer.recipient)}
    found = services.get(Members).players(player_ids=tuple(asked)) if asked else {}
    return {player.id: player.nickname for player in found.values()}
