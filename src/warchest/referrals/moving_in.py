"""Many places in the tree at once: for players who come from an older system."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from warchest.kernel.codes import random_code
from warchest.referrals.contract import NodeDraft, TreeCount
from warchest.referrals.models import Node as NodeRow
from warchest.referrals.queries import CODE_LENGTH
from warchest.runtime import statements

_COUNT = """
    SELECT count(*), count(sponsor_id) FROM referrals_node
     WHERE player = ANY(ARRAY(SELECT jsonb_array_elements_text(%s)::uuid))"""


def join_set(*, nodes: Sequence[NodeDraft]) -> None:
    free = iter(_free_codes(len(nodes)))
    # One statement, whose rows come in this order: the database looks for each sponsor among those before.
    NodeRow.objects.bulk_create(
        NodeRow(
            player=draft.player, sponsor_id=draft.sponsor, sponsor_code=next(free), joined_at=draft.joined_at
        )
        for draft in nodes
    )


def _free_codes(count: int) -> set[str]:
    """Codes that nobody has: among a hundred thousand players two would draw the same in one house of seven."""
    free: set[str] = set()
    while len(free) < count:
        drawn = {random_code(length=CODE_LENGTH) for _ in range(count - len(free))} - free
        taken = NodeRow.objects.filter(sponsor_code__in=drawn).values_list("sponsor_code", flat=True)
        free |= drawn - set(taken)
    return free


def count_tree(*, players: Sequence[UUID]) -> TreeCount:
    ((nodes, edges),) = statements.rows("referrals", _COUNT, [statements.document(list(players))])
    return TreeCount(nodes=nodes, edges=edges)
