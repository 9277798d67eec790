"""Paying by bank transfer: a reference for the player, the bank's statement in, and everything that people write wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import UUID

import pytest
from django.db import DatabaseError, connections

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from tests.builders.portal import a_browser
from warchest.charging.contract import Charging
from warchest.jobs.bank import match_bank_entries
from warchest.journeys import import_statement as importing
from warchest.journeys.decide_review import approve_payment, refuse_payment
from warchest.journeys.import_statement import Imported, import_statement
from warchest.journeys.order_payouts import order_payouts
from warchest.journeys.refund_payment import refund_payment
from warchest.journeys.resolve_entry import (
    book_entry_as,
    credit_arrived,
    note_as_booked,
    pay_by_entry,
    send_back,
)
from warchest.journeys.set_payment_rule import set_payment_rule
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role, UnableToAdminister
from warchest.payments.contract import (
    EntryKept,
    EntryState,
    FraudKey,
    FraudRule,
    FraudTest,
    FraudVerdict,
    Payment,
    Payments,
    RefundState,
    Resolution,
    RuleDraft,
    Status,
    UnableToImportStatement,
    UnableToOrderPayouts,
    UnableToResolveBankEntry,
    WaitReason,
)
from warchest.runtime.services import services
from warchest.sdk.payments import UnableToRead
from warchest_banktransfer.simulator import PretendedBank

IBAN = "DE89370400440532013000"
PROVIDER = "banktransfer"

pytestmark = pytest.mark.usefixtures("database", "configured")


@pytest.fixture
def configured() -> Iterator[None]:
    table = {"iban": IBAN, "bic": "COBADEFFXXX", "beneficiary": "Nova e. V."}
    with changed_configuration(providers={PROVIDER: table}):
        yield


@pytest.fixture
def bank() -> PretendedBank:
    return PretendedBank(IBAN, balance_minor=100_000)


@pytest.fixture
def accountant():
    return an_administrator(Role.ACCOUNTANT)


def asked(amount: str = "20.00", *, player: UUID | None = None) -> Payment:
    """A payment by transfer that a player has opened."""
    return start_top_up(
        a_command(),
        player=player or a_player().id,
        amount=Money.parse(amount, "EUR"),
        provider=PROVIDER,
    ).answer


def take_in(bank: PretendedBank, **how: object) -> Imported:
    return brought(bank.statement(**how))


def brought(file: bytes) -> Imported:
    return import_statement(a_command(), provider=PROVIDER, data=file).answer


def stands(payment: Payment) -> Payment:
    return services.get(Payments).payment(payment_id=payment.id)


def waiting() -> tuple[EntryKept, ...]:
    return services.get(Payments).bank_entries(state=EntryState.WAITING)


def the_entry() -> EntryKept:
    (entry,) = services.get(Payments).bank_entries()
    return entry


def units_of(player: UUID) -> str:
    return services.get(Charging).wallet(player=player).posted.major


def at_bank() -> str:
    return services.get(Ledger).balance(account=AccountRef("bank", "EUR", IBAN)).posted.major


def owed_by_provider() -> str:
    return services.get(Ledger).balance(account=AccountRef("provider_clearing", "EUR", PROVIDER)).posted.major


@pytest.mark.use_case("PAY-13")
class TestPayByTransfer:
    def test_stays_pending_until_the_money_arrives_and_is_credited_then(self, bank: PretendedBank) -> None:
        payment = asked("20.00")
        assert payment.status is Status.PENDING
        assert units_of(payment.player) == "0.00"

        bank.receive("20.00", reference=payment.provider_reference)
        found = take_in(bank)

        assert (found.new, found.matched, found.waiting) == (1, 1, 0)
        assert stands(payment).status is Status.SUCCEEDED
        assert units_of(payment.player) == "2000.00"
        assert (at_bank(), owed_by_provider()) == ("20.00", "0.00")
        entry = the_entry()
        assert (entry.state, entry.resolution, entry.payment) == (
            EntryState.MATCHED,
            Resolution.PAYMENT,
            payment.id,
        )
        assert_books_prove()

    @pytest.mark.parametrize("written", ["{}", "top up {} thanks", "rf.{}", "Anna Berg, wallet, {}, March"])
    def test_finds_the_reference_in_words(self, bank: PretendedBank, written: str) -> None:
        payment = asked()
        reference = payment.provider_reference
        fours = " ".join(reference[at : at + 4] for at in range(0, 16, 4)).lower()

        bank.receive("20.00", text=written.format(fours))
        take_in(bank)

        assert stands(payment).status is Status.SUCCEEDED
        assert_books_prove()

    def test_the_reference_may_come_with_the_order(self, bank: PretendedBank) -> None:
        payment = asked()
        bank.receive("20.00", end_to_end_id=payment.provider_reference)

        assert take_in(bank).matched == 1

    def test_each_of_several_booked_in_one_sum_pays_its_own(self, bank: PretendedBank) -> None:
        one, other = asked("20.00"), asked("5.00")

        bank.receive_together([("20.00", one.provider_reference), ("5.00", other.provider_reference)])

        assert take_in(bank).matched == 2
        assert {stands(one).status, stands(other).status} == {Status.SUCCEEDED}
        assert at_bank() == "25.00"
        assert_books_prove()

    def test_a_second_transfer_for_the_same_payment_waits(self, bank: PretendedBank) -> None:
        payment = asked()
        bank.receive("20.00", reference=payment.provider_reference)
        bank.receive("20.00", reference=payment.provider_reference)

        found = take_in(bank)

        assert (found.matched, found.waiting) == (1, 1)
        (left,) = waiting()
        assert (left.reason, left.payment) == (WaitReason.PAYMENT_SETTLED, payment.id)
        assert units_of(payment.player) == "2000.00"
        assert_books_prove()

    def test_what_came_after_the_payment_was_given_up_is_credited_all_the_same(
        self, bank: PretendedBank
    ) -> None:
        from warchest.journeys.settle_payment import settle_payment
        from warchest.sdk.payments import Report, Standing

        payment = asked()
        settle_payment(a_command(), payment_id=payment.id, report=Report(Standing.CANCELLED))
        bank.receive("20.00", reference=payment.provider_reference)

        assert take_in(bank).matched == 1
        assert stands(payment).status is Status.SUCCEEDED


@pytest.mark.use_case("PAY-12")
class TestImport:
    def test_again_changes_nothing(self, bank: PretendedBank) -> None:
        payment = asked()
        bank.receive("20.00", reference=payment.provider_reference)
        bank.receive("3.00", text="no idea")
        file = bank.statement()

        first, again = brought(file), brought(file)

        assert (first.new, first.repeated) == (2, 0)
        assert (again.new, again.repeated) == (0, 2)
        assert units_of(payment.player) == "2000.00"
        assert_books_prove()

    def test_of_a_longer_version_of_a_statement_takes_what_is_new(self, bank: PretendedBank) -> None:
        payment = asked()
        bank.receive("3.00", text="no idea")
        brought(bank.statement(statement_id="S-1", keep=True))
        bank.receive("20.00", reference=payment.provider_reference)

        found = brought(bank.statement(statement_id="S-1"))

        assert (found.new, found.repeated, found.matched) == (1, 1, 1)
        assert_books_prove()

    def test_of_another_story_under_the_same_name_is_refused_whole(self, bank: PretendedBank) -> None:
        payment = asked()
        bank.receive("3.00", text="no idea")
        file = bank.statement(statement_id="S-1")
        brought(file)
        liar = PretendedBank(IBAN, balance_minor=100_000)
        liar.receive("30.00", text="no idea")
        liar.receive("20.00", reference=payment.provider_reference)

        with pytest.raises(UnableToImportStatement, match="statement_differs"):
            brought(liar.statement(statement_id="S-1"))

        assert stands(payment).status is Status.PENDING
        assert len(services.get(Payments).bank_entries()) == 1

    def test_of_an_entry_that_another_statement_told_before_waits(self, bank: PretendedBank) -> None:
        one, other = asked(), asked()
        bank.receive("20.00", reference=one.provider_reference, servicer_reference="ASR-7")
        brought(bank.statement(statement_id="S-1", keep=True))
        brought(bank.statement(statement_id="S-2"))

        (left,) = waiting()
        assert left.reason is WaitReason.TOLD_BEFORE
        assert (stands(one).status, stands(other).status) == (Status.SUCCEEDED, Status.PENDING)
        assert_books_prove()

    @pytest.mark.parametrize("how", ["does_not_add_up", "bomb", "cut_off", "same_reference_twice"])
    def test_of_a_damaged_file_keeps_nothing(self, bank: PretendedBank, how: str) -> None:
        payment = asked()
        bank.receive("20.00", reference=payment.provider_reference)

        with pytest.raises(UnableToRead):
            brought(bank.damaged(how))

        assert services.get(Payments).statements() == ()
        assert stands(payment).status is Status.PENDING

    def test_by_eight_at_once_credits_once(self, bank: PretendedBank) -> None:
        payments = [asked() for _ in range(3)]
        for payment in payments:
            bank.receive("20.00", reference=payment.provider_reference)
        bank.receive("1.00", text="?")
        file = bank.statement()

        def one(_: int) -> Imported:
            try:
                return brought(file)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(one, range(8)))

        assert sum(each.new for each in found) == 4
        assert {units_of(payment.player) for payment in payments} == {"2000.00"}
        assert at_bank() == "60.00"
        assert_books_prove()

    def test_that_is_cut_off_after_keeping_is_finished_by_the_worker(
        self, bank: PretendedBank, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payment = asked()
        bank.receive("20.00", reference=payment.provider_reference)

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as cut:
            cut.setattr(importing, "match_entry", killed)
            with pytest.raises(KeyboardInterrupt):
                take_in(bank)
        assert stands(payment).status is Status.PENDING
        assert the_entry().state is EntryState.NEW

        assert match_bank_entries(at=NOW) == 1
        assert match_bank_entries(at=NOW) == 0
        assert stands(payment).status is Status.SUCCEEDED
        assert_books_prove()

    def test_tells_of_a_statement_that_is_missing_before(self, bank: PretendedBank) -> None:
        bank.receive("1.00")
        take_in(bank)
        bank.receive("2.00")
        bank.statement()
        bank.receive("3.00")
        take_in(bank)

        later, first = services.get(Payments).statements()
        assert (first.missing_before, later.missing_before) == (False, True)
        assert (later.entries, later.waiting) == (1, 1)

    def test_is_for_accountants(self, bank: PretendedBank) -> None:
        bank.receive("1.00")
        support = acting_as(an_administrator(Role.SUPPORT))

        with pytest.raises(UnableToAdminister):
            import_statement(support, provider=PROVIDER, data=bank.statement())

        assert services.get(Payments).statements() == ()

    def test_keeps_nobodys_name_in_clear(self, bank: PretendedBank, superuser_dsn_of) -> None:
        import psycopg

        bank.receive("1.00", name="Zacharias Unmistakable", text="for my daughter Quintessa")
        take_in(bank)
        entry = the_entry()
        assert (entry.name, entry.text) == ("Zacharias Unmistakable", "for my daughter Quintessa")

        with psycopg.connect(superuser_dsn_of("payments")) as connection:
            tables = connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            ).fetchall()
            for (table,) in tables:
                told = connection.execute(f'SELECT t::text FROM "{table}" AS t').fetchall()
                for (row,) in told:
                    assert "Unmistakable" not in row and "Quintessa" not in row, table
                    assert "FR1420041010050500013M02606" not in row, table


@pytest.mark.use_case("PAY-12")
class TestWhatWaits:
    def test_less_or_more_than_asked_is_never_guessed(self, bank: PretendedBank) -> None:
        less, more = asked("20.00"), asked("20.00")
        bank.receive("19.99", reference=less.provider_reference)
        bank.receive("20.01", reference=more.provider_reference)

        found = take_in(bank)

        assert (found.matched, found.waiting) == (0, 2)
        assert {one.reason for one in waiting()} == {WaitReason.LESS, WaitReason.MORE}
        for payment in (less, more):
            assert stands(payment).status is Status.REVIEW
            assert units_of(payment.player) == "0.00"
        assert at_bank() == "0.00"
        assert_books_prove()

    def test_the_person_may_credit_what_arrived(self, bank: PretendedBank, accountant) -> None:
        payment = asked("20.00")
        bank.receive("19.00", reference=payment.provider_reference)
        take_in(bank)
        (entry,) = waiting()

        done = credit_arrived(
            acting_as(accountant), entry_id=entry.id, player=None, note="bank took a fee"
        ).answer

        assert (done.state, done.resolution) == (EntryState.RESOLVED, Resolution.PLAYER)
        assert units_of(payment.player) == "1900.00"
        assert stands(payment).status is Status.CANCELLED
        made = services.get(Payments).payment(payment_id=done.payment)
        assert (made.status, made.amount.major) == (Status.SUCCEEDED, "19.00")
        assert (at_bank(), owed_by_provider()) == ("19.00", "0.00")
        assert_books_prove()

    def test_another_currency_is_no_payment(self, bank: PretendedBank) -> None:
        payment = asked("20.00")
        bank.receive("20.00", reference=payment.provider_reference)

        brought(bank.statement().replace(b'Ccy="EUR"', b'Ccy="USD"'))

        (entry,) = waiting()
        assert (entry.reason, str(entry.amount)) == (WaitReason.CURRENCY_DIFFERS, "20.00 USD")
        assert stands(payment).status is Status.PENDING

    def test_decided_among_the_reviews_the_money_only_arrives(self, bank: PretendedBank, accountant) -> None:
        credited, refused = asked("20.00"), asked("20.00")
        bank.receive("19.00", reference=credited.provider_reference)
        bank.receive("21.00", reference=refused.provider_reference)
        take_in(bank)
        owner = an_administrator(Role.OWNER)
        approve_payment(acting_as(owner), payment_id=credited.id, note="a bank's fee")
        refuse_payment(acting_as(owner), payment_id=refused.id, note="not what was asked")
        assert units_of(credited.player) == "1900.00"

        # Who looks at the entry now, and not among the reviews, credits nothing a second time.
        by_amount = {one.amount.major: one for one in waiting()}
        credit_arrived(acting_as(accountant), entry_id=by_amount["19.00"].id, player=None, note="seen")
        with pytest.raises(UnableToResolveBankEntry, match="bank_payment_settled"):
            send_back(acting_as(accountant), entry_id=by_amount["21.00"].id, note="seen")
        assert match_bank_entries(at=NOW) == 1

        assert units_of(credited.player) == "1900.00"
        assert waiting() == ()
        assert (at_bank(), owed_by_provider()) == ("40.00", "0.00")
        made = order_payouts(acting_as(accountant), provider=PROVIDER, execute_on=date(2026, 3, 16)).answer
        assert made.total.major == "21.00"
        bank.carry_out(services.get(Payments).payout_file(file_id=made.id))
        take_in(bank)
        assert (at_bank(), owed_by_provider()) == ("19.00", "0.00")
        assert_books_prove()

    def test_what_fraud_rules_want_looked_at_arrives_when_it_was_looked_at(
        self, bank: PretendedBank, accountant
    ) -> None:
        rule = FraudRule(FraudTest.COUNT, FraudVerdict.REVIEW, by=FraudKey.PLAYER, limit=0)
        set_payment_rule(acting_as(an_administrator(Role.OWNER)), draft=RuleDraft("all", rule))
        payment = asked("20.00")
        bank.receive("20.00", reference=payment.provider_reference)
        take_in(bank)
        assert stands(payment).status is Status.REVIEW
        (entry,) = waiting()
        assert entry.reason is WaitReason.UNDER_REVIEW
        with pytest.raises(UnableToResolveBankEntry, match="bank_two_people"):
            credit_arrived(acting_as(accountant), entry_id=entry.id, player=None, note="I know her")

        approve_payment(acting_as(an_administrator(Role.OWNER)), payment_id=payment.id, note="known")
        assert match_bank_entries(at=NOW) == 1

        assert units_of(payment.player) == "2000.00"
        assert (at_bank(), owed_by_provider()) == ("20.00", "0.00")
        assert_books_prove()

    def test_a_slip_of_the_pen_is_suggested_and_not_taken(self, bank: PretendedBank, accountant) -> None:
        payment, _other = asked("20.00"), asked("30.00")
        right = payment.provider_reference
        slip = right[:7] + right[8] + right[7] + right[9:]
        slip = slip if slip != right else right[:-1] + ("A" if right[-1] != "A" else "B")
        bank.receive("20.00", reference=slip)
        take_in(bank)
        (entry,) = waiting()
        assert entry.reason in (WaitReason.NO_REFERENCE, WaitReason.REFERENCE_UNKNOWN)

        (suggested,) = services.get(Payments).suggestions(entry_id=entry.id)
        assert (suggested.payment.id, suggested.why, suggested.differing) == (
            payment.id,
            "reference_alike",
            1,
        )
        assert stands(payment).status is Status.PENDING

        pay_by_entry(acting_as(accountant), entry_id=entry.id, payment_id=payment.id, note="a slip")
        assert units_of(payment.player) == "2000.00"
        assert_books_prove()

    def test_one_without_a_reference_may_be_a_players_anyway(self, bank: PretendedBank, accountant) -> None:
        player = a_player()
        bank.receive("12.34", text="for my account, Anna")
        take_in(bank)
        (entry,) = waiting()
        assert entry.reason is WaitReason.NO_REFERENCE

        credit_arrived(acting_as(accountant), entry_id=entry.id, player=player.id, note="mail of 3 March")

        assert units_of(player.id) == "1234.00"
        assert_books_prove()

    def test_what_left_is_booked_as_an_accountant_says(self, bank: PretendedBank, accountant) -> None:
        bank.pay_out("4.50", text="account fee")
        take_in(bank)
        (entry,) = waiting()
        assert entry.reason is WaitReason.OUTGOING

        for refused in ("wallet_funding", "bank", "no such"):
            with pytest.raises(UnableToResolveBankEntry, match="bank_book_not_allowed"):
                book_entry_as(acting_as(accountant), entry_id=entry.id, book=refused, owner="", note="fee")
        done = book_entry_as(
            acting_as(accountant), entry_id=entry.id, book="bank_charges", owner="", note="fee of March"
        ).answer

        booked = services.get(Ledger).entry(entry_id=done.journal_entry)
        assert [(leg.book, leg.side, leg.amount.major) for leg in booked.legs] == [
            ("bank_charges", "D", "4.50"),
            ("bank", "C", "4.50"),
        ]
        assert at_bank() == "-4.50"
        assert_books_prove()

    def test_what_the_books_have_already_is_noted(self, bank: PretendedBank, accountant) -> None:
        bank.pay_out("4.50", text="fee")
        bank.pay_out("4.50", text="the same fee, told by hand before")
        take_in(bank)
        one, other = waiting()
        booked = book_entry_as(
            acting_as(accountant), entry_id=one.id, book="bank_charges", owner="", note="fee"
        ).answer

        with pytest.raises(UnableToResolveBankEntry, match="bank_entry_not_in_books"):
            note_as_booked(acting_as(accountant), entry_id=other.id, journal_entry=new_id(), note="x")
        with pytest.raises(UnableToResolveBankEntry, match="bank_entry_not_in_books"):
            note_as_booked(
                acting_as(accountant), entry_id=other.id, journal_entry=booked.journal_entry, note="x"
            )
        assert_books_prove()

    def test_two_who_settle_the_same_entry_at_once_settle_it_once(
        self, bank: PretendedBank, accountant
    ) -> None:
        player = a_player()
        bank.receive("10.00", text="who knows")
        take_in(bank)
        (entry,) = waiting()

        def settle(number: int) -> str:
            try:
                command = acting_as(accountant)
                match number % 3:
                    case 0:
                        credit_arrived(command, entry_id=entry.id, player=player.id, note="x")
                    case 1:
                        send_back(command, entry_id=entry.id, note="x")
                    case _:
                        book_entry_as(command, entry_id=entry.id, book="other_income", owner="", note="x")
            except UnableTo as refusal:
                return refusal.reason
            finally:
                connections.close_all()
            return "done"

        with ThreadPoolExecutor(8) as threads:
            ends = list(threads.map(settle, range(8)))

        assert sorted(set(ends)) == ["bank_entry_settled", "done"]
        assert ends.count("done") == 1
        assert at_bank() == "10.00"
        assert_books_prove()

    @pytest.mark.parametrize(
        "attack",
        [
            "UPDATE payments_bankentry SET state = 'waiting', journal_entry = NULL",
            "UPDATE payments_bankentry SET note = 'another story'",
            "UPDATE payments_bankentry SET amount_minor = 1",
            "DELETE FROM payments_bankentry",
            "UPDATE payments_bankstatement SET closing_minor = 0",
            "DELETE FROM payments_payout",
        ],
    )
    def test_a_settled_entry_stays_whoever_writes(self, bank: PretendedBank, attack: str) -> None:
        payment = asked()
        bank.receive("20.00", reference=payment.provider_reference)
        take_in(bank)

        with services.database("payments").cursor() as cursor, pytest.raises(DatabaseError):
            cursor.execute(attack)


@pytest.mark.use_case("PAY-12")
class TestSendBack:
    def test_goes_with_the_next_file_and_is_done_when_the_bank_says_so(
        self, bank: PretendedBank, accountant
    ) -> None:
        payment = asked("20.00")
        bank.receive("19.00", reference=payment.provider_reference, name="Änne Ö.")
        take_in(bank)
        (entry,) = waiting()
        send_back(acting_as(accountant), entry_id=entry.id, note="too little")
        assert stands(payment).status is Status.CANCELLED
        ledger = services.get(Ledger)
        owed = AccountRef("transfers_to_return", "EUR")
        assert ledger.balance(account=owed).posted.major == "19.00"

        made = order_payouts(acting_as(accountant), provider=PROVIDER, execute_on=date(2026, 3, 16)).answer
        file = services.get(Payments).payout_file(file_id=made.id)
        assert file == services.get(Payments).payout_file(file_id=made.id)
        assert bank.carry_out(file) == 1 and bank.carry_out(file) == 0
        with pytest.raises(UnableToOrderPayouts, match="payouts_missing"):
            order_payouts(acting_as(accountant), provider=PROVIDER, execute_on=date(2026, 3, 17))

        assert take_in(bank).matched == 1
        assert ledger.balance(account=owed).posted.major == "0.00"
        assert at_bank() == "0.00"
        (payout,) = services.get(Payments).payouts()
        assert payout.done
        assert_books_prove()

    def test_eight_who_make_a_file_at_once_order_each_payout_once(
        self, bank: PretendedBank, accountant
    ) -> None:
        for number in range(5):
            bank.receive(f"{number + 1}.00", text="wrong account, sorry")
        take_in(bank)
        for entry in waiting():
            send_back(acting_as(accountant), entry_id=entry.id, note="not ours")

        def order(_: int) -> bytes:
            try:
                made = order_payouts(
                    acting_as(accountant), provider=PROVIDER, execute_on=date(2026, 3, 16)
                ).answer
                return services.get(Payments).payout_file(file_id=made.id)
            except UnableToOrderPayouts:
                return b""
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as threads:
            files = [file for file in threads.map(order, range(8)) if file]

        assert sum(bank.carry_out(file) for file in files) == 5
        take_in(bank)
        assert at_bank() == "0.00"
        assert_books_prove()

    def test_needs_the_account_that_it_came_from(self, bank: PretendedBank, accountant) -> None:
        bank.receive("1.00", iban="")
        take_in(bank)
        (entry,) = waiting()

        with pytest.raises(UnableToResolveBankEntry, match="bank_account_unknown"):
            send_back(acting_as(accountant), entry_id=entry.id, note="x")


@pytest.mark.use_case("PAY-12")
class TestRefund:
    def test_goes_to_where_the_money_came_from_and_is_done_when_the_bank_says_so(
        self, bank: PretendedBank, accountant
    ) -> None:
        payment = asked("20.00")
        bank.receive("20.00", reference=payment.provider_reference, iban="NO9386011117947", name="Åse Li")
        take_in(bank)
        owner = an_administrator(Role.OWNER)

        refund = refund_payment(
            acting_as(owner), payment_id=payment.id, amount=Money.parse("5.00", "EUR"), reason="asked for"
        ).answer
        assert refund.state is RefundState.INSTRUCTED
        assert units_of(payment.player) == "2000.00", "set apart, and not gone"
        made = order_payouts(acting_as(accountant), provider=PROVIDER, execute_on=date(2026, 3, 16)).answer
        file = services.get(Payments).payout_file(file_id=made.id)
        assert b"NO9386011117947" in file and b"<CtrlSum>5.00</CtrlSum>" in file
        assert_books_prove()
        bank.carry_out(file)
        assert take_in(bank).matched == 1

        assert services.get(Payments).refund(refund_id=refund.id).state is RefundState.CONFIRMED
        assert stands(payment).status is Status.PARTIALLY_REFUNDED
        assert units_of(payment.player) == "1500.00"
        assert (at_bank(), owed_by_provider()) == ("15.00", "0.00")
        assert_books_prove()

    def test_of_two_at_once_orders_each_once(self, bank: PretendedBank, accountant) -> None:
        payment = asked("20.00")
        bank.receive("20.00", reference=payment.provider_reference)
        take_in(bank)
        for _ in range(2):
            refund_payment(
                acting_as(an_administrator(Role.OWNER)),
                payment_id=payment.id,
                amount=Money.parse("10.00", "EUR"),
                reason="asked for",
            )

        def order(_: int) -> int:
            try:
                return order_payouts(
                    acting_as(accountant), provider=PROVIDER, execute_on=date(2026, 3, 16)
                ).answer.count
            except UnableToOrderPayouts:
                return 0
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as threads:
            assert sum(threads.map(order, range(6))) == 2
        for made in services.get(Payments).payout_files():
            bank.carry_out(services.get(Payments).payout_file(file_id=made.id))
        take_in(bank)
        assert stands(payment).status is Status.REFUNDED
        assert (at_bank(), owed_by_provider()) == ("0.00", "0.00")
        assert_books_prove()


@pytest.mark.use_case("PAY-13")
class TestWhatThePlayerIsTold:
    def test_the_page_says_where_to_transfer_and_what_to_write(self) -> None:
        player = a_player()
        payment = asked("20.00", player=player.id)

        text = a_browser(player).get(f"/payments/{payment.id}").content.decode()

        reference = payment.provider_reference
        assert " ".join(reference[at : at + 4] for at in range(0, 16, 4)) in text
        assert "DE89 3704 0044 0532 0130 00" in text
        assert "COBADEFFXXX" in text and "Nova e. V." in text
        assert "hx-get" not in text, "nobody knows sooner by asking every two seconds"

    def test_the_api_says_it_too_until_the_money_came(self, bank: PretendedBank) -> None:
        key = an_api_client()
        player = a_player()
        body = {"amount": {"amount": "20.00", "currency": "EUR"}, "provider": PROVIDER, "return_url": ""}

        made = call(key, "POST", f"/players/{player.id}/top-ups", body)

        assert made.status_code == 201, made.content
        told = made.json()
        assert told["redirect_url"] is None
        assert told["instructions"]["iban"] == IBAN
        bank.receive("20.00", reference=told["instructions"]["payment_reference"])
        take_in(bank)
        after = call(key, "GET", f"/payments/{told['id']}").json()
        assert (after["status"], after["instructions"]) == ("succeeded", None)
