"""Periods are half-open, months keep their day, days last as long as the wall clock says; ids sort by their making."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warchest.kernel.clock import FixedClock
from warchest.kernel.ids import new_id, new_ids
from warchest.kernel.period import Period, Term, TermUnit

moments = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
zones = st.sampled_from(
    [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia")]
)


class TestPeriod:
    @given(moments, st.timedeltas(timedelta(0), timedelta(days=400)))
    def test_holds_its_start_and_not_its_end(self, start: datetime, length: timedelta) -> None:
        period = Period(start, start + length)
        assert (start in period) == bool(length)
        assert period.ends_at not in period

    @given(moments, st.integers(0, 10**6), st.integers(0, 10**6))
    def test_counts_served_seconds_once_over_neighbours(
        self, start: datetime, first: int, second: int
    ) -> None:
        middle = start + timedelta(seconds=first)
        end = middle + timedelta(seconds=second)
        at = start + timedelta(seconds=(first + second) // 2)
        parts = Period(start, middle).elapsed_seconds(at) + Period(middle, end).elapsed_seconds(at)
        assert parts == Period(start, end).elapsed_seconds(at)
        assert not Period(start, middle).overlaps(Period(middle, end))

    def test_refuses_to_run_backwards_or_without_a_zone(self) -> None:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        with pytest.raises(ValueError, match="end before"):
            Period(now, now - timedelta(seconds=1))
        with pytest.raises(ValueError, match="time zone"):
            Period(datetime(2026, 1, 1), now)


class TestTerm:
    @pytest.mark.parametrize(
        ("start", "term", "zone", "end"),
        [
            ("2026-01-31T10:00", Term(1, TermUnit.MONTH), "UTC", "2026-02-28T10:00"),
            ("2024-01-31T10:00", Term(1, TermUnit.MONTH), "UTC", "2024-02-29T10:00"),
            ("2024-02-29T10:00", Term(1, TermUnit.YEAR), "UTC", "2025-02-28T10:00"),
            ("2026-12-15T10:00", Term(2, TermUnit.MONTH), "UTC", "2027-02-15T10:00"),
            # The clocks go forward on 29 March 2026 in Berlin: that day has 23 hours.
            ("2026-03-28T12:00", Term(1, TermUnit.DAY), "Europe/Berlin", "2026-03-29T11:00"),
            # … and back on 25 October: 25 hours.
            ("2026-10-24T12:00", Term(1, TermUnit.DAY), "Europe/Berlin", "2026-10-25T13:00"),
            # 01:30 UTC is 02:30 in Berlin; the 29th has no 02:30, so the term ends an hour later by the wall.
            ("2026-03-28T01:30", Term(1, TermUnit.DAY), "Europe/Berlin", "2026-03-29T01:30"),
        ],
    )
    def test_ends_when_the_calendar_says(self, start: str, term: Term, zone: str, end: str) -> None:
        moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
        assert term.after(moment, zone=ZoneInfo(zone)) == datetime.fromisoformat(end).replace(tzinfo=UTC)

    def test_returns_to_the_day_on_which_the_agreement_began(self) -> None:
        february = Term(1, TermUnit.MONTH).after(datetime(2026, 1, 31, tzinfo=UTC), zone=UTC)
        march = Term(1, TermUnit.MONTH).after(february, zone=UTC, anchor_day=31)
        assert (february.day, march.day) == (28, 31)

    @given(moments, st.integers(1, 40), st.sampled_from(TermUnit), zones)
    def test_always_moves_forward(self, start: datetime, count: int, unit: TermUnit, zone: ZoneInfo) -> None:
        assert Term(count, unit).after(start, zone=zone) > start


class TestIds:
    def test_sort_by_the_order_of_their_making(self) -> None:
        made = [new_id() for _ in range(5000)]
        assert made == sorted(made) and len(set(made)) == len(made)

    @given(st.lists(st.integers(0, 400), max_size=6))
    def test_made_many_at_once_stand_among_the_others_in_order(self, counts: list[int]) -> None:
        made = [identity for count in counts for identity in (*new_ids(count), new_id())]
        assert len(made) == sum(counts) + len(counts)
        assert made == sorted(made) and len(set(made)) == len(made)
        assert {identity.version for identity in made} <= {7}

    def test_are_like_any_other_uuid(self) -> None:
        for identity in (new_id(), *new_ids(2)):
            same = UUID(str(identity))
            assert (same, hash(same), same.is_safe) == (identity, hash(identity), identity.is_safe)
            assert pickle.loads(pickle.dumps(identity)) == identity

    def test_are_uuids_of_version_7(self) -> None:
        identity = new_id()
        assert (identity.version, identity.variant) == (7, "specified in RFC 4122")


def test_a_fixed_clock_stands_until_it_is_moved() -> None:
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.advance(timedelta(days=1))
    assert clock.now() == clock.now() == datetime(2026, 1, 2, tzinfo=UTC)
