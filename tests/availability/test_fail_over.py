"""SMG-05: PostgreSQL under Patroni fails over under load. Nothing confirmed is lost, nothing is there twice."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.availability.cluster import Cluster, a_cluster, etcd_program
from tests.availability.house import House, a_house
from tests.availability.workload import Furniture, Workload

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.use_case("SMG-05"),
    pytest.mark.skipif(
        etcd_program() is None,
        reason="no etcd: on Debian script/availability fetches it; elsewhere put it into the PATH",
    ),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="warchest-patroni-"))
    folder.chmod(0o755)
    etcd = etcd_program()
    assert etcd
    try:
        with a_cluster(folder / "cluster", etcd=etcd) as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def crash_postgres(cluster: Cluster, workload: Workload) -> None:
    """Patroni lives, and lets a replica take over, or starts the server again where no replica has everything."""
    with cluster.another_timeline() as primary:
        primary.kill_postgres()


def lose_the_machine(cluster: Cluster, workload: Workload) -> None:
    """Patroni, too: the others learn of it only when its time is over."""
    with cluster.another_timeline() as primary:
        primary.kill()
    assert cluster.primary() is not primary
    primary.start()


def switch_over(cluster: Cluster, workload: Workload) -> None:
    standby = cluster.synchronous()
    assert standby
    with cluster.another_timeline() as primary:
        primary.switch_over(leader=primary.name, to=standby.name)
    assert cluster.primary() is standby


def lose_etcd(cluster: Cluster, workload: Workload) -> None:
    """For longer than a primary may be silent: nobody can be promoted meanwhile, and nobody has to be."""
    primary = cluster.primary()
    with cluster.without_etcd():
        time.sleep(25)
        workload.wait_for_answers(more=40)
    assert cluster.primary() is primary


def crash_with_commits_that_no_replica_has(cluster: Cluster, workload: Workload) -> None:
    """The primary is cut off from its replicas before it dies: commits wait, and are told to nobody."""
    _see_commits_wait(cluster, workload)
    crash_postgres(cluster, workload)


def lose_commits_that_no_replica_has(cluster: Cluster, workload: Workload) -> None:
    """A replica without them takes over; when the machine is back, it must forget them."""
    _see_commits_wait(cluster, workload)
    lose_the_machine(cluster, workload)


def _see_commits_wait(cluster: Cluster, workload: Workload) -> None:
    _cut_off(cluster)
    cluster.wait_until(lambda: cluster.commits_that_wait() >= 2)
    time.sleep(0.5)
    told = len(workload.tally.acknowledged)
    time.sleep(1)
    assert cluster.commits_that_wait() >= 2
    assert len(workload.tally.acknowledged) == told, "something was confirmed that is on one machine alone"


def _cut_off(cluster: Cluster) -> None:
    primary = cluster.primary()
    assert primary
    for process in cluster.senders():
        primary.freeze(process)


@pytest.mark.parametrize(
    "happens",
    [
        crash_postgres,
        pytest.param(switch_over, marks=pytest.mark.long_round),
        pytest.param(lose_etcd, marks=pytest.mark.long_round),
        pytest.param(crash_with_commits_that_no_replica_has, marks=pytest.mark.long_round),
        pytest.param(lose_the_machine, marks=pytest.mark.long_round),
        pytest.param(lose_commits_that_no_replica_has, marks=pytest.mark.long_round),
    ],
)
def test_what_was_confirmed_stays(cluster: Cluster, happens: Callable[[Cluster, Workload], None]) -> None:
    with _a_house_on(cluster, happens.__name__) as (house, furniture, workload):
        with workload:
            workload.wait_for_answers(more=40)
            began = time.monotonic()
            happens(cluster, workload)
            workload.wait_for_answers(more=40)
        tally = workload.tally
        print(
            f"\n{happens.__name__}: {len(tally.acknowledged)} acknowledged, answers {dict(tally.met)}, "
            f"nobody was answered for {tally.longest_silence_s(after=began):.1f} s"
        )
        workload.ask_all_again()
        assert all(process.is_running for process in house.processes)
        _assert_books_go_on(cluster, house, furniture, workload)
        cluster.wait_until(lambda: cluster.is_whole)


@pytest.mark.long_round
def test_without_a_synchronous_replica_it_would_not(cluster: Cluster) -> None:
    """Why the page says what it says; and that the test above would see it."""
    cluster.configure(synchronous_mode=False)
    try:
        with _a_house_on(cluster, "lost_for_good") as (house, furniture, workload):
            with workload:
                workload.wait_for_answers(more=40)
                _cut_off(cluster)
                workload.wait_for_answers(more=20)
                lose_the_machine(cluster, workload)
                workload.wait_for_answers(more=20)
            lost = {answer.entry for answer in workload.tally.acknowledged} - house.look(
                furniture
            ).entries.keys()
            print(
                f"\nwithout synchronous_mode: {len(lost)} of {len(workload.tally.acknowledged)} confirmed are lost"
            )
            assert lost
    finally:
        cluster.configure(synchronous_mode=True)


@contextmanager
def _a_house_on(cluster: Cluster, name: str) -> Iterator[tuple[House, Furniture, Workload]]:
    """A house in a database of its own, at work: two portals, a worker, and callers who are about to come."""
    cluster.wait_until(lambda: cluster.is_whole)
    with a_house(WARCHEST_DATABASE_URL=cluster.url, WARCHEST_DATABASE_NAME=name) as house:
        # Purchases and activations commit in two phases: two databases of the cluster take part.
        (house.home / "warchest.toml").write_text(
            f'[databases.shop]\nname = "{name}_shop"\n[services]\ncards = "shop"\nsubscriptions = "shop"\n'
        )
        furniture = house.furnish(cards=30)
        portals = house.portals("one", "two")
        house.worker()
        yield house, furniture, Workload(furniture, [portal.url for portal in portals])


def _assert_books_go_on(cluster: Cluster, house: House, furniture: Furniture, workload: Workload) -> None:
    house.assert_as_acknowledged(furniture, workload.tally)
    assert cluster.prepared_transactions() == []
    assert "what is confirmed is on two of them" in house.doctor()
    # The worker has found the new primary as well: what was sold is folded and sealed.
    until = time.monotonic() + 90
    while "unsealed  0" not in (printed := house.warchest("prove")):
        assert time.monotonic() < until, printed
        time.sleep(1)
