"""SMG-02: two clusters become one environment, and part again.

Each house decides for itself, by two people: one takes in the letter of the other's operator, another one merges, when the
dry run found nothing and both have compared the digits. Nothing of the other's is believed before that. To part, first
nothing new begins and what is under way is finished or undone; then the gateways go, and each goes on alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from warchest.charging.contract import Charging
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.members.contract import Members, UnableToAdminister, require
from warchest.runtime import cluster_letters, cluster_line, clusters
from warchest.runtime.cluster_line import open_to_clusters, read_by_clusters
from warchest.runtime.clusters import OtherCluster, Standing
from warchest.runtime.command import ActorKind, Command
from warchest.runtime.configuration import configuration
from warchest.runtime.journey import journey
from warchest.runtime.secrets import text_secret
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

log = structlog.get_logger(__name__)

DRY_RUN_HOLDS = timedelta(hours=24)


class UnableToMerge(UnableTo):
    """The clusters stay as they are to each other."""

    reasons = frozenset(
        {
            "no_gateway",  # this house has no broker with a gateway
            "cluster_configured",  # what stands in warchest.toml is changed there
            "cluster_merged",
            "cluster_not_merged",
            "cluster_still_merged",  # it is parted from first
            "fingerprint_differs",
            "dry_run_missing",  # or older than a day
            "dry_run_found",
            "own_request",
            "transfers_waiting",
        }
    )
    passing = frozenset({"dry_run_missing", "dry_run_found", "transfers_waiting", "no_gateway"})


@dataclass(frozen=True, slots=True)
class Standings:
    """How one cluster stands to another, and how many transfers between them are under way there."""

    standing: str
    waiting: int


# Letters.


def write_letter(command: Command, *, to: str) -> str:
    """This house's letter to a cluster of this code. It names the password of our gateways: for that operator's eyes.

    Raises UnableToAdminister, UnableToMerge (``no_gateway``).
    """
    if not configuration().broker.gateway_port:
        raise UnableToMerge("no_gateway")
    _note_letter(command, to=to)
    letter = clusters.our_letter(to=to, written_at=command.at)
    return cluster_letters.written(letter, password=text_secret("broker-gateway"))


@journey("clusters.write_letter")
def _note_letter(tx: Transaction, *, to: str) -> None:
    _may(tx, "cluster.prepare")
    tx.about("cluster", to[:40])


def accept_letter(command: Command, *, text: str) -> OtherCluster:
    """Take in the letter of another cluster's operator: the gateways connect, so that a dry run can ask.

    Raises UnableToAdminister, UnableToReadLetter, UnableToMerge.
    """
    letter, _ = cluster_letters.read(text, ours=services.cluster)
    accept = _accept(command, text=text)
    clusters.forget()
    assert accept.answer == letter.cluster
    return clusters.find(letter.cluster)


@journey("clusters.accept")
def _accept(tx: Transaction, *, text: str) -> str:
    letter, password = cluster_letters.read(text, ours=services.cluster)
    tx.about("cluster", letter.cluster, name=letter.name, entity=letter.entity)
    _may(tx, "cluster.prepare")
    if not configuration().broker.gateway_port:
        raise UnableToMerge("no_gateway")
    if letter.cluster in configuration().clusters:
        raise UnableToMerge("cluster_configured", cluster=letter.cluster)
    before = next((one for one in clusters.others() if one.code == letter.cluster), None)
    if before is not None and before.standing in (Standing.MERGED, Standing.LEAVING):
        raise UnableToMerge("cluster_still_merged", cluster=letter.cluster)
    clusters.keep(letter, password, accepted_by=_person(tx))
    tx.announce("clusters.known", key=letter.cluster, cluster=letter.cluster)
    return letter.cluster


# Merging and parting.


@journey("clusters.merge")
def merge_cluster(tx: Transaction, *, cluster: str, fingerprint: str) -> None:
    """``fingerprint`` are the digits as they were compared by voice.

    Raises UnableToAdminister (``right_missing``), UnableToFindCluster, UnableToMerge.
    """
    tx.about("cluster", cluster)
    _may(tx, "cluster.merge")
    other = _changeable(cluster)
    if other.standing is Standing.MERGED:
        raise UnableToMerge("cluster_merged", cluster=cluster)
    if other.standing is not Standing.KNOWN:
        raise UnableToMerge("cluster_still_merged", cluster=cluster)
    if _digits(fingerprint) != _digits(clusters.fingerprint_with(other.letter)):
        raise UnableToMerge("fingerprint_differs")
    if tx.command.actor.kind is ActorKind.ADMINISTRATOR and other.accepted_by == _person(tx):
        raise UnableToMerge("own_request")
    if other.examined_at is None or tx.command.at - other.examined_at > DRY_RUN_HOLDS:
        raise UnableToMerge("dry_run_missing", cluster=cluster)
    if not other.report.get("well"):
        raise UnableToMerge("dry_run_found", cluster=cluster)
    clusters.change(cluster, Standing.MERGED, merged_by=_person(tx))
    tx.announce("clusters.merged", key=cluster, cluster=cluster)


def leave_cluster(command: Command, *, cluster: str) -> None:
    """Begin nothing new with this cluster; what is under way goes on to its end. The other house is told, if it hears.

    Raises UnableToAdminister, UnableToFindCluster, UnableToMerge.
    """
    _leave(command, cluster=cluster)
    clusters.forget()
    _tell(command, cluster, "clusters.leaving")


@journey("clusters.leave")
def _leave(tx: Transaction, *, cluster: str) -> None:
    tx.about("cluster", cluster)
    _may(tx, "cluster.prepare")
    other = _changeable(cluster)
    if other.standing not in (Standing.MERGED, Standing.LEAVING):
        raise UnableToMerge("cluster_not_merged", cluster=cluster)
    clusters.change(cluster, Standing.LEAVING)
    tx.announce("clusters.leaving", key=cluster, cluster=cluster)


def cut_cluster(command: Command, *, cluster: str, with_transfers_waiting: bool = False) -> None:
    """Take the gateways to this cluster away. ``with_transfers_waiting``: also where transfers are under way, or nobody can
    be asked whether they are; those stay held, and are told as waiting, until the clusters are merged again.

    Raises UnableToAdminister, UnableToFindCluster, UnableToMerge, TryAgain (``line_cut``).
    """
    other = clusters.find(cluster)
    if not with_transfers_waiting and other.standing is Standing.LEAVING:
        waiting = standing_there(command, cluster=cluster).waiting + _under_way(cluster)
        if waiting:
            raise UnableToMerge("transfers_waiting", cluster=cluster, waiting=waiting)
        # It hears so now, or never: soon there is no line.
        _tell(command, cluster, "clusters.cutting")
    _cut(command, cluster=cluster, with_transfers_waiting=with_transfers_waiting)
    clusters.forget()


@journey("clusters.cut")
def _cut(tx: Transaction, *, cluster: str, with_transfers_waiting: bool) -> None:
    tx.about("cluster", cluster, with_transfers_waiting=with_transfers_waiting)
    _may(tx, "cluster.prepare")
    other = _changeable(cluster)
    waiting = _under_way(cluster)
    if waiting and not with_transfers_waiting:
        raise UnableToMerge("transfers_waiting", cluster=cluster, waiting=waiting)
    if other.standing is Standing.MERGED and not with_transfers_waiting:
        # Else one might begin between our asking and the cut.
        raise UnableToMerge("cluster_still_merged", cluster=cluster)
    clusters.change(cluster, Standing.CUT)
    tx.announce("clusters.cut", key=cluster, cluster=cluster)


# What the other house may do and ask.


@open_to_clusters
@journey("clusters.leaving")
def told_to_leave(tx: Transaction) -> str:
    """The other house begins nothing new with us, so we begin nothing with it."""
    return _follow(tx, {Standing.MERGED}, Standing.LEAVING)


@open_to_clusters
@journey("clusters.cutting")
def told_to_cut(tx: Transaction) -> str:
    """The other house takes its gateways away: nothing of ours is under way there, and what is waiting here stays held."""
    return _follow(tx, {Standing.MERGED, Standing.LEAVING, Standing.KNOWN}, Standing.CUT)


def _follow(tx: Transaction, standings: set[Standing], into: Standing) -> str:
    assert tx.command.actor.kind is ActorKind.CLUSTER
    cluster = tx.command.actor.id
    tx.about("cluster", cluster)
    if cluster in configuration().clusters:
        return str(Standing.MERGED)
    other = clusters.lock(cluster)
    if other.standing not in standings:
        return str(other.standing)
    clusters.change(cluster, into)
    tx.announce(f"clusters.{into}", key=cluster, cluster=cluster)
    return str(into)


@read_by_clusters("clusters.standing_of_asker")
def standing_of_asker(*, asked_by: str) -> Standings:
    """How we stand to the one that asks."""
    return Standings(
        standing=str(clusters.find(asked_by).standing),
        waiting=_under_way(asked_by),
    )


def standing_there(command: Command, *, cluster: str) -> Standings:
    """How the other house stands to us. Raises TryAgain (``line_cut``)."""
    told: Standings = cluster_line.line().call(cluster, "clusters.standing_of_asker", command)
    return told


def _under_way(cluster: str) -> int:
    """Transfers from here that are held."""
    return len(services.get(Charging).open_transfers(cluster=cluster))


def _tell(command: Command, cluster: str, name: str) -> None:
    try:
        cluster_line.line().call(cluster, name, command.under(str(new_id())))
    except (TryAgain, UnableTo) as error:
        log.warning("cluster_not_told", cluster=cluster, name=name, reason=error.reason)


def _changeable(cluster: str) -> OtherCluster:
    if cluster in configuration().clusters:
        raise UnableToMerge("cluster_configured", cluster=cluster)
    return clusters.lock(cluster)


def _may(tx: Transaction, right: str) -> None:
    """Who runs the machine may; of those in the back office, who has the right."""
    if tx.command.actor.kind is ActorKind.OPERATOR:
        return
    if tx.command.actor.kind is not ActorKind.ADMINISTRATOR:
        raise UnableToAdminister("right_missing", right=right)
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), right)


def _person(tx: Transaction) -> str:
    return str(tx.command.actor)


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isascii() and character.isdigit())


def ready_to_merge(other: OtherCluster, *, at: datetime) -> bool:
    """Whether a dry run of lately found nothing."""
    return (
        other.examined_at is not None
        and at - other.examined_at <= DRY_RUN_HOLDS
        and bool(other.report.get("well"))
    )
