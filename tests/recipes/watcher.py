"""Somebody who watches a portal that runs as a process of its own, for the recipe that says how."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.db import connection

from tests.builders.api import an_api_client
from tests.builders.house import ARENA_MONTH
from tests.builders.watched import Told, a_process, a_receiver
from warchest.runtime import health

_SHOWN = ("runtime_claim", "runtime_finish", "ledger_post")
_CHANGES = {"timestamp", "elapsed_ms", "trace_id", "transaction"}


class Watched:
    """A portal that tells its traces to a receiver here, with ``sampled = 1`` and ``log_level = "debug"``."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="warchest-watched-")))
        self._receiver = self._stack.enter_context(a_receiver())
        self._draining = folder / "draining"
        self._portal = self._stack.enter_context(
            a_process(
                "portal",
                database=str(connection.settings_dict["NAME"]),
                folder=folder,
                configuration=f'otlp = "{self._receiver.url}"\nlog_level = "debug"\n',
                environment={health.DRAINING_FILE: str(self._draining)},
            )
        )
        self._key = an_api_client()

    def buys_a_month(self, player: Any, *, request_id: str) -> None:
        """Through the API, as a game server does it for a player."""
        answer = self._portal.api(
            self._key,
            "POST",
            f"/players/{player.id}/subscriptions",
            {"plan": str(ARENA_MONTH), "periods": 1, "pay_with": "wallet"},
            **{"Idempotency-Key": f"for-{request_id}", "X-Request-Id": request_id},
        )
        print(answer.status_code, answer.headers["X-Request-Id"])

    def shows_trace(self, request_id: str) -> None:
        """What the request did, as a tool shows it; of its statements, those of the journey's frame and of the ledger."""
        root = self._receiver.wait_for(
            lambda spans: next(
                (
                    one
                    for one in spans
                    if not one.parent and one.told.get("warchest.request_id") == request_id
                ),
                None,
            )
        )
        self._print(self._receiver.trace(root.trace), root, indent=0)

    def _print(self, spans: list[Told], span: Told, *, indent: int) -> None:
        print("  " * indent + span.name)
        for one in sorted((one for one in spans if one.parent == span.id), key=lambda one: one.begun_ns):
            if "db.query.text" not in one.told or one.name.endswith(_SHOWN):
                self._print(spans, one, indent=indent + 1)

    def shows_lines(self, request_id: str) -> None:
        """The lines of a request, less what changes from run to run."""
        for line in self._portal.lines():
            if line.get("request_id") == request_id:
                assert line["trace_id"] and line["transaction"]
                shown = {name: value for name, value in line.items() if name not in _CHANGES}
                shown["actor"] = shown["actor"].partition(":")[0] + ":…"
                print(json.dumps(shown, ensure_ascii=False))

    def shows(self, path: str) -> None:
        answer = self._portal.get(path)
        print(answer.status_code, answer.text)

    def shows_figures(self, start: str) -> None:
        """The lines of /metrics that begin so."""
        for line in self._portal.get("/metrics").text.splitlines():
            if line.startswith(start):
                print(line)

    def is_told_to_stop(self) -> None:
        """The first of what ``warchest serve`` does when it is told to stop."""
        self._draining.touch()

    def close(self) -> None:
        self._stack.close()
