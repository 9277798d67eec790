"""Transfers between players of two clusters: arrived or back, never both and never neither, whatever the line does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import chain, repeat

import pytest
from django.db import DatabaseError, connection, connections

from tests.builders.api import an_api_client, call
from tests.builders.clusters import Clusters, Fate, two_clusters
from tests.builders.lots import a_lot, left_in, spend
from tests.builders.people import NOW, a_command, a_player
from tests.builders.portal import a_browser, hidden, says
from tests.builders.tampering import with_all_rights
from warchest.accounting.contract import Accounting
from warchest.charging.contract import (
    Charging,
    Crossing,
    Transfer,
    TransferState,
    UnableToFinishTransfer,
    UnableToTransfer,
)
from warchest.charging.models import Wallet as WalletRow
from warchest.jobs import housekeeping
from warchest.journeys import between_clusters, pass_on_transfer
from warchest.journeys.hold_units import capture_hold, void_hold
from warchest.journeys.pass_on_transfer import cancel_transfer, pass_on_due
from warchest.journeys.receive_transfer import receive_transfer, refuse_transfer
from warchest.journeys.register_player import Registered
from warchest.journeys.transfer_units import UnableToSend, transfer_units
from warchest.kernel.clock import FixedClock
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger, UnableToHold
from warchest.runtime import cluster_line, invariants, wire
from warchest.runtime.command import Actor, ActorKind, Channel, Command, clock_in_force
from warchest.runtime.models import Operation, OutboxEvent
from warchest.runtime.services import services

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def houses(lasting_database: Callable[[], AbstractContextManager[str]]) -> Iterator[Clusters]:
    with two_clusters(lasting_database) as clusters, clock_in_force(FixedClock(NOW)):
        yield clusters


@pytest.fixture
def anna(houses: Clusters) -> Registered:
    """Of this cluster, with units."""
    return a_player(nickname="Anna", with_units="100")


@pytest.fixture
def ben(houses: Clusters) -> Registered:
    """Of the other."""
    with houses.at("west"):
        return a_player(nickname="Ben")


def fates(*first: Fate) -> Callable[[], Fate]:
    """These, then everything is heard."""
    following = chain(first, repeat(Fate.HEARD))
    return lambda: next(following)


def send(sender: Registered, recipient: Registered, amount: str = "40", *, cluster: str = "west") -> Transfer:
    return transfer_units(
        a_command(),
        sender=sender.id,
        recipient=recipient.id,
        amount=Money.parse(amount, "XCR"),
        cluster=cluster,
    ).answer


def standing(transfer: Transfer) -> Transfer:
    return services.get(Charging).find_transfer(transfer_id=transfer.id)


def wallet_of(player: Registered) -> tuple[str, str, str]:
    wallet = services.get(Charging).wallet(player=player.id)
    return wallet.posted.major, wallet.held.major, wallet.available.major


def legs_of(transfer: Transfer) -> set[tuple[str, str, str, str]]:
    entry = services.get(Ledger).entry(entry_id=transfer.entry_id)
    return {(leg.side.value, leg.book, leg.owner, str(leg.amount)) for leg in entry.legs}


class TestArriving:
    def test_is_held_first_then_credited_there_then_gone_here(self, houses, anna, ben):
        sent = send(anna, ben)
        assert (sent.state, sent.cluster) == (TransferState.HELD, "west")
        assert wallet_of(anna) == ("100.00", "40.00", "60.00")
        houses.pass_on()
        arrived = standing(sent)
        assert (arrived.state, arrived.tries, arrived.problem) == (TransferState.CAPTURED, 0, "")
        assert wallet_of(anna) == ("60.00", "0.00", "60.00")
        assert legs_of(arrived) == {
            ("D", "wallet_units", str(anna.id), "40.00 XCR"),
            ("C", "intercompany_units", "west", "40.00 XCR"),
            ("D", "wallet_funding", "", "0.40 EUR"),
            ("C", "intercompany_payable", "west", "0.40 EUR"),
        }
        with houses.at("west"):
            came = standing(sent)
            assert (came.state, came.cluster, came.other_name) == (TransferState.CREDITED, "main", "Anna")
            assert wallet_of(ben) == ("40.00", "0.00", "40.00")
            assert legs_of(came) == {
                ("D", "intercompany_units", "main", "40.00 XCR"),
                ("C", "wallet_units", str(ben.id), "40.00 XCR"),
                ("D", "intercompany_receivable", "main", "0.40 EUR"),
                ("C", "wallet_funding", "", "0.40 EUR"),
            }
        houses.assert_proved()

    def test_lots_arrive_with_source_terms_age_and_what_was_paid(self, houses, ben):
        anna = a_player()
        ends = NOW + timedelta(days=9)
        a_lot(anna.id, "10", paid="0.07 EUR", transferable=True, expires_at=ends, at=NOW - timedelta(days=3))
        a_lot(anna.id, "50", paid="61 JPY", transferable=True)
        sent = send(anna, ben, "45")
        houses.pass_on()
        assert left_in(anna.id) == [("card_payment", "15.00", "0.00", "18 JPY")]
        with houses.at("west"):
            first, second = services.get(Charging).wallet(player=ben.id).lots
            assert (first.units.major, str(first.consideration), first.terms.expires_at) == (
                "10.00",
                "0.07 EUR",
                ends,
            )
            assert (first.opened_at, first.terms.transferable) == (NOW - timedelta(days=3), True)
            assert (second.units.major, str(second.consideration)) == ("35.00", "43 JPY")
            assert {lot.reference for lot in (first, second)} == {f"transfer:{sent.id}"}
        houses.assert_proved()

    def test_what_was_paid_stays_as_told_whatever_else_is_spent_meanwhile(self, houses, ben):
        """Of 4 units for 2 cents one is sent: its share is rounded to nothing, and stays so."""
        anna = a_player()
        a_lot(anna.id, "0.04", paid="0.02 EUR", transferable=True)
        send(anna, ben, "0.01")
        for _ in range(3):
            spend(anna.id, "0.01")
        houses.pass_on()
        assert wallet_of(anna) == ("0.00", "0.00", "0.00")
        houses.assert_proved()

    def test_comes_back_the_same_way(self, houses, anna, ben):
        send(anna, ben)
        houses.pass_on()
        with houses.at("west"):
            send(ben, anna, "25", cluster="main")
        houses.pass_on()
        assert wallet_of(anna) == ("85.00", "0.00", "85.00")
        houses.assert_proved()

    def test_is_announced_and_recorded_on_both_sides(self, houses, anna, ben):
        sent = send(anna, ben)
        houses.pass_on()
        topics = set(OutboxEvent.objects.filter(payload__transfer=str(sent.id)).values_list("topic", "key"))
        assert topics == {("transfers.held", str(anna.id)), ("transfers.sent", str(anna.id))}
        with houses.at("west"):
            (event,) = OutboxEvent.objects.filter(topic__startswith="transfers.")
            assert (event.topic, event.key) == ("transfers.received", str(ben.id))
            operation = Operation.objects.get(name="transfers.receive")
            assert (operation.actor_kind, operation.actor_id) == ("cluster", "main")


class TestAnUncertainLine:
    @pytest.mark.parametrize("fate", [Fate.CUT, Fate.LOST, Fate.LATE])
    def test_leaves_it_held_and_asks_again_under_the_same_id(self, houses, anna, ben, fate):
        houses.line.fate = fates(fate)
        sent = send(anna, ben)
        houses.pass_on()
        waiting = standing(sent)
        assert (waiting.state, waiting.tries, waiting.problem) == (TransferState.HELD, 1, "line_cut")
        assert wallet_of(anna) == ("100.00", "40.00", "60.00")
        assert not houses.conserved()
        houses.line.deliver_late()
        houses.pass_on(at=LATER)
        assert standing(sent).state is TransferState.CAPTURED
        with houses.at("west"):
            assert wallet_of(ben) == ("40.00", "0.00", "40.00")
        houses.assert_proved()

    def test_heard_twice_credits_once(self, houses, anna, ben):
        houses.line.fate = fates(Fate.TWICE)
        send(anna, ben)
        houses.pass_on()
        with houses.at("west"):
            assert wallet_of(ben) == ("40.00", "0.00", "40.00")
        houses.assert_proved()

    def test_is_asked_less_and_less_often(self, houses, anna, ben):
        houses.line.fate = lambda: Fate.CUT
        sent, at = send(anna, ben), NOW
        for seconds in (1, 2, 4, 8):
            pass_on_due(at=at)
            tries = standing(sent).tries
            pass_on_due(at=at + timedelta(seconds=seconds - 0.1))
            assert standing(sent).tries == tries
            at += timedelta(seconds=seconds)

    def test_is_asked_once_a_round_while_it_is_cut(self, houses, anna, ben):
        sent = [send(anna, ben, "1") for _ in range(3)]
        houses.line.fate = lambda: Fate.CUT
        houses.pass_on()
        assert houses.line.calls == ["transfers.receive"]
        assert {standing(one).problem for one in sent} == {"line_cut"}
        houses.line.fate = lambda: Fate.HEARD
        houses.pass_on(at=LATER)
        assert {standing(one).state for one in sent} == {TransferState.CAPTURED}

    def test_is_asked_again_after_a_nickname_or_a_rate_has_changed(self, houses, anna, ben):
        from warchest.members.models import Player as PlayerRow

        houses.line.fate = fates(Fate.LOST)
        sent = send(anna, ben)
        houses.pass_on()
        PlayerRow.objects.filter(id=anna.id).update(nickname="Hanna")
        houses.pass_on(at=LATER)
        assert standing(sent).state is TransferState.CAPTURED
        houses.assert_proved()

    def test_one_that_fails_keeps_none_of_the_others(self, houses, anna, ben, monkeypatch):
        first, second = send(anna, ben, "10"), send(anna, ben, "20")
        crossing = pass_on_transfer._crossing

        def fails_once(transfer):
            if transfer.id == first.id:
                raise RuntimeError("as planned")
            return crossing(transfer)

        monkeypatch.setattr(pass_on_transfer, "_crossing", fails_once)
        houses.pass_on()
        assert (standing(first).problem, standing(second).state) == ("failed", TransferState.CAPTURED)
        monkeypatch.undo()
        houses.pass_on(at=LATER)
        assert standing(first).state is TransferState.CAPTURED

    def test_killed_after_the_answer_it_is_finished_by_whoever_comes_next(
        self, houses, anna, ben, monkeypatch
    ):
        sent = send(anna, ben)

        def die(*_, **__):
            raise SystemExit("as planned")

        with monkeypatch.context() as patched:
            patched.setattr(pass_on_transfer, "capture_transfer", die)
            with pytest.raises(SystemExit):
                houses.pass_on()
        assert standing(sent).state is TransferState.HELD
        assert not houses.conserved()
        houses.pass_on()
        assert standing(sent).state is TransferState.CAPTURED
        houses.assert_proved()


class TestRefused:
    def test_by_the_other_cluster_it_comes_back_with_the_reason(self, houses, anna, ben):
        with houses.at("west"):
            WalletRow.objects.filter(player_id=ben.id).update(state="frozen")
        unknown = replace(ben, id=new_id())
        sent = [send(anna, ben), send(anna, unknown)]
        houses.pass_on()
        assert [(standing(one).state, standing(one).reason) for one in sent] == [
            (TransferState.VOIDED, "recipient_frozen"),
            (TransferState.VOIDED, "recipient_unknown"),
        ]
        assert wallet_of(anna) == ("100.00", "0.00", "100.00")
        # For ever: a repetition that was on its way all the time finds the same answer.
        with houses.at("west"):
            WalletRow.objects.filter(player_id=ben.id).update(state="open")
        again = services.get(Charging).find_transfer(transfer_id=sent[0].id)
        told = {"crossing": pass_on_transfer._crossing(again), "scale": pass_on_transfer._scale(NOW)}
        decision = houses.line.call("west", "transfers.receive", a_command(), **told)
        assert (decision.credited, decision.reason) == (False, "recipient_frozen")
        houses.assert_proved()

    def test_where_a_unit_is_worth_something_else_there(self, houses, anna, ben):
        with houses.at("west"):
            services.get(Accounting).set_rate(
                currency="EUR", units_per_major=Decimal("1000"), valid_from=NOW, at=NOW
            )
        sent = send(anna, ben)
        houses.pass_on()
        assert (standing(sent).state, standing(sent).reason) == (TransferState.VOIDED, "unit_differs")
        houses.assert_proved()

    def test_here_for_what_can_be_seen_from_here(self, houses, anna, ben):
        a_lot(anna.id, "10")
        for amount, cluster, error, reason in (
            ("110.01", "west", UnableToTransfer, "insufficient_funds"),
            ("105", "west", UnableToTransfer, "not_transferable"),
            ("0", "west", UnableToTransfer, "amount_not_positive"),
            ("1", "east", UnableToSend, "cluster_unknown"),
        ):
            with pytest.raises(error, match=reason):
                send(anna, ben, amount, cluster=cluster)
        houses.assert_proved()


class TestAskedBack:
    def test_while_the_line_is_cut_nothing_is_undone_before_the_other_side_has_said_so(
        self, houses, anna, ben
    ):
        houses.line.fate = fates(Fate.CUT, Fate.CUT)
        sent = send(anna, ben)
        houses.pass_on()
        cancel_transfer(a_command(), transfer_id=sent.id, player=anna.id)
        houses.pass_on()
        assert standing(sent).state is TransferState.HELD
        houses.pass_on(at=LATER)
        assert (standing(sent).state, standing(sent).reason) == (TransferState.VOIDED, "cancelled")
        assert houses.line.calls == ["transfers.receive", "transfers.refuse", "transfers.refuse"]
        assert wallet_of(anna) == ("100.00", "0.00", "100.00")
        houses.assert_proved()

    def test_too_late_it_has_arrived(self, houses, anna, ben):
        houses.line.fate = fates(Fate.LOST)
        sent = send(anna, ben)
        houses.pass_on()
        cancel_transfer(a_command(), transfer_id=sent.id, player=anna.id)
        houses.pass_on()
        assert standing(sent).state is TransferState.CAPTURED
        with pytest.raises(UnableToFinishTransfer, match="transfer_finished"):
            cancel_transfer(a_command(), transfer_id=sent.id, player=anna.id)
        houses.assert_proved()

    def test_what_was_sent_before_and_arrives_behind_is_not_credited_any_more(self, houses, anna, ben):
        houses.line.fate = fates(Fate.LATE)
        sent = send(anna, ben)
        houses.pass_on()
        cancel_transfer(a_command(), transfer_id=sent.id, player=anna.id)
        houses.pass_on()
        assert standing(sent).state is TransferState.VOIDED
        houses.line.deliver_late()
        with houses.at("west"):
            assert wallet_of(ben) == ("0.00", "0.00", "0.00")
        houses.assert_proved()


class TestTheHold:
    def test_is_closed_by_nothing_but_its_transfer(self, houses, anna, ben):
        sent = send(anna, ben)
        with pytest.raises(UnableToHold, match="hold_unknown"):
            void_hold(a_command(), hold_id=sent.id)
        with pytest.raises(UnableToHold, match="hold_unknown"):
            capture_hold(a_command(), hold_id=sent.id, amount=None)
        housekeeping.lapse_holds(at=NOW + timedelta(days=10_000))
        assert wallet_of(anna) == ("100.00", "40.00", "60.00")

    def test_outlives_the_term_of_its_lots_and_what_arrives_can_be_used(self, houses, ben):
        anna = a_player()
        a_lot(anna.id, "10", transferable=True, expires_at=NOW + timedelta(minutes=1))
        houses.line.fate = fates(Fate.CUT)
        send(anna, ben, "10")
        houses.pass_on()
        housekeeping.expire_lots(at=LATER)
        with clock_in_force(FixedClock(LATER)):
            houses.pass_on(at=LATER)
        with houses.at("west"):
            (lot,) = services.get(Charging).wallet(player=ben.id).lots
            assert lot.terms.expires_at == LATER + timedelta(days=30)
        houses.assert_proved()

    def test_of_a_wallet_that_was_frozen_since_is_captured_all_the_same(self, houses, anna, ben):
        houses.line.fate = fates(Fate.LOST)
        sent = send(anna, ben)
        houses.pass_on()
        WalletRow.objects.filter(player_id=anna.id).update(state="frozen")
        houses.pass_on(at=LATER)
        assert standing(sent).state is TransferState.CAPTURED
        houses.assert_proved()


class TestTheDatabase:
    @pytest.mark.parametrize(
        "change",
        [
            "units_minor = units_minor + 1",
            "recipient_id = sender_id",
            "parts = '[]'",
            "state = 'held', entry_id = NULL, finished_at = NULL, next_try_at = now()",
            "state = 'voided', entry_id = NULL",
            "message = 'in other words'",
        ],
    )
    def test_keeps_what_a_transfer_was_and_how_it_ended(self, houses, anna, ben, change):
        send(anna, ben)
        houses.pass_on()
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute(f"UPDATE charging_transfer SET {change}")

    def test_lets_go_of_what_was_written_to_another(self, houses, anna, ben):
        send(anna, ben)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE charging_transfer SET message = '', other_name = ''")
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("DELETE FROM charging_transfer")


class TestWhatIsOpenToClusters:
    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "call_malformed"),
            (b"[]", "call_malformed"),
            (b'{"name":"transfers.make","key":"k","request_id":"","arguments":{}}', "call_unknown"),
            (b'{"name":"holds.void","key":"k","request_id":"","arguments":{"hold_id":1}}', "call_unknown"),
            (b'{"name":"transfers.receive","key":"k","request_id":"","arguments":{}}', "call_malformed"),
            (
                b'{"name":"players.named","key":"k","request_id":"","arguments":{"nickname":7}}',
                "call_malformed",
            ),
            (
                b'{"name":"players.named","key":"k","request_id":"","arguments":{"nickname":"a","x":1}}',
                "call_malformed",
            ),
            (
                b'{"name":"clusters.standing","key":"k","request_id":"","arguments":{"asked_by":"east"}}',
                "call_malformed",
            ),
        ],
    )
    def test_nothing_else_is_done_or_read(self, houses, data, reason):
        said = wire.decode(between_clusters.answer_call(data, cluster="west"), dict)
        assert (said["outcome"], said["reason"]) == ("refused", reason)

    def test_a_transfer_of_another_under_a_known_id_is_not_taken_for_it(self, houses, anna, ben):
        sent = send(anna, ben)
        houses.pass_on()
        known = standing(sent)
        scale = pass_on_transfer._scale(NOW)
        crossing = pass_on_transfer._crossing(known)
        other = replace(crossing, recipient=new_id())
        with pytest.raises(UnableToFinishTransfer, match="transfer_id_reused"):
            houses.line.call("west", receive_transfer.name, a_command(), crossing=other, scale=scale)
        data = cluster_line.written_call(
            receive_transfer.name, a_command(), {"crossing": crossing, "scale": scale}
        )
        with houses.at("west"):
            said = wire.decode(between_clusters.answer_call(data, cluster="east"), dict)
        assert said["reason"] == "transfer_id_reused"
        houses.assert_proved()


class TestDoors:
    def test_of_the_api_tell_what_it_waits_for_and_take_it_back(self, houses, anna, ben):
        client = an_api_client()
        body = {
            "from": str(anna.id),
            "to": str(ben.id),
            "to_cluster": "west",
            "amount": {"amount": "40.00", "currency": "XCR"},
        }
        houses.line.fate = fates(Fate.CUT)
        sent = call(client, "POST", "/transfers", body).json()
        assert (sent["state"], sent["cluster"], sent["waits_for"]) == ("held", "west", "west")
        houses.pass_on()
        waiting = call(client, "GET", f"/transfers/{sent['id']}").json()
        assert (waiting["state"], waiting["problem"]) == ("held", "line_cut")
        asked = call(client, "POST", f"/transfers/{sent['id']}/cancel").json()
        assert asked["state"] == "held" and asked["cancel_asked_at"]
        houses.pass_on()
        back = call(client, "GET", f"/transfers/{sent['id']}").json()
        assert (back["state"], back["reason"], back["waits_for"]) == ("voided", "cancelled", None)

    def test_of_the_portal_find_the_player_there_and_tell_of_the_cut_line(self, houses, anna, ben):
        browser = a_browser(anna)
        assert says(browser.get("/send"), "with the place (west): nickname@west.")
        look = browser.post("/send", {"step": "look", "to": "ben@west", "amount": "40", "message": "hi"})
        assert says(look, "Ben@west", "at home in west")
        names = ("key", "to", "recipient", "cluster", "amount", "amount_minor", "message")
        houses.line.fate = fates(Fate.CUT)
        sent = browser.post("/send", {"step": "confirm"} | {name: hidden(look, name) for name in names})
        page = sent["Location"]
        assert says(browser.get(page), "40 credits are on their way to Ben@west")
        assert says(browser.get("/"), "On its way to another player", page)
        houses.pass_on()
        assert says(browser.get(page), "This waits for west: the line is cut.", "Ask it back")
        browser.post(f"{page}/ask-back", {"key": "k"})
        assert says(browser.get(page), "You asked 40 credits back")
        houses.pass_on()
        assert says(browser.get(page), "40 credits are yours again", "wanted it back")
        houses.line.fate = lambda: Fate.CUT
        look = browser.post("/send", {"step": "look", "to": "ben@west", "amount": "40"})
        assert look.status_code == 503 and says(look, "The line to the cluster west is cut.")


class TestDecidedOnce:
    def test_by_whoever_comes_first_of_many_at_once(self, houses, anna, ben):
        """Six at a time ask for the credit and for the refusal: all hear the same."""
        crossings = [pass_on_transfer._crossing(send(anna, ben, "1")) for _ in range(4)]
        scale = pass_on_transfer._scale(NOW)

        def ask(crossing: Crossing, number: int) -> tuple[bool, str]:
            asked = refuse_transfer if number % 2 else receive_transfer
            command = Command(
                actor=Actor(ActorKind.CLUSTER, "main"),
                key=f"{crossing.id}:{number}",
                at=NOW + timedelta(seconds=number),
                channel=Channel.API,
            )
            try:
                answer = asked(command, crossing=crossing, scale=scale).answer
                return answer.credited, answer.reason
            finally:
                connections.close_all()

        credited = 0
        with houses.at("west"):
            for crossing in crossings:
                with ThreadPoolExecutor(6) as pool:
                    answers = set(pool.map(lambda number, told=crossing: ask(told, number), range(6)))
                assert len(answers) == 1
                credited += next(iter(answers))[0]
            assert wallet_of(ben)[0] == f"{credited}.00"
        houses.pass_on()
        houses.assert_proved()

    def test_and_finished_once_by_many_workers(self, houses, anna, ben):
        sent = send(anna, ben)
        houses.line.fate = fates(Fate.LOST)
        houses.pass_on()

        def finish(number: int) -> TransferState:
            command = Command(
                actor=Actor(ActorKind.JOB, "tests"), key=f"worker {number}", at=NOW, channel=Channel.JOB
            )
            try:
                return pass_on_transfer.capture_transfer(command, transfer_id=sent.id).answer.state
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(finish, range(8))) == {TransferState.CAPTURED}
        houses.assert_proved()


class TestTheProof:
    @pytest.mark.parametrize(
        ("tampering", "told"),
        [
            (
                "UPDATE charging_transfer SET units_minor = units_minor + 1 WHERE state = 'captured'",
                "were told",
            ),
            (
                "UPDATE charging_transfer SET parts = jsonb_set(parts, '{0,consideration,minor}', '41')",
                "were told",
            ),
            ("UPDATE ledger_hold SET state = 'voided'", "nothing is held for it"),
            (
                "UPDATE ledger_hold SET amount_minor = amount_minor - 1 WHERE state = 'open'",
                "is another than it says",
            ),
            (
                "UPDATE charging_transfer SET state = 'voided', finished_at = now(), next_try_at = NULL"
                " WHERE state = 'held'",
                "lots are reserved for it",
            ),
            ("DELETE FROM charging_transfer WHERE state = 'captured'", "by transfers and settlements"),
            (
                "UPDATE charging_lotslice SET consideration_minor = consideration_minor - 1 WHERE use = 'leave'",
                "were moved",
            ),
        ],
    )
    def test_tells_what_somebody_with_all_rights_has_done(
        self, houses, anna, ben, server_dsn, tampering: str, told: str
    ):
        send(anna, ben)
        houses.pass_on()
        send(anna, ben, "7")
        houses.assert_proved()
        with_all_rights(server_dsn(houses.names["main"]), tampering)
        places = [place for check in invariants.kept() for place in check.violations()]
        assert any(told in place for place in places), places

    def test_over_both_tells_a_credit_that_was_made_up(self, houses, anna, ben, server_dsn):
        sent = send(anna, ben)
        houses.pass_on()
        with_all_rights(
            server_dsn(houses.names["main"]), f"DELETE FROM charging_transfer WHERE id = '{sent.id}'"
        )
        assert any("XCR: main sent 0 minor units to west" in line for line in houses.conserved())
