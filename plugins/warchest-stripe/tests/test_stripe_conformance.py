"""The plug-in keeps the contract that every provider keeps, against the simulator."""

from __future__ import annotations

from warchest.sdk.conformance import SETTLEMENT_FILE_STEPS
from warchest.sdk.conformance.pytest import conformance_tests
from warchest_stripe.rig import StripeRig

TestConformance = conformance_tests(StripeRig)


def test_no_more_is_skipped_than_stripe_cannot_have() -> None:
    assert set(StripeRig.skips) == set(SETTLEMENT_FILE_STEPS)
