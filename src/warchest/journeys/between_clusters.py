"""All that another cluster may have done or read here, on one page. Whoever carries its calls imports this."""

from __future__ import annotations

from warchest.journeys.conserve import credited_here, standing_towards_asker
from warchest.journeys.find_recipient import recipient_named
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
)

__all__ = ["OPEN", "answer_call"]
