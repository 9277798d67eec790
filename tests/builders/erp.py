"""An accounting system behind a folder, and entries that are handed to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from tests.builders.configuration import changed_configuration
from tests.builders.people import NOW, a_command
from warchest.accounting.contract import Accounting, AccountKey, ErpDocument, ErpState, Treatment
from warchest.accounting.erp.invariants import ERP_INVARIANTS
from warchest.jobs.erp import export_to_erps
from warchest.journeys import map_erp_account as mapping
from warchest.journeys.begin_export import begin_export
from warchest.journeys.make_erp_batch import make_erp_batch, take_entries
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger, Leg, Posted, credit, debit
from warchest.ledger.invariants import INVARIANTS as LEDGER_INVARIANTS
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services
from warchest.sdk.erp import Method
from warchest_dynamics_gp.simulator import Simulator

GP, BEANCOUNT = "dynamics-gp", "beancount"
_OPERATOR = Actor(ActorKind.OPERATOR, "tests")
_numbers = count(1)

# A chart as an accountant maps it: strings of GP's for the books that tests use.
GP_ACCOUNTS = {
    "provider_clearing": "000-1110-00",
    "bank": "000-1100-00",
    "wallet_funding": "000-2300-00",
    "deferred_revenue": "000-2400-00",
    "tax_payable": "000-2500-00",
    "revenue": "000-4000-00",
    "cards_sold": "000-2310-00",
    "reseller_receivable": "000-1200-00",
    "reseller_margin": "000-5100-00",
}


def by_operator(*, at: datetime = NOW) -> Command:
    return a_command(actor=_OPERATOR, channel=Channel.CLI, at=at)


@dataclass(frozen=True, slots=True)
class Gp:
    """A GP company with an empty folder, to which a house exports."""

    folder: Path
    name: str = GP

    @property
    def simulator(self) -> Simulator:
        return Simulator(self.folder)

    def map_all(self) -> None:
        for book, account in GP_ACCOUNTS.items():
            map_account(book, account)

    def documents(self, state: ErpState | None = None) -> tuple[ErpDocument, ...]:
        found = services.get(Accounting).erp_documents(exporter=self.name, state=state, limit=10_000)
        return tuple(reversed(found))


@contextmanager
def a_gp(folder: Path, *, every_minutes: int = 60, **settings: str) -> Iterator[Gp]:
    """Configured and begun; nothing is mapped yet."""
    gp = Gp(folder / "gp")
    table = {
        "folder": str(gp.folder),
        "functional_currency": "EUR",
        "every_minutes": every_minutes,
        **settings,
    }
    with changed_configuration(erp={GP: table}):
        begin_export(by_operator(), exporter=GP, first_journal_number=9_000_001)
        yield gp


def map_account(
    book: str,
    account: str,
    *,
    owner: str = "*",
    currency: str = "*",
    customer: str = "",
    method: Method | None = None,
    exporter: str = GP,
) -> None:
    mapping.map_erp_account(
        by_operator(),
        exporter=exporter,
        key=AccountKey(book, owner, currency),
        account=account,
        customer=customer,
        method=method,
    )


def treat(book: str, treatment: Treatment, *, exporter: str = GP) -> None:
    mapping.set_treatment(by_operator(), exporter=exporter, book=book, treatment=treatment)


def book_entry(*legs: Leg, at: datetime = NOW, kind: str = "top_up") -> EntryDraft:
    """Post an entry; answers it."""
    draft = EntryDraft(
        id=new_id(), key=f"erp-test:{next(_numbers)}:{new_id()}", kind=kind, occurred_at=at, legs=legs
    )
    posted = services.get(Ledger).post(entry=draft)
    assert isinstance(posted, Posted)
    return draft


def a_top_up(
    amount: str = "20.00", code: str = "EUR", *, at: datetime = NOW, provider: str = "sandbox"
) -> EntryDraft:
    paid = Money.parse(amount, code)
    return book_entry(debit("provider_clearing", paid, owner=provider), credit("wallet_funding", paid), at=at)


def a_recognition(amount: str = "5.00", code: str = "EUR", *, at: datetime = NOW) -> EntryDraft:
    earned = Money.parse(amount, code)
    return book_entry(debit("deferred_revenue", earned), credit("revenue", earned), at=at, kind="recognition")


def settle_books() -> None:
    """As the worker does: until nothing is left behind the watermark."""
    ledger = services.get(Ledger)
    while ledger.folding().behind:
        ledger.fold()


def collect(*, exporter: str = GP, at: datetime = NOW):
    """Take what the books have, and make one batch of it."""
    settle_books()
    take_entries(exporter=exporter)
    return make_erp_batch(by_operator(at=at), exporter=exporter).answer


def the_job(*, at: datetime = NOW) -> None:
    settle_books()
    assert export_to_erps(at=at) == 0


def assert_exports_prove() -> None:
    """What must hold of exports does, and the ledger is whole. (Entries made here alone have no payments behind them.)"""
    broken = [
        f"{check.name}: {place}"
        for check in (*ERP_INVARIANTS, *LEDGER_INVARIANTS)
        for place in check.violations()
    ]
    assert not broken, "\n".join(broken)
