"""What the ERP shall know: what our accounts are called there, how entries are told, who the customers are."""

from __future__ import annotations

from warchest.accounting.contract import Accounting, AccountKey, MappedAccount, Treatment, TreatmentRule
from warchest.journeys.steps.accountants import check_right
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.sdk.erp import Method


@journey("erp.map")
def map_erp_account(
    tx: Transaction,
    *,
    exporter: str,
    key: AccountKey,
    account: str,
    customer: str = "",
    method: Method | None = None,
) -> MappedAccount:
    """An account goes by another name in the ERP from now on; an empty one takes the mapping away. Raises
    UnableToAdminister, UnableToExport, UnableToFindCurrency."""
    tx.about(
        "exporter",
        exporter,
        book=key.book,
        owner_class=key.owner_class,
        currency=key.currency,
        account=account,
        customer=customer,
    )
    return tx.get(Accounting).map_erp_account(
        exporter=exporter,
        key=key,
        account=account,
        customer=customer,
        method=method,
        set_by=check_right(tx, "erp.map"),
    )


@journey("erp.treat")
def set_treatment(tx: Transaction, *, exporter: str, book: str, treatment: Treatment) -> TreatmentRule:
    """Entries that touch a book (empty: all without a rule) are told so, from the next one taken on. Raises
    UnableToAdminister, UnableToExport."""
    tx.about("exporter", exporter, book=book, treatment=treatment)
    return tx.get(Accounting).set_treatment(
        exporter=exporter, book=book, treatment=treatment, set_by=check_right(tx, "erp.map")
    )


@journey("erp.keep_customer")
def keep_erp_customer(tx: Transaction, *, exporter: str, number: str, name: str) -> None:
    """The next batch makes the customer in the ERP, or changes it. Never a player: what leaves the house has no personal
    data. Raises UnableToAdminister, UnableToExport."""
    tx.about("exporter", exporter, customer=number)
    tx.get(Accounting).keep_erp_customer(
        exporter=exporter, number=number, name=name, set_by=check_right(tx, "erp.map")
    )
