"""The register of a batch: every card and how it stands, for the accountant's own programs."""

from __future__ import annotations

import csv
import io

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.cards import a_batch
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from warchest.audit.contract import Audit, OperationFilter
from warchest.cards.contract import Cards, CardSelection
from warchest.cards.register import PORTION
from warchest.journeys.activate_card import activate_card
from warchest.journeys.block_cards import block_cards
from warchest.members.contract import Role
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.views.card_register import COLUMNS

pytestmark = pytest.mark.use_case("CRD-32")


def test_an_accountant_takes_the_register_as_a_file(office: BackOffice) -> None:
    batch, player = a_batch(quantity=6, spares=2), a_player()
    activate_card(a_command(at=now()), player=player.id, code=batch.cards[1].code)
    one = CardSelection(first_serial=batch.cards[2].serial)
    block_cards(acting_as(an_administrator()), selection=one, reason="Lost parcel")
    accountant = office.signed_in(Role.ACCOUNTANT)
    answer = accountant.submit(f"/batches/{batch.id}", action=f"/batches/{batch.id}/register")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert tuple(head) == COLUMNS
    told = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["serial"] for row in told] == [card.serial for card in batch.cards]
    assert [row["state"] for row in told] == [
        "handed_over",
        "activated",
        "blocked",
        "handed_over",
        "handed_over",
        "handed_over",
        "spare",
        "spare",
    ]
    assert [row["owed"] for row in told] == ["10.00", "0.00", *["10.00"] * 4, "0.00", "0.00"]
    assert (told[1]["activated_in"], bool(told[1]["activated_at"])) == ("DE", True)
    assert not any(card.code.replace("-", "") in answer.text for card in batch.cards)
    taken = services.get(Audit).operations(
        where=OperationFilter(name="cards.export_register", subject_id=str(batch.id))
    )
    assert [one.actor_id for one in taken.items] == [str(accountant.administrator.id)]


def test_support_may_not(office: BackOffice) -> None:
    batch, support = a_batch(), office.signed_in(Role.SUPPORT)
    path = f"/batches/{batch.id}"
    assert not support.page(path).select(f'form[action="{path}/register"]')
    refused = support.post(f"{path}/register", referer=path)
    assert "text/html" in refused.headers["Content-Type"]


@pytest.mark.usefixtures("database")
def test_it_is_read_in_portions_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PORTION > 1000
    monkeypatch.setattr("warchest.cards.register.PORTION", 4)
    batch = a_batch(quantity=11)
    other = a_batch(quantity=5)
    lines = list(services.local(Cards).register(batch_id=batch.id, at=now()))
    assert [line.serial for line in lines] == [card.serial for card in batch.cards]
    assert [line.number for line in lines] == list(range(1, 12))
    assert len(list(services.local(Cards).register(batch_id=other.id, at=now()))) == 5
