"""While the database is away, nobody hears that something is broken: they are asked to come again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import InternalError, OperationalError, connections
from django.test import Client
from psycopg import errors as postgres

from tests.builders.api import call
from warchest.runtime.outage import is_outage


@pytest.fixture
def no_database(database: str) -> Iterator[None]:
    connections.close_all()
    for alias in connections:
        connections[alias].settings_dict["NAME"] = "nowhere"
    yield


@pytest.mark.usefixtures("no_database")
class TestAway:
    @pytest.mark.parametrize("path", ["/", "/services", "/top-up", "/statement"])
    def test_whoever_is_signed_in_reads_that_it_is_on_our_side(self, path: str) -> None:
        client = Client(raise_request_exception=False)
        client.cookies["warchest_portal_session"] = "somebody-who-is-signed-in-already"
        answer = client.get(path)
        assert (answer.status_code, answer["Retry-After"]) == (503, "1")
        assert "on our side" in answer.content.decode()

    def test_a_program_is_told_when_to_come_again(self) -> None:
        answer = call("wck_any", "GET", "/catalogue")
        assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
        assert int(answer["Retry-After"]) > 0


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (OperationalError("server closed the connection unexpectedly"), True),
        (caused(InternalError(), by=postgres.ReadOnlySqlTransaction()), True),
        (caused(InternalError(), by=postgres.InFailedSqlTransaction()), False),
        (ValueError(), False),
        (None, False),
    ],
)
def test_a_server_that_became_a_replica_is_away_too(error: Exception | None, passes: bool) -> None:
    assert is_outage(error) is passes
