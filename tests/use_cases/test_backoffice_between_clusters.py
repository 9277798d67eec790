"""What is owed between clusters in the back office, as an accountant meets it."""

from __future__ import annotations

import re

import pytest

from tests.builders.backoffice import BackOffice, Visitor
from tests.builders.people import NOW, a_command, a_player
from warchest.accounting.contract import Accounting, NettingState, NettingStatement
from warchest.journeys.transfer_units import transfer_units
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger, debit
from warchest.members.contract import Role
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

PAGE = "/other-clusters/accounts"


@journey("tests.keep_statement")
def _keep(tx: Transaction, *, drawn_up_by: str) -> NettingStatement:
    statement = NettingStatement(
        id=new_id(),
        cluster="west",
        until=NOW,
        payable=Money.parse("0.25", "EUR"),
        receivable=Money.parse("0.60", "EUR"),
        state=NettingState.AGREED,
        drawn_up_by=drawn_up_by,
        drawn_up_at=NOW,
    )
    return tx.get(Accounting).keep_statement(statement=statement)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " "))


def test_a_receipt_is_booked_by_somebody_else_than_who_drew_it_up(office: BackOffice) -> None:
    ada, bob = office.signed_in(Role.ACCOUNTANT), office.signed_in(Role.ACCOUNTANT)
    statement = _keep(a_command(), drawn_up_by=str(ada.administrator.id)).answer
    hers = words(ada.get(PAGE).text)
    assert "The line to west is cut" in hers
    assert "0.25 EUR 0.60 EUR 0.35 EUR by them" in hers and "Another person books it." in hers
    action = f"/other-clusters/netting/{statement.id}/settle"
    refused = ada.post(action, reference="4711", csrfmiddlewaretoken=token_of(ada))
    assert "Nobody decides on a request of their own" in words(refused.text)
    booked = bob.submit(PAGE, action=action, reference="4711")
    assert booked.url.path.startswith("/journal/")
    entry = services.get(Accounting).statement(statement_id=statement.id).entry_id
    assert entry is not None and booked.url.path == f"/journal/{entry}"
    found = services.get(Ledger).entry(entry_id=entry)
    assert debit("bank", Money.parse("0.35", "EUR")) in found.legs
    assert "booked" in words(bob.get(PAGE).text)


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.ADMINISTRATOR])
def test_others_neither_draw_up_nor_book(office: BackOffice, role: Role) -> None:
    statement = _keep(a_command(), drawn_up_by="").answer
    count = len(services.get(Accounting).statements())
    visitor = office.signed_in(role)
    for action, fields in (
        (f"/other-clusters/netting/{statement.id}/settle", {"reference": "4711"}),
        ("/other-clusters/netting", {"cluster": "west", "currency": "EUR"}),
    ):
        answer = visitor.post(action, csrfmiddlewaretoken=token_of(visitor), **fields)
        assert answer.status_code < 500
    assert services.get(Accounting).statement(statement_id=statement.id).state is NettingState.AGREED
    assert len(services.get(Accounting).statements()) == count


def token_of(visitor: Visitor) -> str:
    return visitor.client.cookies["warchest_backoffice_csrf"]


def test_support_finds_a_transfer_by_either_player_and_reads_nobodys_words(office: BackOffice) -> None:
    anna, ben = a_player(nickname=f"Ann{new_id().hex[-8:]}", with_units="100"), a_player()
    transfer_units(
        a_command(),
        sender=anna.id,
        recipient=ben.id,
        amount=Money.parse("40", "XCR"),
        message="between us",
    )
    accountant = office.signed_in(Role.ACCOUNTANT)
    for name in (anna.nickname, ben.nickname):
        page = accountant.page("/charging/transfer/", q=name)
        (row,) = page.select("#result_list tbody tr")
        assert {anna.nickname, ben.nickname} <= {link.get_text(strip=True) for link in row.select("a")}
        assert "40\u00a0credits" in row.get_text() and "arrived" in row.get_text()
    change = next(link["href"] for link in row.select("a") if "transfer" in link["href"])
    detail = accountant.page(change).get_text(" ")
    assert "Why it waits" in detail and "between us" not in detail
