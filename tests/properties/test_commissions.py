"""Commissions lose no cent, whatever the base and the plan."""

from hypothesis import given
from hypothesis import strategies as st

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.referrals.rules import WHOLE_BPS, shares

bases = st.builds(
    Money,
    st.integers(min_value=0, max_value=10**15),
    st.sampled_from([currency(c) for c in ("EUR", "JPY", "KWD")]),
)
plans = st.lists(st.integers(min_value=1, max_value=2000), min_size=1, max_size=20).filter(
    lambda rates: sum(rates) <= WHOLE_BPS
)


class TestCommissionShares:
    @given(base=bases, rates_bps=plans)
    def test_the_shares_and_the_rest_are_the_base(self, base, rates_bps):
        levels, rest = shares(base, rates_bps=rates_bps)
        assert sum((part.minor for part in levels), start=rest.minor) == base.minor

    @given(base=bases, rates_bps=plans)
    def test_each_share_is_less_than_one_minor_unit_from_its_exact_part(self, base, rates_bps):
        levels, rest = shares(base, rates_bps=rates_bps)
        weighted = zip((*levels, rest), (*rates_bps, WHOLE_BPS - sum(rates_bps)), strict=True)
        for part, rate_bps in weighted:
            assert abs(part.minor * WHOLE_BPS - base.minor * rate_bps) < WHOLE_BPS

    @given(base=bases, rates_bps=plans)
    def test_no_level_earns_more_than_one_with_a_higher_rate(self, base, rates_bps):
        levels, _ = shares(base, rates_bps=sorted(rates_bps, reverse=True))
        assert list(levels) == sorted(levels, reverse=True)

    def test_what_a_five_level_plan_pays_on_four_euros_and_twenty_cents(self):
        levels, rest = shares(Money.parse("4.20", "EUR"), rates_bps=(1000, 500, 300, 200, 100))
        #        10 %     5 %      3 %      2 %      1 %
        # exact  0.4200   0.2100   0.1260   0.0840   0.0420   3.3180 stay with the house
        assert [part.major for part in levels] == ["0.42", "0.21", "0.13", "0.08", "0.04"]
        assert rest.major == "3.32"
