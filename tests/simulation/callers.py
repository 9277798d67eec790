"""Callers who ask the house for everything at once: the same accounts, keys, entries, holds and wallets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Protocol
from uuid import UUID

from django.db import connections, transaction

from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player
from warchest.jobs.books import seal_journal
from warchest.journeys.hold_units import capture_hold, reserve_units, void_hold
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import (
    AccountRef,
    Book,
    BookKind,
    EntryDraft,
    EntryFilter,
    Ledger,
    Leg,
    Posted,
    Side,
    credit,
    debit,
)
from warchest.runtime import invariants
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

OWNERS = tuple(f"owner{number}" for number in range(5))
ISSUED = AccountRef("issued", "XCR")
_LATER = NOW + timedelta(hours=1)


def prepare() -> tuple[UUID, ...]:
    """Books of the callers' own, some money in them, and players with wallets."""
    ledger = services.get(Ledger)
    ledger.define_books(
        books=[
            Book("purse", BookKind.MEMORANDUM, Side.CREDIT, floored=True),
            Book("issued", BookKind.MEMORANDUM, Side.DEBIT),
        ]
    )
    ledger.post_set(entries=[issue(owner, 100) for owner in OWNERS])
    return tuple(a_player(with_units="100").id for _ in range(3))


def purse(owner: str) -> AccountRef:
    return AccountRef("purse", "XCR", owner)


def issue(owner: str, minor: int) -> EntryDraft:
    amount = Money.units(minor)
    return draft(debit("issued", amount), credit("purse", amount, owner=owner))


def move(one: str, other: str, minor: int, key: str = "") -> EntryDraft:
    amount = Money.units(minor)
    return draft(debit("purse", amount, owner=one), credit("purse", amount, owner=other), key=key)


def draft(*legs: Leg, key: str = "") -> EntryDraft:
    identity = new_id()
    return EntryDraft(identity, key or f"mix:{identity}", "mix", NOW, legs, reference=f"of-{len(legs)}")


@dataclass(frozen=True, slots=True)
class Done:
    posted: dict[str, UUID]


@journey("tests.pay_there_and_back")
def pay_there_and_back(tx: Transaction, *, one: str, other: str) -> Done:
    """It locks its accounts one after the other, as they come: a journey is begun again where that ends in a ring."""
    entries = [move(one, other, 5), move(other, one, 4), issue(one, 1)]
    return Done({entry.key: tx.get(Ledger).post(entry=entry).entry_id for entry in entries})


@journey("tests.capture")
def capture(tx: Transaction, *, hold_id: UUID, payee: str) -> Done:
    ledger = tx.get(Ledger)
    closed = ledger.release_for_capture(hold_id=hold_id, amount=Money.units(1), at=NOW)
    if closed.account.owner == payee:
        return Done({})
    entry = move(closed.account.owner, payee, 1, key=f"captured:{hold_id}")
    return Done({entry.key: ledger.post(entry=entry).entry_id})


class Notes(Protocol):
    def posted(self, key: str, entry_id: UUID) -> None:
        """The house has answered that this key is in the books; empty where the answer does not tell it."""
        ...

    def held(self, hold_id: UUID) -> None:
        """The house has answered that it holds this."""
        ...


