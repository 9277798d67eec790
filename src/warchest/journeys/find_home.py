"""Where a player lives, and so where calls for them go: the cluster that made them, for ever.

Ids are made in one cluster and go with the players; what is of a player (a payment, a subscription, a hold, a transfer) is
where the player is. Whoever does not find one at home asks the clusters that it is merged with, and remembers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from warchest.charging.contract import Charging, UnableToFindTransfer
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.ledger.contract import Ledger
from warchest.members.contract import Members
from warchest.payments.contract import Payments
from warchest.runtime import cluster_line
from warchest.runtime.cluster_line import read_by_clusters
from warchest.runtime.command import Command
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

CLUSTER_UNREACHABLE = "cluster_unreachable"
_REMEMBERED_MAX = 100_000


def _is(find: Callable[[], object]) -> bool:
    try:
        find()
    except UnableTo:
        return False
    return True


KINDS: dict[str, Callable[[UUID], bool]] = {
    "player": lambda id: id in services.get(Members).players(player_ids=[id]),
    "payment": lambda id: _is(lambda: services.get(Payments).payment(payment_id=id)),
    "subscription": lambda id: _is(lambda: services.get(Subscriptions).subscription(subscription_id=id)),
    "hold": lambda id: _is(lambda: services.get(Ledger).find_hold(hold_id=id)),
    "transfer": lambda id: _is_sent_here(id),
}


def _is_sent_here(transfer_id: UUID) -> bool:
    """A transfer between clusters stands in both, and is asked for at its sender's."""
    try:
        transfer = services.get(Charging).find_transfer(transfer_id=transfer_id)
    except UnableToFindTransfer:
        return False
    return transfer.sender in services.get(Members).players(player_ids=[transfer.sender])


_guard = threading.Lock()
_homes: OrderedDict[tuple[str, UUID], str] = OrderedDict()


def home_of(command: Command, *, kind: str, id: UUID) -> str:
    """The code of the cluster where this is at home; this one's own where nobody knows of it.

    Raises TryAgain (``cluster_unreachable``) where nobody who can be asked has it, and not all can be asked.
    """
    ours = services.cluster
    # Who is merged with nobody looks nothing up.
    others = cluster_line.line().clusters()
    if not others:
        return ours
    if (known := _homes.get((kind, id))) is not None and (known == ours or known in others):
        return known
    if KINDS[kind](id):
        return _remembered(kind, id, ours)
    cut: list[str] = []
    for cluster in others:
        try:
            if cluster_line.line().call(cluster, "homes.is_here", command, kind=kind, id=id):
                return _remembered(kind, id, cluster)
        except TryAgain:
            cut.append(cluster)
    if cut:
        raise TryAgain(CLUSTER_UNREACHABLE, retry_after_s=5, cluster=", ".join(cut))
    return ours


def _remembered(kind: str, id: UUID, cluster: str) -> str:
    with _guard:
        _homes[kind, id] = cluster
        if len(_homes) > _REMEMBERED_MAX:
            _homes.popitem(last=False)
    return cluster


@dataclass(frozen=True, slots=True)
class Namesake:
    """A player of this nickname at home in another cluster; ``nickname`` as it is written there."""

    cluster: str
    id: UUID
    nickname: str
    state: str


@dataclass(frozen=True, slots=True)
class Namesakes:
    """``unheard``: the clusters that could not be asked."""

    found: tuple[Namesake, ...]
    unheard: tuple[str, ...]


def named_elsewhere(command: Command, *, nickname: str) -> Namesakes:
    """Players of exactly this nickname in the clusters that this one is merged with, for those who help people."""
    found: list[Namesake] = []
    unheard: list[str] = []
    for cluster in cluster_line.line().clusters() if nickname else ():
        try:
            told: Namesake | None = cluster_line.line().call(
                cluster, "players.exactly_named", command, nickname=nickname
            )
        except TryAgain:
            unheard.append(cluster)
            continue
        if told is not None and told.cluster == cluster:
            found.append(told)
    return Namesakes(tuple(found), tuple(unheard))


@read_by_clusters("players.exactly_named")
def exactly_named(*, nickname: str) -> Namesake | None:
    player = services.get(Members).player_named(nickname=nickname)
    if player is None:
        return None
    return Namesake(services.cluster, player.id, player.nickname, player.state.value)


@read_by_clusters("homes.is_here")
def is_here(*, kind: str, id: UUID) -> bool:
    return kind in KINDS and KINDS[kind](id)
