"""The first start: a house is furnished, a community lives through a year, and ``demo.json`` says who they are."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import click
from django.conf import settings

from warchest.charging.contract import Charging
from warchest.cli.demo import file, history, house, resellers
from warchest.cli.demo.cards import CardDesk
from warchest.cli.demo.home import COMMUNITY, Home
from warchest.cli.demo.load import Community, carry_on_events, close_days, let_happen, take_stock
from warchest.cli.demo.offers import PLANS, RATE_CHANGE_DAY
from warchest.cli.demo.people import LISTED, Past, Person, community
from warchest.cli.demo.sandbox import Sandbox
from warchest.cli.demo.settled import settle_past
from warchest.members.contract import Members, Role
from warchest.runtime.command import now
from warchest.runtime.services import services

PERIODS_PAID_FOR = 50
"""What the wallet of each listed player is enough for, of the first plan."""


def load(home: Home, sandbox: Sandbox, *, players: int, operations: int, seed: int) -> None:
    """Everything from an empty database to ``demo.json``."""
    at = now()
    past = Past.before(at)
    click.echo(f"The {COMMUNITY} is founded …")
    opened_at = past.starts_at - timedelta(days=1)
    staff = house.take_on_staff(at=at)
    house.furnish(opened_at=opened_at)
    house.keep_currency_rates(opened_at=opened_at, until=at)
    accountant = next(one for one in staff if one.role is Role.ACCOUNTANT)
    house.set_rates(accountant.command, opened_at=opened_at, changed_at=past.moment(RATE_CHANGE_DAY))
    desk = CardDesk(staff, past)
    codes = desk.make_past(past)

    people = community(seed, count=players, past=past, languages=tuple(dict(settings.LANGUAGES)))
    halves = history.operations(seed, people, about=operations, past=past)
    passwords = {one.nickname: secrets.token_urlsafe(9) for one in LISTED}
    click.echo(f"{players:,} players sign up and play for a year …")
    let_happen(Community(people, halves, codes, passwords), sandbox=sandbox)
    desk.link_shopkeeper()

    click.echo("Days are closed, figures are counted …")
    close_days(past)
    settle_past(accountant.command, at=at)
    stock = desk.make_stock(at - timedelta(days=40), quantity=resellers.QUANTITY)
    resellers.make_resellers(staff, stock, at=at, seed=seed)
    cards = desk.make_listed(at)
    carry_on_events(at=now())
    take_stock()
    home.finish(
        file.contents(
            folder=home.folder,
            api_key=house.make_api_key(at=at),
            staff=staff,
            players=_listed(people, passwords),
            cards=cards,
            at=at,
        )
    )


def _listed(people: Sequence[Person], passwords: dict[str, str]) -> list[tuple[UUID, Person, str]]:
    by_name = {person.nickname: person for person in people if person.listed}
    found = []
    for one in LISTED:
        player = next(
            player
            for player in services.get(Members).find_players(text=one.nickname)
            if player.nickname == one.nickname
        )
        wallet = services.get(Charging).wallet(player=player.id)
        if wallet.available < PLANS[0].price * PERIODS_PAID_FOR:
            raise RuntimeError(f"{one.nickname} has only {wallet.available}")
        found.append((player.id, by_name[one.nickname], passwords[one.nickname]))
    return found