class Caller:
    """One who goes on asking, with a connection of his own. What the house may refuse is no failure; all else is."""

    def __init__(self, *, seed: int, players: Sequence[UUID], notes: Notes, only: Sequence[str] = ()) -> None:
        self.chance = Random(seed)
        self.players = players
        self.notes = notes
        self.ledger = services.get(Ledger)
        self.holds: list[UUID] = []
        self.work: list[Callable[[], None]] = [getattr(self, name) for name in only or WORK]
        self.done = 0

    def run(self, *, until: float) -> None:
        try:
            while time.monotonic() < until:
                self.once()
        finally:
            connections.close_all()

    def once(self) -> None:
        try:
            self.chance.choice(self.work)()
        except UnableTo as refusal:
            if refusal.reason in refusal.passing:
                raise
        self.done += 1

    # -- entries --------------------------------------------------------------------------------------------

    def pay(self) -> None:
        self._post([move(*self.chance.sample(OWNERS, 2), self.chance.randint(1, 40))])

    def pay_in_a_set(self) -> None:
        entries = [
            move(*self.chance.sample(OWNERS, 2), self.chance.randint(1, 40))
            for _ in range(self.chance.randint(2, 8))
        ]
        self._post([*entries, self.chance.choice(entries), issue(self.chance.choice(OWNERS), 3)])

    def pay_to_a_new_owner(self) -> None:
        # Several open the same ones at the same moment, in any order.
        fresh = [f"new{int(time.monotonic() * 5) + number}" for number in range(3)]
        self.chance.shuffle(fresh)
        self._post([move(self.chance.choice(OWNERS), owner, 1) for owner in fresh])

    def post_under_a_shared_key(self) -> None:
        number = int(time.monotonic() * 30)
        one, other = OWNERS[number % 5], OWNERS[(number + 1) % 5]
        self._post([move(one, other, 1, key=f"shared:{number}"), move(other, one, 2)])

    def pay_within_a_transaction(self) -> None:
        one, other = self.chance.sample(OWNERS, 2)
        self._without_order(lambda: pay_there_and_back(a_command(), one=one, other=other).answer)

    def reverse(self) -> None:
        original = self._any_entry()
        key = f"reversal:{original.id}:{self.chance.randint(0, 1)}"
        posted = self.ledger.reverse(entry_id=original.id, key=key, reversal_id=new_id(), occurred_at=NOW)
        self.notes.posted(key, posted.entry_id)

    def reverse_in_part(self) -> None:
        original, key = self._any_entry(), f"part:{new_id()}"
        part = Money.units(self.chance.randint(1, 20))
        legs = [Leg(leg.side, leg.book, part, leg.owner) for leg in original.legs]
        posted = self.ledger.reverse(
            entry_id=original.id, key=key, reversal_id=new_id(), occurred_at=NOW, legs=legs
        )
        self.notes.posted(key, posted.entry_id)

    def _any_entry(self):
        newest = self.ledger.find_entries(only=EntryFilter(kind="mix", book="purse"), limit=8)
        return self.chance.choice(newest)

    def _post(self, entries: Sequence[EntryDraft]) -> None:
        self._note(entries, self.ledger.post_set(entries=entries))

    def _note(self, entries, outcomes) -> None:
        for entry, outcome in zip(entries, outcomes, strict=True):
            if isinstance(outcome, Posted):
                self.notes.posted(entry.key, outcome.entry_id)

    # -- holds ----------------------------------------------------------------------------------------------

    def hold(self) -> None:
        hold_id = new_id()
        self.ledger.hold(
            hold_id=hold_id,
            account=purse(self.chance.choice(OWNERS)),
            amount=Money.units(self.chance.randint(1, 20)),
            reason="match",
            expires_at=_LATER if self.chance.random() < 0.8 else NOW,
        )
        self.notes.held(hold_id)
        self.holds.append(hold_id)

    def capture(self) -> None:
        hold_id = self._any_hold()
        payee = self.chance.choice(OWNERS)
        self._without_order(lambda: capture(a_command(), hold_id=hold_id, payee=payee).answer)

    def _without_order(self, journey: Callable[[], Done]) -> None:
        # Whoever locks without an order may be asked to try again, among so many; nobody else may.
        with suppress(TryAgain):
            for key, entry_id in journey().posted.items():
                self.notes.posted(key, entry_id)

    def void(self) -> None:
        self.ledger.void(hold_id=self._any_hold())

    def lapse(self) -> None:
        mine = self.holds[:3] if self.chance.random() < 0.5 else None
        self.ledger.lapse(at=NOW, hold_ids=mine)

    def _any_hold(self) -> UUID:
        if not self.holds:
            self.hold()
        return self.holds.pop(self.chance.randrange(len(self.holds)))

    # -- journeys -------------------------------------------------------------------------------------------

    def prolong(self) -> None:
        command = a_command(key=f"prolong-{int(time.monotonic() * 3)}-{self.chance.randint(0, 2)}")
        done = prolong_subscription(command, player=self.players[0], plan=ARENA_MONTH, periods=1)
        again = prolong_subscription(command, player=self.players[0], plan=ARENA_MONTH, periods=1)
        assert again.replayed
        assert again.answer == done.answer
        self.notes.posted("", done.answer.journal_entry)

    def prolong_for_another(self) -> None:
        player = self.chance.choice(self.players)
        prolong_subscription(a_command(), player=player, plan=ARENA_MONTH, periods=1)

    def hold_in_a_wallet(self) -> None:
        player = self.chance.choice(self.players)
        held = reserve_units(
            a_command(), player=player, amount=Money.units(100), purpose="match", expires_in_s=600
        ).answer
        self.notes.held(held.id)
        if self.chance.random() < 0.5:
            amount = Money.units(self.chance.randint(1, 100))
            captured = capture_hold(a_command(), hold_id=held.id, amount=amount).answer
            self.notes.posted(f"hold:{held.id}", captured.entry_id)
        else:
            void_hold(a_command(), hold_id=held.id)

    # -- what runs beside ------------------------------------------------------------------------------------

    def fold(self) -> None:
        self.ledger.fold(entries_max=self.chance.choice([1, 7, 1000]))

    def seal(self) -> None:
        self.ledger.seal(entries_max=self.chance.choice([1, 7, 1000]))

    def seal_and_sign(self) -> None:
        seal_journal()

    def prove(self) -> None:
        broken = [checked for checked in invariants.check_all() if checked.places]
        assert not broken, broken

    def read(self) -> None:
        """Whatever runs beside, what is read at one moment is true at that moment."""
        account = purse(self.chance.choice(OWNERS)) if self.chance.random() < 0.8 else ISSUED
        with transaction.atomic(), connections["default"].cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            balance = self.ledger.balance(account=account)
            lines = self.ledger.statement(account=account, limit=10**6)
            at_end = self.ledger.balance_at(account=account, at=_LATER)
            listed = self.ledger.accounts(book=account.book, owner=account.owner)
        self._is_true(lines, balance.posted.minor)
        assert at_end == balance.posted
        assert [(one.posted, one.held) for one in listed] == [(balance.posted, balance.held)]
        assert account == ISSUED or balance.available.minor >= 0

    def read_at_once(self) -> None:
        """Each answer is of one moment even where nobody asked for that."""
        self._is_true(self.ledger.statement(account=purse(self.chance.choice(OWNERS)), limit=10**6))
        sums: dict[str, int] = {}
        for until in (None, NOW, _LATER):
            lines = self.ledger.trial_balance(until=until)
            sums = {}
            for line in lines:
                sums[line.currency] = sums.get(line.currency, 0) + line.debit_minor - line.credit_minor
            assert not any(sums.values()), sums

    @staticmethod
    def _is_true(lines, posted: int | None = None) -> None:
        running = 0
        for line in reversed(lines):
            running += line.amount.minor
            assert line.balance_after.minor == running, "a line's balance is not that of the lines before"
        assert posted is None or posted == running, "the balance is not the sum of the statement"


WORK = (
    *("pay", "pay_in_a_set", "post_under_a_shared_key", "reverse", "reverse_in_part", "hold", "void") * 5,
    *("pay_to_a_new_owner", "lapse", "prolong", "prolong_for_another", "hold_in_a_wallet") * 2,
    *("fold", "seal", "read", "read_at_once") * 3,
    # Each ring of locks that PostgreSQL finds costs a second: often, they would be all that happens.
    *("pay_within_a_transaction", "capture"),
)
