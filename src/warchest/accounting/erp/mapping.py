"""What accounts are called in an ERP, how entries are treated, and who the customers are there: kept with all that was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

from warchest.accounting.contract import (
    ANY,
    AccountKey,
    MappedAccount,
    MissingAccount,
    Treatment,
    TreatmentRule,
    UnableToExport,
)
from warchest.accounting.erp.exporters import configured
from warchest.accounting.models import ErpCustomer, ErpEntry, ErpMapping, ErpTreatment
from warchest.kernel.currency import currency as find_currency
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services
from warchest.sdk.erp import Ability, Method

_OWNER_LENGTH_MAX = 64
_NAME_LENGTH_MAX = 64
SEPARATOR = "|"

Mappings: TypeAlias = Mapping[AccountKey, MappedAccount]


def set_treatment(*, exporter: str, book: str, treatment: Treatment, set_by: str) -> TreatmentRule:
    abilities = configured(exporter).description.abilities
    needed = Ability.CASH_RECEIPTS if treatment is Treatment.RECEIPT else Ability.JOURNALS
    if treatment is Treatment.UNITS or needed not in abilities:
        raise UnableToExport("treatment_not_offered", exporter=exporter)
    # What all books without a rule do can't be receipts: nothing could be booked against them.
    if treatment is Treatment.RECEIPT and not book:
        raise UnableToExport("treatment_not_offered", exporter=exporter)
    if book:
        _check_book(book)
    row = ErpTreatment.objects.create(exporter=exporter, book=book, treatment=treatment, set_by=set_by)
    row.refresh_from_db()
    return _as_rule(row)


def treatments(*, exporter: str) -> tuple[TreatmentRule, ...]:
    rows = ErpTreatment.objects.filter(exporter=exporter).order_by("book", "-id").distinct("book")
    found = tuple(map(_as_rule, rows))
    if found and not found[0].book:
        return found
    return (TreatmentRule("", Treatment.SUMMARY), *found)


def rules_in_force(exporter: str) -> dict[str, Treatment]:
    return {rule.book: rule.treatment for rule in treatments(exporter=exporter)}


def map_erp_account(
    *, exporter: str, key: AccountKey, account: str, customer: str, method: Method | None, set_by: str
) -> MappedAccount:
    description = configured(exporter).description
    _check_book(key.book)
    if not key.owner_class or len(key.owner_class) > _OWNER_LENGTH_MAX or not key.owner_class.isprintable():
        raise UnableToExport("erp_owner_malformed")
    if key.currency != ANY:
        find_currency(key.currency)
    if (
        len(account) > description.account_length_max
        or not account.isprintable()
        or account.strip() != account
    ):
        raise UnableToExport("erp_account_malformed", length_max=description.account_length_max)
    if not account and customer:
        raise UnableToExport("erp_account_malformed", length_max=description.account_length_max)
    if bool(customer) != bool(method):
        raise UnableToExport("erp_customer_missing")
    if customer:
        _check_customer(exporter, customer)
    row = ErpMapping.objects.create(
        exporter=exporter,
        book=key.book,
        owner_class=key.owner_class,
        currency=key.currency,
        account=account,
        customer=customer,
        method=method or "",
        set_by=set_by,
    )
    row.refresh_from_db()
    # What was held is looked at again by the next batch, whatever it was held for.
    ErpEntry.objects.filter(export_id=exporter, missing__isnull=False).update(missing=None)
    return _as_mapped(row)


def mapped_accounts(*, exporter: str) -> tuple[MappedAccount, ...]:
    rows = (
        ErpMapping.objects.filter(exporter=exporter)
        .order_by("book", "owner_class", "currency", "-id")
        .distinct("book", "owner_class", "currency")
    )
    return tuple(_as_mapped(row) for row in rows if row.account)


def in_force(exporter: str) -> Mappings:
    return {found.key: found for found in mapped_accounts(exporter=exporter)}


def mapping_history(*, exporter: str, limit: int = 100) -> tuple[MappedAccount, ...]:
    return tuple(map(_as_mapped, ErpMapping.objects.filter(exporter=exporter).order_by("-id")[:limit]))


def missing_accounts(*, exporter: str) -> tuple[MissingAccount, ...]:
    counts = Counter[str]()
    rows = ErpEntry.objects.filter(export_id=exporter, missing__isnull=False).values_list(
        "missing", flat=True
    )
    for missing in rows.iterator():
        counts.update(missing)
    return tuple(MissingAccount(key_of(text), entries) for text, entries in sorted(counts.items()))


def keep_erp_customer(*, exporter: str, number: str, name: str, set_by: str) -> None:
    _check_customer(exporter, number)
    if not name or len(name) > _NAME_LENGTH_MAX or not name.isprintable() or name.strip() != name:
        raise UnableToExport("erp_customer_malformed", length_max=_NAME_LENGTH_MAX)
    ErpCustomer.objects.create(exporter=exporter, number=number, name=name, set_by=set_by)


def text_of(key: AccountKey) -> str:
    """A key as it is kept with what is held for it."""
    return SEPARATOR.join((key.book, key.currency, key.owner_class))


def key_of(text: str) -> AccountKey:
    book, code, owner = text.split(SEPARATOR, 2)
    return AccountKey(book, owner, code)


def _check_book(code: str) -> None:
    if code not in {book.code for book in services.get(Ledger).books()}:
        raise UnableToExport("erp_account_missing", book=code[:40])


def _check_customer(exporter: str, number: str) -> None:
    description = configured(exporter).description
    if Ability.CASH_RECEIPTS not in description.abilities:
        raise UnableToExport("treatment_not_offered", exporter=exporter)
    length_max = description.customer_length_max
    if not number or len(number) > length_max or not number.isprintable() or number.strip() != number:
        raise UnableToExport("erp_customer_malformed", length_max=length_max)


def _as_rule(row: ErpTreatment) -> TreatmentRule:
    return TreatmentRule(row.book, Treatment(row.treatment), row.set_by, row.recorded_at)


def _as_mapped(row: ErpMapping) -> MappedAccount:
    return MappedAccount(
        key=AccountKey(row.book, row.owner_class, row.currency),
        account=row.account,
        customer=row.customer,
        method=Method(row.method) if row.method else None,
        set_by=row.set_by,
        recorded_at=row.recorded_at,
    )
