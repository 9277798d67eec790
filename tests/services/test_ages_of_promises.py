"""How long a promise has been open is told by the clock of the server that gave it, whatever ours says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from warchest.cli import doctor_databases
from warchest.kernel.ids import new_id
from warchest.runtime import figures, two_phase
from warchest.web.backoffice.pages import services

AGES_S = {"people": 3.0, "shop": 40.0}


@pytest.fixture(autouse=True)
def of_servers_whose_clocks_are_an_hour_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    promises = [
        two_phase.InDoubt(new_id(), alias, f"warchest/main/{alias}", ahead, age_s)
        for alias, age_s in AGES_S.items()
    ]

    def in_doubt(*, databases: list[str] | None = None) -> tuple[two_phase.InDoubt, ...]:
        return tuple(one for one in promises if databases is None or one.database in databases)

    monkeypatch.setattr(two_phase, "in_doubt", in_doubt)
    monkeypatch.setattr(two_phase, "further_databases", lambda: tuple(AGES_S))
    monkeypatch.setattr(doctor_databases, "aliases", lambda: ("default", *AGES_S))


def test_in_figures() -> None:
    assert [figure.value for figure in figures.promises()] == [2, 40.0]


def test_by_the_doctor() -> None:
    ((well, said),) = doctor_databases._promises()
    assert not well
    assert said.startswith("In doubt for 40 s: warchest/main/shop")


def test_in_the_back_office() -> None:
    doubts, _ = services._doubts()
    assert {doubt.database: doubt.age_s for doubt in doubts} == AGES_S
