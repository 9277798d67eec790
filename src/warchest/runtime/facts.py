"""Facts that seldom change, such as prices and tax rates, kept by each process and never out of date.

The database keeps a stamp for each kind of them, and renews it in the very transaction that changes one (see
``sql/stamps.sql``). A journey reads the stamps along with claiming its key, so asking whether what a process has kept
is still true costs it nothing; or one statement for each further database that has some.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from warchest.runtime import statements
from warchest.runtime.services import services
from warchest.runtime.transactions import current_stamps

T = TypeVar("T")


class Facts(Generic[T]):
    """What ``read`` answers of a service's tables, kept until their stamp is another. To be treated as unchangeable."""

    def __init__(self, *, service: str, read: Callable[[], T]) -> None:
        self._service = service
        self._read = read
        self._kept: tuple[str, T] | None = None

    def now(self) -> T:
        """As they stood when the transaction began, or later."""
        stamp = self._stamp_of_transaction()
        if stamp is None:
            stamp = self._stamp()
        kept = self._kept
        if kept is not None and kept[0] == stamp:
            return kept[1]
        facts = self._read()
        # Not what this transaction itself has changed: it may yet be rolled back, and nobody else may see it.
        if self._stamp() == stamp:
            self._kept = (stamp, facts)
        return facts

    def _stamp_of_transaction(self) -> str | None:
        """None outside of one. Empty for as long as none of the service's facts was ever written."""
        if (stamps := current_stamps()) is None:
            return None
        alias = services.alias(self._service)
        if alias not in stamps:
            # Those of the coordinator's database came with the key; of another all are read when one is needed.
            stamps[alias] = dict(
                statements.rows(self._service, "SELECT name, stamp::text FROM runtime_stamp")
            )
        return stamps[alias].get(self._service, "")

    def _stamp(self) -> str:
        found = statements.rows(
            self._service, "SELECT stamp::text FROM runtime_stamp WHERE name = %s", [self._service]
        )
        return str(found[0][0]) if found else ""
