"""The plug-in: what a player is told to transfer, and the bank's files on both sides.

No bank is called. That money came is told by a statement, which Warchest matches; that a refund left, likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from msgspec import Meta

from warchest.sdk.bank import (
    PAYER_IBAN,
    BankStatement,
    PayoutFile,
    compact,
    creditor_reference,
    end_to_end_id,
    is_iban,
)
from warchest.sdk.payments import (
    Ability,
    Description,
    Health,
    Notice,
    PaymentProvider,
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Standing,
    UnableToRead,
    UnableToTrustNotice,
)
from warchest_banktransfer import camt, pain

CURRENCY = "EUR"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTransferSettings:
    """Our account, and whose it is. ``label`` is what players choose."""

    iban: str
    bic: Annotated[str, Meta(pattern=r"^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$")]
    beneficiary: Annotated[str, Meta(min_length=1, max_length=70)]
    label: str = "Bank transfer"

    def __post_init__(self) -> None:
        if not is_iban(compact(self.iban)):
            raise ValueError("iban: its check digits or its length are wrong")


class BankTransferProvider(PaymentProvider):
    """Payments by transfer in euro, and refunds to the account that the money came from."""

    settings_type: ClassVar[type[BankTransferSettings]] = BankTransferSettings

    def __init__(self, settings: BankTransferSettings) -> None:
        self._settings = settings
        self._iban = compact(settings.iban)

    @property
    def description(self) -> Description:
        return Description(
            label=self._settings.label,
            methods=("bank_transfer",),
            currencies=frozenset({CURRENCY}),
            abilities=frozenset(
                {
                    Ability.REFUND,
                    Ability.PARTIAL_REFUND,
                    Ability.BANK_STATEMENT,
                    Ability.PAYOUT_FILE,
                }
            ),
        )

    def start(self, payment: PaymentRequest) -> Report:
        if payment.amount.currency.code != CURRENCY:
            return Report(Standing.FAILED, reason="currency_not_supported")
        reference = creditor_reference(payment.reference)
        return Report(
            Standing.PENDING,
            provider_reference=reference,
            instructions=self._instructions(payment, reference),
            raw=f"To be transferred to {self._iban}: {payment.amount}, reference {reference}",
        )

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        """Nobody can be asked: the money came when a statement says so."""
        return self.start(payment)

    def read_notice(self, notice: RawNotice) -> Notice:
        """A bank sends none, so nobody's is believed."""
        raise UnableToTrustNotice("notice_signature_wrong")

    def refund(self, refund: RefundRequest) -> Report:
        """Wanted: it leaves with the next file of orders, and is done when a statement shows it."""
        if refund.amount.currency.code != CURRENCY:
            return Report(Standing.FAILED, reason="currency_not_supported")
        if not is_iban(compact(refund.payment.kept.get(PAYER_IBAN, ""))):
            return Report(Standing.FAILED, reason="payer_account_unknown")
        return Report(
            Standing.PENDING,
            provider_reference=end_to_end_id(refund.reference),
            raw=f"To be ordered: {refund.amount}, reference {end_to_end_id(refund.reference)}",
        )

    def health(self) -> Health:
        return Health(True, "No bank is called: statements are brought, and orders are fetched, as files.")

    def read_statement(self, data: bytes) -> tuple[BankStatement, ...]:
        """Raises UnableToRead, where one statement is of another account too."""
        found = camt.statements(data)
        if any(one.iban != self._iban for one in found):
            raise UnableToRead("file_of_another_account")
        return found

    def write_orders(self, orders: PayoutFile) -> bytes:
        """Raises UnableToWriteOrders."""
        ours = self._settings
        return pain.orders_file(orders, iban=self._iban, bic=ours.bic, name=ours.beneficiary)

    def _instructions(self, payment: PaymentRequest, reference: str) -> Mapping[str, str]:
        return {
            "iban": self._iban,
            "bic": self._settings.bic,
            "beneficiary": self._settings.beneficiary,
            "amount": payment.amount.major,
            "currency": payment.amount.currency.code,
            "payment_reference": reference,
        }
