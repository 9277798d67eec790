"""The conformance kit on this plug-in, a test for each step."""

from warchest.sdk.conformance.pytest import conformance_tests
from warchest_banktransfer.rig import BankTransferRig

TestConformance = conformance_tests(BankTransferRig)
