"""What an operator configured, for the time of a test: here, and in the processes that belong to the tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from warchest.runtime.configuration import Configuration, configuration, path

followers: list[Callable[[Mapping[str, Any]], None]] = []
"""Who is told, after this process."""


@contextmanager
def changed_configuration(**tables: Any) -> Iterator[None]:
    """Tables of ``warchest.toml`` that say something else in the ``with`` block: ``providers``, ``webhooks``."""
    change_configuration(**tables)
    try:
        yield
    finally:
        change_configuration()


def written_beside(own: str) -> str:
    """What stands in the file of a process that a test starts: where services are in this run, and ``own`` tables. One that
    brings its own ``[broker]`` has no other."""
    common = path().read_text() if path().exists() else ""
    if "[broker]" in own:
        common = common.partition("[broker]")[0]
    return f"{common}\n{own}"


def environment_beside(own: str) -> dict[str, str]:
    """The environment of such a process: what brings a broker of its own has every service itself, unless told otherwise."""
    environment = dict(os.environ)
    if "[broker]" in own:
        environment.pop("WARCHEST_SERVICES", None)
    return environment


def change_configuration(**tables: Any) -> None:
    """The same until the next time."""
    change_here(tables)
    for follow in followers:
        follow(tables)


def change_here(tables: Mapping[str, Any]) -> None:
    from warchest.accounting import documents
    from warchest.accounting.erp import exporters
    from warchest.cards import guess_queries, schemes, stores
    from warchest.cards.operations import guesses
    from warchest.delivery import queries
    from warchest.delivery.documents import paper
    from warchest.jobs import documents as document_jobs
    from warchest.journeys import keep_invoice_details
    from warchest.payments import bulkhead, providers

    changed = msgspec.structs.replace(
        configuration(),
        **{name: msgspec.convert(table, _types()[name]) for name, table in tables.items()},
    )
    readers = (
        queries,
        providers,
        documents,
        exporters,
        stores,
        guesses,
        guess_queries,
        schemes,
        paper,
        keep_invoice_details,
        document_jobs,
    )
    for reader in readers:
        vars(reader)["configuration"] = lambda: changed
    # As in a process that starts with this configuration, which has asked nobody yet.
    bulkhead.forget_all()


def _types() -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(Configuration)}
