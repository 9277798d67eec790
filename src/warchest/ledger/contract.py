"""The ledger, on one page: what it is told, what it answers, and every way in which it refuses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

AMOUNT_MINOR_MAX = 10**15
"""The most that one leg moves, in minor units; so no sum of an entry's legs can leave 64 bits."""

LEGS_MAX = 1000
"""So many legs an entry has at most."""


class UnableToPost(UnableTo):
    """The entry was refused and nothing of it was booked."""

    reasons = frozenset(
        {
            "insufficient_funds",  # an account with a floor would fall below it
            "entry_unbalanced",  # debits and credits differ in a currency
            "entry_empty",  # fewer than two legs or more than LEGS_MAX, or an amount that is not positive
            "book_unknown",  # a leg names a book that the chart does not have
            "entry_key_reused",  # the key was used for an entry with other contents
            "entry_unknown",  # there is no such entry to reverse
            "entry_already_reversed",  # all or part of it
            "reversal_exceeds_entry",  # more than the entry has left on an account and side
            "amount_too_large",  # a leg of more than AMOUNT_MINOR_MAX
        }
    )


class UnableToHold(UnableTo):
    """The hold could not be made, captured or let go."""

    reasons = frozenset(
        {
            "insufficient_funds",
            "hold_unknown",
            "hold_closed",
            "hold_expired",
            "capture_exceeds_hold",
            "amount_not_positive",
            "book_without_floor",  # nothing can be set aside of an account without an exact balance
            "hold_id_reused",  # the id was used for a hold of another account or amount
        }
    )


class UnableToSignHead(UnableTo):
    """No head was signed, since what was signed before and what is in the database do not agree. That is an alarm for
    those who run the house: nothing is repaired by itself, and nothing is overwritten."""

    reasons = frozenset(
        {
            "heads_file_missing",  # heads were written to it
            "heads_file_damaged",  # it ends before the last head that was written to it
            "sealed_block_missing",  # the database lacks the block of the last signed head
            "head_differs",  # it has another block of that number
            "chain_broken",  # the blocks since do not lead there
            "cut_not_last",  # the restore's own note is followed by another's
        }
    )


class UnableToArchive(UnableTo):
    """The month stays where it is."""

    reasons = frozenset(
        {
            "month_unknown",  # it has no tables: it never had, or they are archived already
            "month_not_over",  # it is not over for a month
            "month_not_oldest",  # an older one comes first
            "month_not_sealed",  # some of its entries are not folded or not sealed yet
        }
    )


class Side(StrEnum):
    DEBIT = "D"
    CREDIT = "C"

    @property
    def other(self) -> Side:
        return Side.CREDIT if self is Side.DEBIT else Side.DEBIT


class BookKind(StrEnum):
    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"
    MEMORANDUM = "memorandum"


@dataclass(frozen=True, slots=True)
class Book:
    """An account of the chart. ``side`` is where it grows. Accounts of a book with ``floored`` keep an exact balance
    that, less what is held, never falls below zero."""

    code: str
    kind: BookKind
    side: Side
    floored: bool = False


@dataclass(frozen=True, slots=True)
class AccountRef:
    """One account: a book, whose it is (a player, a provider, a country; empty for the house), and its currency."""

    book: str
    currency: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of an entry. ``amount`` is positive, in the account's currency."""

    side: Side
    book: str
    amount: Money
    owner: str = ""

    @property
    def account(self) -> AccountRef:
        return AccountRef(self.book, self.amount.currency.code, self.owner)


def debit(book: str, amount: Money, *, owner: object = "") -> Leg:
    return Leg(Side.DEBIT, book, amount, str(owner))


def credit(book: str, amount: Money, *, owner: object = "") -> Leg:
    return Leg(Side.CREDIT, book, amount, str(owner))


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """An entry to be posted.

    ``key`` names what is booked, for ever (``top-up:<payment>``). ``kind`` is what the statement calls it, ``reference``
    the business document, ``details`` what its description may mention. Legs of one account and side are allowed twice;
    legs of zero are left out by the caller.
    """

    id: UUID
    key: str
    kind: str
    occurred_at: datetime
    legs: tuple[Leg, ...]
    reference: str = ""
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Posted:
    """``replayed``: the key had posted this very entry before, under ``entry_id``."""

    entry_id: UUID
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str


