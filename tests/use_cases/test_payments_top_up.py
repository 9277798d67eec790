"""Topping up at a real provider's process: hosted page, signed notices, and everything that can go wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import msgspec
import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.configuration import change_configuration
from tests.builders.notices import heard
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from warchest.accounting.contract import Accounting
from warchest.charging.contract import Charging
from warchest.jobs.payments import settle_open_payments
from warchest.journeys.ask_provider import ask_provider
from warchest.journeys.return_from_provider import return_from_provider
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.members.contract import Role
from warchest.payments import providers
from warchest.payments.contract import (
    Direction,
    Exchange,
    Payment,
    PaymentFilter,
    Payments,
    Status,
    UnableToReceiveNotice,
    UnableToTopUp,
    UnableToUseProvider,
)
from warchest.runtime.services import services
from warchest.sdk.payments import UnableToTrustNotice
from warchest_sandbox.testing import RunningSandbox
from warchest_sandbox.wire import signature

pytestmark = pytest.mark.usefixtures("database", "configured")

TEN_EUROS = Money.parse("10.00", "EUR")
THOUSAND_UNITS = Money.parse("1000", "XCR")
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> Iterator[RunningSandbox]:
    # Notices are carried by the tests themselves, in the order and number that they want.
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


def pay_in(player: UUID, *, key: str | None = None, amount: Money = TEN_EUROS, **more: object) -> Payment:
    return start_top_up(
        a_command(key=key, at=NOW), player=player, amount=amount, provider="sandbox", **more
    ).answer


def the_payment(payment: Payment) -> Payment:
    return services.get(Payments).payment(payment_id=payment.id)


def units_of(player: UUID) -> Money:
    return services.get(Charging).wallet(player=player).posted


class Post:
    """A postman who knows the sandbox's secret: brings a notice of what the sandbox says, as often as wanted."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._sandbox = sandbox

    def notice(self, payment: Payment, *, notice_id: str, **changes: object) -> tuple[dict[str, str], bytes]:
        found = self._sandbox._call("GET", f"/v1/payments?reference={payment.id}") | changes
        body = json.dumps({"id": notice_id, "type": "payment", "payment": found}).encode()
        timestamp = str(int(NOW.timestamp()))
        signed = signature(
            self._sandbox.settings["notice_secret"], notice_id=notice_id, timestamp=timestamp, body=body
        )
        return {"Sandbox-Id": notice_id, "Sandbox-Timestamp": timestamp, "Sandbox-Signature": signed}, body

    def bring(self, payment: Payment, *, notice_id: str, **changes: object) -> object:
        headers, body = self.notice(payment, notice_id=notice_id, **changes)
        return heard(provider="sandbox", headers=headers, body=body, at=NOW)


@pytest.fixture
def post(sandbox: RunningSandbox) -> Post:
    return Post(sandbox)


