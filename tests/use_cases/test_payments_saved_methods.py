"""PAY-07: a card saved at its provider, charged with one click, and forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, connections

from tests.builders.books import assert_books_prove
from tests.builders.configuration import change_configuration
from tests.builders.people import a_command, a_player
from warchest.charging.contract import Charging
from warchest.delivery.contract import Delivery
from warchest.jobs.methods import forget_methods, warn_of_ending_methods
from warchest.journeys.forget_method import forget_method
from warchest.journeys.register_player import Registered
from warchest.journeys.return_from_provider import return_from_provider
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.payments.contract import (
    SAVING_WORDING,
    MethodState,
    Payment,
    Payments,
    SavedMethod,
    Status,
    UnableToUseMethod,
    UnableToUseProvider,
)
from warchest.payments.models import SavedMethod as MethodRow
from warchest.runtime.services import services
from warchest_sandbox.testing import RunningSandbox

pytestmark = pytest.mark.usefixtures("database", "configured")

TEN_EUROS = Money.parse("10.00", "EUR")
NOW = datetime.now(UTC).replace(microsecond=0)
VISA, MASTERCARD, WANTS_PLAYER = "4111111111111111", "5555555555554444", "4000002760003184"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> Iterator[RunningSandbox]:
    running.control(lose_notices=True)
    yield running
    running.reset()


@pytest.fixture
def configured(sandbox: RunningSandbox) -> Iterator[Callable[..., None]]:
    def with_settings(**more: object) -> None:
        change_configuration(providers={"sandbox": {**sandbox.settings, "timeout_s": 2, **more}})

    with_settings()
    yield with_settings
    change_configuration()


def pays(player: Registered, **more: object) -> Payment:
    more = {"provider": "sandbox"} | more
    return start_top_up(a_command(at=NOW), player=player.id, amount=TEN_EUROS, **more).answer


def saves(sandbox: RunningSandbox, player: Registered, card: str = VISA) -> SavedMethod:
    payment = pays(player, consent=SAVING_WORDING)
    sandbox.pay(str(payment.id), card=card)
    return_from_provider(a_command(at=NOW), payment_id=payment.id, query={})
    return next(iter(methods_of(player)))


def methods_of(player: Registered) -> tuple[SavedMethod, ...]:
    return services.get(Payments).saved_methods(player=player.id)


def units_of(player: Registered) -> Money:
    return services.get(Charging).wallet(player=player.id).posted


def stands(payment: Payment) -> Payment:
    return services.get(Payments).payment(payment_id=payment.id)


def everything_stored() -> str:
    """Every row of every table as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = cursor.fetchall()
        found = []
        for schema, table in tables:
            cursor.execute(
                f'SELECT coalesce(string_agg(row::text, chr(10)), \'\') FROM "{schema}"."{table}" AS row'
            )
            found.append(cursor.fetchone()[0])
    return "\n".join(found)


