"""What an operator sees of processes that run: their health, their figures, what one request did in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from tests.builders.api import an_api_client
from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_player
from tests.builders.watched import Receiver, Told, a_process, a_receiver, wait_for
from warchest.kernel.ids import new_id

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


def of_name(spans: Sequence[Told], name: str) -> Told | None:
    return next((span for span in spans if span.name == name), None)


def lineage(spans: Sequence[Told], span: Told) -> list[str]:
    """The span's name and those of what it is a part of, outermost last."""
    by_id = {one.id: one for one in spans}
    names = [span.name]
    while span.parent in by_id:
        span = by_id[span.parent]
        names.append(span.name)
    return names


BUY = "POST api/v1/players/<player_id>/subscriptions"


@pytest.mark.use_case("SMG-07")
class TestOneRequest:
    def test_is_one_trace_from_the_web_to_each_statement_with_its_log_lines(
        self, database: str, superuser_dsn: str, tmp_path: Path, receiver: Receiver
    ) -> None:
        player, client = a_player(with_units="600"), an_api_client()
        settings = f'otlp = "{receiver.url}"\nlog_level = "debug"\n'
        with a_process("portal", database=database, folder=tmp_path, configuration=settings) as portal:
            secret_key = f"buy-{new_id()}"
            bought = portal.api(
                client,
                "POST",
                f"/players/{player.id}/subscriptions",
                {"plan": str(ARENA_MONTH), "periods": 1, "pay_with": "wallet"},
                **{"Idempotency-Key": secret_key, "X-Request-Id": "request-of-anna"},
            )
            assert bought.status_code == 201, bought.text
            root = receiver.wait_for(lambda spans: of_name(spans, BUY))
            wait_for(lambda: "journey_ended" in portal.output(), portal.output)
        spans = receiver.trace(root.trace)
        claimed = of_name(spans, "SELECT runtime_claim")
        assert claimed is not None
        assert lineage(spans, claimed) == [
            "SELECT runtime_claim",
            "set subscriptions.prolong",
            "journey subscriptions.prolong",
            BUY,
        ]
        posted = next(span for span in spans if span.name == "SELECT ledger_post")
        assert "set subscriptions.prolong" in lineage(spans, posted)
        assert {span.process for span in spans} == {"warchest-portal"}
        assert root.told["http.response.status_code"] == 201
        journey = of_name(spans, "set subscriptions.prolong")
        assert journey is not None and journey.told["warchest.outcome"] == "done"
        # Its log lines are found by the trace's number, and say who asked and in which transaction it was done.
        (ended,) = [line for line in portal.lines() if line["event"] == "journey_ended"]
        assert ended["trace_id"] == root.trace
        assert ended["request_id"] == "request-of-anna"
        assert ended["actor"].startswith("api_client:")
        assert ended["journey"] == "subscriptions.prolong"
        assert ended["transaction"] == journey.told["warchest.transaction"]
        with psycopg.connect(superuser_dsn) as connection:
            published = connection.execute("SELECT DISTINCT transaction FROM runtime_outboxevent").fetchall()
        assert (int(ended["transaction"]),) in published
        # No value has left the house: neither ids and keys, nor what was asked.
        for value in (client, secret_key, str(player.id), str(ARENA_MONTH)):
            assert value.encode() not in receiver.raw
