"""Operators see which services run where and how they fare, and take an instance out and back in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import httpx
import pytest
from bs4 import BeautifulSoup
from django.db import connections

from tests.builders.backoffice import BackOffice, Visitor, back_office
from tests.builders.broker import HostProcess, RunningBroker, a_broker, wait_until
from tests.builders.people import a_player
from warchest.audit.contract import Audit, OperationFilter
from warchest.kernel.errors import TryAgain
from warchest.kernel.ids import new_id
from warchest.members.contract import Members, Role, UnableToFindPlayer
from warchest.runtime.broker import carried
from warchest.runtime.services import services


@dataclass
class Spread:
    office: BackOffice
    broker: RunningBroker
    hosts: list[HostProcess]

    def ask_members(self) -> None:
        with pytest.raises(UnableToFindPlayer):
            self.broker.stub(Members, name="members").player(player_id=new_id())


@pytest.fixture(scope="module")
def _spread(
    lasting_database: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Spread]:
    tmp_path = tmp_path_factory.mktemp("spread")
    with (
        lasting_database() as database,
        a_broker(tmp_path / "broker") as broker,
        broker.hosting("members", "cards", database=database) as one,
        broker.hosting("members", database=database) as other,
        back_office(
            database=database,
            folder=tmp_path,
            providers={},
            more=f'\n[broker]\nurls = ["{broker.broker.url}"]\n',
        ) as office,
    ):
        yield Spread(office, broker, [one, other])


@pytest.fixture
def spread(_spread: Spread) -> Iterator[Spread]:
    yield _spread
    _spread.office.send_everybody_home()
    for instance in _spread.broker.directory().refresh():
        if instance.taken_out:
            _spread.broker.directory().put_back(instance.id)
    connections.close_all()


def rows_of(page: BeautifulSoup, service: str) -> list[str]:
    rows = [row.get_text(" ", strip=True) for row in page.select("#content table tr, table tr")]
    return [row for row in dict.fromkeys(rows) if row.startswith(f"{service} ")]


class TestServices:
    @pytest.mark.use_case("SMG-06")
    @pytest.mark.use_case("SMG-12")
    def test_are_seen_with_their_load_and_one_is_taken_out_and_put_back(self, spread):
        for _ in range(6):
            spread.ask_members()
        operator = spread.office.signed_in(Role.OPERATOR)
        wait_until(lambda: sum(map(_calls, rows_of(operator.page("/services"), "members"))) >= 6)
        page = operator.page("/services")
        members = rows_of(page, "members")
        assert len(members) == 2 and len(rows_of(page, "cards")) == 1
        assert all("takes calls" in row and "ms" in row for row in members)
        assert (
            "all services share one database" in page.get_text()
            or "true in every database" in page.get_text()
        )

        chosen = page.find(
            "button", attrs={"aria-label": f"Take members of process {spread.hosts[0].pid} out"}
        )
        form = chosen.find_parent("form")
        told = operator.submit("/services", action=form["action"])
        assert "is taken out" in told.text
        wait_until(
            lambda: sum("taken out" in row for row in rows_of(operator.page("/services"), "members")) == 1
        )
        before = {_process(row): _calls(row) for row in rows_of(operator.page("/services"), "members")}
        for _ in range(6):
            spread.ask_members()
        wait_until(
            lambda: (
                sum(map(_calls, rows_of(operator.page("/services"), "members"))) >= sum(before.values()) + 6
            )
        )
        after = {_process(row): _calls(row) for row in rows_of(operator.page("/services"), "members")}
        assert after[spread.hosts[0].pid] == before[spread.hosts[0].pid]

        back = operator.page("/services").find("form", action=re.compile("put-back"))
        assert "is back" in operator.submit("/services", action=back["action"]).text
        wait_until(
            lambda: sum("takes calls" in row for row in rows_of(operator.page("/services"), "members")) == 2
        )
        told_of = services.get(Audit).operations(where=OperationFilter(name="instances.")).items
        assert [line.name for line in told_of] == ["instances.put_back", "instances.take_out"]
        assert {line.details["service"] for line in told_of} == {"members"}

    def test_whoever_lacks_the_right_sees_them_and_no_button(self, spread):
        support = spread.office.signed_in(Role.SUPPORT)
        page = support.page("/services")
        assert rows_of(page, "members") and not page.find("form", action=re.compile("take-out"))
        instance = spread.broker.directory().refresh()[0].id
        refused = self._sent(support, instance)
        assert "role" in refused.text.lower()
        assert not any(one.taken_out for one in spread.broker.directory().refresh())

    def test_an_instance_that_is_gone_is_told_so(self, spread):
        operator = spread.office.signed_in(Role.OPERATOR)
        gone = self._sent(operator, "nobody")
        assert "not there any more" in gone.text

    @staticmethod
    def _sent(visitor: Visitor, instance: str) -> httpx.Response:
        token = visitor.page("/services").find("input", attrs={"name": "csrfmiddlewaretoken"})["value"]
        path = f"/services/{instance}/take-out"
        return visitor.post(path, service="members", csrfmiddlewaretoken=token, referer="/services")

    def test_a_form_without_proof_is_refused_in_words(self, spread):
        operator = spread.office.signed_in(Role.OPERATOR)
        refused = operator.post("/services/nobody/take-out", service="members", referer="/services")
        assert refused.status_code == 403
        assert "This page is too old" in refused.text

    def test_a_page_that_needs_a_player_goes_on_when_all_that_answer_are_taken_out(self, spread):
        player = a_player()
        directory = spread.broker.directory()
        for instance in directory.refresh():
            if instance.name == "members":
                directory.take_out(instance.id)
        with carried.within(1.0), pytest.raises(TryAgain, match="service_unavailable"):
            spread.broker.stub(Members, name="members").player(player_id=player.id)


def _cells(row: str) -> list[str]:
    return row.split()


def _process(row: str) -> int:
    return int(_cells(row)[2])


def _calls(row: str) -> int:
    # Service, host, process, version, database, two of the moment; then the calls.
    found = re.search(r"UTC ([0-9,]+) |[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?: UTC)? ([0-9,]+) ", row)
    assert found, row
    return int((found.group(1) or found.group(2)).replace(",", ""))
