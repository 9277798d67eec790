"""Wallets and a plain model of them, told the same: every answer, every lot and every balance must be equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from tests.builders.books import assert_books_prove
from tests.builders.people import NOW
from tests.properties.machines import run_machine
from tests.properties.wallets_model import KeptLot, WalletsModel
from tests.sweep import Sweep
from warchest.charging.contract import (
    Charging,
    Lot,
    LotTerms,
    Slice,
    Source,
    Spend,
    UnableToReturn,
    UnableToSpend,
    UnableToTransfer,
)
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import (
    EntryDraft,
    HoldState,
    Ledger,
    Leg,
    Posted,
    Side,
    UnableToHold,
    credit,
    debit,
)
from warchest.runtime.services import services

players = st.integers(0, 2)
units = st.integers(1, 30)
# Two days, in which terms end and holds expire; terms end at the moments themselves, and beside them.
moments = st.integers(0, 8).map(lambda number: NOW + timedelta(hours=6 * number))
ends = st.none() | st.integers(0, 10).map(lambda number: NOW + timedelta(hours=6 * number - 3 * (number % 2)))
terms = st.builds(LotTerms, st.booleans(), st.booleans(), st.just(False), ends)
spends = st.integers(0, 5).map("spend-{}".format)
keys = st.integers(0, 5).map("return-{}".format)


class LotsMachine(RuleBasedStateMachine):
    holds = Bundle("holds")

    @initialize()
    def open_wallets(self) -> None:
        self.charging, self.ledger = services.get(Charging), services.get(Ledger)
        self.model = WalletsModel(tuple(new_id() for _ in range(3)))
        for player in self.model.players:
            self.charging.open_wallet(player=player, at=NOW)
        self.at = NOW

    def _at(self, moment: datetime) -> AbstractContextManager[None]:
        self.at = moment
        return transaction.atomic()

    @rule(
        player=players,
        units=units,
        paid=st.integers(0, 50),
        code=st.sampled_from(["EUR", "EUR", "JPY"]),
        source=st.sampled_from([Source.CARD_PAYMENT, Source.PROMOTION, Source.GIFT]),
        terms=terms,
        at=moments,
    )
    def fund(self, player, units, paid, code, source, terms, at):
        player, lot_id = self.model.players[player], new_id()
        paid = Money(paid, currency(code))
        with self._at(at):
            lot = self.charging.fund(
                lot_id=lot_id,
                player=player,
                units=Money.units(units),
                consideration=paid,
                source=source,
                reference="fund",
                terms=terms,
                at=at,
            )
            self._post(at, *_units_in(player, units), *_funding(Side.CREDIT, [paid]))
        self.model.lots[lot_id] = KeptLot(
            lot_id, player, source, "fund", units, units, Fraction(paid.minor), code, terms, at, lot_id
        )
        assert lot == self.model.lots[lot_id].shown()

    @rule(player=players, units=st.integers(0, 30), spend=spends, at=moments)
    def consume(self, player, units, spend, at):
        player = self.model.players[player]
        expected = self.model.consume(player, units, spend, at)
        try:
            with self._at(at):
                slices = self.charging.consume(
                    player=player, units=Money.units(units), reference=spend, at=at
                )
                self._post(at, *_spent(player, slices))
        except UnableToSpend as refusal:
            assert refusal.reason == expected
        else:
            assert slices == expected

    @rule(asked=st.lists(st.tuples(players, st.integers(0, 15), spends), min_size=1, max_size=5), at=moments)
    def consume_set(self, asked, at):
        wanted = [
            Spend(self.model.players[player], Money.units(units), reference)
            for player, units, reference in asked
        ]
        with self._at(at):
            outcomes = self.charging.consume_set(spends=wanted, at=at)
            for spend, outcome in zip(wanted, outcomes, strict=True):
                if not isinstance(outcome, UnableToSpend):
                    self._post(at, *_spent(spend.player, outcome))
        answers = [one.reason if isinstance(one, UnableToSpend) else one for one in outcomes]
        assert answers == [
            self.model.consume(spend.player, spend.units.minor, spend.reference, at) for spend in wanted
        ]

    @rule(
        target=holds,
        player=players,
        units=st.integers(0, 30),
        at=moments,
        lasts_h=st.sampled_from([1, 7, 48]),
    )
    def hold(self, player, units, at, lasts_h):
        player, hold_id, expires_at = self.model.players[player], new_id(), at + timedelta(hours=lasts_h)
        expected = self.model.hold(hold_id, player, units, at, expires_at)
        try:
            with self._at(at):
                self.charging.hold(
                    hold_id=hold_id,
                    player=player,
                    units=Money.units(units),
                    purpose="match",
                    at=at,
                    expires_at=expires_at,
                )
        except UnableToSpend as refusal:
            assert refusal.reason == expected
            return multiple()
        assert not expected
        return hold_id

    @rule(hold=holds, units=st.none() | st.integers(0, 31), spend=spends, at=moments)
    def capture(self, hold, units, spend, at):
        player = self.model.holds[hold].player
        expected = self.model.capture(hold, units, spend, at)
        try:
            with self._at(at):
                captured = self.charging.capture(
                    hold_id=hold,
                    player=player,
                    units=None if units is None else Money.units(units),
                    reference=spend,
                    at=at,
                )
                self._post(at, *_spent(player, captured.slices))
        except UnableToHold as refusal:
            assert refusal.reason == expected
        else:
            assert captured.slices == expected

    @rule(hold=holds, at=moments)
    def void(self, hold, at):
        expected = self.model.void(hold)
        try:
            with self._at(at):
                self.charging.void(hold_id=hold, player=self.model.holds[hold].player)
        except UnableToHold as refusal:
            assert refusal.reason == expected
        else:
            assert not expected

    @rule(chosen=st.lists(holds, min_size=1, max_size=4), at=moments)
    def lapse(self, chosen, at):
        with self._at(at):
            lapsed = self.charging.lapse(hold_ids=chosen, at=at)
        assert set(lapsed) == self.model.lapse(chosen, at)

    @rule(at=moments)
    def expire_all(self, at):
        due = [lot for lot in self.charging.expired_lots(at=at, limit=10_000) if lot in self.model.lots]
        assert due == self.model.expired(at)
        # One that is not due among them, as when it was spent since it was listed.
        self._expire([*due, *list(self.model.lots)[:1]], at)

    def _expire(self, lots, at):
        with self._at(at):
            expired = self.charging.expire(lot_ids=lots, at=at)
            for one in expired:
                self._post(
                    at, *_spent(one.player, [Slice(one.id, Source.GIFT, one.units, one.consideration)])
                )
        assert set(expired) == self.model.expire(lots, at)
        assert len(expired) == len(set(expired))

    @rule(player=players, spend=spends, units=st.none() | st.integers(0, 20), key=keys, at=moments)
    def give_back(self, player, spend, units, key, at):
        player = self.model.players[player]
        self._open(
            self.model.give_back(player, spend, units, key, at),
            at,
            lambda: self.charging.return_units(
                player=player,
                reference=spend,
                units=None if units is None else Money.units(units),
                key=key,
                at=at,
            ),
            lambda lots: (
                *_units_in(player, sum(lot.issued.minor for lot in lots)),
                *_funding(Side.CREDIT, [lot.consideration for lot in lots]),
            ),
        )

    @rule(sender=players, recipient=players, units=st.integers(0, 20), at=moments)
    def transfer(self, sender, recipient, units, at):
        one, other = self.model.players[sender], self.model.players[recipient]
        self._open(
            self.model.transfer(one, other, units, "gift", at),
            at,
            lambda: self.charging.transfer(
                sender=one, recipient=other, units=Money.units(units), reference="gift", at=at
            ),
            lambda lots: (
                debit("wallet_units", Money.units(units), owner=one),
                credit("wallet_units", Money.units(units), owner=other),
            ),
        )

    def _open(
        self,
        expected: list[KeptLot] | str,
        at,
        write: Callable[[], tuple[Lot, ...]],
        legs: Callable[[tuple[Lot, ...]], Iterable[Leg]],
    ) -> None:
        try:
            with self._at(at):
                lots = write()
                # A return that was made before answers the same lots, and nothing comes in again.
                if fresh := tuple(lot for lot in lots if lot.id not in self.model.lots):
                    self._post(at, *legs(fresh))
        except (UnableToReturn, UnableToTransfer) as refusal:
            assert refusal.reason == expected
            return
        assert not isinstance(expected, str), expected
        assert len(fresh) == len(expected)
        for lot, kept in zip(fresh, expected, strict=True):
            kept = replace(kept, id=lot.id)
            assert lot == kept.shown()
            self.model.lots[lot.id] = kept

    @rule(entries_max=st.sampled_from([1, 3, 10_000]))
    def fold(self, entries_max):
        self.ledger.fold(entries_max=entries_max)

    @invariant()
    def wallets_are_equal(self) -> None:
        for player in self.model.players if hasattr(self, "model") else ():
            wallet = self.charging.wallet(player=player, at=self.at)
            lots = self.model.of(player)
            assert wallet.lots == tuple(lot.shown() for lot in lots)
            held = sum(
                hold.units
                for hold in self.model.holds.values()
                if hold.player == player and hold.state is HoldState.OPEN
            )
            assert wallet.posted.minor == sum(lot.units for lot in lots)
            assert wallet.held.minor == held == sum(sum(lot.reserved.values()) for lot in lots)
            assert wallet.available.minor == self.model.free(player, self.at)

    def teardown(self) -> None:
        while self.ledger.fold():
            pass
        assert_books_prove()

    @staticmethod
    def _post(at: datetime, *legs: Leg) -> None:
        entry = EntryDraft(new_id(), f"test:{new_id()}", "test", at, tuple(leg for leg in legs if leg.amount))
        assert isinstance(services.get(Ledger).post(entry=entry), Posted)


def _units_in(player: UUID, minor: int) -> tuple[Leg, ...]:
    amount = Money.units(minor)
    return debit("units_issued", amount), credit("wallet_units", amount, owner=player)


def _spent(player: UUID, slices: Iterable[Slice]) -> tuple[Leg, ...]:
    slices = tuple(slices)
    amount = Money.units(sum(part.units.minor for part in slices))
    return (
        debit("wallet_units", amount, owner=player),
        credit("units_issued", amount),
        *_funding(Side.DEBIT, [part.consideration for part in slices]),
    )


def _funding(side: Side, amounts: Iterable[Money]) -> Iterable[Leg]:
    """What was paid comes into wallets, or leaves them for the house."""
    for amount in amounts:
        yield Leg(side, "wallet_funding", amount)
        yield Leg(side.other, "breakage_revenue", amount)


@pytest.mark.timeout(0)
def test_wallets_answer_as_their_model_does(
    lasting_database: Callable[[], AbstractContextManager[str]], sweep: Sweep
) -> None:
    with lasting_database():
        run_machine(LotsMachine, sweep, examples=15, steps=50)
