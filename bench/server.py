"""The one server of a run: PostgreSQL of its own, durable, on a real disk, in a temporary folder."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg import sql

from warchest.runtime.postgres import EmbeddedPostgres

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "off",
    "max_connections": "200",
}
"""Nobody's tuning: durable, with memory and log enough for checkpoints not to fall into one's window by chance."""


@contextmanager
def durable_server(parent: Path | None) -> Iterator[EmbeddedPostgres]:
    """Makes a cluster in ``parent`` (the system's folder for lasting temporary files), and removes it at the end."""
    with tempfile.TemporaryDirectory(prefix="warchest-bench-", dir=parent or "/var/tmp") as folder:
        _refuse_memory(Path(folder))
        server = EmbeddedPostgres(Path(folder)).start()
        try:
            with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
                for name, value in SETTINGS.items():
                    statement = sql.SQL("ALTER SYSTEM SET {} = {}")
                    connection.execute(statement.format(sql.Identifier(name), sql.Literal(value)))
            yield server.restart()
        finally:
            server.stop()


def describe(server: EmbeddedPostgres) -> Mapping[str, str]:
    """The machine, the versions and the settings in force, as a reader of figures needs them."""
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        ((postgres,),) = connection.execute("SELECT version()").fetchall()
        in_force = {
            name: connection.execute("SELECT current_setting(%s)", [name]).fetchall()[0][0]
            for name in (*SETTINGS, "wal_sync_method", "data_checksums")
        }
    return {
        "machine": f"{os.cpu_count()} cores ({_processor()}), {_memory_gib()} GiB, {platform.system()} {_release()}",
        "disk": _file_system(server.home) or "unknown",
        "postgresql": postgres.split(" on ")[0],
        "settings": ", ".join(f"{name}={value}" for name, value in in_force.items()),
        "python": platform.python_version(),
        "django": version("django"),
        "psycopg": version("psycopg"),
    }


def _refuse_memory(folder: Path) -> None:
    if _file_system(folder) in {"tmpfs", "ramfs"}:
        raise SystemExit(f"{folder} lies in memory, where fsync costs nothing: name a disk by --folder.")


def _file_system(folder: Path) -> str:
    """Of the mount that is nearest above; empty where the system does not tell."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return ""
    lines = (line.split() for line in mounts.read_text().splitlines())
    above = [
        (len(point), kind)
        for _, point, kind, *_ in lines
        if folder.resolve() == Path(point) or Path(point) in folder.resolve().parents
    ]
    return max(above)[1] if above else ""


def _release() -> str:
    return ".".join(platform.release().split(".")[:2])


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
