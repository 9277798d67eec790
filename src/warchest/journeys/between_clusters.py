"""All that another cluster may have done or read here, on one page. Whoever carries its calls imports this."""

from __future__ import annotations

from warchest.journeys.compare_clusters import have_surely, have_these
from warchest.journeys.conserve import credited_here, standing_towards_asker
from warchest.journeys.examine_merge import tell
from warchest.journeys.find_home import exactly_named, is_here
from warchest.journeys.find_recipient import recipient_named
from warchest.journeys.merge_clusters import standing_of_asker, told_to_cut, told_to_leave
from warchest.journeys.prove_clusters import exchange_heads, hash_of_block
from warchest.journeys.receive_transfer import receive_transfer, refuse_transfer
from warchest.journeys.settle_intercluster import agree_to_statement
from warchest.runtime.cluster_line import answer_call

OPEN = (
    receive_transfer,
    refuse_transfer,
    recipient_named,
    agree_to_statement,
    standing_towards_asker,
    credited_here,
    is_here,
    exactly_named,
    # While they are not merged yet, or are parting.
    tell,
    have_these,
    have_surely,
    standing_of_asker,
    told_to_leave,
    told_to_cut,
    exchange_heads,
    hash_of_block,
)

__all__ = ["OPEN", "answer_call"]