@dataclass(frozen=True, slots=True)
class Balance:
    """All three in the account's currency; ``available`` = ``posted`` - ``held``. Positive on the book's own side."""

    posted: Money
    held: Money

    @property
    def available(self) -> Money:
        return self.posted - self.held


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account, the side of its book, and what is on it: positive on that side."""

    account: AccountRef
    kind: BookKind
    side: Side
    posted: Money
    held: Money


class HoldState(StrEnum):
    OPEN = "open"
    CAPTURED = "captured"
    VOIDED = "voided"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Hold:
    id: UUID
    account: AccountRef
    amount: Money
    captured: Money
    state: HoldState
    reason: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One leg as the account's owner sees it: ``amount`` is negative where it took away; ``sequence`` orders lines."""

    sequence: int
    entry_id: UUID
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    amount: Money
    balance_after: Money
    reference: str
    details: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class StatementFilter:
    """Which lines of a statement are wanted: of these kinds (empty: all), occurred within a half-open time, only what
    came in or only what went out (None: both)."""

    kinds: tuple[str, ...] = ()
    occurred_from: datetime | None = None
    occurred_until: datetime | None = None
    incoming: bool | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal entry. ``position`` is its place in the order of the books."""

    id: UUID
    position: int
    key: str
    cluster: str
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    legs: tuple[Leg, ...]
    reference: str
    details: Mapping[str, str | int]
    reverses: UUID | None


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries are wanted: all conditions that are given must hold. ``amount`` is that of a single leg; ``book``
    and ``owner`` name an account that a leg must touch; the time is half-open."""

    reference: str = ""
    kind: str = ""
    amount: Money | None = None
    book: str = ""
    owner: str | None = None
    occurred_from: datetime | None = None
    occurred_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrialLine:
    """A book's sums in one currency, over all its owners, in minor units."""

    book: str
    kind: BookKind
    side: Side
    currency: str
    debit_minor: int
    credit_minor: int

    @property
    def balance_minor(self) -> int:
        """Positive on the book's own side."""
        net = self.debit_minor - self.credit_minor
        return net if self.side is Side.DEBIT else -net


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the journal: how many entries it has, and the sums of every book and currency over them."""

    entries: int
    lines: tuple[TrialLine, ...]


@dataclass(frozen=True, slots=True)
class Folding:
    """How far the journal is folded into indexed postings and sums. Reads are true whatever this says: they add what
    lies behind; a long tail only makes them slow. ``behind`` counts positions, a few of which may be gaps."""

    position: int
    behind: int
    folded_at: datetime


@dataclass(frozen=True, slots=True)
class Sealing:
    """How far the journal is sealed: up to block ``number``, with it ``entries`` up to ``position``. ``signed`` is the
    newest block whose head was signed. ``behind`` counts positions that are not sealed, a few of which may be gaps; the
    first of their entries was recorded at ``oldest_unsealed_at``."""

    number: int
    position: int
    entries: int
    sealed_at: datetime | None
    signed: int
    behind: int
    oldest_unsealed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShownHead:
    """A signed head for others to keep: the file's ``line``, and the public ``key`` that signed it, hexadecimal."""

    line: str
    key: str


@dataclass(frozen=True, slots=True)
class ReadHead:
    """With block ``number`` there were so many ``entries``; ``hash`` is the block's, hexadecimal."""

    number: int
    entries: int
    hash: str
    signed_at: datetime


class UnableToReadHead(UnableTo):
    """It is not what that cluster signed."""

    reasons = frozenset({"head_malformed"})


