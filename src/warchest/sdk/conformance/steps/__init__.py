"""The kit's steps, in the order in which they are tried: from manners to settlements."""

from __future__ import annotations

from warchest.sdk.conformance.step import Step
from warchest.sdk.conformance.steps import (
    banking,
    disputing,
    manners,
    noticing,
    paying,
    refunding,
    reserving,
    saving,
    settling,
    silence,
)

_MODULES = (manners, paying, silence, noticing, refunding, reserving, saving, disputing, settling)

STEPS: tuple[Step, ...] = tuple(step for module in _MODULES for step in module.STEPS)
"""Of every plug-in."""

BANK_STEPS: tuple[Step, ...] = tuple(banking.STEPS)
"""Of those whose rig is a ``BankRig``, beside ``STEPS``."""

NOTICE_STEPS = (
    *(step.name for step in noticing.STEPS),
    "refund_is_told_by_notice",
    *(step.name for step in disputing.STEPS),
)
"""What a protocol without signed notices cannot have."""
REFUND_STEPS = tuple(step.name for step in refunding.STEPS)
CAPTURE_STEPS = tuple(step.name for step in reserving.STEPS if step.name.startswith("capture_"))
VOID_STEPS = tuple(step.name for step in reserving.STEPS if step.name.startswith("void_"))
SAVED_METHOD_STEPS = tuple(step.name for step in saving.STEPS if step.name != "instrument_is_told")
DISPUTE_STEPS = tuple(step.name for step in disputing.STEPS)
SETTLEMENT_REPORT_STEPS = ("settlement_report_adds_up",)
SETTLEMENT_FILE_STEPS = ("settlement_file_adds_up", "broken_settlement_file_is_refused")
