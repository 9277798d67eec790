"""What an operator sees of processes that run: their health, their figures, what one request did in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from tests.builders.api import an_api_client
from tests.builders.backoffice import PASSWORD, BackOffice
from tests.builders.broker import NAMES, a_broker
from tests.builders.deployment import is_apart
from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_player
from tests.builders.watched import Receiver, Told, a_free_port, a_process, a_receiver, lines_of, wait_for
from warchest.kernel.ids import new_id
from warchest.members.contract import Role

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


QUICKLY = {"OTEL_BSP_SCHEDULE_DELAY": "200"}
"""Milliseconds until a process sends what it has to tell."""
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

    def test_goes_on_in_the_process_of_another_service(
        self, database: str, tmp_path: Path, receiver: Receiver
    ) -> None:
        player, client = a_player(with_units="600"), an_api_client()
        away = ("charging", "ledger", "members")
        others = sorted(set(NAMES) - set(away))
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "WARCHEST_LOG_LEVEL": "debug", **QUICKLY}
        with (
            a_broker(tmp_path / "broker") as broker,
            broker.hosting(*away, database=database, environment=told) as host,
            a_process(
                "portal",
                database=database,
                folder=tmp_path,
                configuration=f'log_level = "debug"\n[broker]\nurls = ["{broker.broker.url}"]\n',
                environment={**told, "WARCHEST_SERVICES": ",".join(others)},
            ) as portal,
        ):
            wallet = portal.api(client, "GET", f"/players/{player.id}/wallet")
            assert wallet.status_code == 200, wallet.text + portal.output() + host.log
            asked = receiver.wait_for(
                lambda spans: next(
                    (
                        span
                        for span in spans
                        if span.process == "warchest-services" and span.name.startswith("charging.")
                    ),
                    None,
                )
            )
            root = receiver.wait_for(lambda spans: of_name(spans, "GET api/v1/players/<player_id>/wallet"))
            wait_for(lambda: root.trace in host.log, lambda: host.log)
        assert asked.trace == root.trace
        spans = receiver.trace(root.trace)
        # Web, the call in the one process, the call in the other, its statement: each a part of the one before.
        statement = next(
            span
            for span in spans
            if span.process == "warchest-services" and "charging" in span.told.get("db.query.text", "")
        )
        assert lineage(spans, statement)[-3:] == [asked.name, asked.name, root.name]
        assert len({span.instance for span in spans}) == 2
        # Both processes' lines are found by the trace's number, and the second knows whose request it works for.
        (line,) = [
            line
            for line in lines_of(host.log)
            if line.get("trace_id") == root.trace and line.get("called") == asked.name
        ]
        assert line["service"] == asked.name
        assert line["request_id"] == wallet.headers["X-Request-Id"]
        assert line["actor"].startswith("api_client:")
        assert any(line.get("trace_id") == root.trace for line in portal.lines())


class TestPulses:
    @pytest.mark.use_case("SMG-07")
    def test_are_told_of_when_they_did_something_and_only_then(
        self, database: str, tmp_path: Path, receiver: Receiver
    ) -> None:
        with a_process(
            "worker", database=database, folder=tmp_path, configuration=f'otlp = "{receiver.url}"\n'
        ) as worker:
            # Long enough for every pulse of a second or less to have looked in vain.
            wait_for(lambda: (worker.figure("warchest_pulse_seconds_count", pulse="fold_journal") or 0) > 8)
            idle = {span.name for span in receiver.spans}
            a_player(with_units="5")
            folded = receiver.wait_for(lambda spans: of_name(spans, "pulse fold_journal"))
            assert folded.told["warchest.worked"] is True
            # Where another process folds, this one tells of the call.
            deed = "ledger.fold" if is_apart() else "SELECT ledger_fold"
            receiver.wait_for(
                lambda spans: [span for span in spans if span.trace == folded.trace and span.name == deed]
            )
        assert not {name for name in idle if name.startswith("pulse ")} & {
            "pulse deliver_webhooks",
            "pulse take_in_events",
            "pulse fold_journal",
        }


class TestFaces:
    @pytest.mark.use_case("SMG-07")
    def test_of_administrators_are_told_as_those_of_players(
        self, database: str, tmp_path: Path, receiver: Receiver
    ) -> None:
        told = f'otlp = "{receiver.url}"\n'
        with a_process("backoffice", database=database, folder=tmp_path, configuration=told) as process:
            office = BackOffice(process.port, process.log, database)
            visitor = office.signed_in(Role.OWNER)
            root = receiver.wait_for(lambda spans: of_name(spans, "POST sign-in"))
            office.send_everybody_home()
        spans = receiver.trace(root.trace)
        assert {span.process for span in spans} == {"warchest-backoffice"}
        assert any("db.query.text" in span.told for span in spans)
        for value in (PASSWORD, visitor.administrator.username, str(visitor.administrator.id)):
            assert value.encode() not in receiver.raw

    @pytest.mark.parametrize("kind", ["portal", "backoffice", "worker"])
    def test_tell_the_rest_before_they_end(
        self, kind: str, database: str, tmp_path: Path, receiver: Receiver
    ) -> None:
        never = {"OTEL_BSP_SCHEDULE_DELAY": str(3_600_000)}
        with a_process(
            kind,
            database=database,
            folder=tmp_path,
            configuration=f'otlp = "{receiver.url}"\n',
            environment=never,
        ) as process:
            if kind == "portal":
                process.get("/sign-in")
            elif kind == "worker":
                a_player(with_units="5")
                wait_for(lambda: process.figure("warchest_ledger_unfolded_positions") == 0)
            else:
                office = BackOffice(process.port, process.log, database)
                office.signed_in(Role.OWNER)
                office.send_everybody_home()
            assert receiver.spans == []
        last = {"portal": "GET sign-in", "backoffice": "POST sign-in", "worker": "pulse fold_journal"}[kind]
        assert of_name(receiver.spans, last), process.output()

    def test_serve_on_when_nobody_takes_what_they_tell(self, database: str, tmp_path: Path) -> None:
        nobody = f"http://127.0.0.1:{a_free_port()}"
        client = an_api_client()
        with a_process(
            "portal", database=database, folder=tmp_path, configuration=f'otlp = "{nobody}"\n'
        ) as portal:
            for _ in range(20):
                assert portal.api(client, "GET", "/catalogue").status_code == 200
            wait_for(lambda: "opentelemetry" in portal.output(), portal.output)
            assert portal.get("/readyz").status_code == 200
        assert portal.process.returncode == 0


@pytest.mark.use_case("SMG-07")
class TestAProcessThatTellsNobody:
    def test_makes_no_span_and_loads_nothing_for_it(self) -> None:
        import subprocess
        import sys

        program = (
            "import sys\n"
            "from warchest.runtime import tracing\n"
            "headers = {}\n"
            "with tracing.span('a', told={'b': 1}) as first, tracing.pulse('c') as second:\n"
            "    tracing.inject(headers)\n"
            "assert first is None and second is None and headers == {} and tracing.trace_id() == ''\n"
            "assert tracing.span('a') is tracing.span('b')\n"
            "service = object()\n"
            "assert tracing.told_as('cards', service) is service\n"
            "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
        )
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert said.stdout == "[]\n"
