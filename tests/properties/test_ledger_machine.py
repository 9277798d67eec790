"""The ledger and a plain model of it, told the same: every answer and every figure must be equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import count
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from tests.builders.books import assert_books_prove
from tests.builders.people import NOW
from tests.properties.books_model import BooksModel, Kept, KeptHold, Line
from tests.properties.drafts import (
    NAMES,
    Body,
    an_id,
    bodies,
    codes,
    keys,
    minors,
    moments,
    months,
    names,
    owners,
    references,
    spoilt,
)
from tests.properties.machines import run_machine
from tests.sweep import Sweep
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import (
    AccountRef,
    Book,
    EntryDraft,
    EntryFilter,
    HoldState,
    Ledger,
    Leg,
    Posted,
    Refused,
    Side,
    StatementFilter,
    UnableToHold,
    UnableToPost,
    credit,
    debit,
)
from warchest.runtime.services import services

_examples = count(1)


class LedgerMachine(RuleBasedStateMachine):
    posted = Bundle("posted")
    holds = Bundle("holds")

    @initialize()
    def found(self) -> None:
        self.ledger = services.get(Ledger)
        self.suffix = f"-{next(_examples)}"
        books = [
            Book(name + self.suffix, kind, side, floored) for name, (kind, side, floored) in NAMES.items()
        ]
        self.ledger.define_books(books=books)
        self.model = BooksModel({book.code: book for book in books})
        self.before = self.ledger.count_entries()
        self.drafts: list[EntryDraft] = []
        self.changed = False
        for code in ("XCR", "EUR"):
            for owner in ("", "anna"):
                self._fund(code, owner, 30)

    # -- entries --------------------------------------------------------------------------------------------

    @rule(
        target=posted,
        # A new entry, or one of the last ones again.
        wanted=st.lists(st.tuples(bodies | st.integers(1, 6), months), min_size=1, max_size=5),
        inside=st.booleans(),
    )
    def post_set(self, wanted, inside):
        entries = []
        for what, month in wanted:
            if isinstance(what, Body):
                self.drafts.append(self._draft(what))
                what = 1
            # Whoever asks again makes the id anew.
            entries += [replace(draft, id=an_id(month)) for draft in self.drafts[-what:][:1]]
        with transaction.atomic() if inside else nullcontext():
            outcomes = self.ledger.post_set(entries=entries)
        self.changed = True
        assert outcomes == tuple(map(self.model.post, entries))
        return multiple(*self._new(outcomes))

    @rule(
        target=posted,
        body=bodies,
        how=st.sampled_from(["empty", "book", "zero", "unbalanced", "large"]),
        place=st.integers(0, 2),
    )
    def post_one_that_is_none(self, body, how, place):
        """Among others, which are not its fault."""
        entries = [replace(self._draft(body), id=new_id()) for _ in range(3)]
        entries[place] = replace(entries[place], legs=spoilt(entries[place].legs, how))
        outcomes = self.ledger.post_set(entries=entries)
        self.changed = True
        assert outcomes == tuple(map(self.model.post, entries))
        return multiple(*self._new(outcomes))

    def _draft(self, body: Body) -> EntryDraft:
        return EntryDraft(
            new_id(),
            body.key + self.suffix,
            body.kind,
            body.occurred_at,
            body.legs(self.suffix),
            body.reference and body.reference + self.suffix,
            body.details,
        )

    @rule(target=posted, owner=owners, code=codes, minor=st.sampled_from([10, 30]))
    def fund(self, owner, code, minor):
        return self._fund(code, owner, minor)

    def _fund(self, code: str, owner: str, minor: int) -> UUID:
        amount, identity = Money(minor, currency(code)), new_id()
        legs = (
            debit("issued" + self.suffix, amount),
            credit("purse" + self.suffix, amount, owner=owner),
        )
        draft = EntryDraft(identity, str(identity), "fund", NOW, legs)
        assert self.ledger.post(entry=draft) == self.model.post(draft)
        self.changed = True
        return identity

    @rule(target=posted, entry=posted, key=keys, month=months, occurred_at=moments, inside=st.booleans())
    def reverse(self, entry, key, month, occurred_at, inside):
        return self._reverse(entry, key, month, occurred_at, inside, legs=None)

    @rule(
        target=posted,
        entry=posted,
        key=keys,
        month=months,
        occurred_at=moments,
        inside=st.booleans(),
        data=st.data(),
    )
    def reverse_in_part(self, entry, key, month, occurred_at, inside, data):
        legs = self._kept(entry).draft.legs
        # Equal amounts of a debit and a credit balance again, within the entry's own legs or slightly beyond.
        pairs = [
            (one, other)
            for one in legs
            for other in legs
            if one.side is Side.DEBIT
            and other.side is Side.CREDIT
            and one.amount.currency == other.amount.currency
        ]
        one, other = data.draw(st.sampled_from(pairs), "pair")
        most = min(one.amount.minor, other.amount.minor)
        amount = Money(data.draw(st.integers(1, most + 1), "minor"), one.amount.currency)
        parts = [Leg(leg.side, leg.book, amount, leg.owner) for leg in (one, other)]
        return self._reverse(entry, key, month, occurred_at, inside, legs=parts)

    def _reverse(self, entry, key, month, occurred_at, inside, legs):
        reversal_id = an_id(month)
        expected = self.model.reverse(
            self._kept(entry),
            key=key + self.suffix,
            reversal_id=reversal_id,
            occurred_at=occurred_at,
            legs=legs,
        )
        with transaction.atomic() if inside else nullcontext():
            try:
                outcome: Posted | Refused = self.ledger.reverse(
                    entry_id=entry,
                    key=key + self.suffix,
                    reversal_id=reversal_id,
                    occurred_at=occurred_at,
                    legs=legs,
                )
            except UnableToPost as refusal:
                # Inside a journey's transaction, which can go on.
                outcome = Refused(refusal.reason)
        self.changed = True
        assert outcome == expected
        assert self.ledger.reversals(entry_id=entry) == tuple(
            kept.draft.id for kept in self.model.entries if kept.reverses == entry
        )
        return multiple(*self._new([outcome]))

    # -- holds ----------------------------------------------------------------------------------------------

    @rule(
        target=holds,
        name=st.sampled_from(["purse", "till"]),
        owner=owners,
        code=codes,
        minor=minors,
        at=moments,
    )
    def hold(self, name, owner, code, minor, at):
        hold = KeptHold(new_id(), AccountRef(name + self.suffix, code, owner), minor, at)
        return hold.id if self._hold(hold) else multiple()

    @precondition(lambda self: self.model.holds)
    @rule(hold=holds)
    def hold_again(self, hold):
        assert self._hold(self.model.holds[hold])

    def _hold(self, hold: KeptHold) -> bool:
        expected = self.model.hold(hold)
        self.changed = True
        try:
            self.ledger.hold(
                hold_id=hold.id,
                account=hold.account,
                amount=Money(hold.minor, currency(hold.account.currency)),
                reason="match",
                expires_at=hold.expires_at,
            )
        except UnableToHold as refusal:
            assert refusal.reason == expected
            return False
        assert not expected
        return True

    @rule(target=posted, hold=holds, minor=st.none() | st.integers(0, 21), at=moments)
    def capture(self, hold, minor, at):
        kept = self.model.holds[hold]
        unit = currency(kept.account.currency)
        expected = self.model.capture(hold, minor=minor, at=at)
        try:
            with transaction.atomic():
                amount = None if minor is None else Money(minor, unit)
                closed = self.ledger.release_for_capture(hold_id=hold, amount=amount, at=at)
                own, others = kept.account.book, "revenue" + self.suffix
                owner = kept.account.owner
                legs = (
                    (debit(own, closed.captured, owner=owner), credit(others, closed.captured))
                    if self.model.books[own].side is Side.CREDIT
                    else (debit(others, closed.captured), credit(own, closed.captured, owner=owner))
                )
                draft = EntryDraft(new_id(), f"hold:{hold}", "capture", at, legs)
                outcome = self.ledger.post(entry=draft)
        except UnableToHold as refusal:
            assert refusal.reason == expected
            return multiple()
        assert not expected
        assert outcome == self.model.post(draft)
        self.changed = True
        return draft.id

    @rule(hold=holds)
    def void(self, hold):
        expected = self.model.void(hold)
        self.changed = True
        try:
            self.ledger.void(hold_id=hold)
        except UnableToHold as refusal:
            assert refusal.reason == expected
        else:
            assert not expected

    @rule(at=moments, only=st.none() | st.lists(holds, max_size=3))
    def lapse(self, at, only):
        self.changed = True
        lapsed = self.ledger.lapse(at=at, hold_ids=only)
        assert set(lapsed) & self.model.holds.keys() == self.model.lapse(at=at, only=only)

    def _holds_are_equal(self) -> None:
        for book in ("purse", "till"):
            found = {hold.id for hold in self.ledger.open_holds(book=book + self.suffix)}
            assert found == {
                hold.id
                for hold in self.model.holds.values()
                if hold.state is HoldState.OPEN and hold.account.book == book + self.suffix
            }

    # -- time and folding -----------------------------------------------------------------------------------

    @rule(entries_max=st.sampled_from([1, 2, 3, 10_000]))
    def fold(self, entries_max):
        self.changed = True
        behind = self.ledger.folding().behind
        assert self.ledger.fold(entries_max=entries_max) <= min(entries_max, behind)

    # -- what is read ---------------------------------------------------------------------------------------

    @rule(
        account=st.builds(lambda name, code, owner: (name, code, owner), names, codes, owners),
        page=st.integers(1, 4),
        only=st.builds(
            StatementFilter,
            st.sampled_from([(), ("sale",), ("NULL", "reversal")]),
            st.none() | moments,
            st.none() | moments,
            st.none() | st.booleans(),
        ),
    )
    def statement(self, account, page, only):
        name, code, owner = account
        account = AccountRef(name + self.suffix, code, owner)
        lines, before = [], None
        while step := self.ledger.statement(account=account, before=before, limit=page, only=only):
            assert len(step) <= page
            lines += step
            before = step[-1].sequence
        assert [line.sequence for line in lines] == sorted({line.sequence for line in lines}, reverse=True)
        assert [
            Line(
                line.entry_id,
                line.kind,
                line.occurred_at,
                line.amount.minor,
                line.balance_after.minor,
                line.reference,
            )
            for line in lines
        ] == self.model.statement(account, only)

    @rule(name=names, owner=owners, code=codes, at=moments)
    def balance_at(self, name, owner, code, at):
        account = AccountRef(name + self.suffix, code, owner)
        assert self.ledger.balance_at(account=account, at=at) == self.model.posted(
            account, lambda draft: draft.occurred_at < at
        )

    @rule(until=st.none() | moments)
    def trial_balance(self, until):
        lines = self.ledger.trial_balance(until=until)
        assert {
            (line.book, line.currency): (line.debit_minor, line.credit_minor)
            for line in lines
            if line.book in self.model.books
        } == self.model.sums(until=until)

    @rule(
        reference=references,
        kind=st.sampled_from(["", "", "sale", "reversal"]),
        amount=st.none() | st.builds(lambda minor, code: Money(minor, currency(code)), minors, codes),
        name=st.none() | names,
        owner=st.none() | owners,
        occurred_from=st.none() | moments,
        occurred_until=st.none() | moments,
        page=st.integers(1, 4),
    )
    def find(self, reference, kind, amount, name, owner, occurred_from, occurred_until, page):
        # Other examples' entries are in the same database: book or reference say that ours are meant.
        book = name + self.suffix if name else "" if reference else "purse" + self.suffix
        reference = reference + self.suffix if reference else ""
        only = EntryFilter(reference, kind, amount, book, owner, occurred_from, occurred_until)
        found, before = [], None
        while step := self.ledger.find_entries(only=only, before=before, limit=page):
            found += step
            before = step[-1].id
        assert [entry.id for entry in found] == self.model.find(only)

    @invariant()
    def balances_and_holds_are_equal(self) -> None:
        if not getattr(self, "changed", False):
            return
        self.changed = False
        for account in self.model.accounts():
            assert self.ledger.balance(account=account) == self.model.balance(account), account
        self._holds_are_equal()

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        assert self.ledger.count_entries() - self.before == len(self.model.entries)
        self._all_is_equal()
        while self.ledger.fold():
            pass
        assert self.ledger.folding().behind == 0
        self._all_is_equal()
        assert_books_prove()

    def _all_is_equal(self) -> None:
        entries = self.ledger.entries(entry_ids=[kept.draft.id for kept in self.model.entries])
        for kept in self.model.entries:
            entry = entries[kept.draft.id]
            assert kept.reverses == entry.reverses
            assert kept.draft == EntryDraft(
                entry.id,
                entry.key,
                entry.kind,
                entry.occurred_at,
                entry.legs,
                entry.reference,
                entry.details,
            )
        listed = {
            one.account: (one.posted, one.held)
            for book in self.model.books
            for one in self.ledger.accounts(book=book)
        }
        for account in self.model.accounts():
            balance = self.model.balance(account)
            assert listed.pop(account) == (balance.posted, balance.held)
        # A refused entry may have opened an account.
        assert not any(posted or held for posted, held in listed.values())

    def _kept(self, entry_id: UUID) -> Kept:
        return next(kept for kept in self.model.entries if kept.draft.id == entry_id)

    @staticmethod
    def _new(outcomes: Sequence[Posted | Refused]) -> list[UUID]:
        return [one.entry_id for one in outcomes if isinstance(one, Posted) and not one.replayed]


@pytest.mark.timeout(0)
def test_the_ledger_answers_as_its_model_does(
    lasting_database: Callable[[], AbstractContextManager[str]], sweep: Sweep
) -> None:
    with lasting_database():
        run_machine(LedgerMachine, sweep, examples=25, steps=50)
