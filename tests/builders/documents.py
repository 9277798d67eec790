"""Documents as the worker issues them, and players who pay and buy."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import UUID

from tests.builders.configuration import changed_configuration
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command
from tests.builders.providers import hears
from warchest.accounting.contract import Accounting, Document
from warchest.jobs.books import fold_journal
from warchest.jobs.documents import issue_due_documents
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.start_top_up import open_payment
from warchest.kernel.money import Money
from warchest.payments.contract import Payment
from warchest.runtime.services import services
from warchest.sdk.payments import Report, Standing


def a_provider() -> AbstractContextManager[None]:
    """A configured provider that nobody ever reaches."""
    table = {"base_url": "http://127.0.0.1:9", "api_secret": "s" * 32, "notice_secret": "s" * 32}
    return changed_configuration(providers={"sandbox": table})


def documents() -> Accounting:
    return services.get(Accounting)


def issue(*, after: timedelta = timedelta(0)) -> int:
    """What the worker does every second; answers how many documents came of it."""
    fold_journal()
    return issue_due_documents(at=NOW + after)


def documents_of(player: UUID) -> list[Document]:
    """A player's, oldest first."""
    return list(reversed(documents().documents_of(player=player)))


def a_paid_payment(player: UUID, amount: str = "20.00", currency: str = "EUR") -> Payment:
    paid = Money.parse(amount, currency)
    opened = open_payment(
        a_command(), player=player, amount=paid, provider="sandbox", return_url="", units_shown=None
    ).answer
    report = Report(Standing.SUCCEEDED, provider_reference=f"pay-{opened.id}", amount=paid)
    return hears(opened, report)


def buy_a_month(player: UUID, *, periods: int = 1) -> UUID:
    """The entry of a month of 'Arena', for 500 units."""
    return prolong_subscription(
        a_command(), player=player, plan=ARENA_MONTH, periods=periods
    ).answer.journal_entry
