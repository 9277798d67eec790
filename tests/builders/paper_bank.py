"""A bank within one process, for tests of the conformance kit: JSON for statements and orders, with a check at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from tests.builders.paper_mill import PaperRig
from tests.builders.paper_provider import ABILITIES, PaperProvider
from warchest.kernel.money import Money
from warchest.sdk.bank import (
    BankEntry,
    BankStatement,
    PayoutFile,
    PayoutOrder,
    UnableToWriteOrders,
    compact,
    creditor_reference,
    is_iban,
)
from warchest.sdk.conformance import Act, BankRig
from warchest.sdk.payments import Ability, PaymentRequest, Report, UnableToRead

IBAN = "NL91ABNA0417164300"


def closed(document: Any) -> bytes:
    text = json.dumps(document, sort_keys=True).encode()
    return text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n"


class PaperBankRig(PaperRig, BankRig):
    iban: ClassVar[str] = IBAN

    def act(self, payment: PaymentRequest, report: Report, act: Act) -> Mapping[str, str]:
        query = super().act(payment, report, act)
        reference = report.instructions["payment_reference"]
        entry = {
            "reference": f"B{len(self._came)}",
            "minor": payment.amount.minor,
            "text": f"for {reference}",
        }
        self._came.append(entry)
        return query

    @property
    def _came(self) -> list[dict[str, Any]]:
        came: list[dict[str, Any]] = self.mill.__dict__.setdefault("came", [])
        return came

    def statement(self, *, false: bool = False) -> bytes:
        total = sum(entry["minor"] for entry in self._came)
        return closed(
            {"iban": IBAN, "id": "1", "entries": self._came, "closing": total + (1 if false else 0)}
        )

    def carry_out(self, data: bytes) -> Sequence[tuple[str, Money, str]]:
        document = json.loads(data.partition(b"\n")[0])
        return [(one["reference"], Money.parse(one["amount"], "EUR"), one["iban"]) for one in document]


class PaperBank(PaperProvider):
    """The mill by transfer: what players are told to write, statements and orders."""

    abilities = ABILITIES | {Ability.BANK_STATEMENT, Ability.PAYOUT_FILE}

    def read_payment(self, told: dict[str, Any], text: str, payment: PaymentRequest | None = None) -> Report:
        report = super().read_payment(told, text, payment)
        instructions = {"iban": IBAN, "payment_reference": creditor_reference(told["key"])}
        return Report(**{**_fields(report), "instructions": instructions})

    def read_statement(self, data: bytes) -> tuple[BankStatement, ...]:
        text, _, check = data.partition(b"\n")
        if check != hashlib.sha256(text).hexdigest().encode() + b"\n":
            raise UnableToRead("file_not_whole")
        told = json.loads(text)
        statement = BankStatement(
            iban=told["iban"],
            id=told["id"],
            opening=Money.parse("0", "EUR"),
            closing=Money(told["closing"], Money.parse("0", "EUR").currency),
            closed_on=date(2026, 1, 1),
            entries=tuple(self.entry(entry) for entry in told["entries"]),
        )
        self.check_sum(statement)
        return (statement,)

    def check_sum(self, statement: BankStatement) -> None:
        if not statement.adds_up():
            raise UnableToRead("file_malformed")

    def entry(self, told: dict[str, Any]) -> BankEntry:
        amount = Money(told["minor"], Money.parse("0", "EUR").currency)
        return BankEntry(told["reference"], amount, True, datetime.now(UTC).date(), text=told["text"])

    def write_orders(self, orders: PayoutFile) -> bytes:
        references = [order.reference for order in orders.orders]
        if not references:
            raise UnableToWriteOrders("orders_missing")
        if len(set(references)) != len(references):
            raise UnableToWriteOrders("order_malformed")
        for order in orders.orders:
            self.check_order(order)
        return closed([self.order(order, at) for at, order in enumerate(orders.orders)])

    def check_order(self, order: PayoutOrder) -> None:
        if not is_iban(order.iban):
            raise UnableToWriteOrders("iban_wrong")
        if order.amount.currency.code != "EUR":
            raise UnableToWriteOrders("currency_not_supported")
        if order.amount.minor <= 0 or not compact(order.name):
            raise UnableToWriteOrders("order_malformed")

    def order(self, order: PayoutOrder, at: int) -> dict[str, Any]:
        return {"reference": order.reference, "amount": order.amount.major, "iban": order.iban}


def _fields(report: Report) -> dict[str, Any]:
    return {name: getattr(report, name) for name in report.__dataclass_fields__}
