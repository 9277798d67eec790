"""Another cluster beside the one that a recipe works in, with a database of its own and a line that can be cut."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from itertools import count

from tests.builders import databases
from tests.builders.clusters import Fate, joined
from warchest.runtime.postgres import EmbeddedPostgres
from warchest.runtime.secrets import home
from warchest.runtime.services import services

_numbers = count(1)


class Neighbour:
    """``with west.at("west"):`` is what happens there. To be left at the end."""

    def __init__(self, code: str) -> None:
        self._stack = ExitStack()
        server, name = EmbeddedPostgres(home()), f"warchest_recipe_{next(_numbers)}"
        databases.clone(server, "warchest_template", name)
        self._stack.callback(databases.drop, server, name)
        here = services.database("ledger").settings_dict["NAME"]
        self._houses = self._stack.enter_context(joined({services.cluster: here, code: name}))

    def at(self, code: str) -> AbstractContextManager[None]:
        return self._houses.at(code)

    def cut(self) -> None:
        self._houses.line.fate = lambda: Fate.CUT

    def mend(self) -> None:
        self._houses.line.fate = lambda: Fate.HEARD

    def conserved(self) -> tuple[str, ...]:
        return self._houses.conserved()

    def leave(self) -> None:
        self._stack.close()


def another_cluster(code: str) -> Neighbour:
    return Neighbour(code)
