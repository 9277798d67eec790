"""CRD-34: an administrator sells a few virtual cards at the desk; serial and code are shown once, and recorded."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.cards import an_approved_batch, an_order
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from warchest.cards.contract import Cards, UnableToIssueAtDesk
from warchest.journeys.activate_card import activate_card
from warchest.journeys.sell_at_desk import sell_at_desk, show_desk_codes, take_back_at_desk
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.services import services

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("CRD-34")]

STOCK: dict[str, Any] = {
    "quantity": 10, "virtual": True, "stock": True, "reseller": "", "margin_bps": 0, "product": "desk-10"
}  # fmt: skip


def owes(clerk: Any) -> Money:
    account = AccountRef("reseller_receivable", "EUR", f"desk:{clerk.id}")
    return services.get(Ledger).balance(account=account).posted


class TestSelling:
    def test_is_owed_by_whoever_took_the_money_and_its_codes_are_shown_once(self) -> None:
        clerk, other, batch = an_administrator(), an_administrator(), an_approved_batch(**STOCK)
        sold = sell_at_desk(acting_as(clerk), batch=batch.id, quantity=2, note="two for the hall").answer
        assert sold.taken == Money.parse("20.00", "EUR")
        assert owes(clerk) == Money.parse("20.00", "EUR")
        assert_books_prove()
        with pytest.raises(UnableToIssueAtDesk) as refused:
            show_desk_codes(acting_as(other), issue=sold.issue)
        assert refused.value.reason == "desk_codes_of_another"
        given = show_desk_codes(acting_as(clerk), issue=sold.issue)
        assert tuple(one.serial for one in given) == sold.serials
        with pytest.raises(UnableToIssueAtDesk) as twice:
            show_desk_codes(acting_as(clerk), issue=sold.issue)
        assert twice.value.reason == "desk_codes_shown"
        player = a_player()
        assert (
            activate_card(a_command(), player=player.id, code=given[0].code).answer.serial == sold.serials[0]
        )
        assert_books_prove()
        history = services.get(Cards).card(serial=sold.serials[1], at=NOW).history
        assert [moment.what for moment in history] == ["issued_at_desk", "code_shown"]

    def test_shows_codes_again_to_who_was_cut_off_before_they_were_seen(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from warchest.cards.service import LocalCards

        clerk, batch = an_administrator(), an_approved_batch(**STOCK)
        sold = sell_at_desk(acting_as(clerk), batch=batch.id, quantity=1).answer

        def die(**_values: object) -> None:
            raise SystemExit

        command = acting_as(clerk)
        with monkeypatch.context() as killed:
            killed.setattr(LocalCards, "codes_at_desk", staticmethod(die))
            with pytest.raises(SystemExit):
                show_desk_codes(command, issue=sold.issue)
        (given,) = show_desk_codes(command, issue=sold.issue)
        assert given.serial == sold.serials[0]

    def test_needs_a_right_an_approved_batch_and_few_cards(self) -> None:
        batch, ordered = an_approved_batch(**STOCK), an_order(**STOCK)
        clerk = an_administrator()
        with pytest.raises(UnableToAdminister):
            sell_at_desk(acting_as(an_administrator(Role.SUPPORT)), batch=batch.id, quantity=1)
        for asked, quantity, reason in (
            (ordered.id, 1, "card_not_on_offer"),
            (batch.id, 21, "desk_quantity_out_of_range"),
            (batch.id, 0, "desk_quantity_out_of_range"),
            (batch.id, 11, "stock_empty"),
        ):
            with pytest.raises(UnableToIssueAtDesk) as refused:
                sell_at_desk(acting_as(clerk), batch=asked, quantity=quantity)
            assert refused.value.reason == reason
        assert owes(clerk) == Money.parse("0", "EUR")


class TestTakingBack:
    def test_makes_unused_cards_void_and_nobody_owes_for_them(self) -> None:
        clerk, batch = an_administrator(), an_approved_batch(**STOCK)
        sold = sell_at_desk(acting_as(clerk), batch=batch.id, quantity=2).answer
        take_back_at_desk(acting_as(clerk), issue=sold.issue)
        assert owes(clerk) == Money.parse("0", "EUR")
        with pytest.raises(UnableToIssueAtDesk) as shown:
            show_desk_codes(acting_as(clerk), issue=sold.issue)
        assert shown.value.reason == "desk_issue_taken_back"
        assert_books_prove()

    def test_of_one_that_was_used_is_refused(self) -> None:
        clerk, batch = an_administrator(), an_approved_batch(**STOCK)
        sold = sell_at_desk(acting_as(clerk), batch=batch.id, quantity=2).answer
        given = show_desk_codes(acting_as(clerk), issue=sold.issue)
        activate_card(a_command(), player=a_player().id, code=given[1].code)
        with pytest.raises(UnableToIssueAtDesk) as used:
            take_back_at_desk(acting_as(clerk), issue=sold.issue)
        assert (used.value.reason, used.value.details["serial"]) == (
            "card_already_activated",
            sold.serials[1],
        )
        assert owes(clerk) == Money.parse("20.00", "EUR")
