"""PAY-08: a wallet that is topped up by itself: below a threshold, by a saved card, within a cap for each month."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connections, transaction

from tests.builders.books import assert_books_prove
from tests.builders.configuration import change_configuration
from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from tests.use_cases.test_payments_saved_methods import (  # noqa: F401
    VISA,
    WANTS_PLAYER,
    running,
    sandbox,
)
from warchest.charging.contract import Charging, UnableToSpend
from warchest.delivery.contract import Delivery
from warchest.jobs.methods import AutoRound, top_up_by_themselves
from warchest.jobs.payments import settle_open_payments
from warchest.journeys.forget_method import forget_method
from warchest.journeys.order_auto_top_up import end_auto_top_up, order_auto_top_up
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.prolong_topping_up import prolong_topping_up
from warchest.journeys.register_player import Registered
from warchest.journeys.return_from_provider import return_from_provider
from warchest.journeys.set_payment_rule import set_payment_rule
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.top_up_by_itself import top_up_by_itself
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.members.contract import Role
from warchest.payments.contract import (
    AUTO_WORDING,
    DECLINES_MAX,
    SAVING_WORDING,
    AutoTopUp,
    FraudKey,
    FraudRule,
    FraudTest,
    FraudVerdict,
    Occasion,
    Payment,
    Payments,
    RuleDraft,
    SavedMethod,
    Status,
    UnableToOrderAutoTopUp,
)
from warchest.payments.models import AutoRun as RunRow
from warchest.runtime.services import services
from warchest_sandbox.testing import RunningSandbox

pytestmark = pytest.mark.usefixtures("database", "configured")

NOW = datetime.now(UTC).replace(day=3, microsecond=0)
TEN, TWENTY_FIVE = Money.parse("10.00", "EUR"), Money.parse("25.00", "EUR")


@pytest.fixture
def configured(sandbox: RunningSandbox) -> Iterator[Callable[..., None]]:  # noqa: F811
    def with_settings(**more: object) -> None:
        change_configuration(providers={"sandbox": {**sandbox.settings, "timeout_s": 2, **more}})

    with_settings()
    yield with_settings
    change_configuration()


def who_saved(sandbox: RunningSandbox, card: str = VISA) -> tuple[Registered, SavedMethod]:  # noqa: F811
    """A player with 1000 units and a saved card."""
    player = a_player()
    payment = start_top_up(
        a_command(at=NOW), player=player.id, amount=TEN, provider="sandbox", consent=SAVING_WORDING
    ).answer
    sandbox.pay(str(payment.id), card=card)
    return_from_provider(a_command(at=NOW), payment_id=payment.id, query={})
    (method,) = services.get(Payments).saved_methods(player=player.id)
    return player, method


def orders(
    player: Registered,
    method: SavedMethod,
    *,
    below: str = "1500",
    amount: Money = TEN,
    cap: Money = TWENTY_FIVE,
    at: datetime = NOW,
) -> AutoTopUp:
    return order_auto_top_up(
        a_command(at=at),
        player=player.id,
        below=Money.parse(below, "XCR"),
        amount=amount,
        cap=cap,
        method_id=method.id,
        wording=AUTO_WORDING,
    ).answer


def available(player: Registered) -> Money:
    return services.get(Charging).wallet(player=player.id).available


def runs_of(player: Registered) -> list[Status]:
    return [run.status for run in services.get(Payments).auto_runs(player=player.id)]


def by_itself(player: Registered, *, at: datetime = NOW) -> Payment | None:
    return top_up_by_itself(a_command(at=at), player=player.id, occasion=Occasion.BALANCE)


def mails_to(player: Registered, *, at: datetime = NOW) -> list[str]:
    delivery = services.get(Delivery)
    delivery.catch_up(at=at)
    return [
        mail.kind.value for mail in delivery.mails(player=player.id) if mail.kind.value.startswith("auto")
    ]


@pytest.mark.use_case("PAY-08")
class TestOrder:
    def test_nothing_is_charged_without_one(self, sandbox: RunningSandbox) -> None:  # noqa: F811
        player, _ = who_saved(sandbox)

        assert top_up_by_themselves(at=NOW) == AutoRound(closed=0, begun=0, failed=0)
        assert by_itself(player) is None
        assert services.get(Payments).auto_top_up(player=player.id) is None

    @pytest.mark.parametrize(
        ("below", "amount", "cap", "reason"),
        [
            ("0", "10.00", "25.00", "threshold_out_of_range"),
            ("100", "10.00", "9.99", "cap_below_amount"),
        ],
    )
    def test_is_refused_where_it_makes_no_sense(
        self,
        sandbox: RunningSandbox,  # noqa: F811
        below: str,
        amount: str,
        cap: str,
        reason: str,
    ) -> None:
        player, method = who_saved(sandbox)

        with pytest.raises(UnableToOrderAutoTopUp) as refused:
            orders(
                player,
                method,
                below=below,
                amount=Money.parse(amount, "EUR"),
                cap=Money.parse(cap, "EUR"),
            )

        assert refused.value.reason == reason

    def test_is_one_though_it_is_ordered_from_eight_sides(self, sandbox: RunningSandbox) -> None:  # noqa: F811
        player, method = who_saved(sandbox)

        def order(number: int) -> AutoTopUp:
            try:
                return orders(player, method, cap=Money((number + 1) * 1000, TEN.currency))
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(order, range(8)))

        assert services.get(Payments).auto_top_up(player=player.id) in made

    def test_that_was_ended_charges_nothing_more(self, sandbox: RunningSandbox) -> None:  # noqa: F811
        player, method = who_saved(sandbox)
        orders(player, method)

        end_auto_top_up(a_command(at=NOW), player=player.id)

        assert top_up_by_themselves(at=NOW).begun == 0
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            payment = services.get(Payments).payments_of(player=player.id)[0]
            RunRow.objects.create(
                order_id=player.id,
                payment_id=payment.id,
                amount_minor=1000,
                currency="EUR",
                month=NOW.date().replace(day=1),
                occasion="balance",
                begun_at=NOW,
            )
        assert refused.value.__cause__.diag.constraint_name == "auto_run_ordered"

    def test_pauses_when_its_card_is_forgotten(self, sandbox: RunningSandbox) -> None:  # noqa: F811
        player, method = who_saved(sandbox)
        orders(player, method)

        forget_method(a_command(at=NOW), player=player.id, method_id=method.id)

        order = services.get(Payments).auto_top_up(player=player.id)
        assert order is not None and (order.is_on(), order.pause_reason) == (False, "method_forgotten")
        assert top_up_by_themselves(at=NOW).begun == 0


@pytest.mark.use_case("PAY-08")
class TestRun:
    def test_begins_when_a_spend_falls_below_and_the_player_is_not_there(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method, below="600")
        assert top_up_by_themselves(at=NOW).begun == 0
        prolong_subscription(a_command(at=NOW), player=player.id, plan=ARENA_MONTH, periods=1)

        assert top_up_by_themselves(at=NOW).begun == 1

        assert available(player) == Money.parse("1500", "XCR")
        (run,) = services.get(Payments).auto_runs(player=player.id)
        assert (run.status, run.occasion, run.amount) == (Status.SUCCEEDED, Occasion.BALANCE, TEN)
        assert run.closed_at == NOW
        assert top_up_by_themselves(at=NOW) == AutoRound(closed=0, begun=0, failed=0)
        assert_books_prove()

    def test_begins_once_though_eight_see_at_once_that_the_wallet_is_low(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method)

        def begin(number: int) -> Payment | None:
            try:
                return by_itself(player)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            begun = [payment for payment in pool.map(begin, range(8)) if payment is not None]

        assert len(begun) == 1
        assert runs_of(player) == [Status.SUCCEEDED]
        assert available(player) == Money.parse("2000", "XCR")
        assert_books_prove()

    def test_begins_no_second_one_while_nobody_knows_how_the_first_ends(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method)
        sandbox.control(timeout_after_success="close")
        first = by_itself(player)
        assert first is not None and first.status is Status.UNKNOWN

        assert by_itself(player, at=NOW + timedelta(days=1)) is None
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            RunRow.objects.create(
                order_id=player.id,
                payment_id=services.get(Payments).payments_of(player=player.id)[-1].id,
                amount_minor=1,
                currency="EUR",
                month=NOW.date().replace(day=1),
                occasion="balance",
                begun_at=NOW,
            )
        assert refused.value.__cause__.diag.constraint_name == "auto_run_one_at_a_time"

        sandbox.reset()
        settle_open_payments(at=NOW + timedelta(hours=1))
        assert top_up_by_themselves(at=NOW + timedelta(hours=1)).closed == 1
        assert runs_of(player) == [Status.SUCCEEDED]
        assert available(player) == Money.parse("2000", "XCR")

    def test_counts_what_is_unknown_in_the_cap_and_never_goes_beyond_it(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method, below="100000", cap=TWENTY_FIVE)
        month = NOW.date().replace(day=1)

        begun = [by_itself(player, at=NOW + timedelta(hours=2 * hour)) for hour in range(4)]

        assert [payment is not None for payment in begun] == [True, True, False, False]
        used = services.get(Payments).month_used(player=player.id, month=month, currency="EUR")
        assert used == Money.parse("20.00", "EUR")
        order = services.get(Payments).auto_top_up(player=player.id)
        assert order is not None and order.problem == "cap_reached"
        # A month later there is room again.
        assert by_itself(player, at=NOW + timedelta(days=32)) is not None

    def test_the_cap_holds_in_the_database_whoever_writes_to_it(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method, below="100000", cap=TEN)
        sandbox.control(timeout_after_success="close")
        first = by_itself(player)
        assert first is not None and first.status is Status.UNKNOWN
        month = NOW.date().replace(day=1)
        assert services.get(Payments).month_used(player=player.id, month=month, currency="EUR") == TEN

        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            RunRow.objects.create(
                order_id=player.id,
                payment_id=services.get(Payments).payments_of(player=player.id)[-1].id,
                amount_minor=1,
                currency="EUR",
                month=month,
                occasion="balance",
                begun_at=NOW,
            )

        assert refused.value.__cause__.diag.constraint_name in {"auto_run_cap", "auto_run_one_at_a_time"}

    def test_the_currency_of_the_cap_stays_while_the_month_has_taken_something(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method)
        by_itself(player)
        dollars = Money.parse("10.00", "USD")

        with pytest.raises(UnableToOrderAutoTopUp) as refused:
            orders(player, method, amount=dollars, cap=dollars)

        assert refused.value.reason == "cap_currency_fixed"
        assert orders(player, method, amount=dollars, cap=dollars, at=NOW + timedelta(days=32)).cap == dollars


@pytest.mark.use_case("PAY-08")
class TestDeclined:
    def test_several_times_in_a_row_it_pauses_and_the_player_is_told(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method, cap=Money.parse("500.00", "EUR"))
        sandbox.control(decline_next=DECLINES_MAX + 1)

        for day in range(DECLINES_MAX):
            at = NOW + timedelta(days=2 * day)
            declined = by_itself(player, at=at)
            assert declined is not None and declined.status is Status.FAILED
            assert by_itself(player, at=at + timedelta(hours=1)) is None

        order = services.get(Payments).auto_top_up(player=player.id)
        assert order is not None
        assert (order.is_on(), order.pause_reason, order.problem) == (False, "declined", "card_declined")
        assert by_itself(player, at=NOW + timedelta(days=20)) is None
        assert sorted(mails_to(player)) == [*["auto_top_up_declined"] * 2, "auto_top_up_paused"]
        # What was declined took nothing of the cap.
        month = NOW.date().replace(day=1)
        assert not services.get(Payments).month_used(player=player.id, month=month, currency="EUR")
        sandbox.reset()
        orders(player, method, at=NOW + timedelta(days=20))
        assert by_itself(player, at=NOW + timedelta(days=20)) is not None

    def test_since_the_bank_wants_to_see_the_player_it_counts_as_declined(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox, card=WANTS_PLAYER)
        orders(player, method)

        declined = by_itself(player)

        assert declined is not None
        assert (declined.status, declined.reason) == (Status.FAILED, "authentication_required")


@pytest.mark.use_case("PAY-08")
class TestNotOpened:
    def test_with_a_card_that_has_expired_it_pauses_and_the_player_is_told(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method)
        later = datetime(int(method.expires[:4]) + 1, 1, 2, tzinfo=UTC)

        assert by_itself(player, at=later) is None

        order = services.get(Payments).auto_top_up(player=player.id)
        assert order is not None and (order.is_on(), order.pause_reason) == (False, "method_expired")
        assert mails_to(player, at=later) == ["auto_top_up_paused"]
        assert runs_of(player) == []

    def test_with_a_provider_that_takes_nothing_now_it_waits_for_an_hour(
        self,
        sandbox: RunningSandbox,  # noqa: F811
        configured: Callable[..., None],
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method)
        configured(enabled=False)

        assert by_itself(player) is None
        configured()

        order = services.get(Payments).auto_top_up(player=player.id)
        assert order is not None and (order.is_on(), order.problem) == (True, "provider_disabled")
        assert by_itself(player, at=NOW + timedelta(minutes=30)) is None
        assert by_itself(player, at=NOW + timedelta(minutes=61)) is not None
        assert runs_of(player) == [Status.SUCCEEDED]

    def test_which_the_fraud_rules_block_no_provider_hears_of(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method)
        set_payment_rule(
            acting_as(an_administrator(Role.OWNER), at=NOW),
            draft=RuleDraft(
                "one an hour", FraudRule(FraudTest.COUNT, FraudVerdict.BLOCK, by=FraudKey.PLAYER, limit=1)
            ),
        )

        blocked = by_itself(player, at=NOW + timedelta(minutes=1))

        assert blocked is not None
        assert (blocked.status, blocked.reason) == (Status.FAILED, "blocked_by_rules")
        assert sandbox.desk(str(blocked.id)) is None


@pytest.mark.use_case("PAY-08")
class TestProlonging:
    def test_tops_up_what_is_lacking_and_prolongs_in_one_call(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method, below="100")
        command = a_command(at=NOW)
        asked = {"player": player.id, "plan": ARENA_MONTH, "periods": 3}

        first, again = (prolong_topping_up(command, **asked) for _ in range(2))

        assert first.answer == again.answer and again.replayed
        assert available(player) == Money.parse("500", "XCR")
        (run,) = services.get(Payments).auto_runs(player=player.id)
        assert run.occasion is Occasion.PROLONGING
        assert_books_prove()

    @pytest.mark.parametrize("periods", [9, 3])
    def test_charges_nothing_where_it_would_not_be_enough_or_nobody_ordered_it(
        self,
        sandbox: RunningSandbox,  # noqa: F811
        periods: int,
    ) -> None:
        player, method = who_saved(sandbox)
        if periods == 9:
            orders(player, method, below="100")

        with pytest.raises(UnableToSpend) as refused:
            prolong_topping_up(a_command(at=NOW), player=player.id, plan=ARENA_MONTH, periods=periods)

        assert refused.value.reason == "insufficient_funds"
        assert runs_of(player) == []

    def test_whose_money_is_still_on_its_way_is_refused_and_not_charged_twice(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player, method = who_saved(sandbox)
        orders(player, method, below="100")
        sandbox.control(timeout_after_success="close")
        command = a_command(at=NOW)
        asked = {"player": player.id, "plan": ARENA_MONTH, "periods": 3}
        with pytest.raises(UnableToSpend):
            prolong_topping_up(command, **asked)
        with pytest.raises(UnableToSpend):
            prolong_topping_up(a_command(at=NOW, key=f"other-{new_id().hex}"), **asked)
        assert runs_of(player) == [Status.UNKNOWN]

        sandbox.reset()
        settle_open_payments(at=NOW + timedelta(hours=1))

        assert runs_of(player) == [Status.SUCCEEDED]
        assert prolong_topping_up(command, **asked).answer.charged == Money.parse("1500", "XCR")
        assert available(player) == Money.parse("500", "XCR")
        assert_books_prove()