@pytest.mark.use_case("PAY-07")
class TestSaving:
    def test_keeps_what_the_player_wanted_saved_and_how_they_agreed(self, sandbox: RunningSandbox) -> None:
        player = a_player()

        method = saves(sandbox, player)

        assert (method.label, method.last_four, method.method) == ("Visa •••• 1111", "1111", "visa")
        assert (method.provider, method.state, method.wording) == (
            "sandbox",
            MethodState.USABLE,
            SAVING_WORDING,
        )
        assert method.agreed_at == NOW
        assert method.expires > f"{NOW:%Y-%m}"

    def test_saves_nothing_that_the_player_did_not_want_saved(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        payment = pays(player)
        sandbox.pay(str(payment.id))

        return_from_provider(a_command(at=NOW), payment_id=payment.id, query={})

        assert stands(payment).status is Status.SUCCEEDED
        assert methods_of(player) == ()

    def test_saves_nothing_of_a_card_that_was_declined(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        payment = pays(player, consent=SAVING_WORDING)
        sandbox.pay(str(payment.id), card="4000000000000002")

        return_from_provider(a_command(at=NOW), payment_id=payment.id, query={})

        assert stands(payment).status is Status.FAILED
        assert methods_of(player) == ()

    def test_the_same_card_saved_twice_is_one_method_and_the_first_token_is_let_go(
        self, sandbox: RunningSandbox
    ) -> None:
        player = a_player()
        first = saves(sandbox, player)

        second = saves(sandbox, player)

        assert [method.id for method in methods_of(player)] == [second.id]
        assert forget_methods(at=NOW) == 1
        assert services.get(Payments).saved_method(method_id=first.id).state is MethodState.FORGOTTEN
        assert pays(player, saved_method=second.id).status is Status.SUCCEEDED

    def test_no_token_stands_anywhere_in_the_clear(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        method = saves(sandbox, player)
        pays(player, saved_method=method.id)

        stored = everything_stored()

        assert str(method.id) in stored
        assert "met_" not in stored

    def test_one_player_cannot_pay_with_the_card_of_another(self, sandbox: RunningSandbox) -> None:
        method = saves(sandbox, a_player())

        with pytest.raises(UnableToUseMethod) as refused:
            pays(a_player(), saved_method=method.id)

        assert refused.value.reason == "method_unknown"


@pytest.mark.use_case("PAY-07")
class TestOneClick:
    def test_pays_at_once_without_a_page(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        method = saves(sandbox, player)

        payment = pays(player, saved_method=method.id, provider="")

        assert (payment.status, payment.redirect_url) == (Status.SUCCEEDED, "")
        assert units_of(player) == Money.parse("2000", "XCR")
        used = services.get(Payments).method_used(payment_id=payment.id)
        assert used is not None and used.id == method.id
        assert_books_prove()

    def test_pays_once_though_the_button_is_pressed_twice(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        method = saves(sandbox, player)
        command = a_command(at=NOW)
        asked = {"player": player.id, "amount": TEN_EUROS, "saved_method": method.id}

        first, again = (start_top_up(command, **asked) for _ in range(2))

        assert again.replayed and again.answer.id == first.answer.id
        assert units_of(player) == Money.parse("2000", "XCR")

    def test_leads_to_the_banks_page_where_the_bank_wants_to_see_the_player(
        self, sandbox: RunningSandbox
    ) -> None:
        player = a_player()
        method = saves(sandbox, player, card=WANTS_PLAYER)

        payment = pays(player, saved_method=method.id)

        assert payment.status is Status.PENDING
        assert payment.redirect_url.startswith(sandbox.url)
        sandbox.pay(str(payment.id), card=WANTS_PLAYER)
        return_from_provider(a_command(at=NOW), payment_id=payment.id, query={})
        assert stands(payment).status is Status.SUCCEEDED

    def test_that_is_declined_moves_nothing(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        method = saves(sandbox, player)
        sandbox.control(decline_next=1)

        payment = pays(player, saved_method=method.id)

        assert (payment.status, payment.reason) == (Status.FAILED, "card_declined")
        assert units_of(player) == Money.parse("1000", "XCR")

    def test_whose_answer_was_lost_is_unknown_and_is_credited_once_when_asked(
        self, sandbox: RunningSandbox
    ) -> None:
        player = a_player()
        method = saves(sandbox, player)
        sandbox.control(timeout_after_success="close")

        payment = pays(player, saved_method=method.id)
        sandbox.reset()

        assert payment.status is Status.UNKNOWN
        for _ in range(2):
            return_from_provider(a_command(at=NOW), payment_id=payment.id, query={})
        assert stands(payment).status is Status.SUCCEEDED
        assert units_of(player) == Money.parse("2000", "XCR")

    def test_is_refused_when_the_card_has_expired(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        method = saves(sandbox, player)
        later = datetime(int(method.expires[:4]) + 1, 1, 2, tzinfo=UTC)

        with pytest.raises(UnableToUseMethod) as refused:
            start_top_up(a_command(at=later), player=player.id, amount=TEN_EUROS, saved_method=method.id)

        assert refused.value.reason == "method_expired"


@pytest.mark.use_case("PAY-07")
class TestManyAtOnce:
    def test_the_same_card_told_from_eight_sides_is_one_method(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        payment = pays(player, consent=SAVING_WORDING)
        sandbox.pay(str(payment.id))

        together(lambda number: return_from_provider(a_command(at=NOW), payment_id=payment.id, query={}))

        assert len(methods_of(player)) == 1
        assert MethodRow.objects.filter(player=player.id).count() == 1
        assert units_of(player) == Money.parse("1000", "XCR")

    def test_a_card_that_is_charged_and_forgotten_at_once_is_one_or_the_other(
        self, sandbox: RunningSandbox
    ) -> None:
        player = a_player()
        method = saves(sandbox, player)

        def do(number: int) -> Payment | str:
            if number == 4:
                return forget_method(a_command(at=NOW), player=player.id, method_id=method.id).answer.state
            try:
                return pays(player, saved_method=method.id)
            except UnableToUseMethod as refusal:
                return refusal.reason

        ends = together(do)

        paid = [end for end in ends if isinstance(end, Payment)]
        assert {end for end in ends if isinstance(end, str)} <= {
            "method_forgotten",
            "forgetting",
            "forgotten",
        }
        # Who was in time was charged, and nobody was told a token that was gone.
        assert {payment.status for payment in paid} <= {Status.SUCCEEDED}
        assert units_of(player) == Money.units(100_000 * (1 + len(paid)))
        forget_methods(at=NOW + timedelta(hours=1))
        assert services.get(Payments).saved_method(method_id=method.id).state is MethodState.FORGOTTEN
        assert_books_prove()


def together(do: Callable[[int], object]) -> list[object]:
    def one(number: int) -> object:
        try:
            return do(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(8)))


@pytest.mark.use_case("PAY-07")
class TestForgetting:
    def test_erases_the_token_when_the_provider_has_let_go(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        method = saves(sandbox, player)

        forgotten = forget_method(a_command(at=NOW), player=player.id, method_id=method.id).answer

        assert forgotten.state is MethodState.FORGOTTEN
        assert MethodRow.objects.get(id=method.id).token is None
        assert methods_of(player) == ()
        with pytest.raises(UnableToUseMethod) as refused:
            pays(player, saved_method=method.id)
        assert refused.value.reason == "method_forgotten"

    @pytest.mark.parametrize("silence", ["server_error", "hang"])
    def test_that_the_provider_did_not_confirm_goes_on_until_it_does(
        self, sandbox: RunningSandbox, silence: str
    ) -> None:
        player = a_player()
        method = saves(sandbox, player)
        sandbox.control(answers=silence)

        forgotten = forget_method(a_command(at=NOW), player=player.id, method_id=method.id).answer

        assert forgotten.state is MethodState.FORGETTING
        assert methods_of(player) == ()
        assert forget_methods(at=NOW) == 0
        sandbox.control(answers="right")
        assert forget_methods(at=NOW + timedelta(minutes=10)) == 1
        after = services.get(Payments).saved_method(method_id=method.id)
        assert (after.state, after.problem) == (MethodState.FORGOTTEN, "")
        assert MethodRow.objects.get(id=method.id).token is None

    def test_waits_for_a_payment_that_is_being_made_with_it(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        method = saves(sandbox, player, card=WANTS_PLAYER)
        payment = pays(player, saved_method=method.id)

        forgetting = forget_method(a_command(at=NOW), player=player.id, method_id=method.id).answer

        assert forgetting.state is MethodState.FORGETTING
        sandbox.pay(str(payment.id), card=WANTS_PLAYER)
        return_from_provider(a_command(at=NOW), payment_id=payment.id, query={})
        assert stands(payment).status is Status.SUCCEEDED
        forget_methods(at=NOW + timedelta(hours=1))
        assert services.get(Payments).saved_method(method_id=method.id).state is MethodState.FORGOTTEN

    def test_twice_is_once(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        method = saves(sandbox, player)

        for _ in range(2):
            done = forget_method(a_command(at=NOW), player=player.id, method_id=method.id).answer
            assert done.state is MethodState.FORGOTTEN

    def test_of_somebody_elses_is_refused(self, sandbox: RunningSandbox) -> None:
        method = saves(sandbox, a_player())

        for other in (a_player().id, new_id()):
            with pytest.raises(UnableToUseMethod):
                forget_method(a_command(at=NOW), player=other, method_id=method.id)

    def test_is_undone_only_by_agreeing_anew(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        method = saves(sandbox, player)
        forget_method(a_command(at=NOW), player=player.id, method_id=method.id)

        anew = saves(sandbox, player)

        assert anew.id != method.id
        assert pays(player, saved_method=anew.id).status is Status.SUCCEEDED


@pytest.mark.use_case("PAY-07")
def test_a_card_that_ends_is_told_once(sandbox: RunningSandbox) -> None:
    player = a_player()
    method = saves(sandbox, player)
    year, month = map(int, method.expires.split("-"))
    on = datetime.combine(date(year, month, 1), datetime.min.time(), tzinfo=UTC)

    assert warn_of_ending_methods(at=on - timedelta(days=45)) == 0
    assert warn_of_ending_methods(at=on) == 1
    assert warn_of_ending_methods(at=on) == 0

    delivery = services.get(Delivery)
    delivery.catch_up(at=on)
    (mail,) = [mail for mail in delivery.mails(player=player.id) if mail.kind == "method_ends"]
    assert mail.key == f"method-ends:{method.id}:{method.expires}"


@pytest.mark.use_case("PAY-07")
def test_a_provider_that_saves_nothing_is_not_asked_to(configured: Callable[..., None]) -> None:
    configured()
    with pytest.raises((UnableToUseMethod, UnableToUseProvider)) as refused:
        pays(a_player(), consent="a wording that is far too long to be one")
    assert refused.value.reason == "consent_malformed"
