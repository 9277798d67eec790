"""Whoever guesses codes is slowed down: by player, by address, by network, and all over the house."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.cards import a_batch
from tests.builders.configuration import changed_configuration
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from warchest.audit.contract import Audit, OperationFilter
from warchest.cards.contract import Cards, Guessing, GuessLock, UnableToActivateCard, UnableToLiftLock
from warchest.jobs.guesses import watch_guesses
from warchest.journeys.activate_card import activate_card
from warchest.journeys.watch_guesses import lift_lock
from warchest.kernel.errors import TryAgain
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.command import now
from warchest.runtime.services import services

FEW = {"alarm_guesses": 20, "alarm_minutes": 10}


def cards() -> Cards:
    return services.get(Cards)


def guess(*, player: UUID, address: str = "", at: object = NOW) -> str:
    """Try a code that is none; answers how it was refused."""
    try:
        activate_card(a_command(at=at), player=player, code="0000-0000-0000-0001", client_address=address)
    except (UnableToActivateCard, TryAgain) as refusal:
        return refusal.reason
    raise AssertionError("a code of zeros was right")


@pytest.mark.use_case("CRD-03")
@pytest.mark.usefixtures("database")
class TestNetworks:
    def test_many_addresses_of_one_network_lock_it(self) -> None:
        for place in range(50):
            assert guess(player=a_player().id, address=f"198.51.100.{place + 1}") == "card_code_unknown"
        assert guess(player=a_player().id, address="198.51.100.200") == "too_many_attempts"
        assert guess(player=a_player().id, address="198.51.101.200") == "card_code_unknown"
        assert [(lock.who, lock.identity, lock.guesses) for lock in cards().locks(at=NOW)] == [
            (Guessing.NETWORK, "198.51.100.0/24", 50)
        ]

    def test_one_that_the_house_trusts_is_never_locked_and_its_players_are(self) -> None:
        with changed_configuration(cards={"trusted_networks": ["10.0.0.0/8", "2001:db8::/32"]}):
            for _ in range(6):
                assert guess(player=a_player().id, address="10.1.2.3") == "card_code_unknown"
                assert guess(player=a_player().id, address="2001:db8::7") == "card_code_unknown"
            player = a_player().id
            for _ in range(5):
                assert guess(player=player, address="10.1.2.3") == "card_code_unknown"
            assert guess(player=player, address="10.1.2.3") == "too_many_attempts"
        assert {lock.who for lock in cards().locks(at=NOW)} == {Guessing.PLAYER}


@pytest.mark.use_case("CRD-03")
@pytest.mark.usefixtures("database")
class TestTheAlarm:
    def test_rings_once_makes_the_ladder_stricter_and_ends(self) -> None:
        with changed_configuration(cards=FEW):
            for place in range(19):
                guess(player=a_player().id, address=f"203.0.{place}.1")
            watch_guesses(at=NOW)
            assert cards().alarm() is None
            guess(player=a_player().id, address="203.0.99.1")
            watch_guesses(at=NOW)
            watch_guesses(at=NOW + timedelta(seconds=10))
            rings = cards().alarm()
            assert rings and (rings.guesses, rings.ended_at) == (20, None)
            assert cards().alarms() == (rings,)

            player = a_player().id
            for _ in range(3):
                assert guess(player=player, at=NOW + timedelta(minutes=1)) == "card_code_unknown"
            assert guess(player=player, at=NOW + timedelta(minutes=1)) == "too_many_attempts"

            over = NOW + timedelta(minutes=15)
            watch_guesses(at=over)
            assert cards().alarm() is None
            assert [alarm.ended_at for alarm in cards().alarms()] == [over]
            other = a_player().id
            assert [guess(player=other, at=over) for _ in range(6)] == [
                *["card_code_unknown"] * 5,
                "too_many_attempts",
            ]

    def test_is_no_matter_for_those_who_type_right_codes(self) -> None:
        code, player = a_batch().cards[0].code, a_player()
        with changed_configuration(cards=FEW):
            for place in range(30):
                guess(player=a_player().id, address=f"203.0.{place}.1")
            watch_guesses(at=NOW)
            assert cards().alarm()
            activate_card(a_command(), player=player.id, code=code, client_address="192.0.2.1")


@pytest.mark.use_case("CRD-29")
@pytest.mark.usefixtures("database")
class TestLifting:
    def test_lets_try_again_counts_anew_and_is_recorded(self) -> None:
        player, support = a_player().id, an_administrator(Role.SUPPORT)
        for _ in range(5):
            guess(player=player)
        lifted = lift_lock(
            acting_as(support), who=Guessing.PLAYER, identity=str(player), reason="Typed another game's code"
        ).answer
        assert lifted == GuessLock(Guessing.PLAYER, str(player), 5, NOW + timedelta(minutes=15))
        later = NOW + timedelta(seconds=1)
        assert [guess(player=player, at=later) for _ in range(6)] == [
            *["card_code_unknown"] * 5,
            "too_many_attempts",
        ]
        (noted,) = services.get(Audit).operations(where=OperationFilter(name="cards.lift_lock")).items
        assert noted.subject_id == f"player:{player}"

    def test_needs_a_lock_a_reason_and_the_right(self) -> None:
        player, support = str(a_player().id), an_administrator(Role.SUPPORT)
        with pytest.raises(UnableToLiftLock, match="lock_unknown"):
            lift_lock(acting_as(support), who=Guessing.PLAYER, identity=player, reason="Asked")
        for _ in range(5):
            guess(player=UUID(player))
        with pytest.raises(UnableToLiftLock, match="reason_missing"):
            lift_lock(acting_as(support), who=Guessing.PLAYER, identity=player, reason=" ")
        with pytest.raises(UnableToAdminister):
            lift_lock(
                acting_as(an_administrator(Role.ACCOUNTANT)),
                who=Guessing.PLAYER,
                identity=player,
                reason="Asked",
            )
        assert cards().locks(at=NOW)


@pytest.mark.use_case("CRD-28")
@pytest.mark.use_case("CRD-29")
def test_support_sees_who_guesses_and_lifts_a_lock(office: BackOffice) -> None:
    support, player = office.signed_in(Role.SUPPORT), a_player()
    for _ in range(5):
        guess(player=player.id, address="192.0.2.44", at=now())
    page = support.page("/guessed-codes").get_text(" ", strip=True)
    for matter in (player.nickname, "192.0.2.44", "192.0.2.0/24"):
        assert matter in page, matter
    form = next(
        one
        for one in support.page("/guessed-codes").select('form[action="/guessed-codes/lift"]')
        if one.select_one("[name=identity]")["value"] == str(player.id)
    )
    said = {control["name"]: control.get("value", "") for control in form.select("input[name]")}
    answer = support.post(
        "/guessed-codes/lift", referer="/guessed-codes", **(said | {"reason": "Asked by mail"})
    )
    assert "The lock is lifted" in answer.text
    locked = {(lock.who, lock.identity) for lock in cards().locks(at=now())}
    assert (Guessing.PLAYER, str(player.id)) not in locked
    assert (Guessing.ADDRESS, "192.0.2.44") in locked
