"""An entry is undone by its mirror image, once, by whom it concerns, and only where nothing else hangs on it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.cards import a_batch
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from warchest.audit.contract import Audit, OperationFilter
from warchest.charging.contract import WALLET_BOOK
from warchest.journeys.activate_card import activate_card
from warchest.journeys.exchange_money import exchange_money
from warchest.journeys.hold_units import capture_hold, reserve_units
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.journeys.reverse_entry import UnableToReverse, reverse_entry
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import (
    AccountRef,
    EntryDraft,
    EntryFilter,
    Ledger,
    UnableToPost,
    credit,
    debit,
)
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")

TEN = Money.parse("10.00", "EUR")


def a_correction() -> UUID:
    """An entry that nothing but the books knows of."""
    identity = new_id()
    services.get(Ledger).post(
        entry=EntryDraft(
            id=identity,
            key=str(identity),
            kind="correction",
            occurred_at=NOW,
            legs=(debit("reseller_margin", TEN), credit("reseller_receivable", TEN, owner="kiosk")),
            reference="memo 7",
        )
    )
    return identity


def owed_by_the_kiosk() -> Money:
    account = AccountRef("reseller_receivable", "EUR", "kiosk")
    return services.get(Ledger).balance(account=account).posted


def reversed_by(role: Role, entry: UUID, *, reason: str = "Booked twice", key: str | None = None):
    return reverse_entry(acting_as(an_administrator(role), key=key), entry_id=entry, reason=reason)


class TestReversing:
    def test_books_the_mirror_image_and_leaves_the_entry_as_it_was(self) -> None:
        entry, ledger = a_correction(), services.get(Ledger)
        before = ledger.entry(entry_id=entry)
        done = reversed_by(Role.ACCOUNTANT, entry).answer
        mirror = ledger.entry(entry_id=done.entry_id)
        assert [(leg.side.other, leg.account, leg.amount) for leg in mirror.legs] == [
            (leg.side, leg.account, leg.amount) for leg in before.legs
        ]
        assert mirror.reverses == entry and ledger.reversals(entry_id=entry) == (done.entry_id,)
        assert ledger.entry(entry_id=entry) == before
        assert not owed_by_the_kiosk()
        assert_books_prove()

    def test_stands_in_the_record_with_its_reason(self) -> None:
        entry = a_correction()
        done = reversed_by(Role.OWNER, entry).answer
        (line,) = services.get(Audit).operations(where=OperationFilter(subject_id=str(entry))).items
        assert (line.name, line.outcome) == ("ledger.reverse_entry", "done")
        assert (line.details["reason"], line.details["reversal"]) == ("Booked twice", str(done.entry_id))

    def test_sent_again_answers_the_same(self) -> None:
        entry, command = a_correction(), acting_as(an_administrator(Role.ACCOUNTANT))
        first = reverse_entry(command, entry_id=entry, reason="Booked twice")
        again = reverse_entry(command, entry_id=entry, reason="Booked twice")
        assert again.replayed and again.answer == first.answer
        assert not owed_by_the_kiosk()

    def test_a_reversal_can_be_undone_in_turn(self) -> None:
        entry = a_correction()
        mirror = reversed_by(Role.ACCOUNTANT, entry).answer.entry_id
        reversed_by(Role.ACCOUNTANT, mirror, reason="It was right after all")
        assert owed_by_the_kiosk() == -TEN
        assert_books_prove()

    def test_undoes_an_exchange_that_was_recorded_wrong(self) -> None:
        entry = exchange_money(
            acting_as(an_administrator(Role.ACCOUNTANT)),
            source=AccountRef("bank", "USD", "house bank"),
            sold=Money.parse("11.00", "USD"),
            target=AccountRef("bank", "EUR", "house bank"),
            bought=TEN,
            day=NOW.date(),
        ).answer.entry_id
        reversed_by(Role.ACCOUNTANT, entry)
        assert not any(line.balance_minor for line in services.get(Ledger).trial_balance())
        assert_books_prove()

    def test_happens_once_whoever_asks_at_the_same_moment(self) -> None:
        entry, start = a_correction(), Barrier(6)
        commands = [acting_as(an_administrator(Role.ACCOUNTANT)) for _ in range(6)]

        def reverse(command) -> str:
            start.wait()
            try:
                reverse_entry(command, entry_id=entry, reason="Booked twice")
            except UnableToPost as refusal:
                return refusal.reason
            finally:
                connections.close_all()
            return "done"

        with ThreadPoolExecutor(6) as threads:
            answers = sorted(threads.map(reverse, commands))
        assert answers == ["done"] + ["entry_already_reversed"] * 5
        assert not owed_by_the_kiosk()
        assert_books_prove()


class TestRefusing:
    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.OPERATOR, Role.ADMINISTRATOR])
    def test_whoever_lacks_the_right(self, role: Role) -> None:
        with pytest.raises(UnableToAdminister, match="right_missing"):
            reversed_by(role, a_correction())

    def test_without_a_reason_and_what_is_not_there(self) -> None:
        for entry, reason, refusal in (
            (a_correction(), "  ", "reason_missing"),
            (new_id(), "Booked twice", "entry_unknown"),
        ):
            with pytest.raises(UnableTo, match=refusal):
                reversed_by(Role.ACCOUNTANT, entry, reason=reason)

    def test_what_was_given_back_in_part(self) -> None:
        entry = a_correction()
        one = Money.parse("1.00", "EUR")
        services.get(Ledger).reverse(
            entry_id=entry,
            key="part",
            reversal_id=new_id(),
            occurred_at=NOW,
            legs=(debit("reseller_margin", one), credit("reseller_receivable", one, owner="kiosk")),
        )
        with pytest.raises(UnableToPost, match="entry_already_reversed"):
            reversed_by(Role.ACCOUNTANT, entry)

    def test_whatever_lots_cards_payments_terms_or_commissions_hang_on(self) -> None:
        player = a_player(with_units="2000", sponsor=a_player())
        card = a_batch(quantity=2, reseller="kiosk").cards[0]
        activate_card(a_command(), player=player.id, code=card.code)
        prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
        held = reserve_units(
            a_command(), player=player.id, amount=Money.parse("5", "XCR"), purpose="match", expires_in_s=60
        ).answer
        capture_hold(a_command(), hold_id=held.id, amount=None)
        recognise_revenue(a_command(at=NOW.replace(day=17)), day=NOW.replace(day=16).date())
        reasons = {}
        for entry in services.get(Ledger).find_entries(only=EntryFilter()):
            with pytest.raises(UnableToReverse) as refused:
                reversed_by(Role.ACCOUNTANT, entry.id)
            reasons[entry.kind] = refused.value.reason
        assert reasons == {
            "top_up": "payment_hangs_on_entry",
            "batch_delivered": "card_hangs_on_entry",
            "card_activated": "card_hangs_on_entry",
            "subscription": "subscription_hangs_on_entry",
            "recognition": "subscription_hangs_on_entry",
            "charge": "wallet_hangs_on_entry",
        }
        assert_books_prove()

    def test_an_entry_by_hand_that_touches_a_wallet(self) -> None:
        player, identity, ledger = a_player(with_units="10"), new_id(), services.get(Ledger)
        units = Money.parse("1", "XCR")
        legs = (debit("units_issued", units), credit(WALLET_BOOK, units, owner=player.id))
        ledger.post(
            entry=EntryDraft(id=identity, key="by-hand", kind="correction", occurred_at=NOW, legs=legs)
        )
        with pytest.raises(UnableToReverse, match="wallet_hangs_on_entry"):
            reversed_by(Role.ACCOUNTANT, identity)
