"""What Prometheus reads: every process's own figures, and how the house stands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import promql_parser
import psycopg
import pytest
import yaml
from django.test import Client

from tests.builders.broker import a_broker
from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_command, a_player
from tests.builders.watched import a_process, database_of, wait_for
from warchest.jobs import outbox as reading
from warchest.jobs import pulse
from warchest.jobs.pulse import Pulse
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.kernel.errors import UnableTo
from warchest.members.contract import Members
from warchest.runtime import metrics, outbox
from warchest.runtime.services import services

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("SMG-11")]


ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def figures() -> dict[str, float]:
    """What is told now, by name and labels as they stand there."""
    told = {}
    for line in Client().get("/metrics").content.decode().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            told[name] = float(value)
    return told


def gained(before: dict[str, float], figure: str) -> float:
    return figures().get(figure, 0) - before.get(figure, 0)


class TestJourneys:
    def test_are_counted_by_how_they_ended(self) -> None:
        player, poor, before = a_player(with_units="600"), a_player(), figures()
        command = a_command()
        prolong_subscription(command, player=player.id, plan=ARENA_MONTH, periods=1)
        prolong_subscription(command, player=player.id, plan=ARENA_MONTH, periods=1)
        with pytest.raises(UnableTo):
            prolong_subscription(a_command(), player=poor.id, plan=ARENA_MONTH, periods=1)
        counted = 'warchest_journeys_total{{journey="subscriptions.prolong",outcome="{}",reason="{}"}}'
        assert gained(before, counted.format("done", "")) == 1
        assert gained(before, counted.format("replayed", "")) == 1
        assert gained(before, counted.format("refused", "insufficient_funds")) == 1
        assert gained(before, 'warchest_journey_seconds_count{journey="subscriptions.prolong"}') == 3

    def test_that_fail_are_counted_by_the_error(self, server_dsn: Callable[[str], str]) -> None:
        player, before = a_player(with_units="600"), figures()
        shop = server_dsn(database_of("subscriptions"))
        with psycopg.connect(shop, autocommit=True) as connection:
            connection.execute("ALTER FUNCTION subscriptions_grant RENAME TO gone")
        with pytest.raises(Exception, match="subscriptions_grant"):
            prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
        failed = 'warchest_journeys_total{journey="subscriptions.prolong",outcome="failed",reason="ProgrammingError"}'
        assert gained(before, failed) == 1


class TestRequests:
    def test_of_pages_are_counted_by_route_and_never_by_address(self) -> None:
        before, browser = figures(), Client()
        for _ in range(3):
            browser.get(f"/api/v1/players/{uuid4()}")
            browser.get(f"/no-such-page/{uuid4()}?q={uuid4()}")
            browser.get("/sign-in")
        browser.generic("BREW", "/sign-in")
        grown = {name for name, value in figures().items() if value != before.get(name)}
        assert (
            gained(
                before, 'warchest_web_requests_total{face="portal",method="GET",route="sign-in",status="200"}'
            )
            == 3
        )
        assert not [name for name in grown if re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|BREW", name)]


class TestPulses:
    def test_tell_when_they_ran_last_and_how_often_they_failed(self) -> None:
        def fail() -> None:
            raise ValueError("broken")

        before = figures()
        pulse.beat(Pulse("well", 1, lambda: None))
        with pytest.raises(ValueError, match="broken"):
            pulse.beat(Pulse("unwell", 1, fail))
        told = figures()
        assert told['warchest_pulse_last_run_timestamp_seconds{pulse="well"}'] > 1_700_000_000
        assert 'warchest_pulse_last_run_timestamp_seconds{pulse="unwell"}' not in told
        assert gained(before, 'warchest_pulse_failures_total{pulse="unwell"}') == 1
        assert gained(before, 'warchest_pulse_seconds_count{pulse="well"}') == 1


class TestHouse:
    def test_tells_how_far_consumers_are_behind_and_what_they_parked(self) -> None:
        def refuse(event: outbox.Event) -> None:
            raise ValueError("indigestible")

        reading.count_events()
        a_player(with_units="5")
        outbox.consume("picky", refuse, batch=1)
        told = figures()
        picky = 'consumer="picky",database="default"'
        assert told[f"warchest_outbox_parked{{{picky}}}"] == 1
        assert told[f"warchest_outbox_behind{{{picky}}}"] >= 1
        assert told[f"warchest_outbox_oldest_age_seconds{{{picky}}}"] > 0
        place = services.place("statistics")
        behind = f'warchest_outbox_behind{{consumer="statistics",database="{place}"}}'
        assert told[behind] >= 1
        reading.count_events()
        assert figures()[behind] == 0

    def test_tells_of_jobs_promises_and_payments(self, superuser_dsn: str) -> None:
        told = figures()
        assert told["warchest_jobs_waiting"] == 0
        assert told["warchest_in_doubt_transactions"] == 0
        assert told["warchest_in_doubt_oldest_age_seconds"] == 0
        assert told['warchest_payments_waiting{status="unknown"}'] == 0
        with psycopg.connect(superuser_dsn, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'x', 'todo')"
            )
        assert figures()["warchest_jobs_waiting"] == 1

    def test_says_nothing_of_what_cannot_be_asked_and_goes_on_with_the_rest(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken() -> None:
            raise RuntimeError

        monkeypatch.setitem(metrics._sources, "books", broken)
        told = figures()
        assert "warchest_ledger_unfolded_positions" not in told
        assert "warchest_jobs_waiting" in told


def test_calls_between_processes_are_told_by_both_of_them(database: str, tmp_path: Path) -> None:
    player = a_player(with_units="5")
    with a_broker(tmp_path / "broker") as broker:
        address = f'[broker]\nurls = ["{broker.broker.url}"]\n'
        with a_process("services", database=database, folder=tmp_path, configuration=address) as host:
            before = figures()
            stub = broker.stub(Members, name="members")
            assert stub.player(player_id=player.id).id == player.id
            with pytest.raises(UnableTo):
                stub.player(player_id=uuid4())
            asked = (
                'warchest_service_calls_total{{method="player",outcome="{}",service="members",side="caller"}}'
            )
            assert gained(before, asked.format("done")) == 1
            assert gained(before, asked.format("refused")) == 1
            labels = {"method": "player", "service": "members", "side": "host"}
            assert host.figure("warchest_service_calls_total", outcome="done", **labels) == 1
            assert host.figure("warchest_service_calls_total", outcome="refused", **labels) == 1
            assert host.figure("warchest_service_call_seconds_count", **labels) == 2
            assert host.figure("warchest_build_info", process="services", cluster="main") == 1


def test_every_kind_of_process_says_what_it_is(database: str, tmp_path: Path) -> None:
    for kind in ("portal", "worker", "backoffice"):
        with a_process(kind, database=database, folder=tmp_path) as process:
            assert process.figure("warchest_build_info", process=kind, cluster="main") == 1
            assert process.figure("warchest_ledger_unsealed_age_seconds") is not None
            if kind == "worker":
                wait_for(lambda p=process: p.figure("warchest_pulse_seconds_count", pulse="seal_journal"))


class TestWhatWeShip:
    """Alerts, the dashboard and the recipe speak of figures that exist, in words that Prometheus understands."""

    def test_alerts_are_of_figures_that_are_told(self) -> None:
        (group,) = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())["groups"]
        for rule in group["rules"]:
            promql_parser.parse(rule["expr"])
            assert {"alert", "expr", "labels", "annotations"} <= rule.keys()
            assert names_in(rule["expr"]) <= told_names(), rule["alert"]
        assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) > 10

    def test_the_dashboard_shows_figures_that_are_told(self) -> None:
        dashboard = json.loads((DEPLOY / "grafana" / "warchest.json").read_text())
        shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        assert len(shown) > 15
        for expression in shown:
            promql_parser.parse(expression)
            assert names_in(expression) <= told_names(), expression

    def test_the_recipe_lists_every_figure_and_no_other(self) -> None:
        page = (ROOT / "docs" / "recipes" / "watch-the-house.md").read_text()
        listed = set(re.findall(r"^\| `(warchest_\w+)`", page, re.MULTILINE))
        assert listed == {name for name in told_families() if name.startswith("warchest_")}

    def test_labels_of_alerts_are_labels_of_the_figures(self) -> None:
        told = figures()
        labels = {name.partition("{")[0]: set(re.findall(r'(\w+)="', name)) for name in told}
        (group,) = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text())["groups"]
        for rule in group["rules"]:
            for name, chosen in re.findall(r"(warchest_\w+)\{([^}]*)\}", rule["expr"]):
                if name in labels:
                    assert set(re.findall(r"(\w+)\s*=", chosen)) <= labels[name], rule["alert"]


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\bwarchest_\w+", expression))


def told_families() -> set[str]:
    """Each figure that this process tells, by the name that stands in its ``TYPE`` line."""
    outbox.consume("nobody", lambda event: None)
    told = Client().get("/metrics").content.decode()
    return {
        name for name in re.findall(r"^# TYPE (\w+) ", told, re.MULTILINE) if not name.endswith("_created")
    }


def told_names() -> set[str]:
    """The names of all samples that there can be."""
    families = told_families()
    return families | {f"{name}_{part}" for name in families for part in ("bucket", "sum", "count")}
