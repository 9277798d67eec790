"""How a plug-in presents itself, what it shows of its settings, and how it goes."""

from __future__ import annotations

import threading
from typing import Any, get_args, get_type_hints

from warchest.kernel.currency import currency_codes
from warchest.sdk.conformance.rig import BankRig, Flaw
from warchest.sdk.conformance.step import Steps, expect
from warchest.sdk.conformance.trial import Trial
from warchest.sdk.payments import Ability, Health, PaymentProvider, Standing

STEPS = Steps()

_METHODS_OF = {
    Ability.REFUND: ("refund",),
    Ability.PARTIAL_REFUND: ("refund",),
    Ability.CAPTURE: ("capture",),
    Ability.VOID: ("void",),
    Ability.SAVED_METHODS: ("forget_method",),
    Ability.DISPUTES: ("answer_dispute",),
    Ability.SETTLEMENT_REPORT: ("settlement_report",),
    Ability.SETTLEMENT_FILE: ("read_settlement",),
    Ability.BANK_STATEMENT: ("read_statement",),
    Ability.PAYOUT_FILE: ("write_orders",),
}
_OF_BANKS = {Ability.BANK_STATEMENT, Ability.PAYOUT_FILE}
_SOUNDS_SECRET = ("secret", "password", "pwd", "private", "credential")
_SHORTEST_SECRET = 4


@STEPS.step()
def description_is_whole(trial: Trial) -> None:
    """The provider has a name for people, methods, and currencies that exist."""
    told = trial.provider.description
    expect(bool(told.label.strip()), "the label is empty")
    expect(len(set(told.methods)) == len(told.methods), "a method is named twice")
    expect(all(told.methods), "a method has no name")
    expect(bool(told.currencies), "no currency is named")
    unknown = told.currencies - set(currency_codes())
    expect(not unknown, f"currencies that do not exist: {', '.join(sorted(unknown))}")
    expect(trial.rig.currency in told.currencies, f"{trial.rig.currency} is not among the currencies")


@STEPS.step()
def abilities_are_written(trial: Trial) -> None:
    """Every ability that is declared is written, and no other is called for."""
    provider = type(trial.provider)
    for ability in sorted(trial.provider.description.abilities):
        for method in _METHODS_OF.get(ability, ()):
            written = getattr(provider, method, None)
            expect(
                written is not None and written is not getattr(PaymentProvider, method, None),
                f"{ability} is declared, but {method} is not written",
            )
        expect(
            ability not in _OF_BANKS or isinstance(trial.rig, BankRig),
            f"{ability} is declared, but the rig is no BankRig, so nobody tries it",
        )


@STEPS.step()
def settings_show_no_secret(trial: Trial) -> None:
    """Neither the settings nor the provider show a secret in their text."""
    settings = trial.settings()
    secret = secret_fields(type(settings))
    for name in text_fields(settings):
        if any(word in name.lower() for word in _SOUNDS_SECRET):
            expect(name in secret, f"the setting {name} is not of the type Secret")
    for name in secret:
        value = getattr(settings, name)
        if not isinstance(value, str) or len(value) < _SHORTEST_SECRET:
            continue
        for what in (settings, trial.provider):
            expect(value not in f"{what!r} {what!s}", f"{type(what).__name__} shows the setting {name}")


@STEPS.step()
def health_is_well(trial: Trial) -> None:
    """With right settings, the provider is well."""
    health = trial.call("health", trial.provider.health)
    expect(health.well, f"health says: {health.detail or 'not well'}")


@STEPS.step()
def health_tells_wrong_credentials(trial: Trial) -> None:
    """With credentials that the provider does not accept, health says so."""
    _is_unwell(trial, Flaw.CREDENTIALS)


@STEPS.step()
def health_tells_nobody_there(trial: Trial) -> None:
    """Where nobody answers, health says so, and a payment does not succeed."""
    _is_unwell(trial, Flaw.NOBODY_THERE)
    provider = trial.build(Flaw.NOBODY_THERE)
    payment = trial.request()
    report = trial.call("start", lambda: provider.start(payment))
    expect(
        report.standing in {Standing.UNKNOWN, Standing.FAILED},
        f"a payment that reached nobody is {report.standing}",
    )
    asked = trial.call("inquire", lambda: provider.inquire(payment, provider_reference="12345"))
    expect(asked.standing is Standing.UNKNOWN, f"asked where nobody answers, a payment is {asked.standing}")


@STEPS.step()
def close_lets_go(trial: Trial) -> None:
    """A closed provider leaves no thread behind, may be closed again, and takes nothing from another instance."""
    before = set(threading.enumerate())
    provider = trial.build()
    trial.call("health", provider.health)
    trial.call("close", provider.close)
    trial.call("close", provider.close)
    left = [thread.name for thread in set(threading.enumerate()) - before if not thread.daemon]
    expect(not left, f"threads go on after close: {', '.join(left)}")
    expect(trial.call("health", trial.provider.health).well, "closing one instance harmed another")


def _is_unwell(trial: Trial, flaw: Flaw) -> None:
    provider = trial.build(flaw)
    health: Health = trial.call("health", provider.health)
    expect(not health.well, "health says that all is well")
    expect(bool(health.detail.strip()), "health does not say what is wrong")


def secret_fields(settings_type: type[Any]) -> set[str]:
    """The names of the settings that are of the type ``Secret``, whatever is laid around it."""
    hints = get_type_hints(settings_type, include_extras=True)
    return {name for name, hint in hints.items() if _is_secret(hint)}


def text_fields(settings: Any) -> list[str]:
    return [name for name in get_type_hints(type(settings)) if isinstance(getattr(settings, name, None), str)]


def _is_secret(hint: Any) -> bool:
    return any(
        (getattr(part, "extra_json_schema", None) or {}).get("writeOnly") or _is_secret(part)
        for part in get_args(hint)
    )
