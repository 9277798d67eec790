"""The ledger's contract once more, in plain lists and sums: what a correct one must answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import (
    AMOUNT_MINOR_MAX,
    AccountRef,
    Balance,
    Book,
    EntryDraft,
    EntryFilter,
    HoldState,
    Leg,
    Posted,
    Refused,
    Side,
    StatementFilter,
)


@dataclass
class Kept:
    """An entry in the books."""

    draft: EntryDraft
    reverses: UUID | None = None

    @property
    def body(self) -> tuple[object, ...]:
        """Everything of it but its id."""
        draft = self.draft
        return (
            draft.key,
            draft.kind,
            draft.occurred_at,
            draft.legs,
            draft.reference,
            dict(draft.details),
            self.reverses,
        )


@dataclass
class KeptHold:
    id: UUID
    account: AccountRef
    minor: int
    expires_at: datetime
    state: HoldState = HoldState.OPEN
    captured: int = 0


@dataclass(frozen=True)
class Line:
    """A line of a statement, without its number."""

    entry_id: UUID
    kind: str
    occurred_at: datetime
    minor: int
    balance_after: int
    reference: str


@dataclass
class BooksModel:
    books: dict[str, Book]
    entries: list[Kept] = field(default_factory=list)
    holds: dict[UUID, KeptHold] = field(default_factory=dict)

    # -- writes ---------------------------------------------------------------------------------------------

    def post(self, draft: EntryDraft, *, reverses: UUID | None = None) -> Posted | Refused:
        if reason := _no_entry(draft):
            return Refused(reason)
        kept = Kept(draft, reverses)
        if (known := self._by_key(draft.key)) is not None:
            if known.body != kept.body:
                return Refused("entry_key_reused")
            return Posted(known.draft.id, replayed=True)
        if any(leg.book not in self.books for leg in draft.legs):
            return Refused("book_unknown")
        moved = Counter[AccountRef]()
        for leg in draft.legs:
            moved[leg.account] += self._signed(leg)
        for account, minor in moved.items():
            if self.books[account.book].floored and self.balance(account).available.minor + minor < 0:
                return Refused("insufficient_funds")
        self.entries.append(kept)
        return Posted(draft.id)

    def reverse(
        self,
        original: Kept,
        *,
        key: str,
        reversal_id: UUID,
        occurred_at: datetime,
        legs: Sequence[Leg] | None,
    ) -> Posted | Refused:
        draft = EntryDraft(
            id=reversal_id,
            key=key,
            kind="reversal",
            occurred_at=occurred_at,
            legs=tuple(_mirrored(original.draft.legs if legs is None else legs)),
            reference=original.draft.reference,
            details={"of": original.draft.kind},
        )
        left = Counter[tuple[AccountRef, Side]]()
        for leg in original.draft.legs:
            left[leg.account, leg.side] += leg.amount.minor
        for earlier in self.entries:
            if earlier.reverses == original.draft.id:
                for leg in _mirrored(earlier.draft.legs):
                    left[leg.account, leg.side] -= leg.amount.minor
        for leg in _mirrored(draft.legs):
            left[leg.account, leg.side] -= leg.amount.minor
        exceeds = min(left.values()) < 0

        count = len(self.entries)
        outcome = self.post(draft, reverses=original.draft.id)
        posted = len(self.entries) > count
        if exceeds and (posted or outcome == Refused("insufficient_funds")):
            del self.entries[count:]
            return Refused("entry_already_reversed" if legs is None else "reversal_exceeds_entry")
        return outcome

    def hold(self, hold: KeptHold) -> str:
        """The reason why it is refused; empty if it is not. A hold of the same id again changes nothing."""
        if hold.id in self.holds:
            return ""
        if self.balance(hold.account).available.minor < hold.minor:
            return "insufficient_funds"
        self.holds[hold.id] = hold
        return ""

    def capture(self, hold_id: UUID, *, minor: int | None, at: datetime) -> str:
        hold = self.holds[hold_id]
        if hold.state is not HoldState.OPEN:
            return "hold_closed"
        if hold.expires_at <= at:
            return "hold_expired"
        captured = hold.minor if minor is None else minor
        if not 0 < captured <= hold.minor:
            return "capture_exceeds_hold"
        hold.state, hold.captured = HoldState.CAPTURED, captured
        return ""

    def void(self, hold_id: UUID) -> str:
        hold = self.holds[hold_id]
        if hold.state in (HoldState.CAPTURED, HoldState.LAPSED):
            return "hold_closed"
        hold.state = HoldState.VOIDED
        return ""

    def lapse(self, *, at: datetime, only: Sequence[UUID] | None = None) -> set[UUID]:
        due = {
            hold.id
            for hold in self.holds.values()
            if hold.state is HoldState.OPEN and hold.expires_at <= at and (only is None or hold.id in only)
        }
        for hold_id in due:
            self.holds[hold_id].state = HoldState.LAPSED
        return due

    # -- reads ----------------------------------------------------------------------------------------------

    def balance(self, account: AccountRef) -> Balance:
        unit = currency(account.currency)
        held = sum(
            hold.minor
            for hold in self.holds.values()
            if hold.account == account and hold.state is HoldState.OPEN
        )
        return Balance(self.posted(account, lambda _: True), Money(held, unit))

    def posted(self, account: AccountRef, of: Callable[[EntryDraft], bool]) -> Money:
        minor = sum(
            self._signed(leg)
            for kept in self.entries
            if of(kept.draft)
            for leg in kept.draft.legs
            if leg.account == account
        )
        return Money(minor, currency(account.currency))

    def accounts(self) -> set[AccountRef]:
        return {leg.account for kept in self.entries for leg in kept.draft.legs}

    def statement(self, account: AccountRef, only: StatementFilter) -> list[Line]:
        lines, running = [], 0
        for kept in self.entries:
            draft = kept.draft
            for leg in draft.legs:
                if leg.account == account:
                    minor = self._signed(leg)
                    running += minor
                    if (
                        (not only.kinds or draft.kind in only.kinds)
                        and (only.occurred_from is None or draft.occurred_at >= only.occurred_from)
                        and (only.occurred_until is None or draft.occurred_at < only.occurred_until)
                        and (only.incoming is None or only.incoming == (minor > 0))
                    ):
                        lines.append(
                            Line(draft.id, draft.kind, draft.occurred_at, minor, running, draft.reference)
                        )
        return lines[::-1]

    def sums(self, *, until: datetime | None = None) -> dict[tuple[str, str], tuple[int, int]]:
        """Debits and credits of each book and currency."""
        sums: dict[tuple[str, str], tuple[int, int]] = {}
        for kept in self.entries:
            if until is None or kept.draft.occurred_at < until:
                for leg in kept.draft.legs:
                    debits, credits = sums.get((leg.book, leg.amount.currency.code), (0, 0))
                    if leg.side is Side.DEBIT:
                        debits += leg.amount.minor
                    else:
                        credits += leg.amount.minor
                    sums[leg.book, leg.amount.currency.code] = debits, credits
        return sums

    def find(self, only: EntryFilter) -> list[UUID]:
        """Ids of entries, newest first."""
        return sorted((kept.draft.id for kept in self.entries if _meets(kept.draft, only)), reverse=True)

    def _by_key(self, key: str) -> Kept | None:
        return next((kept for kept in self.entries if kept.draft.key == key), None)

    def _signed(self, leg: Leg) -> int:
        return leg.amount.minor if leg.side is self.books[leg.book].side else -leg.amount.minor


def _no_entry(draft: EntryDraft) -> str:
    if not 2 <= len(draft.legs) <= 1000 or any(leg.amount.minor < 1 for leg in draft.legs):
        return "entry_empty"
    if any(leg.amount.minor > AMOUNT_MINOR_MAX for leg in draft.legs):
        return "amount_too_large"
    sums = Counter[str]()
    for leg in draft.legs:
        sums[leg.amount.currency.code] += leg.amount.minor if leg.side is Side.DEBIT else -leg.amount.minor
    return "entry_unbalanced" if any(sums.values()) else ""


def _mirrored(legs: Iterable[Leg]) -> Iterable[Leg]:
    return (Leg(leg.side.other, leg.book, leg.amount, leg.owner) for leg in legs)


def _meets(draft: EntryDraft, only: EntryFilter) -> bool:
    def touches(leg: Leg) -> bool:
        return (
            only.book in ("", leg.book)
            and only.owner in (None, leg.owner)
            and only.amount in (None, leg.amount)
        )

    return (
        only.reference in ("", draft.reference)
        and only.kind in ("", draft.kind)
        and (only.occurred_from is None or draft.occurred_at >= only.occurred_from)
        and (only.occurred_until is None or draft.occurred_at < only.occurred_until)
        and any(map(touches, draft.legs))
    )
