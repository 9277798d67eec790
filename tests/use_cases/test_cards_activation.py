"""A card is activated: exactly once, by whoever has its code, and never by guessing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from django.db import connections
from django.db.utils import DatabaseError

from tests.builders.books import assert_books_prove
from tests.builders.cards import a_batch, a_made_batch, a_print_house, handed_over
from tests.builders.house import ARENA, ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from warchest.cards.contract import (
    Cards,
    CardSelection,
    CardState,
    Guessing,
    UnableToActivateCard,
    UnableToBlockCards,
    Worth,
)
from warchest.charging.contract import Charging, Source
from warchest.journeys.activate_card import Activated, activate_card
from warchest.journeys.block_cards import block_cards, unblock_cards
from warchest.journeys.preview_card import preview_card
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

pytestmark = pytest.mark.usefixtures("database")

NO_CODE = "0000-0000-0000-0001"
MONTH = (Worth.of_period(plan=ARENA_MONTH, periods=2),)


def cards() -> Cards:
    return services.get(Cards)


def at_once(count: int, work: Callable[[int], object]) -> Counter[str]:
    """Do ``work`` in so many threads that begin together; how often each ended how."""
    together = Barrier(count)

    def one(number: int) -> str:
        try:
            together.wait()
            work(number)
            return "done"
        except (UnableTo, TryAgain) as refusal:
            return refusal.reason
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as threads:
        return Counter(threads.map(one, range(count)))


@pytest.mark.use_case("CRD-03")
class TestActivation:
    def test_puts_units_into_the_wallet_and_the_cards_face_behind_them(self) -> None:
        batch, player = a_batch(), a_player()
        card = batch.cards[0]
        answer = activate_card(a_command(), player=player.id, code=card.code).answer
        assert (answer.serial, str(answer.units)) == (card.serial, "1000.00 XCR")
        assert answer.gave == (Worth.of_money(Money.parse("10.00", "EUR")),)
        wallet = services.get(Charging).wallet(player=player.id)
        (lot,) = wallet.lots
        assert (lot.source, str(lot.units), str(lot.consideration), lot.reference) == (
            Source.SCRATCH_CARD,
            "1000.00 XCR",
            "10.00 EUR",
            f"card:{card.serial}",
        )
        assert answer.entry_id is not None
        entry = services.get(Ledger).entry(entry_id=answer.entry_id)
        assert entry is not None and (entry.kind, entry.reference) == ("card_activated", card.serial)
        assert {(leg.side, leg.book): str(leg.amount) for leg in entry.legs} == {
            ("D", "cards_sold"): "10.00 EUR",
            ("C", "wallet_funding"): "10.00 EUR",
            ("D", "units_issued"): "1000.00 XCR",
            ("C", "wallet_units"): "1000.00 XCR",
        }
        assert_books_prove()

    @pytest.mark.parametrize(
        "typing",
        [
            str.lower,
            lambda code: "-".join(code[place : place + 4] for place in range(0, 16, 4)),
            lambda code: f"  {code[:5]} {code[5:]}\n",
            lambda code: code.replace("1", "l").replace("0", "o"),
            lambda code: code.replace("1", "I").replace("0", "O"),
        ],
    )
    def test_forgives_how_the_code_is_typed(self, typing: Callable[[str], str]) -> None:
        batch, player = a_batch(), a_player()
        typed = typing(batch.cards[1].code)
        assert activate_card(a_command(), player=player.id, code=typed).answer.serial == batch.cards[1].serial

    @pytest.mark.parametrize("typed", ["", "x", NO_CODE, "💣" * 200, "\ud800", "'; --", "0" * 10_000])
    def test_answers_one_thing_to_whatever_is_no_whole_right_code(self, typed: str) -> None:
        a_batch()
        player = a_player()
        with pytest.raises(UnableToActivateCard) as refused:
            activate_card(a_command(), player=player.id, code=typed)
        assert (refused.value.reason, refused.value.details) == ("card_code_unknown", {})

    def test_happens_once_when_fifty_requests_of_one_player_come_together(self) -> None:
        code, player = a_batch().cards[0].code, a_player()
        ends = at_once(50, lambda _: activate_card(a_command(), player=player.id, code=code))
        assert ends == {"done": 1, "card_already_activated": 49}
        assert str(services.get(Charging).wallet(player=player.id).posted) == "1000.00 XCR"
        assert_books_prove()

    def test_happens_once_when_fifty_players_come_together(self) -> None:
        batch, players = a_batch(), [a_player() for _ in range(50)]
        code = batch.cards[0].code
        ends = at_once(50, lambda number: activate_card(a_command(), player=players[number].id, code=code))
        assert ends == {"done": 1, "card_already_activated": 49}
        wallets = [services.get(Charging).wallet(player=player.id).posted for player in players]
        assert sum(posted.minor for posted in wallets) == 100_000
        assert_books_prove()

    def test_answers_the_same_when_fifty_copies_of_one_request_come_together(self) -> None:
        code, player = a_batch().cards[0].code, a_player()
        command, answers = a_command(), list[Activated]()
        ends = at_once(
            50, lambda _: answers.append(activate_card(command, player=player.id, code=code).answer)
        )
        assert ends == {"done": 50}
        assert len(set(answers)) == 1
        assert_books_prove()

    def test_repeated_with_its_key_answers_the_same_good_or_bad(self) -> None:
        code, player = a_batch().cards[0].code, a_player()
        command, wrong = a_command(), a_command()
        first = activate_card(command, player=player.id, code=code)
        again = activate_card(command, player=player.id, code=code)
        assert (again.answer, again.replayed) == (first.answer, True)
        for _ in range(20):
            with pytest.raises(UnableToActivateCard, match="card_code_unknown"):
                activate_card(wrong, player=player.id, code=NO_CODE)

    def test_gives_a_period_of_a_service_and_defers_its_net_price(self) -> None:
        batch, player = a_batch(gives=MONTH), a_player()
        answer = activate_card(a_command(), player=player.id, code=batch.cards[0].code).answer
        assert (answer.gave, answer.units.minor) == (MONTH, 0)
        right = services.get(Subscriptions).entitlement(player=player.id, online_service=ARENA, at=NOW)
        assert right.entitled and right.until is not None and right.until.date() == date(2026, 5, 15)
        assert answer.entry_id is not None
        entry = services.get(Ledger).entry(entry_id=answer.entry_id)
        assert entry is not None
        assert {(leg.side, leg.book, leg.owner): str(leg.amount) for leg in entry.legs} == {
            ("D", "cards_sold", str(batch.id)): "10.00 EUR",
            ("C", "deferred_revenue", ""): "8.40 EUR",
            ("C", "tax_payable", "DE"): "1.60 EUR",
        }
        assert_books_prove()

    def test_of_a_card_that_nobody_paid_for_gives_promotional_units(self) -> None:
        batch, player = a_batch(reseller="", margin_bps=0), a_player()
        activate_card(a_command(), player=player.id, code=batch.cards[0].code)
        (lot,) = services.get(Charging).wallet(player=player.id).lots
        assert (lot.source, str(lot.units), lot.consideration.minor) == (Source.PROMOTION, "1000.00 XCR", 0)
        assert_books_prove()

    def test_of_a_period_that_nobody_paid_for_books_nothing(self) -> None:
        batch, player = a_batch(reseller="", margin_bps=0, gives=MONTH), a_player()
        answer = activate_card(a_command(), player=player.id, code=batch.cards[0].code).answer
        assert answer.entry_id is None
        assert_books_prove()

    def test_gives_units_that_were_ordered_as_units(self) -> None:
        batch, player = a_batch(gives=(Worth.of_money(Money.parse("1234.56", "XCR")),)), a_player()
        answer = activate_card(a_command(), player=player.id, code=batch.cards[0].code).answer
        assert str(answer.units) == "1234.56 XCR"
        assert_books_prove()

    @pytest.mark.use_case("CRD-25")
    def test_shows_among_the_players_cards_and_on_the_batchs_curve(self) -> None:
        batch, german, french = a_batch(), a_player(), a_player(country="FR")
        for player, card in zip((german, german, french), batch.cards, strict=True):
            activate_card(a_command(), player=player.id, code=card.code)
        mine = cards().activated_by(player=german.id)
        assert {card.serial for card in mine} == {card.serial for card in batch.cards[:2]}
        curve = [(part.country, part.count) for part in cards().activations_by_day(batch_id=batch.id)]
        assert curve == [("DE", 2), ("FR", 1)]
        assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.ACTIVATED: 3}

    @pytest.mark.use_case("CRD-23")
    def test_shows_in_the_cards_life_which_never_tells_its_code(self) -> None:
        batch, player = a_batch(), a_player()
        card = batch.cards[0]
        activate_card(a_command(), player=player.id, code=card.code)
        seen = cards().card(serial=f" {card.serial[:2].lower()}-{card.serial[2:]}", at=NOW)
        assert (seen.state, seen.player, seen.last_four) == (CardState.ACTIVATED, player.id, card.code[-4:])
        assert [moment.what for moment in seen.history] == [
            "generated",
            "handed_over",
            "print_file_opened",
            "print_file_fetched",
            "activated",
        ]
        assert card.code not in repr(seen)

    def test_is_for_ever(self) -> None:
        batch, player, thief = a_batch(), a_player(), a_player()
        activate_card(a_command(), player=player.id, code=batch.cards[0].code)
        with pytest.raises(DatabaseError, match="for ever"), services.database("cards").cursor() as cursor:
            cursor.execute("UPDATE cards_card SET player_id = %s WHERE state = 'activated'", [thief.id])


class TestRefusal:
    def test_of_a_used_card_is_clear_and_no_guess(self) -> None:
        code, player, other = a_batch().cards[0].code, a_player(), a_player()
        activate_card(a_command(), player=player.id, code=code)
        for _ in range(12):
            with pytest.raises(UnableToActivateCard, match="card_already_activated"):
                activate_card(a_command(), player=other.id, code=code)

    @pytest.mark.use_case("CRD-08")
    def test_of_a_blocked_card_range_and_batch_ends_with_unblocking(self) -> None:
        batch, player = a_batch(quantity=6), a_player()
        clerk, printed = an_administrator(Role.SUPPORT), batch.cards

        def refusal(number: int) -> str:
            try:
                preview_card(player=player.id, code=printed[number].code, at=NOW)
                return ""
            except UnableToActivateCard as refused:
                return refused.reason

        one = CardSelection(first_serial=printed[0].serial)
        some = CardSelection(first_serial=printed[2].serial, last_serial=printed[4].serial)
        every = CardSelection(batch=batch.id)
        assert block_cards(acting_as(clerk), selection=one, reason="Stolen in Kiel").answer.count == 1
        assert block_cards(acting_as(clerk), selection=some, reason="Lost parcel").answer.count == 3
        blocked = "card_blocked"
        assert [refusal(number) for number in range(6)] == [blocked, "", blocked, blocked, blocked, ""]
        assert cards().counts(batch_id=batch.id, at=NOW) == {CardState.BLOCKED: 4, CardState.HANDED_OVER: 2}
        block_cards(acting_as(clerk), selection=every, reason="Printer burgled")
        assert {refusal(number) for number in range(6)} == {blocked}
        with pytest.raises(UnableToActivateCard, match=blocked):
            activate_card(a_command(), player=player.id, code=printed[5].code)
        unblock_cards(acting_as(clerk), selection=every, reason="Found again")
        unblock_cards(acting_as(clerk), selection=some, reason="Parcel arrived")
        assert [refusal(number) for number in range(6)] == [blocked, "", "", "", "", ""]
        history = cards().card(serial=printed[2].serial, at=NOW).history
        assert [moment.reason for moment in history if moment.what.endswith("blocked")] == [
            "Lost parcel",
            "Printer burgled",
            "Found again",
            "Parcel arrived",
        ]
        assert_books_prove()

    def test_of_a_block_without_reason_right_or_sense(self) -> None:
        batch, other, clerk = a_batch(), a_batch(), an_administrator()
        one = CardSelection(first_serial=batch.cards[0].serial)
        with pytest.raises(UnableToBlockCards, match="reason_missing"):
            block_cards(acting_as(clerk), selection=one, reason=" ")
        with pytest.raises(UnableToBlockCards, match="card_unknown"):
            block_cards(acting_as(clerk), selection=CardSelection(first_serial="WC1"), reason="Lost")
        for first, last in ((batch.cards[1], batch.cards[0]), (batch.cards[0], other.cards[0])):
            wrong = CardSelection(first_serial=first.serial, last_serial=last.serial)
            with pytest.raises(UnableToBlockCards, match="serial_range_malformed"):
                block_cards(acting_as(clerk), selection=wrong, reason="Lost")
        with pytest.raises(UnableToAdminister, match="right_missing"):
            block_cards(acting_as(an_administrator(Role.ACCOUNTANT)), selection=one, reason="Lost")

    def test_of_an_expired_card(self) -> None:
        expiry = NOW + timedelta(days=30)
        batch, player = a_batch(expires_at=expiry), a_player()
        assert preview_card(player=player.id, code=batch.cards[0].code, at=NOW).expires_at == expiry
        with pytest.raises(UnableToActivateCard, match="card_expired"):
            activate_card(a_command(at=expiry), player=player.id, code=batch.cards[0].code)
        assert cards().counts(batch_id=batch.id, at=expiry) == {CardState.EXPIRED: 3}

    def test_of_a_card_that_a_till_has_still_to_sell(self) -> None:
        batch, player = a_batch(needs_sale=True), a_player()
        with pytest.raises(UnableToActivateCard, match="card_not_sold"):
            activate_card(a_command(), player=player.id, code=batch.cards[0].code)

    @pytest.mark.use_case("CRD-33")
    def test_of_a_card_for_another_country(self) -> None:
        batch = a_batch(regions=("DE", "AT"))
        with pytest.raises(UnableToActivateCard, match="card_not_for_country"):
            activate_card(a_command(), player=a_player(country="FR").id, code=batch.cards[0].code)
        activate_card(a_command(), player=a_player(country="AT").id, code=batch.cards[0].code)

    def test_of_a_frozen_player_whatever_the_code(self) -> None:
        batch, player = a_batch(), a_player()
        with services.database("members").cursor() as cursor:
            cursor.execute("UPDATE members_player SET state = 'frozen' WHERE id = %s", [player.id])
        for code in (batch.cards[0].code, NO_CODE):
            with pytest.raises(UnableToActivateCard, match="player_frozen"):
                activate_card(a_command(), player=player.id, code=code)

    def test_of_a_card_whose_codes_have_not_left_the_house(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from warchest.cards import making

        batch_codes: list[bytes] = []
        make = making.codes

        def overheard(*, count: int, **format: object) -> list[bytes]:
            batch_codes.extend(make(count=count, **format))
            return batch_codes

        monkeypatch.setattr(making, "codes", overheard)
        batch, player = a_made_batch(), a_player()
        with pytest.raises(UnableToActivateCard, match="card_not_sold"):
            activate_card(a_command(), player=player.id, code=batch_codes[0].decode())
        handed_over(batch.id, a_print_house())
        activate_card(a_command(), player=player.id, code=batch_codes[0].decode())


@pytest.mark.use_case("CRD-03")
class TestGuessing:
    @pytest.mark.parametrize("by", ["activation", "preview"])
    def test_locks_ever_longer(self, by: str) -> None:
        player, at = a_player(), NOW
        for minutes in (15, 30, 60, 24 * 60, 24 * 60):
            for _ in range(5):
                with pytest.raises(UnableToActivateCard, match="card_code_unknown"):
                    _guess(player.id, at=at, by=by)
            with pytest.raises(TryAgain) as locked:
                _guess(player.id, at=at, by=by)
            assert (locked.value.reason, locked.value.retry_after_s) == ("too_many_attempts", minutes * 60)
            with pytest.raises(TryAgain):
                _guess(player.id, at=at + timedelta(minutes=minutes) - timedelta(seconds=1), by=by)
            if minutes == 24 * 60:
                break
            at += timedelta(minutes=minutes)
        assert [(lock.who, lock.guesses) for lock in cards().locks(at=at)] == [(Guessing.PLAYER, 20)]

    def test_locks_out_right_codes_too_and_the_same_key_works_later(self) -> None:
        code, player, command = a_batch().cards[0].code, a_player(), a_command()
        for _ in range(5):
            with pytest.raises(UnableToActivateCard):
                _guess(player.id)
        with pytest.raises(TryAgain):
            activate_card(command, player=player.id, code=code)
        later = a_command(key=command.key, at=NOW + timedelta(minutes=15))
        assert not activate_card(later, player=player.id, code=code).replayed

    def test_never_locks_out_the_answer_to_a_repeated_request(self) -> None:
        code, player, command = a_batch().cards[0].code, a_player(), a_command()
        first = activate_card(command, player=player.id, code=code)
        for _ in range(5):
            with pytest.raises(UnableToActivateCard):
                _guess(player.id)
        assert activate_card(command, player=player.id, code=code).answer == first.answer

    def test_counts_by_address_over_many_players(self) -> None:
        players = [a_player() for _ in range(3)]
        for place in range(5):
            with pytest.raises(UnableToActivateCard):
                _guess(players[place % 2].id, address="203.0.113.7")
        with pytest.raises(TryAgain):
            _guess(players[2].id, address="203.0.113.7")
        with pytest.raises(UnableToActivateCard):
            _guess(players[2].id, address="203.0.113.8")

    def test_counts_a_whole_household_of_ipv6_as_one(self) -> None:
        for place in range(5):
            with pytest.raises(UnableToActivateCard):
                _guess(a_player().id, address=f"2001:db8:1:2::{place:x}")
        with pytest.raises(TryAgain):
            _guess(a_player().id, address="2001:db8:1:2:ffff::1")

    def test_is_forgiven_to_the_player_but_not_to_the_address(self) -> None:
        batch, player, address = a_batch(), a_player(), "198.51.100.20"
        for _ in range(4):
            with pytest.raises(UnableToActivateCard):
                _guess(player.id, address=address)
        later = NOW + timedelta(seconds=1)
        activate_card(a_command(at=later), player=player.id, code=batch.cards[0].code, client_address=address)
        for _ in range(4):
            with pytest.raises(UnableToActivateCard):
                _guess(player.id, at=later + timedelta(seconds=1))
        with pytest.raises(UnableToActivateCard):
            _guess(a_player().id, at=later + timedelta(seconds=1), address=address)
        with pytest.raises(TryAgain):
            _guess(a_player().id, at=later + timedelta(seconds=2), address=address)

    def test_is_forgotten_after_a_day(self) -> None:
        player = a_player()
        for hour in (0, 7, 14, 21, 25, 32):
            with pytest.raises(UnableToActivateCard):
                _guess(player.id, at=NOW + timedelta(hours=hour))
        assert cards().locks(at=NOW) == ()

    def test_of_many_at_once_counts_every_one(self) -> None:
        player = a_player()
        ends = at_once(20, lambda _: _guess(player.id))
        assert ends["card_code_unknown"] + ends["too_many_attempts"] == 20
        with services.database("cards").cursor() as cursor:
            cursor.execute("SELECT count(*) FROM cards_guess")
            assert cursor.fetchone()[0] == ends["card_code_unknown"] >= 5
        (lock,) = cards().locks(at=NOW)
        assert lock.until >= NOW + timedelta(minutes=15)


@pytest.mark.use_case("CRD-26")
def test_a_preview_says_what_a_card_gives_and_changes_nothing() -> None:
    batch, player = a_batch(), a_player()
    card = batch.cards[0]
    preview = preview_card(player=player.id, code=card.code.lower(), at=NOW)
    assert (preview.serial, preview.gives) == (card.serial, (Worth.of_money(Money.parse("10.00", "EUR")),))
    assert cards().card(serial=card.serial, at=NOW).state is CardState.HANDED_OVER
    activate_card(a_command(), player=player.id, code=card.code)


def _guess(player: object, *, at: object = NOW, address: str = "", by: str = "activation") -> None:
    if by == "activation":
        activate_card(a_command(at=at), player=player, code=NO_CODE, client_address=address)  # type: ignore[arg-type]
    else:
        preview_card(player=player, code=NO_CODE, at=at, client_address=address)  # type: ignore[arg-type]
