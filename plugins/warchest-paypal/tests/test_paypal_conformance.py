"""The plug-in on the kit's bench: every step is passed, or skipped with a reason that the protocol gives."""

from __future__ import annotations

from warchest.sdk.conformance.pytest import conformance_tests
from warchest_paypal.rig import PaypalRig

TestConformance = conformance_tests(PaypalRig)
