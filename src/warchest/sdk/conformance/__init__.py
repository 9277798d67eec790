"""The conformance kit: whether a payment plug-in keeps its contract, tried against its protocol's simulator.

The kit plays Warchest; it needs no database and no running system. A plug-in's distribution brings a ``Rig``, which plays
everybody else, and names it under an entry point of the provider's name::

    [project.entry-points."warchest.payment_providers"]
    acme = "warchest_acme.provider:AcmeProvider"

    [project.entry-points."warchest.conformance"]
    acme = "warchest_acme.rig:AcmeRig"

    # warchest_acme/rig.py
    from warchest.sdk.conformance import NOTICE_STEPS, Rig, skip

    class AcmeRig(Rig):
        provider = "acme"
        skips = {
            **skip(NOTICE_STEPS, "Acme sends no notices: it is asked."),
            "currency_without_minor_units": "Acme takes euros only.",
        }

        def start(self, folder, *, notice_url): ...   # the simulator, on a free port of the loopback
        ...                                           # see ``Rig``: every method says what is wanted

Then it is tried at the command line, and in the plug-in's own tests, one test for each step::

    warchest plugin test acme
    warchest plugin test acme --only late_decline

    # tests/test_conformance.py
    from warchest.sdk.conformance.pytest import conformance_tests
    from warchest_acme.rig import AcmeRig

    TestConformance = conformance_tests(AcmeRig)

What a protocol cannot have is a skip that the rig names with its reason. A step that is neither passed nor named has failed.
So has a skip of an ability that the plug-in declares: who declares ``Ability.REFUND`` is tried on it. The names of all steps
and what each wants are in ``STEPS``, and ``warchest plugin steps`` prints them.

A plug-in that deals with a bank by files has a ``BankRig``. It is tried on ``BANK_STEPS``, too, and may skip the steps that ask
the provider what became of money, since statements tell that there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from warchest.sdk.conformance.rig import (
    CARD_NUMBER,
    Act,
    BankRig,
    Flaw,
    Misbehaviour,
    Rig,
    Truth,
    one_digit_changed,
)
from warchest.sdk.conformance.step import Nonconformity, Step
from warchest.sdk.conformance.steps import (
    BANK_STEPS,
    CAPTURE_STEPS,
    DISPUTE_STEPS,
    NOTICE_STEPS,
    REFUND_STEPS,
    SAVED_METHOD_STEPS,
    SETTLEMENT_FILE_STEPS,
    SETTLEMENT_REPORT_STEPS,
    STEPS,
    VOID_STEPS,
)

__all__ = [
    "BANK_STEPS",
    "CAPTURE_STEPS",
    "CARD_NUMBER",
    "DISPUTE_STEPS",
    "NOTICE_STEPS",
    "REFUND_STEPS",
    "SAVED_METHOD_STEPS",
    "SETTLEMENT_FILE_STEPS",
    "SETTLEMENT_REPORT_STEPS",
    "STEPS",
    "VOID_STEPS",
    "Act",
    "BankRig",
    "Flaw",
    "Misbehaviour",
    "Nonconformity",
    "Rig",
    "Step",
    "Truth",
    "one_digit_changed",
    "skip",
]


def skip(steps: Iterable[str], reason: str) -> Mapping[str, str]:
    """Several steps that cannot be had for one reason, for ``Rig.skips``."""
    return dict.fromkeys(steps, reason)
