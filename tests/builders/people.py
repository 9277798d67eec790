"""Players and commands with good defaults: ``a_player(with_units="100")``."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.charging.contract import Charging, LotTerms, Source
from warchest.journeys.register_player import Registered, register_player
from warchest.kernel.currency import INNER
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Administrator, Members, Role
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)
_numbers = count(1)


def a_command(
    *,
    key: str | None = None,
    at: datetime = NOW,
    actor: Actor | None = None,
    channel: Channel = Channel.API,
) -> Command:
    return Command(
        actor=actor or Actor(ActorKind.API_CLIENT, "tests"),
        key=key or f"test-{next(_numbers)}-{new_id().hex[-12:]}",
        at=at,
        channel=channel,
    )


def a_player(
    *,
    nickname: str | None = None,
    country: str = "DE",
    language: str = "en",
    sponsor: Registered | None = None,
    password: str | None = None,
    with_units: str = "0",
    paid_in: str = "EUR",
    at: datetime = NOW,
) -> Registered:
    """A registered player; ``with_units`` (major units) were paid for by card in ``paid_in`` at the rate in force."""
    name = nickname or f"player{next(_numbers)}"
    player = register_player(
        a_command(at=at),
        nickname=name,
        email=f"{name}@example.org",
        password=password,
        country=country,
        language=language,
        sponsor_code=sponsor.sponsor_code if sponsor else None,
    ).answer
    if units := Money.parse(with_units, INNER.code):
        fund(
            player.id,
            units=units,
            paid=units.converted(1 / _rate(paid_in, at), Money.parse("1", paid_in).currency),
            at=at,
        )
    return player


def fund(
    player: UUID, *, units: Money, paid: Money, at: datetime = NOW, source: Source = Source.CARD_PAYMENT
) -> None:
    """Put a lot into a wallet, with its entry in the books."""
    _fund(a_command(at=at), player=player, units=units, paid=paid, source=source)


@journey("tests.fund")
def _fund(tx: Transaction, *, player: UUID, units: Money, paid: Money, source: Source) -> None:
    lot = new_id()
    tx.get(Charging).fund(
        lot_id=lot,
        player=player,
        units=units,
        consideration=paid,
        source=source,
        reference=f"test:{lot}",
        terms=LotTerms(transferable=True),
        at=tx.command.at,
    )
    legs = tx.get(Accounting).top_up_legs(player=player, provider="test", paid=paid, units=units)
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=new_id(),
            key=f"test:{lot}",
            kind="top_up",
            occurred_at=tx.command.at,
            legs=legs,
            reference=str(lot),
        )
    )
    tx.announce(
        "payments.succeeded",
        key=str(player),
        player=player,
        provider="test",
        amount_minor=paid.minor,
        currency=paid.currency.code,
        units_minor=units.minor,
    )


def _rate(currency: str, at: datetime):
    from fractions import Fraction

    return Fraction(
        next(
            rate.units_per_major
            for rate in services.get(Accounting).rates(at=at)
            if rate.currency == currency
        )
    )


def an_administrator(role: Role = Role.ADMINISTRATOR) -> Administrator:
    return services.get(Members).create_administrator(
        username=f"{role}{next(_numbers)}", password="correct horse battery", role=role
    )


def acting_as(administrator: Administrator, **command: object) -> Command:
    """A command given by this administrator in the back office."""
    return a_command(
        actor=Actor(ActorKind.ADMINISTRATOR, str(administrator.id)), channel=Channel.BACKOFFICE, **command
    )
