"""The sandbox keeps the contract that every provider keeps; it has all the steps."""

from __future__ import annotations

from warchest.sdk.conformance.pytest import conformance_tests
from warchest_sandbox.rig import SandboxRig

TestConformance = conformance_tests(SandboxRig)


def test_no_step_is_skipped() -> None:
    assert not SandboxRig.skips
