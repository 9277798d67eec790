"""What operators and browsers ask of the HTTP API."""

from __future__ import annotations

import psycopg
import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.builders.api import an_api_client, call
from tests.builders.databases import use
from tests.builders.people import a_player
from warchest.jobs import books

pytestmark = pytest.mark.usefixtures("database")


class TestHealth:
    def test_the_process_lives_and_is_ready(self):
        assert Client().get("/healthz").json() == {"status": "ok"}
        ready = Client().get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "missing": []})

    def test_an_unfinished_deployment_is_not_ready_and_says_why(self, superuser_dsn):
        with psycopg.connect(superuser_dsn, autocommit=True) as connection:
            connection.execute("DELETE FROM django_migrations WHERE app = 'cards'")
        answer = Client().get("/readyz")
        assert answer.status_code == 503
        assert any(problem.startswith("migrations: ") for problem in answer.json()["missing"])

    def test_a_database_that_is_gone_is_told(self, superuser_dsn, database):
        use("nowhere")
        answer = Client().get("/readyz")
        assert answer.status_code == 503
        assert "database: does not answer" in answer.json()["missing"]
        assert Client().get("/healthz").status_code == 200
        refused = call("wck_any", "GET", "/catalogue")
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unreachable")

    def test_requests_are_counted_by_route_and_status(self):
        call(an_api_client(), "GET", "/players/7")
        told = Client().get("/metrics")
        assert told["Content-Type"].startswith("text/plain")
        line = 'warchest_api_requests_total{method="GET",route="api/v1/players/<player_id>",status="404"}'
        assert line in told.content.decode()
        assert "warchest_api_latency_seconds_bucket" in told.content.decode()

    def test_what_the_books_are_behind_is_told(self):
        a_player(with_units="5")
        behind = Client().get("/metrics").content.decode().splitlines()
        books.fold_journal()
        books.seal_journal()
        done = Client().get("/metrics").content.decode().splitlines()
        for figure in ("unfolded_positions", "unsealed_positions"):
            assert f"warchest_ledger_{figure} 0.0" not in behind
            assert f"warchest_ledger_{figure} 0.0" in done
        assert "warchest_ledger_unsealed_age_seconds 0.0" in done
        assert "warchest_ledger_unsigned_blocks 0.0" in done


@pytest.mark.use_case("INT-11")
class TestDocs:
    def test_the_page_loads_nothing_from_elsewhere_and_nothing_inline(self):
        page = Client().get("/api/docs")
        assert page.status_code == 200
        assert page["Content-Security-Policy"].startswith("default-src 'self'")
        text = page.content.decode()
        assert "//" not in text.replace("<!doctype", "")
        assert "<script>" not in text and "style=" not in text
        for name in ("ninja/swagger-ui-bundle.js", "ninja/swagger-ui.css", "api/docs.js"):
            assert f"/static/{name}" in text
            assert finders.find(name)
        assert 'data-url="/api/v1/openapi.json"' in text
