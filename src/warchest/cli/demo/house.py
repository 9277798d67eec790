"""Furnishes the house: rates, tax, catalogue, the people who run it, and the key for the API."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from warchest.accounting.contract import Accounting
from warchest.catalogue.contract import Catalogue
from warchest.cli.demo.offers import CURRENCY_RATES, MOVES, PLANS, RATES, SERVICES, TAX_BPS
from warchest.journeys.administer import TakenOn, issue_api_key, take_on_administrator
from warchest.journeys.set_rate import set_rate
from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.members.contract import Role, Scope
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

CALLS_PER_SECOND = 10_000
"""What the demo's key may do: more than one machine can, so that a load test meets no limit."""

ADMINISTRATORS = (
    ("olivia", Role.OWNER),
    ("adrian", Role.ADMINISTRATOR),
    ("amara", Role.ACCOUNTANT),
    ("silas", Role.SUPPORT),
    ("ada", Role.ADMINISTRATOR),
)


def furnish(*, opened_at: datetime) -> None:
    """Tax rates and a catalogue, in force since before anybody came."""
    services.get(Accounting).set_tax_rates(rates_bps=TAX_BPS, valid_from=opened_at)
    catalogue = services.get(Catalogue)
    for order, service in enumerate(SERVICES):
        catalogue.add_online_service(
            online_service_id=service.id,
            code=service.code,
            names=service.names,
            texts=service.texts,
            order=order,
        )
    services_by_code = {service.code: service.id for service in SERVICES}
    for order, plan in enumerate(PLANS):
        catalogue.add_plan(
            plan_id=plan.id,
            online_service_id=services_by_code[plan.service],
            code=plan.code,
            names=plan.names,
            term=plan.term,
            order=order,
        )
        for text in (f"{plan.units}.00 {INNER.code}", *plan.prices):
            amount, currency = text.split()
            catalogue.add_price(
                plan_id=plan.id, amount=Money.parse(amount, currency), valid_from=opened_at, at=opened_at
            )


def keep_currency_rates(*, opened_at: datetime, until: datetime) -> None:
    """What a euro was in the other currencies, on the first day and at the beginning of each month."""
    days = [opened_at.date()]
    while (month := (days[-1].replace(day=1) + timedelta(days=32)).replace(day=1)) <= until.date():
        days.append(month)
    for number, day in enumerate(days):
        for code, first in CURRENCY_RATES.items():
            moved = Decimal(first) * (1000 + MOVES[number % len(MOVES)]) / 1000
            services.get(Accounting).set_currency_rate(
                base="EUR",
                quote=code,
                quote_per_base=moved.quantize(Decimal("0.0001")),
                rate_date=day,
                source="ECB",
                at=until,
            )


def set_rates(by: Callable[[str, datetime], Command], *, opened_at: datetime, changed_at: datetime) -> None:
    """The accountant's work: rates from the first day, and the others two days before they take effect."""
    for code, (first, second) in RATES.items():
        set_rate(
            by(f"rate:{code}:1", opened_at),
            currency=code,
            units_per_major=Decimal(first),
            valid_from=opened_at,
        )
        if second is not None:
            set_rate(
                by(f"rate:{code}:2", changed_at - timedelta(days=2)),
                currency=code,
                units_per_major=Decimal(second),
                valid_from=changed_at,
            )


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who runs the house, with all that opens the back office to them."""

    username: str
    password: str
    role: Role
    taken_on: TakenOn

    def command(self, key: str, at: datetime) -> Command:
        """What this administrator asks for in the back office."""
        return Command(
            actor=Actor(ActorKind.ADMINISTRATOR, str(self.taken_on.administrator.id)),
            key=key,
            at=at,
            channel=Channel.BACKOFFICE,
            certificate=self.taken_on.certificate.fingerprint,
        )


def take_on_staff(*, at: datetime) -> tuple[Staff, ...]:
    """``at`` is the machine's own now, since certificates are judged by it."""
    staff = []
    for username, role in ADMINISTRATORS:
        password = secrets.token_urlsafe(12)
        command = _as_operator(f"demo:administrator:{username}", at)
        taken_on = take_on_administrator(command, username=username, password=password, role=role)
        staff.append(Staff(username, password, role, taken_on))
    return tuple(staff)


def make_api_key(*, at: datetime) -> str:
    """With every scope, and without a limit that anybody will meet."""
    return issue_api_key(
        _as_operator("demo:api-key", at),
        name="Demo",
        scopes=[scope.value for scope in Scope],
        calls_per_second=CALLS_PER_SECOND,
    )


def _as_operator(key: str, at: datetime) -> Command:
    return Command(actor=Actor(ActorKind.OPERATOR, "demo"), key=key, at=at, channel=Channel.CLI)
