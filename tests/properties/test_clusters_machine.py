"""Two clusters, a line that fails in every way, and processes that are killed between any two steps.

Players send units both ways, ask them back, and spend what they have; netting statements are drawn up and booked. Whatever
happens on the way, at no moment does any book of either cluster fail to prove, and what is in both together stays the same in
every currency. When the line heals, every transfer has arrived or is back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, precondition, rule

from tests.builders.clusters import Clusters, Fate, two_clusters
from tests.builders.lots import a_lot, spend
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from tests.properties.machines import run_machine
from tests.sweep import Sweep
from warchest.accounting.contract import Accounting, NettingState, UnableToNet
from warchest.charging.contract import (
    Charging,
    TransferState,
    UnableToFinishTransfer,
    UnableToSpend,
    UnableToTransfer,
)
from warchest.journeys import pass_on_transfer, settle_intercluster
from warchest.journeys.pass_on_transfer import cancel_transfer, pass_on_due
from warchest.journeys.transfer_units import transfer_units
from warchest.kernel.clock import FixedClock
from warchest.kernel.errors import TryAgain
from warchest.kernel.money import Money
from warchest.members.contract import Role
from warchest.runtime.command import clock_in_force
from warchest.runtime.services import services

CODES = ("main", "west")
codes, players = st.sampled_from(CODES), st.integers(0, 1)
fates = st.lists(
    st.sampled_from([Fate.HEARD, Fate.HEARD, Fate.CUT, Fate.LOST, Fate.TWICE, Fate.LATE]), max_size=4
)


class Killed(SystemExit):
    """A process is gone between two steps."""


class ClustersMachine(RuleBasedStateMachine):
    houses: Clusters
    at = NOW
    transfers = Bundle("transfers")

    @initialize()
    def settle_down(self) -> None:
        # The clusters last over all examples, and so does time.
        self.at = ClustersMachine.at = ClustersMachine.at + timedelta(days=2)
        self.houses.line.fate = lambda: Fate.HEARD
        self.houses.line.late.clear()
        self.players, self.accountants = {}, {}
        for code in CODES:
            with self.houses.at(code):
                self.players[code] = [a_player().id for _ in range(2)]
                for player in self.players[code]:
                    a_lot(player, "2.00", paid="0.07 EUR", transferable=True)
                    a_lot(player, "0.90", paid="11 JPY", transferable=True)
                self.accountants[code] = [an_administrator(Role.ACCOUNTANT) for _ in range(2)]

    @rule(
        code=codes,
        player=players,
        units=st.integers(1, 40),
        paid=st.sampled_from(["0.03 EUR", "0.00 EUR", "7 JPY"]),
    )
    def fund(self, code, player, units, paid):
        with self.houses.at(code):
            a_lot(self.players[code][player], f"0.{units:02}", paid=paid, transferable=True)

    @rule(
        target=transfers,
        code=codes,
        sender=players,
        recipient=players,
        units=st.integers(1, 30),
        stranger=st.sampled_from([False, False, False, True]),
    )
    def send(self, code, sender, recipient, units, stranger):
        return self._send(code, sender, recipient, units, stranger)

    def _send(self, code, sender, recipient, units, stranger):
        other = CODES[1 - CODES.index(code)]
        # One whom the other cluster does not know is one who lives here.
        home = code if stranger else other
        if stranger and sender == recipient:
            return multiple()
        try:
            with self.houses.at(code):
                sent = transfer_units(
                    a_command(at=self.at),
                    sender=self.players[code][sender],
                    recipient=self.players[home][recipient],
                    amount=Money.units(units),
                    cluster=other,
                ).answer
        except UnableToTransfer as refusal:
            assert refusal.reason == "insufficient_funds"
            return multiple()
        return code, sent.id

    @rule(target=transfers, code=codes, sender=players, recipient=players, units=st.integers(1, 30))
    def send_more(self, code, sender, recipient, units):
        return self._send(code, sender, recipient, units, stranger=False)

    @rule(code=codes, player=players, units=st.integers(1, 20))
    def spend(self, code, player, units):
        with self.houses.at(code), suppress(UnableToSpend):
            spend(self.players[code][player], f"0.{units:02}")

    @rule(transfer=transfers)
    def ask_back(self, transfer):
        code, transfer_id = transfer
        with self.houses.at(code), suppress(UnableToFinishTransfer):
            sender = services.get(Charging).find_transfer(transfer_id=transfer_id).sender
            cancel_transfer(a_command(at=self.at), transfer_id=transfer_id, player=sender)

    @rule(code=codes, weather=fates, killed_at=st.none() | st.integers(0, 3))
    def pass_on(self, code, weather, killed_at):
        """The worker's pulse in one cluster; where it is killed, another begins anew."""
        self.at += timedelta(seconds=30)
        following = list(weather)
        self.houses.line.fate = lambda: following.pop(0) if following else Fate.HEARD
        steps = iter(range(100))

        def mortal(step):
            def done(*args, **kwargs):
                if next(steps) == killed_at:
                    raise Killed
                answer = step(*args, **kwargs)
                if next(steps) == killed_at:
                    raise Killed
                return answer

            return done

        with pytest.MonkeyPatch.context() as patched:
            for name in ("capture_transfer", "void_transfer", "_again_later"):
                patched.setattr(pass_on_transfer, name, mortal(getattr(pass_on_transfer, name)))
            with self.houses.at(code), suppress(Killed):
                pass_on_due(at=self.at)

    @rule()
    def deliver_late(self):
        self.houses.line.deliver_late()

    def _net(self, code, currency, weather):
        """Draw a statement up, or ask once more about the one that waits."""
        following = list(weather)
        self.houses.line.fate = lambda: following.pop(0) if following else Fate.HEARD
        other, accountant = CODES[1 - CODES.index(code)], self.accountants[code][0]
        with self.houses.at(code), suppress(TryAgain):
            try:
                statement = settle_intercluster.draw_up_statement(
                    acting_as(accountant, at=self.at), cluster=other, currency=currency, until=self.at
                ).answer
            except UnableToNet as refusal:
                if refusal.reason != "statement_open":
                    return
                statement = next(
                    kept
                    for kept in services.get(Accounting).statements(cluster=other)
                    if kept.state is NettingState.DRAWN_UP and kept.payable.currency.code == currency
                )
            settle_intercluster.ask_to_agree(acting_as(accountant, at=self.at), statement_id=statement.id)

    @rule(code=codes, currency=st.sampled_from(["EUR", "EUR", "JPY"]), weather=fates)
    def settle(self, code, currency, weather):
        """At the end of a period: what is on its way is passed on, a statement drawn up, and booked where it was agreed."""
        self.at += timedelta(minutes=10)
        self.houses.line.fate = lambda: Fate.HEARD
        self.houses.pass_on(at=self.at)
        self._net(code, currency, weather)
        for each in CODES:
            self._book(each)

    def _book(self, code):
        other = CODES[1 - CODES.index(code)]
        with self.houses.at(code):
            for statement in services.get(Accounting).statements(cluster=other):
                if statement.state is NettingState.AGREED:
                    settle_intercluster.settle_intercluster(
                        acting_as(self.accountants[code][1], at=self.at),
                        statement_id=statement.id,
                        reference="bank",
                    )

    @precondition(lambda self: hasattr(self, "players"))
    @rule()
    def prove(self):
        self.houses.assert_proved()

    def teardown(self) -> None:
        if not hasattr(self, "players"):
            return
        self.houses.assert_proved()
        self.houses.line.fate = lambda: Fate.HEARD
        self.houses.line.deliver_late()
        self.houses.pass_on(at=self.at + timedelta(days=1))
        for code in CODES:
            with self.houses.at(code):
                other = CODES[1 - CODES.index(code)]
                assert not services.get(Charging).open_transfers(cluster=other)
        self.houses.assert_proved()
        assert all(not state.is_open for state in self._all())

    def _all(self):
        from warchest.charging.models import Transfer as TransferRow
        from warchest.charging.transfers import as_transfer

        for code in CODES:
            with self.houses.at(code):
                yield from map(as_transfer, TransferRow.objects.all())


def _ends(houses: Clusters) -> Counter[str]:
    """How the transfers ended, over both clusters: so that a run which never gets anywhere does not pass for one."""
    from warchest.charging.models import Transfer as TransferRow

    ends: Counter[str] = Counter()
    for code in CODES:
        with houses.at(code):
            ends.update(TransferRow.objects.values_list("state", flat=True))
            ends.update(TransferRow.objects.exclude(reason="").values_list("reason", flat=True))
            ends.update(f"statement {each.state}" for each in services.get(Accounting).statements(limit=1000))
    return ends


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_every_transfer_arrives_or_comes_back_and_nothing_is_lost_or_made(
    lasting_database: Callable[[], AbstractContextManager[str]], sweep: Sweep
) -> None:
    with two_clusters(lasting_database) as houses, clock_in_force(FixedClock(NOW)):
        ClustersMachine.houses = houses
        run_machine(ClustersMachine, sweep, examples=8, steps=40)
        ends = _ends(houses)
        assert {
            TransferState.CAPTURED,
            TransferState.VOIDED,
            TransferState.CREDITED,
            TransferState.REFUSED,
        } <= {*ends}
        assert "statement booked" in ends, ends
