"""Banks: statements are read whole or not at all, and orders are carried out as they were written, once.

Tried on plug-ins whose rig is a ``BankRig``. What became of a payment or a refund is told by a statement there, and matched
by Warchest, so the steps that ask the provider about it may be skipped.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.bank import (
    BankEntry,
    BankFiles,
    PayoutFile,
    PayoutOrder,
    UnableToWriteOrders,
    compact,
    creditor_references_in,
)
from warchest.sdk.conformance.rig import Act, BankRig
from warchest.sdk.conformance.step import Nonconformity, Steps, expect
from warchest.sdk.conformance.trial import Trial
from warchest.sdk.payments import Ability, UnableToRead

STEPS = Steps()

_IBANS = ("DE89370400440532013000", "FR1420041010050500013M02606")


@STEPS.step(Ability.BANK_STATEMENT)
def statement_tells_the_transfer(trial: Trial) -> None:
    """A transfer with the reference that the player was told is in the statement, once, and the statement adds up."""
    rig, bank = _bank(trial)
    payment = trial.start()
    payment.act(Act.APPROVE)
    data = rig.statement()
    told = trial.call("read_statement", lambda: bank.read_statement(data))
    expect(bool(told), "the file holds no statement")
    for statement in told:
        expect(statement.adds_up(), f"the statement {statement.id} does not add up")
        expect(
            compact(statement.iban) == compact(rig.iban), f"the statement is of the account {statement.iban}"
        )
        names = [entry.reference for entry in statement.entries]
        expect(
            len(set(names)) == len(names) and all(names), "two entries have one reference, or one has none"
        )
    wanted = compact(payment.report.instructions.get("payment_reference", ""))
    expect(bool(wanted), "the player is not told which reference to write")
    found = [entry for statement in told for entry in statement.entries if _names(entry, wanted)]
    expect(len(found) == 1, f"the transfer is in {len(found)} entries")
    expect(found[0].incoming and not found[0].reversal, "the transfer is told as money that went out")
    expect(found[0].amount == payment.payment.amount, f"the transfer is told as {found[0].amount}")
    again = trial.call("read_statement", lambda: bank.read_statement(data))
    expect(told == again, "read again, the file says something else")


@STEPS.step(Ability.BANK_STATEMENT)
def false_statement_is_refused(trial: Trial) -> None:
    """A statement that does not add up, was cut off, or is none, is refused as a whole."""
    rig, bank = _bank(trial)
    trial.start().act(Act.APPROVE)
    data = rig.statement()
    for what, false in (
        ("that does not add up", rig.statement(false=True)),
        ("cut in the middle", data[: len(data) // 2]),
        ("without its end", data[: len(data.rstrip()) - 5]),
        ("of nothing", b""),
        ("of nonsense", b"\x00\xff not a statement"),
    ):
        try:
            trial.call("read_statement", lambda false=false: bank.read_statement(false))  # type: ignore[misc]
        except UnableToRead:
            continue
        raise Nonconformity(f"a statement {what} is read as if it were right")


@STEPS.step(Ability.PAYOUT_FILE)
def orders_are_carried_out_as_written(trial: Trial) -> None:
    """The bank makes of a file exactly the transfers that were ordered, and the file written again is the same."""
    rig, bank = _bank(trial)
    orders = _orders(trial)
    data = trial.call("write_orders", lambda: bank.write_orders(orders))
    made = sorted(rig.carry_out(data))
    asked = sorted((order.reference, order.amount, order.iban) for order in orders.orders)
    expect(made == asked, f"the bank made {made} of {asked}")
    again = trial.call("write_orders", lambda: bank.write_orders(orders))
    expect(data == again, "written again, the file is another one")


@STEPS.step(Ability.PAYOUT_FILE)
def wrong_orders_are_refused(trial: Trial) -> None:
    """Orders with a wrong account, no amount, a reference used twice, or in another currency are not written."""
    _, bank = _bank(trial)
    right = _orders(trial)
    first, second = right.orders
    for what, wrong in (
        ("to an account with wrong check digits", (replace(first, iban=f"DE88{first.iban[4:]}"), second)),
        ("of nought", (replace(first, amount=first.amount - first.amount), second)),
        ("of less than nought", (replace(first, amount=-first.amount), second)),
        ("under one reference", (first, replace(second, reference=first.reference))),
        (
            "in another currency",
            (replace(first, amount=trial.money("1.00", trial.rig.other_currency)), second),
        ),
        ("to nobody", (replace(first, name=" "), second)),
        ("of nothing", ()),
    ):
        orders = replace(right, orders=wrong)
        try:
            trial.call("write_orders", lambda orders=orders: bank.write_orders(orders))  # type: ignore[misc]
        except UnableToWriteOrders:
            continue
        raise Nonconformity(f"orders {what} are written")


def _bank(trial: Trial) -> tuple[BankRig, BankFiles]:
    assert isinstance(trial.rig, BankRig)
    expect(isinstance(trial.provider, BankFiles), "the plug-in reads no statements or writes no orders")
    assert isinstance(trial.provider, BankFiles)
    return trial.rig, trial.provider


def _names(entry: BankEntry, reference: str) -> bool:
    written = creditor_references_in(entry.text, characters=len(reference))
    return compact(entry.creditor_reference) == reference or reference in written


def _orders(trial: Trial) -> PayoutFile:
    now = datetime.now(UTC).replace(microsecond=0)
    orders = tuple(
        PayoutOrder(new_id().hex, Money(minor, trial.money().currency), "Zoë Müller", iban, "Refund & thanks")
        for minor, iban in zip((1, 123_456), _IBANS, strict=True)
    )
    return PayoutFile(id=new_id().hex, orders=orders, made_at=now, execute_on=now.date())
