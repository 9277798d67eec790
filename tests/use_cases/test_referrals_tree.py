"""The tree of who invited whom."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from tests.builders.people import NOW, a_player
from warchest.kernel.codes import grouped, is_whole
from warchest.kernel.ids import new_id
from warchest.referrals.contract import (
    Referrals,
    UnableToJoin,
    UnableToListReferrals,
    UnableToPlanCommissions,
)
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")


def join(sponsor=None, *, minutes=0):
    code = sponsor.sponsor_code if sponsor else None
    return services.get(Referrals).join(
        player=new_id(), sponsor_code=code, at=NOW + timedelta(minutes=minutes)
    )


@pytest.mark.use_case("MLM-04")
class TestInviting:
    def test_every_player_has_a_code_and_the_tie_is_made_at_registration(self):
        sponsor = a_player()
        invited = a_player(sponsor=sponsor)
        assert invited.sponsor == sponsor.id
        assert is_whole(invited.sponsor_code, length=8)

    def test_a_code_is_read_as_people_type_it(self):
        sponsor = join()
        typed = grouped(sponsor.sponsor_code).lower().replace("0", "o").replace("1", "l")
        assert services.get(Referrals).by_code(sponsor_code=f" {typed} ") == sponsor

    @pytest.mark.parametrize("code", ["00000000", "ABC", "!!!!!!!!", "\u0000"])
    def test_a_code_that_is_nobodys_is_refused(self, code):
        with pytest.raises(UnableToJoin) as refusal:
            services.get(Referrals).join(player=new_id(), sponsor_code=code, at=NOW)
        assert refusal.value.reason == "sponsor_code_unknown"

    def test_joining_again_changes_nothing_and_another_sponsor_is_refused(self):
        first, second = join(), join()
        node = join(first)
        again = services.get(Referrals).join(player=node.player, sponsor_code=first.sponsor_code, at=NOW)
        assert again == node
        with pytest.raises(UnableToJoin) as refusal:
            services.get(Referrals).join(player=node.player, sponsor_code=second.sponsor_code, at=NOW)
        assert refusal.value.reason == "already_joined"

    @pytest.mark.parametrize(
        "attack",
        [
            "UPDATE referrals_node SET sponsor_id = NULL",
            "DELETE FROM referrals_node",
            # A player as their own sponsor.
            "INSERT INTO referrals_node (player, sponsor_id, sponsor_code, joined_at)"
            " VALUES ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000a', 'A', now())",
            # Two who name each other in one statement.
            "INSERT INTO referrals_node (player, sponsor_id, sponsor_code, joined_at) VALUES"
            " ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000b', 'A', now()),"
            " ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-00000000000a', 'B', now())",
        ],
    )
    def test_the_database_refuses_loops_and_changed_ties(self, superuser_dsn_of, attack):
        join(join())
        attacker = psycopg.connect(superuser_dsn_of("referrals"))
        with attacker, pytest.raises(psycopg.Error) as refused:
            attacker.execute(attack)
        assert not isinstance(refused.value, psycopg.errors.UndefinedTable)


@pytest.mark.use_case("MLM-06")
class TestTree:
    def test_the_upline_is_told_level_by_level(self):
        nodes = [join()]
        for _ in range(6):
            nodes.append(join(nodes[-1]))
        upline = services.get(Referrals).upline(player=nodes[-1].player, levels=5)
        assert [(above.level, above.player) for above in upline] == [
            (level, nodes[-1 - level].player) for level in range(1, 6)
        ]
        assert services.get(Referrals).upline(player=nodes[0].player) == ()

    def test_the_downline_comes_page_by_page_level_by_level_newest_first(self):
        root = join()
        children = [join(root, minutes=number) for number in range(3)]
        grandchildren = [join(children[0], minutes=10 + number) for number in range(4)]
        great = join(grandchildren[0], minutes=30)

        seen, cursor = [], ""
        while True:
            page = services.get(Referrals).downline(player=root.player, depth=2, cursor=cursor, limit=3)
            seen += page.members
            cursor = page.next_cursor
            if not cursor:
                break
        assert [(member.level, member.player) for member in seen] == [
            *((1, node.player) for node in reversed(children)),
            *((2, node.player) for node in reversed(grandchildren)),
        ]
        assert [member.invited for member in seen] == [0, 0, 4, 0, 0, 0, 1]
        assert great.player not in {member.player for member in seen}

        stats = services.get(Referrals).tree_stats(player=root.player)
        assert (stats.by_level, stats.size, stats.depth) == ((3, 4, 1), 8, 3)

    @pytest.mark.parametrize("cursor", ["x", "1-2", "1-2-3", "1-" + "9" * 40 + "-" + "0" * 32])
    def test_a_malformed_cursor_is_refused(self, cursor):
        root = join()
        with pytest.raises(UnableToListReferrals) as refusal:
            services.get(Referrals).downline(player=root.player, cursor=cursor)
        assert refusal.value.reason == "cursor_malformed"

    def test_a_stranger_has_no_tree(self):
        with pytest.raises(UnableToListReferrals) as refusal:
            services.get(Referrals).downline(player=new_id())
        assert refusal.value.reason == "player_not_in_tree"


class TestCommissionPlans:
    def test_a_version_is_in_force_from_its_moment_on(self):
        referrals = services.get(Referrals)
        tomorrow = NOW + timedelta(days=1)
        referrals.add_commission_plan(rates_bps=[2000], valid_from=tomorrow, at=NOW)
        assert referrals.commission_plan(at=NOW).rates_bps == (1000, 500, 300, 200, 100)
        assert referrals.commission_plan(at=tomorrow).rates_bps == (2000,)

    @pytest.mark.parametrize(
        ("rates_bps", "reason"),
        [
            ([], "levels_out_of_range"),
            ([1] * 21, "levels_out_of_range"),
            ([5000, 5001], "rates_out_of_range"),
            ([100, 0], "rates_out_of_range"),
        ],
    )
    def test_refused(self, rates_bps, reason):
        with pytest.raises(UnableToPlanCommissions) as refusal:
            services.get(Referrals).add_commission_plan(rates_bps=rates_bps, valid_from=NOW, at=NOW)
        assert refusal.value.reason == reason