@dataclass(frozen=True, slots=True)
class HeadsCut:
    """A restore of the books to the past: they stayed what they were up to block ``block``, which ends at ``position``.

    ``restored_to`` is None where they were restored as far as they went. ``left_behind`` is the last block behind the
    cut whose head was signed before the restore, 0 where none was. Until it is ``in_service`` it is a copy to look at.
    """

    block: int
    position: int
    restored_to: datetime | None
    backup: str
    in_service: bool
    signed_at: datetime
    left_behind: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What another app keeps of one entry: ``minor``, over all accounts that are compared, positive on the book's own side.

    ``entry`` is the entry's id or its key; ``record`` says what it is that is kept, where no such entry is to be found.
    """

    entry: UUID | str
    minor: int
    record: str


@dataclass(frozen=True, slots=True)
class Difference:
    """The first entry, in the order of the books, of which accounts and another app say something else: what the entry
    posted to the accounts, and what is kept of it. Where no entry does, ``record`` is the first that has no entry."""

    entry: Entry | None = None
    booked_minor: int = 0
    kept_minor: int = 0
    record: str = ""

    def __str__(self) -> str:
        if self.entry:
            return (
                f"first at entry {self.entry.id} (position {self.entry.position}),"
                f" which books {self.booked_minor}, while {self.kept_minor} are kept of it"
            )
        if self.record:
            return f"{self.record} of {self.kept_minor} has no entry"
        return "no entry differs by itself"


class Ledger(Protocol):
    """Entries and holds raise TryAgain (``busy``) where the database could not put them in order with what others did at the
    same time, after it was begun again a few times. What is repeated then, under its keys, is done once. Within a journey the
    journey begins again instead."""

    def define_books(self, *, books: Sequence[Book]) -> None:
        """Add books to the chart; one that is there stays as it is. Accounts open by themselves when first posted to."""
        ...

    def post(self, *, entry: EntryDraft) -> Posted:
        """Book one entry. Raises UnableToPost. The same key with the same contents answers what the first answered."""
        ...

    def post_set(self, *, entries: Sequence[EntryDraft]) -> tuple[Posted | Refused, ...]:
        """Book many, each accepted or refused by itself, in one round trip; answers in the order of the entries."""
        ...

    def reverse(
        self,
        *,
        entry_id: UUID,
        key: str,
        reversal_id: UUID,
        occurred_at: datetime,
        legs: Sequence[Leg] | None = None,
    ) -> Posted:
        """Book the mirror image of an entry, once; or, for a refund in part, that of ``legs``.

        ``legs`` are the parts of the entry's own legs that are to be undone, each on the side where the entry has it and of
        no more than it has; they balance like an entry. Over all partial reversals no account and side gets back more than
        the entry posted there, whatever runs at the same time. An entry of which a part was reversed cannot be reversed
        whole. Raises UnableToPost.
        """
        ...

    def hold(
        self, *, hold_id: UUID, account: AccountRef, amount: Money, reason: str, expires_at: datetime
    ) -> Hold:
        """Set aside an amount of a floored account. Raises UnableToHold. Repeated with the same id it is one hold."""
        ...

    @at_most_once
    def release_for_capture(self, *, hold_id: UUID, amount: Money | None, at: datetime) -> Hold:
        """Close a hold as captured for ``amount`` (None: all) and free what it set aside.

        To be followed, in the same transaction, by the entry that spends the captured amount. Raises UnableToHold.
        """
        ...

    def void(self, *, hold_id: UUID) -> Hold:
        """Let a hold go. Voiding one that is void already changes nothing. Raises UnableToHold."""
        ...

    @at_most_once
    def lapse(self, *, at: datetime, hold_ids: Sequence[UUID] | None = None) -> tuple[UUID, ...]:
        """Let go those of the holds (None: of all) that are open and expired by ``at``; answers which they were.

        An app that keeps something of its own for its holds lets go in the same transaction what it kept for those.
        """
        ...

    def open_holds(
        self,
        *,
        book: str,
        owner: str | None = None,
        expired_at: datetime | None = None,
        limit: int | None = None,
    ) -> tuple[Hold, ...]:
        """Holds that are open on accounts of a book (of one owner), first those that expire first; only expired ones,
        where a moment is given."""
        ...

    def find_hold(self, *, hold_id: UUID) -> Hold:
        """Raises UnableToHold (``hold_unknown``)."""
        ...

    def balance(self, *, account: AccountRef) -> Balance:
        """An account's balance now; zero where nothing was ever posted."""
        ...

    def balance_at(self, *, account: AccountRef, at: datetime) -> Money:
        """What was posted by all that had occurred before ``at``."""
        ...

    def statement(
        self,
        *,
        account: AccountRef,
        before: int | None = None,
        limit: int = 50,
        only: StatementFilter | None = None,
    ) -> tuple[StatementLine, ...]:
        """Lines of an account, newest first, below the ``sequence`` number ``before``, each with the balance after it."""
        ...

    def entry(self, *, entry_id: UUID) -> Entry | None: ...

    def entries(self, *, entry_ids: Sequence[UUID]) -> Mapping[UUID, Entry]:
        """Those of the entries that exist, in two queries however many they are."""
        ...

    def find_entries(
        self, *, only: EntryFilter, before: UUID | None = None, limit: int = 50
    ) -> tuple[Entry, ...]:
        """Entries that meet the filter, newest first, below the id ``before``."""
        ...

    def reversals(self, *, entry_id: UUID) -> tuple[UUID, ...]:
        """The entries that reverse this one or parts of it, oldest first."""
        ...

    def journal(self, *, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
        """The entries behind a position, in the order of the books; only as far as nothing can be inserted any more."""
        ...

    def count_entries(self) -> int: ...

    def count_entries_of(self, *, cluster: str) -> int:
        """Entries that bear this cluster's code. Reads all of them."""
        ...

    def trial_balance(self, *, until: datetime | None = None) -> tuple[TrialLine, ...]:
        """Sums of every book and currency: of all that is posted, or of what had occurred before ``until``."""
        ...

    def sums_of_reference(self, *, reference: str) -> tuple[TrialLine, ...]:
        """Sums of every book and currency over the entries of one business document. Reads all of them."""
        ...

    def stretch(self, *, after: int, upto: int) -> Stretch:
        """The entries behind one position up to another. Reads all of them."""
        ...

    def accounts(
        self,
        *,
        book: str = "",
        owner: str | None = None,
        currency: str = "",
        until: datetime | None = None,
        after: AccountRef | None = None,
        limit: int = 50,
    ) -> tuple[AccountBalance, ...]:
        """Accounts by book, owner and currency, behind ``after``, each with its balance: now, or of what had occurred
        before ``until`` (nothing is held then)."""
        ...

    def books(self) -> tuple[Book, ...]:
        """The chart, by kind and code."""
        ...

    def book_sums_by_owner(self, *, book: str) -> Mapping[tuple[str, str], int]:
        """Per (owner, currency) the balance of a book's accounts in minor units, positive on the book's own side."""
        ...

    def first_difference(
        self,
        *,
        book: str,
        accounts: Collection[tuple[str, str]],
        kept: Callable[[Sequence[Entry] | None], Iterable[Kept]],
    ) -> Difference:
        """Walk the entries of accounts of a book, given by (owner, currency), beside what another app keeps of them.

        For where sums were found to differ: it reads every entry of the accounts. ``kept`` is asked for what is kept of
        some entries, and once (None) for all there is; it answers each entry once, and may leave out what is zero.
        """
        ...

    def fold(self, *, entries_max: int = 10_000) -> int:
        """Fold the next entries into postings and sums; answers how many. Any number of workers may call it at once."""
        ...

    def folding(self) -> Folding:
        """How far folding has come."""
        ...

    def seal(self, *, entries_max: int = 1000) -> int:
        """Seal the next settled entries as one block of the chain; answers how many, 0 when there are none.

        Any number of workers may call it at once. What folding has not found settled yet waits.
        """
        ...

    def sign_head(self, *, at: datetime) -> str | None:
        """Sign the newest block and write this head to this host's file, outside the database; answers the file's line.

        None where the newest is signed already, or another process is at it. A head that a crash kept from its file is
        made up for by the next call. Raises UnableToSignHead.
        """
        ...

    def shown_head(self) -> ShownHead | None:
        """The newest signed head, to be shown to others; None where none was signed yet."""
        ...

    def read_head(self, *, head: ShownHead, cluster: str) -> ReadHead:
        """What another cluster's head says. Raises UnableToReadHead where its own key did not sign this of that cluster."""
        ...

    def hash_of_block(self, *, number: int) -> str:
        """The hash that this block of the chain has now, hexadecimal; empty where there is no such block."""
        ...

    def sealing(self) -> Sealing:
        """How far sealing has come."""
        ...

    def sign_cut(
        self, *, restore: datetime, restored_to: datetime | None, backup: str, in_service: bool, at: datetime
    ) -> HeadsCut:
        """After a restore: note, signed and beside the heads, up to where the books are what they were. Nothing else may
        work on the books meanwhile.

        ``restore`` identifies the restore, of the moment ``restored_to`` (None: the latest) from ``backup``. Without
        ``in_service`` the note counts only in a home that is set aside; with it, it takes that note's place. Repeating it is
        answered as the first time. Raises UnableToSignHead.
        """
        ...

    def cuts(self) -> tuple[HeadsCut, ...]:
        """All restores that were noted, the oldest first."""
        ...

    def open_months(self, *, at: datetime) -> int:
        """Have tables ready for the month of ``at`` and the two after it; answers how many were made."""
        ...

    @at_most_once
    def archive_month(self, *, month: date) -> int:
        """Take the tables of a month, named by its first day, out of those that work every day; answers how many entries
        they have. All that was readable stays so, and stays proved. Raises UnableToArchive."""
        ...
