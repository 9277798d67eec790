"""What a game server asks: who may use what, with a proof to keep, and what has changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from tests.builders.house import ARENA, ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.kernel.ids import new_id
from warchest.runtime.services import services
from warchest.subscriptions.contract import GrantSource, Subscriptions, UnableToListChanges

pytestmark = pytest.mark.usefixtures("database")


def buy_month(player, *, at=NOW):
    return prolong_subscription(a_command(at=at), player=player.id, plan=ARENA_MONTH, periods=1).answer


@pytest.mark.use_case("SVC-04")
class TestEntitlement:
    def test_it_lasts_from_the_start_included_to_the_end_excluded(self):
        player = a_player(with_units="500")
        bought = buy_month(player)
        for at, entitled in (
            (bought.starts_at - timedelta(microseconds=1), False),
            (bought.starts_at, True),
            (bought.ends_at - timedelta(microseconds=1), True),
            (bought.ends_at, False),
        ):
            right = services.get(Subscriptions).entitlement(player=player.id, online_service=ARENA, at=at)
            assert (right.entitled, right.until) == (entitled, bought.ends_at if entitled else None)

    def test_a_stranger_and_another_service_have_none(self):
        player = a_player(with_units="500")
        buy_month(player)
        ask = services.get(Subscriptions).entitlement_token
        assert ask(player=player.id, online_service=new_id(), at=NOW).token == ""
        assert ask(player=new_id(), online_service=ARENA, at=NOW).entitlement.entitled is False

    def test_the_token_is_checked_with_nothing_but_the_published_key(self):
        player = a_player(with_units="500")
        at = datetime.now(UTC)
        bought = buy_month(player, at=at)
        token = (
            services.get(Subscriptions).entitlement_token(player=player.id, online_service=ARENA, at=at).token
        )
        keys = jwt.PyJWKSet.from_dict(services.get(Subscriptions).jwks())
        kid = jwt.get_unverified_header(token)["kid"]
        claims = jwt.decode(token, keys[kid], algorithms=["EdDSA"])
        assert (claims["sub"], claims["service"]) == (str(player.id), str(ARENA))
        assert claims["until"] == int(bought.ends_at.timestamp())
        assert claims["exp"] - claims["iat"] == 15 * 60
        with pytest.raises(jwt.InvalidSignatureError):
            header, body, signature = token.split(".")
            swapped = "A" if signature[10] != "A" else "B"
            jwt.decode(
                f"{header}.{body}.{signature[:10]}{swapped}{signature[11:]}", keys[kid], algorithms=["EdDSA"]
            )

    def test_a_token_never_outlasts_the_right(self):
        player = a_player(with_units="500")
        bought = buy_month(player)
        at = bought.ends_at - timedelta(minutes=2)
        token = (
            services.get(Subscriptions).entitlement_token(player=player.id, online_service=ARENA, at=at).token
        )
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["exp"] == int(bought.ends_at.timestamp())


@pytest.mark.use_case("SVC-15")
class TestChanges:
    def test_they_come_in_order_and_each_once(self):
        first, second = a_player(with_units="1000"), a_player(with_units="500")
        bought = [buy_month(first), buy_month(second), buy_month(first)]
        seen, after = [], ""
        while page := services.get(Subscriptions).entitlement_changes(after=after, limit=2):
            seen += page
            after = page[-1].cursor
        assert [(change.player, change.until) for change in seen] == [
            (first.id, bought[0].ends_at),
            (second.id, bought[1].ends_at),
            (first.id, bought[2].ends_at),
        ]
        assert {change.source for change in seen} == {GrantSource.PAID}

    @pytest.mark.parametrize("cursor", ["x", "1", "1-", "-1", "1-1-1", "9" * 30 + "-1"])
    def test_a_malformed_cursor_is_refused(self, cursor):
        with pytest.raises(UnableToListChanges):
            services.get(Subscriptions).entitlement_changes(after=cursor)
