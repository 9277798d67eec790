"""Which provider takes a payment, what happens when one does not, and payments that are tried again or given up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from tests.builders.providers import Scripted, hears, only
from warchest.charging.contract import Charging, Source
from warchest.journeys.cancel_payment import cancel_payment
from warchest.journeys.refund_payment import refund_payment
from warchest.journeys.set_payment_rule import end_payment_rule, set_payment_rule
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.try_payment_again import try_payment_again
from warchest.kernel.money import Money
from warchest.members.contract import Role, UnableToAdminister
from warchest.payments.contract import (
    AmountBounds,
    MethodSwitch,
    Payment,
    Payments,
    Route,
    RuleDraft,
    Status,
    Terms,
    TopUpBonus,
    UnableToCancel,
    UnableToRoute,
    UnableToSetRule,
    UnableToTryAgain,
    UnableToUseProvider,
    Why,
    Wish,
)
from warchest.runtime.services import services
from warchest.sdk.payments import Ability, Report, Standing

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.in_process("its providers are objects of the tests"),
]

NOW = datetime.now(UTC).replace(microsecond=0)
TEN_EUROS = Money.parse("10.00", "EUR")


@pytest.fixture
def one() -> Scripted:
    return Scripted("one", methods=("visa", "paypal"))


@pytest.fixture
def two() -> Scripted:
    return Scripted("two", methods=("visa", "sepa"))


@pytest.fixture(autouse=True)
def _both(one: Scripted, two: Scripted) -> Iterator[None]:
    with only(one, two):
        yield


def set_rule(terms: Terms, *, name: str = "a rule", at: datetime = NOW, **more: object):
    owner = an_administrator(Role.OWNER)
    return set_payment_rule(acting_as(owner, at=at), draft=RuleDraft(name, terms, **more)).answer


def pay_in(player=None, *, amount: Money = TEN_EUROS, key: str | None = None, **more: object) -> Payment:
    return start_top_up(
        a_command(at=NOW, key=key), player=(player or a_player()).id, amount=amount, **more
    ).answer


def routes(amount: str = "10.00", country: str = "DE", method: str = "", at: datetime = NOW):
    wish = Wish(Money.parse(amount, "EUR"), country, method)
    return services.get(Payments).routes(wish=wish, at=at)


def first(**more: str) -> str:
    return routes(**more)[0].provider


def paid(payment: Payment, reference: str = "p-1") -> Report:
    return Report(Standing.SUCCEEDED, provider_reference=reference, amount=payment.amount)


@pytest.mark.use_case("PAY-09")
class TestRouting:
    def test_prefers_by_priority_then_by_cost_then_by_name(self) -> None:
        assert first() == "one"
        set_rule(Route("one", fee_percent="1.4", fee_fixed="0.25", currency="EUR"))
        set_rule(Route("two", fee_percent="0.9", fee_fixed="0.35", currency="EUR"))
        assert first(amount="100.00") == "two"  # 1.25 against 1.65
        assert first(amount="10.00") == "one"  # 0.39 against 0.44
        set_rule(Route("two", priority=5))
        assert first(amount="10.00") == "two"

    def test_goes_by_country_currency_amount_and_method(self) -> None:
        set_rule(Route("two", countries=("AT",), priority=1))
        set_rule(Route("two", currency="EUR", amount_from="500.00", amount_below="600.00", priority=1))
        assert (first(country="AT"), first(country="DE")) == ("two", "one")
        assert (first(amount="500.00"), first(amount="600.00")) == ("two", "one")
        assert first(method="sepa") == "two"
        assert {choice.provider: choice.why for choice in routes(method="paypal")} == {
            "one": Why.FITS,
            "two": Why.METHOD,
        }

    def test_never_means_never_and_says_which_rule(self) -> None:
        set_rule(Route("one", countries=("DE",), never=True), name="not at home")
        choice = next(choice for choice in routes() if choice.provider == "one")
        assert (choice.takes_it, choice.why, choice.rule) == (False, Why.RULE, "not at home")
        assert pay_in(a_player(country="DE")).provider == "two"
        with pytest.raises(UnableToUseProvider, match="method_not_offered"):
            pay_in(a_player(country="DE"), provider="one")

    def test_rules_begin_and_end_in_their_time_and_stay_to_be_seen(self) -> None:
        rule = set_rule(Route("two", priority=1), valid_from=NOW + timedelta(hours=1))
        assert first() == "one" and routes(at=NOW + timedelta(hours=1))[0].provider == "two"
        end_payment_rule(
            acting_as(an_administrator(Role.OWNER), at=NOW), rule=rule, until=NOW + timedelta(hours=2)
        )
        assert routes(at=NOW + timedelta(hours=2))[0].provider == "one"
        (kept,) = services.get(Payments).house_rules()
        assert (kept.terms, kept.valid_until) == (Route("two", priority=1), NOW + timedelta(hours=2))
        with pytest.raises(UnableToSetRule, match="rule_in_past"):
            set_rule(Route("two"), valid_from=NOW - timedelta(seconds=1))

    @pytest.mark.parametrize(
        ("terms", "wrong"),
        [
            (Route("two", amount_from="5.00"), "currency"),
            (Route("two", countries=("de",)), "countries"),
            (Route("two", currency="EUR", amount_from="5.001"), "amount_from"),
            (Route("two", fee_percent="NaN"), "fee_percent"),
            (AmountBounds("EUR", "20.00", "10.00"), "most"),
            (TopUpBonus("XCR", "10.00", "5"), "currency"),
            (MethodSwitch("visa", ()), "countries"),
        ],
    )
    def test_refuses_rules_that_make_no_sense(self, terms: Terms, wrong: str) -> None:
        with pytest.raises(UnableToSetRule, match="rule_malformed") as refused:
            set_rule(terms)
        assert refused.value.details["field"] == wrong

    def test_is_not_for_the_accountant(self) -> None:
        accountant = an_administrator(Role.ACCOUNTANT)
        with pytest.raises(UnableToAdminister):
            set_payment_rule(acting_as(accountant, at=NOW), draft=RuleDraft("x", Route("two")))


@pytest.mark.use_case("PAY-09")
class TestFallingOver:
    def test_goes_to_the_next_when_one_clearly_refuses(self, one: Scripted, two: Scripted) -> None:
        one.starts = lambda _: Report(Standing.FAILED, reason="closed")
        payment = pay_in()
        assert (payment.provider, payment.status, payment.attempt) == ("two", Status.PENDING, 2)
        assert two.opened[0].reference != one.opened[0].reference
        hears(payment, paid(payment))
        assert_books_prove()

    def test_goes_to_the_next_when_one_was_certainly_never_told(self, one: Scripted) -> None:
        one.starts = lambda _: Report(Standing.UNKNOWN, reason="unreachable", never_sent=True)
        assert pay_in().provider == "two"

    def test_never_goes_on_when_nobody_knows(self, one: Scripted, two: Scripted) -> None:
        one.starts = lambda _: Report(Standing.UNKNOWN, reason="timeout")
        payment = pay_in()
        assert (payment.provider, payment.status) == ("one", Status.UNKNOWN)
        assert two.opened == []

    def test_leaves_a_provider_alone_that_the_player_chose(self, one: Scripted, two: Scripted) -> None:
        one.starts = lambda _: Report(Standing.FAILED, reason="closed")
        assert pay_in(provider="one").status is Status.FAILED
        assert two.opened == []

    def test_says_so_when_nobody_is_left(self, one: Scripted, two: Scripted) -> None:
        one.starts = two.starts = lambda _: Report(Standing.FAILED, reason="closed")
        payment = pay_in()
        assert (payment.status, payment.attempt) == (Status.FAILED, 2)
        with pytest.raises(UnableToRoute, match="no_provider"):
            pay_in(amount=Money.parse("100000.00", "EUR"))

    def test_sent_again_with_its_key_it_is_the_same_payment(self, one: Scripted, two: Scripted) -> None:
        player = a_player()
        one.starts = lambda _: Report(Standing.FAILED, reason="closed")
        payments = [pay_in(player, key="again") for _ in range(3)]
        assert {payment.id for payment in payments} == {payments[0].id}
        assert {payment.provider for payment in payments} == {"two"}
        assert (len(one.opened), len(two.opened)) == (1, 1)

    def test_what_the_first_one_took_after_all_goes_back(self, one: Scripted) -> None:
        """It had said no, and took the money: the player pays once all the same."""
        one.starts = lambda _: Report(Standing.FAILED, reason="closed")
        payment = pay_in()
        hears(payment, paid(payment, "two-1"), attempt=2)
        hears(payment, paid(payment, "one-1"), attempt=1)
        (refund,) = services.get(Payments).refunds(payment_id=payment.id)
        assert refund.amount == TEN_EUROS
        assert services.get(Charging).wallet(player=payment.player).posted == payment.units
        assert_books_prove()


@pytest.mark.use_case("PAY-17")
class TestTryingAgain:
    def test_opens_the_same_payment_by_another_way(self, one: Scripted, two: Scripted) -> None:
        payment = pay_in(provider="one", method="visa")
        hears(payment, Report(Standing.FAILED, reason="card_declined"))
        again = try_payment_again(a_command(at=NOW), payment_id=payment.id, method="sepa").answer
        assert (again.id, again.provider, again.status) == (payment.id, "two", Status.PENDING)
        assert two.opened[0].method == "sepa"
        assert hears(again, paid(again)).status is Status.SUCCEEDED
        assert_books_prove()

    def test_is_refused_while_the_first_may_still_be_paid(self) -> None:
        payment = pay_in()
        with pytest.raises(UnableToTryAgain, match="attempt_open"):
            try_payment_again(a_command(at=NOW), payment_id=payment.id)

    def test_is_refused_once_it_is_credited(self) -> None:
        payment = pay_in()
        hears(payment, paid(payment))
        with pytest.raises(UnableToTryAgain, match="payment_over"):
            try_payment_again(a_command(at=NOW), payment_id=payment.id)

    def test_is_refused_when_its_rate_is_of_yesterday(self) -> None:
        payment = pay_in()
        hears(payment, Report(Standing.FAILED))
        with pytest.raises(UnableToTryAgain, match="payment_too_old"):
            try_payment_again(a_command(at=NOW + timedelta(hours=25)), payment_id=payment.id)


@pytest.mark.use_case("PAY-16")
class TestCancelling:
    def test_takes_it_back_at_the_provider(self, one: Scripted) -> None:
        payment = pay_in()
        assert cancel_payment(a_command(at=NOW), payment_id=payment.id).answer.status is Status.CANCELLED
        assert one.did("void") == 1

    def test_credits_what_was_paid_in_that_moment(self, one: Scripted) -> None:
        payment = pay_in()
        one.stands[str(payment.id)] = paid(payment, "one-1")
        assert cancel_payment(a_command(at=NOW), payment_id=payment.id).answer.status is Status.SUCCEEDED
        assert_books_prove()

    def test_leaves_to_the_provider_what_it_cannot_take_back(self, one: Scripted) -> None:
        one.abilities = frozenset({Ability.INQUIRE})
        payment = pay_in()
        with pytest.raises(UnableToCancel, match="payment_not_voidable"):
            cancel_payment(a_command(at=NOW), payment_id=payment.id)
        one.stands[str(payment.id)] = Report(Standing.CANCELLED)
        assert cancel_payment(a_command(at=NOW), payment_id=payment.id).answer.status is Status.CANCELLED

    def test_is_refused_when_it_is_over(self) -> None:
        payment = pay_in()
        hears(payment, paid(payment))
        with pytest.raises(UnableToCancel, match="payment_not_open"):
            cancel_payment(a_command(at=NOW), payment_id=payment.id)


@pytest.mark.use_case("PAY-20")
class TestMethodsByCountry:
    def test_are_off_where_the_house_says_so(self) -> None:
        set_rule(MethodSwitch("visa", ("NG",)), name="no visa")
        choice = routes(country="NG", method="visa")[0]
        assert (choice.takes_it, choice.why, choice.rule) == (False, Why.METHOD_OFF, "no visa")
        assert routes(country="DE", method="visa")[0].takes_it
        with pytest.raises(UnableToUseProvider, match="method_not_offered"):
            pay_in(a_player(country="NG"), provider="one", method="visa")
        assert pay_in(a_player(country="NG"), provider="one").status is Status.PENDING  # by PayPal

    def test_are_on_only_there_where_the_house_says_so(self) -> None:
        set_rule(MethodSwitch("sepa", ("DE", "AT"), only=True))
        assert [
            country for country in ("DE", "AT", "US") if routes(country=country, method="sepa")[0].takes_it
        ] == [
            "DE",
            "AT",
        ]


@pytest.mark.use_case("PAY-21")
class TestAmounts:
    def test_have_a_least_and_a_greatest_by_currency_and_method(self) -> None:
        set_rule(AmountBounds("EUR", "5.00", "5000.00"))
        set_rule(AmountBounds("EUR", "20.00", "5000.00", method="sepa"))
        assert pay_in(amount=Money.parse("5000.00", "EUR")).status is Status.PENDING
        with pytest.raises(UnableToUseProvider, match="amount_out_of_range") as refused:
            pay_in(amount=Money.parse("4.99", "EUR"), provider="one")
        assert refused.value.details["least"] == "5.00"
        with pytest.raises(UnableToRoute, match="no_provider"):
            pay_in(amount=TEN_EUROS, method="sepa")
        # Another currency keeps the provider's own.
        assert services.get(Payments).limits(provider="one", currency="USD", at=NOW).most == Money.parse(
            "1000.00", "USD"
        )


@pytest.mark.use_case("PAY-26")
class TestBonus:
    def test_is_given_with_the_payment_and_fixed_before_paying(self) -> None:
        rule = set_rule(TopUpBonus("EUR", "10.00", "5", days=30))
        set_rule(TopUpBonus("EUR", "50.00", "10"))
        payment = pay_in()
        end_payment_rule(acting_as(an_administrator(Role.OWNER), at=NOW), rule=rule)
        hears(payment, paid(payment))
        lots = {lot.source: lot for lot in services.get(Charging).wallet(player=payment.player, at=NOW).lots}
        bonus = lots[Source.PROMOTION]
        assert bonus.units == Money.parse("50", "XCR") and not bonus.consideration
        assert bonus.reference == f"top-up-bonus:{payment.id}"
        assert not bonus.terms.payable_out and not bonus.terms.refundable
        assert bonus.terms.expires_at == NOW + timedelta(days=30)
        assert_books_prove()

    def test_of_several_sizes_the_greatest_counts(self) -> None:
        set_rule(TopUpBonus("EUR", "10.00", "5"))
        set_rule(TopUpBonus("EUR", "50.00", "10"))
        quoted = {
            major: services.get(Payments)
            .bonus_for(paid=Money.parse(major, "EUR"), units=Money.parse("1000", "XCR"), at=NOW)
            .major
            for major in ("9.99", "10.00", "50.00")
        }
        assert quoted == {"9.99": "0.00", "10.00": "50.00", "50.00": "100.00"}

    def test_goes_back_in_proportion_with_a_refund(self) -> None:
        set_rule(TopUpBonus("EUR", "10.00", "5"))
        payment = pay_in()
        hears(payment, paid(payment))
        owner = acting_as(an_administrator(Role.OWNER), at=NOW)
        refund_payment(owner, payment_id=payment.id, amount=Money.parse("4.00", "EUR"), reason="wished for")
        wallet = services.get(Charging).wallet(player=payment.player, at=NOW)
        assert wallet.posted == Money.parse("630", "XCR")  # 600 of 1000, 30 of 50
        assert_books_prove()
