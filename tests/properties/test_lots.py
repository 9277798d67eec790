"""Whatever is cut out of lots, given back or moved: the parts sum to the whole, are never negative, and end together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from warchest.charging.contract import Source
from warchest.charging.rules import (
    RETURNED_TERM,
    Cut,
    Left,
    Unreturned,
    after,
    cut,
    free_units,
    give_back,
    in_order_of_use,
    share,
    term_after_return,
)
from warchest.kernel.ids import new_id

NOW = datetime(2026, 3, 15, tzinfo=UTC)
moments = st.integers(-100, 100).map(lambda days: NOW + timedelta(days=days))


@st.composite
def lots(draw: st.DrawFn) -> Left:
    units = draw(st.integers(1, 10**12))
    reserved = draw(st.one_of(st.just(0), st.integers(0, units)))
    return Left(
        lot_id=new_id(),
        source=draw(st.sampled_from(Source)),
        units_minor=units,
        reserved_minor=reserved,
        free_minor=units - reserved,
        consideration_minor=draw(st.one_of(st.just(0), st.integers(0, 10**12))),
        currency="EUR",
        transferable=True,
        expires_at=draw(st.none() | moments),
        opened_at=draw(moments),
    )


wallets = st.lists(lots(), min_size=1, max_size=6)
fractions = st.lists(st.integers(1, 1000), min_size=1, max_size=8)


def spends(wallet: list[Left], shares: list[int]) -> list[list[Cut]]:
    """Spend a wallet's free units in parts, down to the last."""
    free = sum(lot.free_minor for lot in wallet)
    done = []
    for share_ in [*shares, None]:
        left = sum(lot.free_minor for lot in wallet)
        wanted = left if share_ is None else min(left, free * share_ // 1000)
        if wanted:
            cuts = cut(wallet, units_minor=wanted)
            assert cuts is not None
            wallet = after(wallet, cuts)
            done.append(cuts)
    return done


@given(st.integers(0, 10**15), st.integers(1, 10**12), st.data())
def test_a_share_is_exact_and_rounded_half_to_even(amount: int, whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    assert share(amount, part=part, whole=whole) == round(Fraction(amount * part, whole))


class TestCut:
    @given(wallets, st.integers(1, 10**13))
    def test_takes_what_was_asked_of_what_is_free_or_nothing(self, wallet: list[Left], wanted: int) -> None:
        cuts = cut(wallet, units_minor=wanted)
        if cuts is None:
            assert sum(lot.free_minor for lot in wallet) < wanted
        else:
            assert sum(part.units_minor for part in cuts) == wanted
            assert all(0 < part.units_minor <= part.lot.free_minor for part in cuts)

    @given(wallets, st.data())
    def test_uses_up_a_lot_before_it_begins_the_next(self, wallet: list[Left], data: st.DataObject) -> None:
        wanted = data.draw(st.integers(0, sum(lot.free_minor for lot in wallet)))
        cuts = cut(wallet, units_minor=wanted)
        assert cuts is not None
        order = [lot.lot_id for lot in in_order_of_use(wallet) if lot.free_minor]
        assert [part.lot.lot_id for part in cuts] == order[: len(cuts)]
        assert all(part.units_minor == part.lot.free_minor for part in cuts[:-1])

    @given(wallets, fractions)
    def test_parts_sum_to_the_whole_and_end_together(self, wallet: list[Left], shares: list[int]) -> None:
        done = spends([replace(lot, reserved_minor=0, free_minor=lot.units_minor) for lot in wallet], shares)
        for lot in wallet:
            of_lot = [part for cuts in done for part in cuts if part.lot.lot_id == lot.lot_id]
            assert sum(part.units_minor for part in of_lot) == lot.units_minor
            assert sum(part.consideration_minor for part in of_lot) == lot.consideration_minor
            assert all(part.consideration_minor >= 0 for part in of_lot)

    @given(wallets, fractions)
    def test_leaves_to_what_is_reserved_its_part(self, wallet: list[Left], shares: list[int]) -> None:
        left = wallet
        for cuts in spends(wallet, shares):
            left = after(left, cuts)
        for lot in left:
            assert (lot.free_minor, lot.units_minor) == (0, lot.reserved_minor)
            assert lot.consideration_minor >= 0
            assert lot.units_minor or not lot.consideration_minor


class TestGiveBack:
    @given(wallets, fractions, fractions)
    def test_never_exceeds_a_slice_and_gives_all_of_it_in_the_end(
        self, wallet: list[Left], shares: list[int], returns: list[int]
    ) -> None:
        spent = next(iter(spends(wallet, shares)), [])
        slices = [Unreturned(new_id(), part.units_minor, part.consideration_minor) for part in spent]
        left = {one.slice_id: one for one in slices}
        whole = sum(one.units_minor for one in slices)
        for share_ in [*returns, None]:
            rest = sum(one.units_minor for one in left.values())
            wanted = rest if share_ is None else min(rest, whole * share_ // 1000)
            parts = give_back(list(left.values()), units_minor=wanted)
            assert parts is not None and sum(part.units_minor for part in parts) == wanted
            for part in parts:
                one = left[part.slice_id]
                assert 0 < part.units_minor <= one.units_minor
                assert 0 <= part.consideration_minor <= one.consideration_minor
                left[part.slice_id] = Unreturned(
                    one.slice_id,
                    one.units_minor - part.units_minor,
                    one.consideration_minor - part.consideration_minor,
                )
        # What is left of the money ends with the units: nothing of what was paid is kept, nothing is made up.
        assert all(not one.consideration_minor for one in left.values())
        assert give_back(list(left.values()), units_minor=1) is None

    @given(wallets, st.data())
    def test_begins_with_what_was_used_last(self, wallet: list[Left], data: st.DataObject) -> None:
        spent = next(iter(spends(wallet, [1000])), [])
        slices = [Unreturned(new_id(), part.units_minor, part.consideration_minor) for part in spent]
        wanted = data.draw(st.integers(0, sum(one.units_minor for one in slices)))
        parts = give_back(slices, units_minor=wanted)
        assert parts is not None
        assert [part.slice_id for part in parts] == [one.slice_id for one in reversed(slices)][: len(parts)]


class TestMove:
    @given(lots(), fractions, fractions)
    def test_what_went_through_many_hands_sums_to_what_was_paid(
        self, lot: Left, first: list[int], second: list[int]
    ) -> None:
        lot = replace(lot, reserved_minor=0, free_minor=lot.units_minor)
        moved = [self._as_lot(part) for cuts in spends([lot], first) for part in cuts]
        again = [part for one in moved for cuts in spends([one], second) for part in cuts]
        for parts in (moved, again):
            assert sum(part.units_minor for part in parts) == lot.units_minor
            assert sum(part.consideration_minor for part in parts) == lot.consideration_minor

    @staticmethod
    def _as_lot(part: Cut) -> Left:
        return replace(
            part.lot,
            lot_id=new_id(),
            units_minor=part.units_minor,
            free_minor=part.units_minor,
            consideration_minor=part.consideration_minor,
        )


class TestTerm:
    @given(st.integers(1, 1000), st.integers(0, 1000), st.none() | moments)
    def test_nothing_is_free_after_it_and_what_is_reserved_never(
        self, units: int, reserved: int, expires_at: datetime | None
    ) -> None:
        reserved = min(units, reserved)
        free = free_units(units_minor=units, reserved_minor=reserved, expires_at=expires_at, at=NOW)
        is_over = expires_at is not None and expires_at <= NOW
        assert free == (0 if is_over else units - reserved)

    @given(st.none() | moments)
    def test_what_comes_back_can_be_used(self, expires_at: datetime | None) -> None:
        term = term_after_return(expires_at, at=NOW)
        assert term is None or term > NOW
        if expires_at is None or expires_at > NOW:
            assert term == expires_at
        else:
            assert term == NOW + RETURNED_TERM
