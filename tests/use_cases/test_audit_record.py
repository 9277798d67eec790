"""The record of operations as an owner reads, searches and exports it."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from tests.builders.people import NOW, a_command, a_player
from warchest.audit import queries
from warchest.audit.contract import Audit, Operation, OperationFilter, UnableToReadRecord
from warchest.audit.rules import as_cell
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.runtime.command import Actor, ActorKind, Channel
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

pytestmark = pytest.mark.usefixtures("database")

OWNER = Actor(ActorKind.ADMINISTRATOR, "019a0000-0000-7000-8000-00000000000a")


class UnableToTest(UnableTo):
    reasons = frozenset({"test_refused"})


@journey("tests.change")
def change(tx: Transaction, *, number: int, refuse: bool = False) -> None:
    tx.about("thing", number, before={"colour": "Grey"}, after={"colour": "Amber"})
    if refuse:
        raise UnableToTest("test_refused")


def changed(number: int, *, refuse: bool = False) -> None:
    command = a_command(actor=OWNER, channel=Channel.BACKOFFICE, key=f"change-{number}")
    if refuse:
        with pytest.raises(UnableToTest):
            change(command, number=number, refuse=True)
    else:
        change(command, number=number)


def audit() -> Audit:
    return services.get(Audit)


def numbers(**where: object) -> list[str]:
    found = audit().operations(where=OperationFilter(**where))  # type: ignore[arg-type]
    return [line.subject_id for line in found.items]


class TestReading:
    def test_tells_who_did_what_to_what_and_how_it_ended(self) -> None:
        changed(1)
        (line,) = audit().operations().items
        assert (line.name, line.outcome, line.reason) == ("tests.change", "done", "")
        assert (line.actor_kind, line.actor_id, line.channel) == ("administrator", OWNER.id, "backoffice")
        assert (line.subject_kind, line.subject_id, line.key) == ("thing", "1", "change-1")
        assert line.details == {"before": {"colour": "Grey"}, "after": {"colour": "Amber"}}
        assert line.occurred_at == NOW
        assert audit().operation(operation_id=line.id) == line

    def test_tells_of_refusals_too(self) -> None:
        changed(1, refuse=True)
        (line,) = audit().operations().items
        assert (line.outcome, line.reason, line.subject_id) == ("refused", "test_refused", "1")

    def test_turns_pages_newest_first_while_others_write(self) -> None:
        for number in range(5):
            changed(number)
        first = audit().operations(limit=2)
        changed(5)
        second = audit().operations(limit=2, cursor=first.next_cursor)
        third = audit().operations(limit=2, cursor=second.next_cursor)
        pages = [[line.subject_id for line in page.items] for page in (first, second, third)]
        assert pages == [["4", "3"], ["2", "1"], ["0"]]
        assert third.next_cursor == ""

    @pytest.mark.parametrize("cursor", ["nonsense", "====", "Äö", "MjAyNi0wMS0wMQ"])
    def test_refuses_a_cursor_that_is_none(self, cursor: str) -> None:
        with pytest.raises(UnableToReadRecord) as refused:
            audit().operations(cursor=cursor)
        assert refused.value.reason == "cursor_malformed"

    def test_refuses_an_operation_that_is_none(self) -> None:
        with pytest.raises(UnableToReadRecord) as refused:
            audit().operation(operation_id=new_id())
        assert refused.value.reason == "operation_unknown"


class TestSearching:
    @pytest.fixture(autouse=True)
    def some_operations(self, database: str) -> None:
        changed(1)
        changed(2, refuse=True)
        a_player()

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            ({"name": "tests.change"}, ["2", "1"]),
            ({"name": "tests."}, ["2", "1"]),
            ({"name": "tests"}, []),
            ({"actor_kind": "administrator", "actor_id": OWNER.id}, ["2", "1"]),
            ({"subject_kind": "thing", "subject_id": "1"}, ["1"]),
            ({"outcome": "refused"}, ["2"]),
            ({"text": "AMBER"}, ["2", "1"]),
            ({"text": "change-2"}, ["2"]),
            ({"text": "nowhere"}, []),
            ({"text": "100%"}, []),
        ],
        ids=str,
    )
    def test_finds(self, where: dict[str, str], found: list[str]) -> None:
        assert numbers(**where) == found

    def test_finds_by_when_it_was_recorded(self) -> None:
        moments = [line.recorded_at for line in audit().operations().items]
        third, second, first = moments
        assert numbers(recorded_from=second, recorded_to=third) == ["2"]
        assert numbers(recorded_to=first) == []
        assert len(numbers(recorded_from=third + timedelta(seconds=1))) == 0


class TestExporting:
    def test_writes_everything_that_was_found_page_by_page(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queries, "_EXPORT_PAGE", 2)
        for number in range(5):
            changed(number)
        rows = list(csv.DictReader(io.StringIO("".join(audit().export_csv()))))
        assert [row["subject_id"] for row in rows] == ["4", "3", "2", "1", "0"]
        assert set(rows[0]) == set(Operation.__slots__)
        assert rows[0]["occurred_at"] == "2026-03-15T12:00:00+00:00"
        assert rows[0]["details"] == '{"after":{"colour":"Amber"},"before":{"colour":"Grey"}}'

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@name", "\tx", "\rx"])
    def test_gives_a_spreadsheet_nothing_to_calculate(self, text: str) -> None:
        assert as_cell(text) == f"'{text}"
