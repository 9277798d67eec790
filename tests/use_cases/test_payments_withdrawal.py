"""PAY-27: within the legal period a player withdraws from a top-up, or from time bought, without asking anybody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.conf import settings
from django.core import mail as outgoing
from django.db import connections

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.documents import issue
from tests.builders.house import ARENA_MONTH
from tests.builders.paying import Till, a_test_provider
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator, fund
from tests.builders.portal import a_browser, hidden, says
from warchest.accounting.contract import Accounting, DocumentKind
from warchest.charging.contract import Charging, Source, UnableToTakeBack
from warchest.delivery.contract import Delivery
from warchest.journeys import withdraw_top_up as top_up_journey
from warchest.journeys.hold_units import capture_hold, reserve_units
from warchest.journeys.prolong_subscription import Prolonged, prolong_subscription
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.journeys.refund_payment import instruct_refund, refund_payment
from warchest.journeys.set_payment_rule import set_payment_rule
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.withdraw_purchase import WithdrawnPurchase, withdraw_purchase
from warchest.journeys.withdraw_top_up import withdraw_top_up
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role
from warchest.payments.contract import (
    Payment,
    Payments,
    Refund,
    RuleDraft,
    Status,
    UnableToWithdraw,
    WithdrawalTerms,
)
from warchest.payments.withdrawals import last_moment
from warchest.runtime.services import services
from warchest.sdk.payments import Report, Standing
from warchest.subscriptions.contract import ConsentKind, Grant, Subscriptions

pytestmark = [
    pytest.mark.usefixtures("database", "bank"),
    pytest.mark.use_case("PAY-27"),
    pytest.mark.in_process("the provider is an object of the tests"),
]
DAY = timedelta(days=1)


@pytest.fixture
def bank() -> Iterator[Till]:
    with a_test_provider() as till:
        yield till


def paid(player: UUID, amount: str = "10.00", at: datetime = NOW) -> Payment:
    done = start_top_up(
        a_command(at=at), player=player, amount=Money.parse(amount, "EUR"), provider="bank"
    ).answer
    assert done.status is Status.SUCCEEDED
    return done


def bought(player: UUID, at: datetime = NOW, *, begin_at_once: bool = True, wording: str = "") -> Grant:
    done: Prolonged = prolong_subscription(
        a_command(at=at),
        player=player,
        plan=ARENA_MONTH,
        periods=1,
        begin_at_once=begin_at_once,
        wording=wording,
    ).answer
    grants = services.get(Subscriptions).grants(subscription_id=done.id)
    return next(grant for grant in grants if grant.entry_id == done.journal_entry)


def withdraw(player: UUID, payment: Payment, at: datetime = NOW, **changes: Any) -> Refund:
    command = changes.get("command") or a_command(at=at)
    return withdraw_top_up(command, player=player, payment=payment.id).answer


def leave(player: UUID, grant: Grant, at: datetime = NOW) -> WithdrawnPurchase:
    return withdraw_purchase(a_command(at=at), player=player, grant=grant.id).answer


def refused(act: Any, *args: Any, **named: Any) -> str:
    with pytest.raises(UnableToWithdraw) as refusal:
        act(*args, **named)
    return refusal.value.reason


def booked(book: str, code: str = "EUR", owner: str = "") -> str:
    return services.get(Ledger).balance(account=AccountRef(book, code, owner)).posted.major


def available(player: UUID) -> str:
    return services.get(Charging).wallet(player=player).available.major


def use(player: UUID, units: str, at: datetime = NOW) -> None:
    """A game takes units for something that it has served."""
    hold = reserve_units(
        a_command(at=at), player=player, amount=Money.parse(units, "XCR"), purpose="hats", expires_in_s=60
    ).answer
    capture_hold(a_command(at=at), hold_id=hold.id, amount=None)


def a_rule(**terms: Any) -> None:
    draft = RuleDraft("withdrawal", WithdrawalTerms(**terms))
    set_payment_rule(acting_as(an_administrator(Role.OWNER)), draft=draft)


class TestATopUp:
    def test_goes_back_whole_while_nothing_of_it_was_used(self, bank: Till):
        player = a_player().id
        top_up = paid(player)

        refund = withdraw(player, top_up, NOW + 3 * DAY)

        assert (refund.amount.major, refund.debt.major, refund.reason) == ("10.00", "0.00", "withdrawal")
        assert services.get(Payments).payment(payment_id=top_up.id).status is Status.REFUNDED
        assert [told.amount.major for told in bank.refunds] == ["10.00"]
        assert available(player) == "0.00"
        assert_books_prove()

    def test_goes_back_without_what_was_used_and_makes_nobody_a_debtor(self, bank: Till):
        player = a_player().id
        top_up = paid(player)
        use(player, "333.33")

        refund = withdraw(player, top_up)

        assert (refund.amount.major, refund.debt.major) == ("6.67", "0.00")
        assert available(player) == "0.00"
        assert booked("player_debt", owner=str(player)) == "0.00"
        assert_books_prove()

    def test_that_is_used_up_is_refused(self):
        player = a_player().id
        top_up = paid(player, "5.00")
        bought(player)
        assert refused(withdraw, player, top_up) == "withdrawal_used_up"

    def test_of_somebody_else_is_refused_as_unknown(self):
        top_up = paid(a_player().id)
        assert refused(withdraw, a_player().id, top_up) == "withdrawal_unknown"

    def test_that_was_never_paid_is_refused(self, bank: Till):
        bank.starts = [Standing.PENDING]
        player = a_player().id
        open_one = start_top_up(
            a_command(), player=player, amount=Money.parse("10", "EUR"), provider="bank"
        ).answer
        assert refused(withdraw, player, open_one) == "withdrawal_not_paid"

    def test_stays_while_its_provider_says_nothing_and_comes_back_when_it_refuses(self, bank: Till):
        player = a_player().id
        top_up = paid(player)
        bank.answers = [Report(Standing.FAILED, reason="card_closed")]

        refund = withdraw(player, top_up)

        assert (refund.refusal, available(player)) == ("card_closed", "1000.00")
        # The right is not used up by a provider that says no.
        assert withdraw(player, top_up).amount.major == "10.00"
        assert_books_prove()

    def test_repeated_under_the_same_key_goes_back_once(self, bank: Till):
        player = a_player().id
        top_up = paid(player)
        command = a_command()

        refunds = [withdraw(player, top_up, command=command) for _ in range(2)]

        assert refunds[0].id == refunds[1].id
        assert len(bank.given) == 1
        assert refused(withdraw, player, top_up) == "withdrawal_used_up"

    def test_asked_for_by_many_at_once_goes_back_once(self, bank: Till):
        player = a_player().id
        top_up = paid(player)
        together = threading.Barrier(6)

        def attempt(_: int) -> str:
            together.wait()
            try:
                return withdraw(player, top_up).state
            except (UnableToWithdraw, UnableToTakeBack) as refusal:
                return refusal.reason
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as threads:
            ends = sorted(threads.map(attempt, range(6)))

        assert ends.count("confirmed") == 1
        assert set(ends) <= {"confirmed", "units_gone", "withdrawal_used_up"}
        assert sum(given.amount.minor for given in bank.given.values()) == 1000
        assert_books_prove()

    def test_whose_units_are_spent_at_the_same_moment_never_makes_a_debt(self, bank: Till):
        player = a_player().id
        top_up = paid(player, "5.00")
        real = top_up_journey.ask

        def spends_first(tx: Any, **named: Any) -> Any:
            thread = threading.Thread(target=lambda: (bought(player), connections.close_all()))
            thread.start()
            thread.join()
            return real(tx, **named)

        with mock.patch.object(top_up_journey, "ask", spends_first), pytest.raises(UnableToTakeBack):
            withdraw(player, top_up)

        assert bank.refunds == []
        assert booked("player_debt", owner=str(player)) == "0.00"
        assert refused(withdraw, player, top_up) == "withdrawal_used_up"
        assert_books_prove()


class TestThePeriod:
    @pytest.mark.parametrize(
        ("since", "days", "zone", "until"),
        [
            # From a Sunday 14 days end on a Sunday, so with the Monday.
            ("2026-03-15T12:00", 14, "Europe/Berlin", "2026-03-30T22:00"),
            ("2026-03-16T12:00", 14, "Europe/Berlin", "2026-03-30T22:00"),
            # Shortly before midnight in Berlin, which is the day before in New York.
            ("2026-03-17T23:30", 14, "Europe/Berlin", "2026-04-01T22:00"),
            ("2026-03-17T23:30", 14, "America/New_York", "2026-04-01T04:00"),
            ("2026-03-17T12:00", 30, "Europe/Berlin", "2026-04-16T22:00"),
        ],
    )
    def test_ends_with_the_last_working_day_by_the_players_calendar(self, since, days, zone, until):
        moment = datetime.fromisoformat(since).replace(tzinfo=UTC)
        assert last_moment(moment, days=days, zone=zone).astimezone(UTC) == datetime.fromisoformat(
            until
        ).replace(tzinfo=UTC)

    def test_ends_to_the_minute(self):
        player = a_player().id
        last = services.get(Payments)
        first, second = paid(player, "5.00"), paid(player, "5.00")
        until = last_moment(NOW, days=14, zone="UTC")

        assert refused(withdraw, player, first, until) == "withdrawal_too_late"
        assert withdraw(player, second, until - timedelta(seconds=1)).amount.major == "5.00"
        assert last.payment(payment_id=first.id).refunded.major == "0.00"

    def test_is_none_where_the_law_knows_none(self):
        player = a_player(country="JP").id
        assert refused(withdraw, player, paid(player)) == "withdrawal_not_offered"

    def test_is_what_the_house_has_set_for_the_country(self):
        a_rule(days=30, countries=("JP",))
        a_rule(days=3)
        japanese, american = a_player(country="JP").id, a_player(country="US").id
        theirs, other = paid(japanese), paid(american)

        assert refused(withdraw, american, other, NOW + 10 * DAY) == "withdrawal_too_late"
        assert withdraw(japanese, theirs, NOW + 20 * DAY).amount.major == "10.00"


class TestTimeThatWasBought:
    def test_comes_back_in_units_as_far_as_it_is_not_served(self):
        player = a_player(with_units="500").id
        grant = bought(player)
        before = (booked("deferred_revenue"), booked("tax_payable", owner="DE"), booked("wallet_funding"))
        assert before == ("4.20", "0.80", "0.00")
        # A month of 31 days: ten are served.
        at = NOW + 10 * DAY
        recognise_revenue(a_command(at=at), day=(at - DAY).date())

        done = leave(player, grant, at)

        assert (done.returned.major, available(player)) == ("338.70", "338.70")
        assert booked("wallet_funding") == "3.38"
        assert booked("tax_payable", owner="DE") == "0.26"
        right = services.get(Subscriptions).entitlement(
            player=player, online_service=_service(grant), at=at + timedelta(minutes=1)
        )
        assert right.entitled is False
        assert_books_prove()
        recognise_revenue(a_command(at=at + 2 * DAY), day=(at + DAY).date())
        assert (booked("deferred_revenue"), booked("revenue")) == ("0.00", "1.36")
        assert_books_prove()

    def test_comes_back_whole_where_nobody_asked_that_it_begins_at_once(self):
        player = a_player(with_units="500").id
        grant = bought(player, begin_at_once=False)
        at = NOW + 10 * DAY
        recognise_revenue(a_command(at=at), day=(at - DAY).date())
        assert booked("revenue") != "0.00"

        assert leave(player, grant, at).returned.major == "500.00"

        for book, owner in (("revenue", ""), ("deferred_revenue", ""), ("tax_payable", "DE")):
            assert booked(book, owner=owner) == "0.00"
        assert booked("wallet_funding") == "5.00"
        assert_books_prove()

    def test_comes_back_whole_though_all_of_it_was_served(self):
        a_rule(days=60, countries=("DE",))
        player = a_player(with_units="500").id
        grant = bought(player, begin_at_once=False)
        at = NOW + 40 * DAY

        assert leave(player, grant, at).returned.major == "500.00"
        recognise_revenue(a_command(at=at), day=(at - DAY).date())

        assert (booked("revenue"), booked("deferred_revenue"), booked("wallet_funding")) == (
            "0.00",
            "0.00",
            "5.00",
        )
        assert_books_prove()

    def test_is_given_up_knowingly_once_it_has_begun_and_not_before(self):
        a_rule(days=14, countries=("DE",), may_waive=True)
        player = a_player(with_units="1000").id
        running = bought(player, wording="Begin at once")
        ahead = bought(player, wording="Begin at once")

        kept = services.get(Subscriptions).consents(grant_ids=[running.id])[running.id]
        assert (kept.kind, kept.wording, kept.at) == (ConsentKind.WAIVES, "Begin at once", NOW)
        assert refused(leave, player, running, NOW + DAY) == "withdrawal_given_up"
        assert leave(player, ahead, NOW + DAY).returned.major == "500.00"
        assert_books_prove()

    def test_makes_what_was_bought_behind_it_move_up(self):
        player = a_player(with_units="1000").id
        first = bought(player)
        second = bought(player)

        leave(player, first, NOW + 10 * DAY)

        (later, _) = services.get(Subscriptions).grants(subscription_id=first.subscription)
        assert (later.id, later.starts_at) == (second.id, NOW + 10 * DAY)
        assert_books_prove()

    def test_takes_the_sponsors_commission_back(self):
        sponsor = a_player()
        player = a_player(sponsor=sponsor, with_units="500").id
        grant = bought(player)
        earned = booked("commission_on_hold", owner=str(sponsor.id))

        leave(player, grant)

        assert earned != "0.00"
        assert booked("commission_on_hold", owner=str(sponsor.id)) == "0.00"
        assert_books_prove()

    def test_gives_each_lot_its_own_share_in_its_own_currency(self):
        a_rule(days=30, countries=("DE",))
        player = a_player(with_units="250").id
        fund(player, units=Money.parse("150", "XCR"), paid=Money.parse("1.65", "USD"))
        fund(player, units=Money.parse("100", "XCR"), paid=Money.parse("0", "EUR"), source=Source.PROMOTION)
        grant = bought(player)

        done = leave(player, grant, NOW + timedelta(days=15, hours=12))

        assert done.returned.major == "250.00"
        lots = services.get(Charging).wallet(player=player).lots
        assert sorted((lot.units.major, str(lot.consideration)) for lot in lots) == [
            ("125.00", "1.25 EUR"),
            ("50.00", "0.00 EUR"),
            ("75.00", "0.82 USD"),
        ]
        assert_books_prove()

    def test_repeated_or_asked_for_by_many_at_once_comes_back_once(self):
        player = a_player(with_units="500").id
        grant = bought(player)
        together = threading.Barrier(6)

        def attempt(_: int) -> str:
            together.wait()
            try:
                return leave(player, grant).returned.major
            except UnableToWithdraw as refusal:
                return refusal.reason
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as threads:
            ends = sorted(threads.map(attempt, range(6)))

        assert ends == ["500.00", *["withdrawal_done"] * 5]
        assert available(player) == "500.00"
        assert_books_prove()

    def test_waits_while_a_refund_takes_the_same_time(self, bank: Till):
        player = a_player().id
        top_up = paid(player, "5.00")
        grant = bought(player)
        bank.answers = [Report(Standing.PENDING), Report(Standing.FAILED, reason="too_old")]
        asked = refund_payment(
            a_command(), payment_id=top_up.id, amount=Money.parse("2.00", "EUR"), reason="goodwill"
        ).answer

        assert refused(leave, player, grant) == "withdrawal_refund_open"

        instruct_refund(a_command(), refund_id=asked.id)
        assert leave(player, grant).returned.major == "500.00"
        assert_books_prove()

    def test_after_part_of_it_was_refunded_brings_only_the_rest(self, bank: Till):
        player = a_player().id
        top_up = paid(player, "5.00")
        grant = bought(player)
        refund_payment(
            a_command(), payment_id=top_up.id, amount=Money.parse("2.00", "EUR"), reason="goodwill"
        )

        assert leave(player, grant).returned.major == "300.00"
        assert booked("wallet_funding") == "3.00"
        assert (booked("deferred_revenue"), booked("tax_payable", owner="DE")) == ("0.00", "0.00")
        assert_books_prove()

    def test_then_brings_the_money_by_withdrawing_from_the_top_up(self, bank: Till):
        player = a_player().id
        top_up = paid(player, "5.00")
        leave(player, bought(player))

        assert withdraw(player, top_up).amount.major == "5.00"
        assert services.get(Payments).payment(payment_id=top_up.id).status is Status.REFUNDED
        assert_books_prove()

    def test_gets_a_credit_note_that_corrects_its_invoice(self):
        player = a_player(with_units="500").id
        done = leave(player, bought(player))
        issue()

        (note,) = services.get(Accounting).documents_of_entries(entry_ids=[done.journal_entry])[
            done.journal_entry
        ]
        assert (note.kind, note.gross.major, note.player) == (DocumentKind.CREDIT_NOTE, "5.00", player)
        (invoice,) = [services.get(Accounting).document(document_id=one) for one in note.corrects]
        assert (invoice.kind, invoice.gross.major) == (DocumentKind.TAX_INVOICE, "5.00")

    def test_of_somebody_else_is_refused_as_unknown(self):
        grant = bought(a_player(with_units="500").id)
        assert refused(leave, a_player().id, grant) == "withdrawal_unknown"


def _service(grant: Grant) -> UUID:
    return services.get(Subscriptions).subscription(subscription_id=grant.subscription).online_service


class TestByTheApi:
    @pytest.fixture(autouse=True)
    def at(self) -> Iterator[None]:
        with (
            mock.patch("warchest.api.withdrawals.now", lambda: NOW + DAY),
            mock.patch("warchest.api.idempotency.now", lambda: NOW + DAY),
        ):
            yield

    def test_lists_what_can_be_withdrawn_from_and_does_it(self):
        player = a_player().id
        top_up = paid(player)
        grant = bought(player)
        shop = an_api_client()

        listed = call(shop, "GET", f"/players/{player}/withdrawals").json()

        until = last_moment(NOW, days=14, zone="UTC")
        assert {(one["of"], one["id"], one["returns"]["amount"]) for one in listed} == {
            ("top_up", str(top_up.id), "5.00"),
            ("purchase", str(grant.id), "483.87"),
        }
        assert {datetime.fromisoformat(one["until"]) for one in listed} == {until}

        body = {"of": "purchase", "id": str(grant.id)}
        done = call(shop, "POST", f"/players/{player}/withdrawals", body, key="w-1")
        again = call(shop, "POST", f"/players/{player}/withdrawals", body, key="w-1")
        assert (done.status_code, done.json()["returned"]) == (
            201,
            {"amount": "483.87", "currency": "XCR"},
        )
        assert (again.json(), again["Idempotent-Replayed"]) == (done.json(), "true")
        other = call(shop, "POST", f"/players/{player}/withdrawals", body)
        assert (other.status_code, other.json()["code"]) == (409, "withdrawal_done")

        money = call(
            shop, "POST", f"/players/{player}/withdrawals", {"of": "top_up", "id": str(top_up.id)}
        ).json()
        assert (money["returned"]["amount"], money["refund_state"]) == ("9.83", "confirmed")
        assert_books_prove()

    def test_keeps_the_consent_that_a_game_asked_its_player_for(self):
        player = a_player(with_units="500").id
        body = {
            "plan": str(ARENA_MONTH),
            "periods": 1,
            "pay_with": "wallet",
            "begin_at_once": True,
            "consent": "Play now",
        }
        call(an_api_client(), "POST", f"/players/{player}/subscriptions", body)

        (grant,) = services.get(Subscriptions).bought_since(player=player, since=NOW)
        consent = services.get(Subscriptions).consents(grant_ids=[grant.id])[grant.id]
        assert (consent.kind, consent.wording) == (ConsentKind.PAYS, "Play now")


@pytest.mark.in_process("the mailbox is one in memory")
class TestIsConfirmedByMail:
    @pytest.fixture
    def mailbox(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
        monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
        outgoing.outbox = []
        yield outgoing.outbox
        del outgoing.outbox

    def test_with_what_comes_back_and_the_hour_once(self, mailbox: list[Any]):
        ann, bob = a_player(nickname="ann").id, a_player(nickname="bob", language="de", with_units="500").id
        withdraw(ann, paid(ann), NOW + DAY)
        leave(bob, bought(bob), NOW + DAY)
        delivery = services.get(Delivery)
        for _ in range(2):
            delivery.catch_up(at=NOW + DAY)
            delivery.send_mails(at=NOW + DAY)

        told = {
            letter.to[0]: letter
            for letter in mailbox
            if "ithdraw" in letter.subject or "Widerruf" in letter.subject
        }
        assert set(told) == {"ann@example.org", "bob@example.org"} and len(mailbox) == 4
        body = told["ann@example.org"].body.replace("\u00a0", " ")
        assert "your withdrawal from a top-up, of March 16, 2026, noon (UTC)" in body
        assert "10.00 EUR go back" in body.replace("€10.00", "10.00 EUR")
        (html, _) = told["bob@example.org"].alternatives[0]
        assert "483,87" in html


class TestInThePortal:
    @pytest.fixture(autouse=True)
    def at(self) -> Iterator[None]:
        def later() -> datetime:
            return NOW + DAY

        with (
            mock.patch("warchest.web.portal.views.withdraw.now", later),
            mock.patch("warchest.web.portal.views.payment.now", later),
            mock.patch("warchest.web.portal.views.prolong.now", later),
            mock.patch("warchest.web.portal.commands.now", later),
        ):
            yield

    def test_lists_with_their_deadline_what_can_be_withdrawn_from(self):
        player = a_player()
        top_up = paid(player.id)
        bought(player.id)

        page = a_browser(player).get("/withdraw")

        assert says(page, "Top-up", "5.00", "Arena", "483.87", "Mar 31, 2026")
        assert f"/withdraw/top_up/{top_up.id}" in page.content.decode()

    def test_leads_there_from_the_payment(self):
        player = a_player()
        top_up = paid(player.id)
        page = a_browser(player).get(f"/payments/{top_up.id}")
        assert says(page, "You may withdraw from this top-up until")

    def test_gives_money_back_after_a_look_and_a_yes_and_only_once(self, bank: Till):
        player = a_player()
        top_up = paid(player.id)
        browser = a_browser(player)
        page = browser.get(f"/withdraw/top_up/{top_up.id}")
        assert bank.refunds == []

        form = {"key": hidden(page, "key"), "csrfmiddlewaretoken": hidden(page, "csrfmiddlewaretoken")}
        for _ in range(2):
            answer = browser.post(f"/withdraw/top_up/{top_up.id}", form, follow=True)
            assert says(answer, "You have withdrawn.")

        assert len(bank.refunds) == 1
        again = browser.post(f"/withdraw/top_up/{top_up.id}", form | {"key": "another"})
        assert (again.status_code, says(again, "nothing is left that could go back")) == (409, True)
        assert_books_prove()

    def test_ends_time_and_brings_its_units_back(self):
        player = a_player(with_units="500")
        browser = a_browser(player)
        prolong_page = browser.get(f"/prolong/{ARENA_MONTH}")
        browser.post(
            f"/prolong/{ARENA_MONTH}",
            {
                "key": hidden(prolong_page, "key"),
                "csrfmiddlewaretoken": hidden(prolong_page, "csrfmiddlewaretoken"),
                "price_minor": "50000",
                "begin_at_once": "yes",
            },
        )
        (grant,) = services.get(Subscriptions).bought_since(player=player.id, since=NOW)
        consent = services.get(Subscriptions).consents(grant_ids=[grant.id])[grant.id]
        assert consent.wording == (
            "Begin at once. I may withdraw within 14 days, and then pay for the time until then."
        )

        page = browser.get(f"/withdraw/purchase/{grant.id}")
        form = {"key": hidden(page, "key"), "csrfmiddlewaretoken": hidden(page, "csrfmiddlewaretoken")}
        answer = browser.post(f"/withdraw/purchase/{grant.id}", form, follow=True)

        assert says(answer, "You have withdrawn. 500 credits are yours again.")
        assert says(browser.get("/statement"), "Withdrawn: Arena")

    def test_knows_nothing_of_other_peoples(self):
        top_up = paid(a_player().id)
        browser = a_browser(a_player())
        assert browser.get(f"/withdraw/top_up/{top_up.id}").status_code == 404
        assert browser.get(f"/withdraw/elsewhere/{top_up.id}").status_code == 404
