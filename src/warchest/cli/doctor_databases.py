"""What ``warchest doctor`` finds in the databases, in what they have promised each other, and at the broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from warchest.runtime.configuration import configuration
from warchest.runtime.databases import aliases, database_server, owner
from warchest.runtime.redaction import text_redacted

Finding = tuple[bool, str]

IN_DOUBT_S_MAX = 10.0

_SETTINGS: tuple[tuple[str, str, Callable[[str], bool], str], ...] = (
    ("server_version_num", "PostgreSQL {}", lambda value: int(value) >= 150_000, "PostgreSQL 15 or newer is needed."),
    ("max_prepared_transactions", "max_prepared_transactions {}", lambda value: int(value) > 0,
     "Set max_prepared_transactions to 64: services in several databases commit in two phases."),
    ("fsync", "fsync {}", lambda value: value == "on", "fsync must be on, or a power cut loses money."),
    ("synchronous_commit", "synchronous_commit {}", lambda value: value != "off",
     "synchronous_commit must not be off, or a crash loses what was acknowledged."),
)  # fmt: skip


def examine() -> Iterator[Finding]:
    with ExitStack() as servers:
        answering = []
        for alias in aliases():
            try:
                server = database_server(alias).start()
            except Exception as error:  # whatever it is, the operator needs to read it
                yield False, f"{_named(alias)} does not start or answer. {text_redacted(str(error))}"
            else:
                servers.callback(server.stop)
                answering.append(alias)
        if not answering:
            return
        import django
        from django.db import connections

        django.setup()
        for alias in answering:
            yield from _in_database(alias)
        if len(answering) == len(aliases()):
            yield from _promises()
        yield from _broker()
        connections.close_all()


def fail_over(settings: Mapping[str, Any], *, awaited: str) -> Iterator[Finding]:
    """Of a database that the configuration gives several servers; ``awaited``: the replicas that a commit waits for."""
    if "," not in settings["HOST"]:
        return
    if settings["OPTIONS"].get("target_session_attrs") not in ("read-write", "primary"):
        yield (
            False,
            "The database's URL names several servers: add ?target_session_attrs=read-write, or a replica is taken.",
        )
    if awaited:
        yield True, f"Several servers, and what is confirmed is on two of them: commits wait for {awaited}"
    else:
        yield (
            False,
            (
                "Several servers, but what is confirmed is on one of them until the others follow: set synchronous_mode"
                " and synchronous_mode_strict in Patroni's configuration (docs/operations/fail-over.md)."
            ),
        )


def _named(alias: str) -> str:
    return "The database" if len(aliases()) == 1 else f"The database {alias}"


def _in_database(alias: str) -> Iterator[Finding]:
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    where = "" if len(aliases()) == 1 else f" (database {alias})"
    with connections[alias].cursor() as cursor:
        for setting, says, is_well, advice in _SETTINGS:
            cursor.execute("SELECT current_setting(%s)", [setting])
            value = cursor.fetchone()[0]
            well = is_well(value)
            yield well, says.format(value) + where if well else f"{says.format(value)}{where}. {advice}"
        cursor.execute("SELECT current_setting('synchronous_standby_names')")
        yield from fail_over(connections[alias].settings_dict, awaited=cursor.fetchone()[0])
        cursor.execute(
            "SELECT last_failed_wal, last_failed_time FROM pg_stat_archiver"
            " WHERE last_failed_time > coalesce(last_archived_time, '-infinity')"
        )
        if failed := cursor.fetchone():
            yield (
                False,
                (
                    f"WAL is not kept since {failed[1]:%Y-%m-%d %H:%M:%S}{where}: segment {failed[0]} does not leave the"
                    " server. Its log says why; until it does, the disk fills."
                ),
            )
    waiting = MigrationExecutor(connections[owner(alias)])
    plan = waiting.migration_plan(waiting.loader.graph.leaf_nodes())
    if plan:
        yield False, f"{len(plan)} schema changes wait{where}: run warchest migrate."
    else:
        yield True, f"The schema is up to date{where}"


def _promises() -> Iterator[Finding]:
    """What several databases have promised each other and not yet kept; nothing to tell where there is only one."""
    from warchest.runtime import two_phase

    if len(aliases()) == 1:
        return
    found = two_phase.in_doubt()
    old = [one for one in found if one.age_s > IN_DOUBT_S_MAX]
    for one in old:
        yield (
            False,
            (
                f"In doubt for {one.age_s:.0f} s: {one.gid} in the database {one.database}. Running processes keep or"
                " take back such promises within seconds: see that one of them runs and reaches every database."
            ),
        )
    if not old:
        yield True, f"Transactions over several databases: {len(found) or 'none'} in doubt, none for long"


def _broker() -> Iterator[Finding]:
    if not configuration().broker.wanted:
        return
    from warchest.runtime.services import services

    if instances := services.all():
        yield True, f"The broker answers; {len(instances)} services are registered"
    elif configuration().broker.embedded:
        yield True, "The broker is this host's own, and runs with warchest serve; nobody is registered now"
    else:
        yield (
            False,
            "The broker does not answer, or nobody is registered: is warchest serve running anywhere?",
        )
