"""Whom a sender means by ``ben``, or by ``ben@west`` where Ben lives in another cluster."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.journeys.transfer_units import UnableToSend, refuse_recipient
from warchest.members.contract import Members
from warchest.runtime import cluster_line
from warchest.runtime.cluster_line import read_by_clusters
from warchest.runtime.command import Command
from warchest.runtime.services import services


@dataclass(frozen=True, slots=True)
class Recipient:
    """``cluster`` is empty where they live in this one."""

    id: UUID
    nickname: str
    cluster: str = ""

    @property
    def name(self) -> str:
        """As a sender writes it."""
        return f"{self.nickname}@{self.cluster}" if self.cluster else self.nickname


def find_recipient(command: Command, *, name: str) -> Recipient:
    """Raises UnableToSend, and TryAgain (``line_cut``) where the other cluster can't be asked."""
    nickname, _, cluster = name.strip().partition("@")
    if cluster in ("", services.cluster):
        return recipient_named(nickname=nickname)
    if cluster not in cluster_line.line().clusters():
        raise UnableToSend("cluster_unknown", cluster=cluster[:40])
    found: Recipient = cluster_line.line().call(cluster, "players.named", command, nickname=nickname)
    return Recipient(id=found.id, nickname=found.nickname, cluster=cluster)


@read_by_clusters("players.named")
def recipient_named(*, nickname: str) -> Recipient:
    """Raises UnableToSend."""
    player = services.get(Members).player_named(nickname=nickname)
    if player is None:
        raise UnableToSend("recipient_unknown")
    refuse_recipient(player)
    return Recipient(id=player.id, nickname=player.nickname)
