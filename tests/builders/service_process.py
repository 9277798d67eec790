"""A service process as in production, which a test run can tell what to work with: ``python -m tests.builders.service_process``.

The product's own, unchanged, with one thread more. That one reads a line of JSON from standard input, ``{"use": NAME}`` of a
set of databases or ``{"configure": TABLES}``, and answers ``done`` when every later call keeps to it. When its starter ends,
it ends too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import IO, Any
from weakref import WeakSet

from django.db.backends.signals import connection_created

from tests.builders import configuration, databases
from warchest.runtime.broker import serving

_known: WeakSet[Any] = WeakSet()
"""The connections of all threads."""


def main() -> None:
    # What is printed by anybody goes to the log; the answers alone go to the starter.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    connection_created.connect(lambda connection, **_: _known.add(connection), weak=False)
    threading.Thread(target=_obey, args=(answers,), daemon=True).start()
    serving.main()


def _obey(answers: IO[str]) -> None:
    for line in sys.stdin:
        match json.loads(line):
            case {"use": name}:
                databases.use(name)
                for connection in list(_known):
                    # Each thread closes its own before the next call: who is on it now must not lose it.
                    connection.close_at = 0
            case {"configure": tables}:
                configuration.change_here(tables)
        print("done", file=answers, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
