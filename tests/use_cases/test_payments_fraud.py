"""Fraud rules, and the payments that a person decides about."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from tests.builders.providers import CARD, Scripted, hears, only
from warchest.audit.contract import Audit, OperationFilter
from warchest.charging.contract import Charging
from warchest.journeys.decide_review import approve_payment, refuse_payment
from warchest.journeys.set_payment_rule import set_payment_rule
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.try_payment_again import try_payment_again
from warchest.kernel.money import Money
from warchest.members.contract import Role, UnableToAdminister
from warchest.payments.contract import (
    Counting,
    Countries,
    FraudKey,
    FraudRule,
    FraudTest,
    FraudVerdict,
    Payment,
    Payments,
    RefundKind,
    RefundState,
    ReviewTerms,
    RuleDraft,
    Stage,
    Status,
    Terms,
    UnableToDecideReview,
    UnableToTopUp,
    UnableToTryAgain,
)
from warchest.payments.fraud_rules import network_of
from warchest.runtime.secrets import home
from warchest.runtime.services import services
from warchest.sdk.payments import Ability, Instrument, Report, Standing

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.in_process("its providers are objects of the tests"),
]

NOW = datetime.now(UTC).replace(microsecond=0)
TEN_EUROS = Money.parse("10.00", "EUR")
BLOCK, REVIEW = FraudVerdict.BLOCK, FraudVerdict.REVIEW


@pytest.fixture
def bank() -> Scripted:
    return Scripted("bank")


@pytest.fixture(autouse=True)
def _installed(bank: Scripted) -> Iterator[None]:
    with only(bank):
        yield


def set_rule(terms: Terms, *, name: str = "a rule") -> None:
    set_payment_rule(acting_as(an_administrator(Role.OWNER), at=NOW), draft=RuleDraft(name, terms))


def count(by: FraudKey, limit: int, *, verdict: FraudVerdict = BLOCK, **more: object) -> FraudRule:
    return FraudRule(FraudTest.COUNT, verdict, by=by, limit=limit, **more)


def pay_in(player=None, *, at: datetime = NOW, address: str = "", amount: Money = TEN_EUROS) -> Payment:
    return start_top_up(
        a_command(at=at), player=(player or a_player()).id, amount=amount, provider="bank", address=address
    ).answer


def paid(payment: Payment, card: Instrument = CARD, **more: object) -> Report:
    told = Report(
        Standing.SUCCEEDED,
        provider_reference=f"bank-{payment.id}",
        amount=payment.amount,
        instrument=card,
    )
    return replace(told, **more)


def units_of(payment: Payment) -> Money:
    return services.get(Charging).wallet(player=payment.player, at=NOW).posted


def stands(payment: Payment) -> Payment:
    return services.get(Payments).payment(payment_id=payment.id)


def is_blocked(player=None, **more: object) -> bool:
    try:
        pay_in(player, **more)
    except UnableToTopUp as refusal:
        assert refusal.reason == "payment_blocked"
        return True
    return False


@pytest.mark.use_case("PAY-11")
class TestVelocity:
    def test_by_player_lets_the_limit_pass_and_no_more(self) -> None:
        set_rule(count(FraudKey.PLAYER, 3))
        player = a_player()
        assert [is_blocked(player) for _ in range(5)] == [False, False, False, True, True]
        assert not is_blocked()
        # Blocked ones count too: who goes on trying stays out.
        assert is_blocked(player, at=NOW + timedelta(minutes=59))
        assert not is_blocked(player, at=NOW + timedelta(minutes=200))

    def test_by_address_and_by_network(self) -> None:
        set_rule(count(FraudKey.ADDRESS, 2), name="address")
        set_rule(count(FraudKey.NETWORK, 4), name="network")
        assert [is_blocked(address="203.0.113.7") for _ in range(3)] == [False, False, True]
        assert [is_blocked(address=f"203.0.113.{host}") for host in (8, 9, 10)] == [False, True, True]
        assert not is_blocked(address="203.0.114.8")
        assert not is_blocked()  # no address is nobody's

    @pytest.mark.parametrize(
        ("address", "network"),
        [
            ("203.0.113.200", "203.0.113.0/24"),
            ("::ffff:203.0.113.200", "203.0.113.0/24"),
            ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
            ("127.0.0.1", ""),
            ("here", ""),
        ],
    )
    def test_networks_are_what_a_household_is_given(self, address: str, network: str) -> None:
        assert network_of(address) == network

    def test_by_units(self) -> None:
        set_rule(FraudRule(FraudTest.UNITS, BLOCK, by=FraudKey.PLAYER, limit=2500))
        player = a_player()
        assert [is_blocked(player) for _ in range(3)] == [False, False, True]

    def test_of_many_at_once_no_two_pass_the_limit_together(self) -> None:
        set_rule(count(FraudKey.PLAYER, 3))
        player = a_player()

        def pay(_: int) -> bool:
            try:
                return is_blocked(player)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            blocked = list(pool.map(pay, range(9)))
        assert blocked.count(False) == 3

    def test_addresses_and_cards_stand_nowhere_in_clear(self, superuser_dsn_of) -> None:
        set_rule(count(FraudKey.ADDRESS, 9))
        payment = pay_in(address="203.0.113.77")
        hears(payment, paid(payment))
        with psycopg.connect(superuser_dsn_of("payments")) as attacker:
            rows = str(attacker.execute("SELECT * FROM payments_riskassessment").fetchall())
        assert "203.0.113" not in rows and CARD.fingerprint not in rows and "4242" in rows

    def test_a_blocked_payment_is_seen_with_its_reasons_and_no_provider_hears_of_it(
        self, bank: Scripted
    ) -> None:
        set_rule(count(FraudKey.PLAYER, 0), name="nobody today")
        player = a_player()
        assert is_blocked(player)
        (payment,) = services.get(Payments).payments_of(player=player.id)
        assert (payment.status, payment.reason) == (Status.FAILED, "blocked_by_rules")
        (assessment,) = services.get(Payments).assessments(payment_id=payment.id)
        assert [(one.rule, one.counted) for one in assessment.findings] == [("nobody today", "1")]
        assert bank.calls == []
        with pytest.raises(UnableToTryAgain, match="payment_over"):
            try_payment_again(a_command(at=NOW), payment_id=payment.id)


@pytest.mark.use_case("PAY-11")
class TestCardTesting:
    def test_many_small_failures_from_one_network_are_blocked(self) -> None:
        set_rule(
            count(FraudKey.NETWORK, 2, counting=Counting.FAILED, units_below=500, minutes=30), name="testing"
        )
        small = Money.parse("1.00", "EUR")
        for host in (1, 2, 3):
            payment = pay_in(address=f"198.51.100.{host}", amount=small)
            hears(payment, Report(Standing.FAILED, reason="card_declined"))
        assert is_blocked(address="198.51.100.9", amount=small)
        assert not is_blocked(address="198.51.101.9", amount=small)

    def test_many_cards_of_one_player_wait_for_a_person(self) -> None:
        set_rule(FraudRule(FraudTest.CARDS, REVIEW, by=FraudKey.PLAYER, limit=2))
        player = a_player()
        payments = [pay_in(player) for _ in range(3)]
        statuses = [
            hears(payment, paid(payment, replace(CARD, fingerprint=f"card-{number}"))).status
            for number, payment in enumerate(payments)
        ]
        assert statuses == [Status.SUCCEEDED, Status.SUCCEEDED, Status.REVIEW]
        assert units_of(payments[0]) == Money.parse("2000", "XCR")
        assert_books_prove()

    def test_one_card_of_many_players_waits_too(self) -> None:
        set_rule(count(FraudKey.CARD, 1, verdict=REVIEW))
        one, other = pay_in(), pay_in()
        assert hears(one, paid(one)).status is Status.SUCCEEDED
        assert hears(other, paid(other)).status is Status.REVIEW
        # Told again, it is what it was, and is not counted twice.
        assert hears(one, paid(one)).status is Status.SUCCEEDED


@pytest.mark.use_case("PAY-11")
class TestCountries:
    @pytest.fixture(autouse=True)
    def _networks(self) -> Iterator[None]:
        file = home() / "networks.csv"
        Path(file).write_text('"203.0.113.0","203.0.113.255","NG"\n2001:db8::,2001:db8:ffff::,AT\nnonsense\n')
        yield
        file.unlink()

    @pytest.mark.parametrize(
        ("between", "address", "card", "doubtful"),
        [
            (Countries.PLAYER_CARD, "", "BR", True),
            (Countries.PLAYER_CARD, "", "DE", False),
            (Countries.PLAYER_CARD, "", "", False),
            (Countries.CARD_ADDRESS, "203.0.113.5", "DE", True),
            (Countries.CARD_ADDRESS, "2001:db8::1", "AT", False),
            (Countries.CARD_ADDRESS, "192.0.2.1", "AT", False),
        ],
    )
    def test_that_differ_are_looked_at(
        self, between: Countries, address: str, card: str, doubtful: bool
    ) -> None:
        set_rule(FraudRule(FraudTest.MISMATCH, REVIEW, between=between))
        payment = pay_in(a_player(country="DE"), address=address)
        status = hears(payment, paid(payment, replace(CARD, country=card))).status
        assert status is (Status.REVIEW if doubtful else Status.SUCCEEDED)

    def test_of_player_and_address_are_compared_before_it_is_opened(self) -> None:
        set_rule(FraudRule(FraudTest.MISMATCH, BLOCK, between=Countries.PLAYER_ADDRESS))
        assert is_blocked(a_player(country="DE"), address="203.0.113.5")
        assert not is_blocked(a_player(country="AT"), address="2001:db8::1")


def doubtful(bank: Scripted, *, authorised: bool = False, **more: object) -> Payment:
    """A payment under review by a fraud rule."""
    set_rule(count(FraudKey.PLAYER, 0, verdict=REVIEW))
    if not authorised:
        bank.abilities = frozenset({Ability.INQUIRE, Ability.REFUND})
    payment = pay_in()
    report = paid(payment, **more)
    if authorised:
        report = replace(report, standing=Standing.AUTHORISED, amount=None)
    return hears(payment, report)


def administrator(at: datetime = NOW, **more: object):
    return acting_as(an_administrator(Role.ADMINISTRATOR), at=at, **more)


@pytest.mark.use_case("PAY-23")
class TestDeciding:
    def test_approved_it_is_credited_once(self, bank: Scripted) -> None:
        payment = doubtful(bank)
        assert payment.status is Status.REVIEW and not units_of(payment)
        (waiting,) = services.get(Payments).reviews(at=NOW)
        assert (waiting.payment.id, waiting.payment.reason, waiting.taken) == (
            payment.id,
            "fraud_review",
            TEN_EUROS,
        )
        command = administrator()
        for _ in range(2):
            approve_payment(command, payment_id=payment.id, note="known to us")
        assert stands(payment).status is Status.SUCCEEDED
        assert units_of(payment) == payment.units
        with pytest.raises(UnableToDecideReview, match="payment_not_in_review"):
            refuse_payment(administrator(), payment_id=payment.id)
        lines = services.get(Audit).operations(where=OperationFilter(name="payments.decide_review")).items
        assert {line.subject_id for line in lines if line.outcome == "done"} == {str(payment.id)}
        assert_books_prove()

    def test_refused_the_money_goes_back_and_nothing_is_credited(self, bank: Scripted) -> None:
        payment = doubtful(bank)
        refuse_payment(administrator(), payment_id=payment.id)
        assert stands(payment).status is Status.CANCELLED
        (refund,) = services.get(Payments).refunds(payment_id=payment.id)
        assert (refund.kind, refund.state, refund.amount) == (
            RefundKind.SURPLUS,
            RefundState.CONFIRMED,
            TEN_EUROS,
        )
        # Whatever its provider repeats afterwards.
        hears(payment, paid(payment))
        assert not units_of(payment) and len(services.get(Payments).refunds(payment_id=payment.id)) == 1
        with pytest.raises(UnableToTryAgain, match="payment_over"):
            try_payment_again(a_command(at=NOW), payment_id=payment.id)
        assert_books_prove()

    def test_only_reserved_it_is_captured_first(self, bank: Scripted) -> None:
        payment = doubtful(bank, authorised=True)
        assert bank.opened[0].capture_later and payment.status is Status.REVIEW
        approve_payment(administrator(), payment_id=payment.id)
        assert bank.did("capture") == 1
        assert (stands(payment).status, units_of(payment)) == (Status.SUCCEEDED, payment.units)
        assert_books_prove()

    def test_only_reserved_it_is_let_go_when_refused(self, bank: Scripted) -> None:
        payment = doubtful(bank, authorised=True)
        refuse_payment(administrator(), payment_id=payment.id)
        assert (bank.did("void"), bank.did("refund")) == (1, 0)
        assert stands(payment).status is Status.CANCELLED
        # Taken all the same, by whatever mistake: it goes back.
        hears(payment, paid(payment))
        (refund,) = services.get(Payments).refunds(payment_id=payment.id)
        assert refund.kind is RefundKind.SURPLUS and not units_of(payment)
        assert_books_prove()

    def test_another_amount_than_asked_brings_its_exact_share(self, bank: Scripted) -> None:
        payment = pay_in()
        seven = Money.parse("7.33", "EUR")
        payment = hears(payment, paid(payment, amount=seven))
        assert (payment.status, payment.reason) == (Status.REVIEW, "amount_differs")
        approve_payment(administrator(), payment_id=payment.id)
        credited = stands(payment)
        assert (credited.status, credited.amount) == (Status.SUCCEEDED, seven)
        assert units_of(payment) == credited.units == Money.parse("733", "XCR")
        assert_books_prove()

    def test_another_currency_than_asked_brings_what_its_rate_says(self, bank: Scripted) -> None:
        payment = pay_in()
        dollars = Money.parse("11.00", "USD")
        payment = hears(payment, paid(payment, amount=dollars))
        approve_payment(administrator(), payment_id=payment.id)
        credited = stands(payment)
        assert (credited.status, credited.amount) == (Status.SUCCEEDED, dollars)
        assert units_of(payment) == credited.units
        assert_books_prove()

    def test_of_a_great_one_two_people_decide(self, bank: Scripted) -> None:
        set_rule(ReviewTerms(four_eyes_units=1000))
        payment = doubtful(bank)
        one = an_administrator(Role.ADMINISTRATOR)
        assert approve_payment(acting_as(one, at=NOW), payment_id=payment.id).answer.status is Status.REVIEW
        with pytest.raises(UnableToDecideReview, match="review_of_another_person"):
            approve_payment(acting_as(one, at=NOW), payment_id=payment.id)
        with pytest.raises(UnableToDecideReview, match="review_votes_differ"):
            refuse_payment(administrator(), payment_id=payment.id)
        assert approve_payment(administrator(), payment_id=payment.id).answer.status is Status.SUCCEEDED
        assert_books_prove()

    def test_is_not_for_support(self, bank: Scripted) -> None:
        payment = doubtful(bank)
        with pytest.raises(UnableToAdminister):
            approve_payment(acting_as(an_administrator(Role.SUPPORT), at=NOW), payment_id=payment.id)

    def test_by_several_at_once_ends_in_one_way(self, bank: Scripted) -> None:
        payment = doubtful(bank)
        deciders = [administrator() for _ in range(6)]

        def decide(number: int) -> None:
            try:
                (approve_payment if number % 2 else refuse_payment)(deciders[number], payment_id=payment.id)
            except UnableToDecideReview:
                pass
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(decide, range(6)))
        ended = stands(payment).status
        assert ended in (Status.SUCCEEDED, Status.CANCELLED)
        assert bool(units_of(payment)) is (ended is Status.SUCCEEDED)
        assert len(services.get(Payments).refunds(payment_id=payment.id)) == (ended is Status.CANCELLED)
        assert_books_prove()

    def test_waiting_too_long_is_told(self, bank: Scripted) -> None:
        payment = doubtful(bank)
        late = stands(payment).changed_at + timedelta(hours=25)
        assert [one.id for one in services.get(Payments).overdue(at=late)] == [payment.id]
        assert services.get(Payments).reviews(at=late)[0].is_late
        assert services.get(Payments).overdue(at=late - timedelta(hours=2)) == ()

    def test_a_block_that_comes_with_the_card_waits_for_a_person(self, bank: Scripted) -> None:
        set_rule(FraudRule(FraudTest.MISMATCH, BLOCK))
        payment = pay_in(a_player(country="DE"))
        payment = hears(payment, paid(payment, replace(CARD, country="BR")))
        assert (payment.status, payment.reason) == (Status.REVIEW, "fraud_block")
        stages = [one.stage for one in services.get(Payments).assessments(payment_id=payment.id)]
        assert stages == [Stage.OPENING, Stage.INSTRUMENT]
