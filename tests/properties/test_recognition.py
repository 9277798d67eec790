"""Revenue is recognised as time passes: never back, never too much, and in the end all of it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warchest.kernel.period import Period, Term, TermUnit
from warchest.subscriptions.contract import UnableToGrant
from warchest.subscriptions.rules import next_term, recognised_minor

moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
lengths = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=3000))
terms = st.builds(lambda start, length: Period(start, start + length), moments, lengths)
amounts = st.integers(min_value=1, max_value=10**15)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
agreed = st.builds(
    Term, st.integers(min_value=1, max_value=36), st.sampled_from([TermUnit.DAY, TermUnit.MONTH])
)


class TestRecognition:
    @given(net_minor=amounts, term=terms, cuts=st.lists(moments, max_size=20))
    def test_the_steps_sum_to_the_whole_and_none_goes_back(self, net_minor, term, cuts):
        ends = [*sorted(cuts), max([*cuts, term.ends_at])]
        so_far = [recognised_minor(net_minor=net_minor, term=term, until=until) for until in ends]
        steps = [after - before for before, after in zip([0, *so_far], so_far, strict=False)]
        assert min(steps) >= 0
        assert sum(steps) == net_minor

    @given(net_minor=amounts, term=terms, until=moments)
    def test_it_is_the_part_of_the_time_that_has_passed_rounded_down(self, net_minor, term, until):
        recognised = recognised_minor(net_minor=net_minor, term=term, until=until)
        passed, whole = term.elapsed_seconds(until), term.elapsed_seconds(term.ends_at)
        if until < term.ends_at:
            assert recognised * whole <= net_minor * passed < (recognised + 1) * whole

    def test_nothing_is_earned_before_the_term_begins(self):
        term = Period(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
        assert recognised_minor(net_minor=1000, term=term, until=datetime(2026, 3, 31, tzinfo=UTC)) == 0


class TestTerms:
    @given(at=moments, zone=zones, bought=st.lists(agreed, min_size=1, max_size=8))
    def test_terms_bought_one_after_another_join_without_a_gap(self, at, zone, bought):
        ends_at, anchor = None, None
        for term in bought:
            period, anchor = next_term(at=at, ends_at=ends_at, anchor_day=anchor, term=term, zone=zone)
            assert period.starts_at == (ends_at or at)
            assert period.ends_at > period.starts_at
            ends_at = period.ends_at

    @given(at=moments, zone=zones, months=st.integers(min_value=1, max_value=30))
    def test_months_bought_singly_end_when_months_bought_at_once_do(self, at, zone, months):
        at_once, _ = next_term(
            at=at, ends_at=None, anchor_day=None, term=Term(months, TermUnit.MONTH), zone=zone
        )
        ends_at, anchor = None, None
        for _ in range(months):
            period, anchor = next_term(
                at=at, ends_at=ends_at, anchor_day=anchor, term=Term(1, TermUnit.MONTH), zone=zone
            )
            ends_at = period.ends_at
        # A wall-clock time that a zone skips moves on by the gap, and single months remember that.
        assert abs(ends_at - at_once.ends_at) <= timedelta(hours=1)

    def test_a_month_after_thirty_days_does_not_last_two(self):
        berlin = ZoneInfo("Europe/Berlin")
        at = datetime(2026, 1, 31, 18, tzinfo=berlin)
        days, anchor = next_term(
            at=at, ends_at=None, anchor_day=None, term=Term(30, TermUnit.DAY), zone="Europe/Berlin"
        )
        month, anchor = next_term(
            at=at, ends_at=days.ends_at, anchor_day=anchor, term=Term(1, TermUnit.MONTH), zone="Europe/Berlin"
        )
        assert (days.ends_at, month.ends_at, anchor) == (
            datetime(2026, 3, 2, 18, tzinfo=berlin),
            datetime(2026, 4, 2, 18, tzinfo=berlin),
            2,
        )

    def test_time_too_far_ahead_is_refused(self):
        with pytest.raises(UnableToGrant) as refusal:
            next_term(
                at=datetime(2026, 1, 1, tzinfo=UTC),
                ends_at=None,
                anchor_day=None,
                term=Term(9000, TermUnit.YEAR),
                zone="UTC",
            )
        assert refusal.value.reason == "ends_too_late"
