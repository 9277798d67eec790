"""Barriers: places at which all servers of a house are of one mind.

Two servers cannot be rolled forward to the same moment: their clocks and their commits are their own. So, each minute, nobody
begins to promise anything for an instant; once no promise of ours is open (``two_phase.barrier``), every server writes a
restore point of the same name into its WAL. A restore of several servers goes to such a name.

What commits in one database alone does not wait. So the coordinator's server is marked last: a consumer of its outbox that is
in another database may come out of a restore a few thousandths of a second behind the facts, and reads on, as it does every
day. It must never come out ahead of them: it would pass over those that are published anew under the numbers it has read.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import structlog

from warchest.kernel.ids import new_id
from warchest.runtime import two_phase
from warchest.runtime.backup.folder import Barrier, Folder
from warchest.runtime.backup.servers import Found, find_servers
from warchest.runtime.configuration import configuration

log = structlog.get_logger(__name__)


def make_one() -> None:
    """For a pulse: a barrier where there are several servers and a folder of backups, else nothing."""
    folder = configuration().backup_folder
    if folder is None or not configuration().databases:
        return
    servers = find_servers()
    if len(servers) > 1:
        make(Folder(folder), servers)


def make(folder: Folder, servers: tuple[Found, ...]) -> Barrier:
    """A restore point of one name on every server, the coordinator's, which is the first of ``servers``, last of all.

    Raises TryAgain where promises stay open.
    """
    name = f"warchest-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{new_id().hex[-8:]}"
    with two_phase.barrier():
        points = {server.name: _point(server, name) for server in reversed(servers)}
    barrier = Barrier(
        name=name,
        at=max(at for at, _ in points.values()),
        segments={server: segment for server, (_, segment) in points.items()},
    )
    folder.remember(barrier)
    log.info("barrier_made", name=name)
    return barrier


def _point(server: Found, name: str) -> tuple[datetime, str]:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT pg_walfile_name(pg_create_restore_point(%s)), clock_timestamp()", [name]
        ).fetchone()
        # The point is not on the disk until something behind it is: this waits for that.
        connection.execute("SELECT pg_logical_emit_message(true, 'warchest', %s)", [name])
    assert row is not None
    segment, moment = row
    return moment.astimezone(UTC), segment