@pytest.mark.use_case("PAY-01")
class TestTopUp:
    def test_is_written_down_and_opened_at_the_provider(self, sandbox: RunningSandbox) -> None:
        player = a_player()

        payment = pay_in(player.id, return_url="https://arena.example/paid?x=1")

        assert payment.status is Status.PENDING
        assert payment.redirect_url.startswith(sandbox.url)
        assert payment.provider_reference
        assert payment.return_url == "https://arena.example/paid?x=1"
        assert units_of(player.id) == Money.units(0)
        assert_books_prove()

    def test_is_credited_when_the_provider_says_that_it_was_paid(
        self, sandbox: RunningSandbox, post: Post
    ) -> None:
        player = a_player()
        payment = pay_in(player.id)
        sandbox.pay(str(payment.id))

        post.bring(payment, notice_id="n1")

        paid = the_payment(payment)
        assert paid.status is Status.SUCCEEDED
        assert units_of(player.id) == THOUSAND_UNITS
        (lot,) = services.get(Charging).wallet(player=player.id).lots
        assert (lot.id, lot.consideration, lot.terms.refundable) == (paid.lot, TEN_EUROS, True)
        entry = services.get(Ledger).entry(entry_id=paid.journal_entry)
        assert (entry.key, entry.kind, entry.reference) == (
            f"top-up:{payment.id}",
            "top_up",
            str(payment.id),
        )
        assert_books_prove()

    def test_is_credited_once_though_the_notice_comes_five_times(
        self, sandbox: RunningSandbox, post: Post
    ) -> None:
        player = a_player()
        payment = pay_in(player.id)
        sandbox.pay(str(payment.id))

        kept = [post.bring(payment, notice_id="n1") for _ in range(5)]

        assert [notice.repeated for notice in kept] == [False, True, True, True, True]
        assert units_of(player.id) == THOUSAND_UNITS
        assert_books_prove()

    @pytest.mark.parametrize("same_notice", [True, False])
    def test_is_credited_once_though_notices_come_from_eight_threads(
        self, sandbox: RunningSandbox, post: Post, same_notice: bool
    ) -> None:
        player = a_player()
        payment = pay_in(player.id)
        sandbox.pay(str(payment.id))
        brought = [post.notice(payment, notice_id="n" if same_notice else f"n{n}") for n in range(8)]

        def bring(notice: tuple[dict[str, str], bytes]) -> bool:
            try:
                return heard(provider="sandbox", headers=notice[0], body=notice[1], at=NOW).repeated
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            repeated = list(pool.map(bring, brought))

        assert repeated.count(False) == (1 if same_notice else 8)
        assert units_of(player.id) == THOUSAND_UNITS
        assert services.get(Payments).due_notices(at=NOW + timedelta(days=9), limit=9) == ()
        assert_books_prove()

    def test_whose_notice_was_lost_is_credited_when_the_browser_returns(
        self, sandbox: RunningSandbox
    ) -> None:
        player = a_player()
        payment = pay_in(player.id)
        sandbox.pay(str(payment.id))

        for _ in range(2):
            shown = return_from_provider(a_command(at=NOW), payment_id=payment.id, query={}).answer

        assert shown.status is Status.SUCCEEDED
        assert units_of(player.id) == THOUSAND_UNITS
        assert_books_prove()

    def test_is_not_believed_from_the_browser(self) -> None:
        player = a_player()
        payment = pay_in(player.id)

        shown = return_from_provider(
            a_command(at=NOW), payment_id=payment.id, query={"status": "succeeded"}
        ).answer

        assert shown.status is Status.PENDING
        assert units_of(player.id) == Money.units(0)

    def test_that_was_declined_moves_nothing(self, sandbox: RunningSandbox, post: Post) -> None:
        player = a_player()
        payment = pay_in(player.id)
        sandbox.pay(str(payment.id), card="4000000000000002")

        post.bring(payment, notice_id="n1")

        declined = the_payment(payment)
        assert (declined.status, declined.reason) == (Status.FAILED, "card_declined")
        assert units_of(player.id) == Money.units(0)
        assert_books_prove()

    def test_that_was_declined_late_moves_nothing(self, sandbox: RunningSandbox, post: Post) -> None:
        player = a_player()
        payment = pay_in(player.id)
        sandbox.pay(str(payment.id), card="4000000000000036")
        settle_open_payments(at=NOW + timedelta(minutes=2))
        assert the_payment(payment).status is Status.PENDING

        sandbox.decide(str(payment.id), "failed")
        settle_open_payments(at=NOW + timedelta(days=1))

        assert the_payment(payment).status is Status.FAILED
        assert_books_prove()

    def test_that_succeeds_after_it_failed_is_credited(self, sandbox: RunningSandbox, post: Post) -> None:
        player = a_player()
        payment = pay_in(player.id)
        taken = {"amount": "10.00", "currency": "EUR"}
        post.bring(payment, notice_id="n1", status="cancelled")
        assert the_payment(payment).status is Status.CANCELLED

        post.bring(payment, notice_id="n2", status="succeeded", taken=taken)
        post.bring(payment, notice_id="n3", status="failed")

        assert the_payment(payment).status is Status.SUCCEEDED
        assert units_of(player.id) == THOUSAND_UNITS
        assert_books_prove()

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [({"wrong_amount_minor": 999}, "amount_differs"), ({"wrong_currency": "USD"}, "currency_differs")],
    )
    def test_of_which_the_provider_took_something_else_waits_for_a_person(
        self, sandbox: RunningSandbox, post: Post, wrong: dict[str, object], reason: str
    ) -> None:
        player = a_player()
        payment = pay_in(player.id)
        sandbox.control(**wrong)
        sandbox.pay(str(payment.id))

        post.bring(payment, notice_id="n1")
        post.bring(payment, notice_id="n2", taken={"amount": "10.00", "currency": "EUR"})

        doubtful = the_payment(payment)
        assert (doubtful.status, doubtful.reason) == (Status.REVIEW, reason)
        assert doubtful.taken != TEN_EUROS
        assert units_of(player.id) == Money.units(0)
        assert_books_prove()

    def test_is_never_paid_by_what_paid_for_another(self, sandbox: RunningSandbox, post: Post) -> None:
        player = a_player()
        first, second = pay_in(player.id), pay_in(player.id)
        sandbox.pay(str(first.id))
        post.bring(first, notice_id="n1")

        post.bring(
            second,
            notice_id="n2",
            id=the_payment(first).provider_reference,
            status="succeeded",
            taken={"amount": "10.00", "currency": "EUR"},
        )

        doubtful = the_payment(second)
        assert (doubtful.status, doubtful.reason) == (Status.REVIEW, "provider_reference_reused")
        assert units_of(player.id) == THOUSAND_UNITS
        assert_books_prove()


@pytest.mark.use_case("PAY-01")
class TestTopUpSentAgain:
    def test_is_the_same_payment_and_the_same_answer(self, sandbox: RunningSandbox, post: Post) -> None:
        player = a_player()
        first = start_top_up(a_command(key="again"), player=player.id, amount=TEN_EUROS, provider="sandbox")
        sandbox.pay(str(first.answer.id))
        post.bring(first.answer, notice_id="n1")

        again = start_top_up(a_command(key="again"), player=player.id, amount=TEN_EUROS, provider="sandbox")

        assert not first.replayed
        assert again.replayed
        assert again.answer == first.answer
        assert len(services.get(Payments).payments_of(player=player.id)) == 1

    def test_after_the_process_died_before_the_provider_answered_goes_on(
        self, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player = a_player()
        with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
            cut.setattr("warchest.journeys.start_top_up._record_start", _die)
            pay_in(player.id, key="cut")
        (cut_off,) = services.get(Payments).payments_of(player=player.id)
        assert cut_off.status is Status.CREATED

        payment = pay_in(player.id, key="cut")

        assert payment.id == cut_off.id
        assert payment.status is Status.PENDING
        assert payment.redirect_url

    def test_after_no_answer_asks_the_provider_again(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        sandbox.control(server_error_next=1)
        lost = pay_in(player.id, key="lost")
        assert lost.status is Status.UNKNOWN

        payment = pay_in(player.id, key="lost")

        assert payment.id == lost.id
        assert payment.status is Status.PENDING

    def test_from_many_threads_at_once_is_one_payment(self) -> None:
        player = a_player()

        def once(_: int) -> UUID:
            try:
                return pay_in(player.id, key="at-once").id
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as pool:
            made = set(pool.map(once, range(4)))

        assert len(made) == 1
        assert len(services.get(Payments).payments_of(player=player.id)) == 1


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.use_case("PAY-01")
class TestTopUpIsRefused:
    @pytest.mark.parametrize(
        ("settings", "asked", "reason"),
        [
            ({}, {"provider": "nobody"}, "provider_unknown"),
            ({"enabled": False}, {}, "provider_disabled"),
            ({"api_secret": "short"}, {}, "provider_misconfigured"),
            ({}, {"amount": Money.parse("0.99", "EUR")}, "amount_out_of_range"),
            ({}, {"amount": Money.parse("1000.01", "EUR")}, "amount_out_of_range"),
            (
                {"amounts": {"JPY": ["2000", "9000"]}},
                {"amount": Money.parse("1999", "JPY")},
                "amount_out_of_range",
            ),
        ],
    )
    def test_by_the_provider(
        self,
        configured: Callable[..., None],
        settings: dict[str, object],
        asked: dict[str, object],
        reason: str,
    ) -> None:
        configured(**settings)
        player = a_player()

        with pytest.raises(UnableToUseProvider) as refusal:
            start_top_up(
                a_command(), **{"player": player.id, "amount": TEN_EUROS, "provider": "sandbox", **asked}
            )

        assert refusal.value.reason == reason
        assert services.get(Payments).payments_of(player=player.id) == ()

    @pytest.mark.parametrize(
        "address",
        [
            "/relative",
            "//arena.example",
            "javascript:alert(1)",
            "ftp://arena.example/",
            "https://",
            "https://bank.example@evil.example/",
            "https://arena.example\\@evil.example/",
            "https://arena.example/\r\nLocation: x",
            "https://arena.example:x/",
            "https://arena.example/" + "a" * 500,
        ],
    )
    def test_with_an_address_to_return_to_that_hides_something(self, address: str) -> None:
        with pytest.raises(UnableToTopUp) as refusal:
            pay_in(a_player().id, return_url=address)

        assert refusal.value.reason == "return_url_malformed"

    def test_at_another_rate_than_the_one_shown(self) -> None:
        with pytest.raises(UnableToTopUp) as refusal:
            pay_in(a_player().id, units_shown=Money.parse("1100", "XCR"))

        assert refusal.value.reason == "quote_changed"


@pytest.mark.use_case("PAY-01")
class TestNotice:
    def test_with_a_wrong_signature_is_only_counted(self, sandbox: RunningSandbox, post: Post) -> None:
        player = a_player()
        payment = pay_in(player.id)
        sandbox.pay(str(payment.id))
        headers, body = post.notice(payment, notice_id="n1")
        told = services.get(Payments).messages(payment_id=payment.id)

        for changed in (body.replace(b"n1", b"n2"), b"", b"\x00"):
            with pytest.raises(UnableToTrustNotice):
                heard(provider="sandbox", headers=headers, body=changed, at=NOW)

        assert services.get(Payments).messages(payment_id=payment.id) == told
        assert services.get(Payments).due_notices(at=NOW + timedelta(days=1), limit=9) == ()
        (refused,) = services.get(Payments).refused_notices(since=NOW.date())
        assert (refused.provider, refused.reason, refused.count) == ("sandbox", "notice_signature_wrong", 3)
        assert units_of(player.id) == Money.units(0)

    def test_that_is_too_large_is_refused_unread(self) -> None:
        with pytest.raises(UnableToReceiveNotice) as refusal:
            heard(provider="sandbox", headers={}, body=b"x" * 65_537, at=NOW)

        assert refusal.value.reason == "notice_too_large"

    def test_of_a_payment_that_is_not_ours_is_stored_and_moves_nothing(
        self, sandbox: RunningSandbox, post: Post
    ) -> None:
        payment = pay_in(a_player().id)
        sandbox.pay(str(payment.id))

        kept = post.bring(payment, notice_id="n1", reference=str(new_id()))

        assert kept.payment is None
        assert the_payment(payment).status is Status.PENDING

    def test_that_could_not_be_acted_on_is_acted_on_later(
        self, sandbox: RunningSandbox, post: Post, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player = a_player()
        payment = pay_in(player.id)
        sandbox.pay(str(payment.id))
        with monkeypatch.context() as broken:
            broken.setattr("warchest.journeys.receive_notice.settle_payment", _fail)
            assert post.bring(payment, notice_id="n1").processed is False
        assert units_of(player.id) == Money.units(0)

        for minutes in (0, 6, 20):
            settle_open_payments(at=NOW + timedelta(minutes=minutes))

        assert the_payment(payment).status is Status.SUCCEEDED
        assert units_of(player.id) == THOUSAND_UNITS
        assert services.get(Payments).due_notices(at=NOW + timedelta(days=9), limit=9) == ()
        assert_books_prove()


def _fail(*_: object, **__: object) -> None:
    raise RuntimeError("the ledger is elsewhere")


class TestUnknownOutcome:
    def test_after_a_time_out_is_settled_by_asking(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        sandbox.control(timeout_after_success="close")
        payment = pay_in(player.id)
        assert (payment.status, payment.redirect_url) == (Status.UNKNOWN, "")
        sandbox.pay(str(payment.id))

        rounds = [settle_open_payments(at=NOW + timedelta(minutes=minutes)) for minutes in (0, 1, 2, 60)]

        assert [done.asked for done in rounds] == [0, 1, 0, 0]
        assert the_payment(payment).status is Status.SUCCEEDED
        assert units_of(player.id) == THOUSAND_UNITS
        assert_books_prove()

    def test_is_asked_less_and_less_often_and_never_forgotten(self, sandbox: RunningSandbox) -> None:
        payment = pay_in(a_player().id)

        asked = [
            minute
            for minute in range(0, 3000, 5)
            if settle_open_payments(at=NOW + timedelta(minutes=minute)).asked
        ]

        assert asked[:5] == [5, 10, 25, 85, 265]
        assert the_payment(payment).next_inquiry_at is not None

    def test_of_a_payment_that_never_reached_the_provider_is_failure(self, sandbox: RunningSandbox) -> None:
        sandbox.control(server_error_next=1)
        payment = pay_in(a_player().id)

        settle_open_payments(at=NOW + timedelta(minutes=1))

        assert the_payment(payment).status is Status.FAILED

    def test_one_that_cannot_be_asked_about_does_not_stop_the_others(
        self, sandbox: RunningSandbox, configured: Callable[..., None]
    ) -> None:
        player = a_player()
        payment = pay_in(player.id)
        sandbox.pay(str(payment.id))
        configured(api_secret="short")
        assert settle_open_payments(at=NOW + timedelta(minutes=1)).failed == 1
        configured(enabled=False)

        settle_open_payments(at=NOW + timedelta(minutes=5))

        assert the_payment(payment).status is Status.SUCCEEDED

    def test_is_asked_by_an_administrator_who_may(self, sandbox: RunningSandbox) -> None:
        payment = pay_in(a_player().id)
        sandbox.pay(str(payment.id))

        answer = ask_provider(acting_as(an_administrator(Role.SUPPORT), at=NOW), payment_id=payment.id).answer

        assert answer.status is Status.SUCCEEDED


@pytest.mark.use_case("CHG-03")
@pytest.mark.use_case("PAY-25")
def test_the_rate_is_fixed_before_paying(sandbox: RunningSandbox, post: Post) -> None:
    player = a_player()
    accounting = services.get(Accounting)
    shown = accounting.quote(paid=TEN_EUROS, at=NOW).units
    payment = pay_in(player.id, units_shown=shown)
    assert Decimal(payment.units_per_major) == 100
    soon = datetime.now(UTC) + timedelta(seconds=1)
    accounting.set_rate(
        currency="EUR", units_per_major=Decimal(50), valid_from=soon, at=soon - timedelta(seconds=1)
    )
    sandbox.pay(str(payment.id))

    settle_open_payments(at=NOW + timedelta(hours=1))

    assert units_of(player.id) == shown == THOUSAND_UNITS
    assert_books_prove()


@pytest.mark.use_case("PAY-15")
def test_a_player_sees_own_payments_newest_first() -> None:
    player, other = a_player(), a_player()
    made = [pay_in(player.id) for _ in range(3)]
    pay_in(other.id)
    payments = services.get(Payments)

    page = payments.payments_of(player=player.id, limit=2)
    rest = payments.payments_of(player=player.id, before=page[-1].id)

    assert [payment.id for payment in page + rest] == [payment.id for payment in reversed(made)]


@pytest.mark.use_case("PAY-18")
def test_support_finds_a_payment_by_any_reference_with_its_whole_life(
    sandbox: RunningSandbox, post: Post
) -> None:
    player = a_player()
    pay_in(player.id)
    payment = pay_in(player.id)
    sandbox.pay(str(payment.id))
    post.bring(payment, notice_id="notice-7")
    payments = services.get(Payments)
    paid = the_payment(payment)

    for text in (str(payment.id), f" {paid.provider_reference} ", "notice-7", str(paid.journal_entry)):
        assert [found.id for found in payments.find_payments(text=text)] == [payment.id]
    assert len(payments.find_payments(text=str(player.id))) == 2
    assert payments.find_payments(text="") == payments.find_payments(text="\x00") == ()

    life = payments.messages(payment_id=payment.id)
    assert [(message.direction, message.exchange) for message in life] == [
        (Direction.TO_PROVIDER, Exchange.START),
        (Direction.FROM_PROVIDER, Exchange.START),
        (Direction.FROM_PROVIDER, Exchange.NOTICE),
    ]
    written = msgspec.json.encode(life).decode()
    assert "411111******1111" in written
    for hidden in ("4111111111111111", sandbox.settings["api_secret"], sandbox.settings["notice_secret"]):
        assert hidden not in written


@pytest.mark.use_case("PAY-22")
def test_an_administrator_sees_payments_with_state_and_provider(sandbox: RunningSandbox, post: Post) -> None:
    open_one, paid = pay_in(a_player().id), pay_in(a_player().id)
    sandbox.pay(str(paid.id))
    post.bring(paid, notice_id="n1")
    payments = services.get(Payments)

    assert [payment.id for payment in payments.recent_payments()] == [paid.id, open_one.id]
    succeeded = PaymentFilter(statuses=(Status.SUCCEEDED,), provider="sandbox")
    assert [payment.id for payment in payments.recent_payments(only=succeeded)] == [paid.id]
    assert payments.recent_payments(only=PaymentFilter(opened_before=NOW)) == ()
    assert payments.counts() == {Status.PENDING: 1, Status.SUCCEEDED: 1}


@pytest.mark.use_case("PLG-07")
def test_an_administrator_sees_providers_and_their_health(
    sandbox: RunningSandbox, configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    payments = services.get(Payments)
    (found,) = (provider for provider in payments.providers() if provider.name == "sandbox")
    assert (found.label, found.enabled, found.problem) == ("Sandbox", True, "")
    assert found.version
    assert "EUR" in found.currencies
    assert payments.health(provider="sandbox").well

    configured(base_url="http://127.0.0.1:9")
    assert not payments.health(provider="sandbox").well
    configured(base_url="nowhere")
    assert "base_url" in next(
        provider.problem for provider in payments.providers() if provider.name == "sandbox"
    )
    broken = providers.Plugin("broken", "warchest-broken", "1.0", lambda: SimpleNamespace())
    monkeypatch.setattr(providers, "installed", lambda: {"broken": broken})
    assert payments.providers()[0].problem
