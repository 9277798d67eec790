"""eConnect documents, element by element in the documented order, with the documented lengths.

The order matters: eConnect hands the elements to a stored procedure as they come. What no document tells is marked as our
assumption here and in the schema (`econnect.xsd`), which was written from the same documents by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from xml.etree import ElementTree

from warchest.kernel.money import Money
from warchest.sdk.erp import (
    CashReceipt,
    Customer,
    Document,
    Journal,
    JournalLine,
    Method,
    Side,
    UnableToWrite,
)

NO_DATE = "1900-01-01"
"""How eConnect writes a date that is empty."""

SEQUENCE_STEP = 16384
"""Lines are numbered in steps of this, so that people can put others in between."""

_INT_MAX = 2**31 - 1
# Our assumption: GP's amounts have fourteen digits before the point and five behind.
_AMOUNT_END = Decimal(10) ** 14
# What XML 1.0 cannot carry, and line ends, which a column of text would show as boxes.
_UNSAYABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

_CASH_RECEIPT_TYPES = {
    # There is no code for a transfer: our assumption is that it is kept like a cheque, which comes through the bank too.
    Method.BANK: "0",
    Method.CASH: "1",
    Method.CARD: "2",
}


@dataclass(frozen=True, slots=True)
class Field:
    """An element. ``length``: so many characters at most, None for numbers and dates. ``cut``: a description, of which the
    beginning says enough where it is too long."""

    name: str
    length: int | None = None
    required: bool = False
    cut: bool = False


def _fields(*described: str) -> tuple[Field, ...]:
    """``NAME*(30)~``: required, with a length, may be cut."""
    found = []
    for text in described:
        name, required, length, cut = re.fullmatch(r"(\w+)(\*?)(?:\((\d+)\))?(~?)", text).groups()  # type: ignore[union-attr]
        found.append(Field(name, int(length) if length else None, bool(required), bool(cut)))
    return tuple(found)


LINE = _fields(
    "BACHNUMB*(15)", "JRNENTRY*", "SQNCLINE", "ACTINDX", "CRDTAMNT*", "DEBITAMT*", "ACTNUMST(75)", "DSCRIPTN(30)~",
    "ORCTRNUM(20)", "ORDOCNUM(20)", "ORMSTRID(30)", "ORMSTRNM(64)", "ORTRXTYP", "OrigSeqNum", "ORTRXDESC(30)~",
    "TAXDTLID", "TAXAMNT", "TAXACTNUMST", "DOCDATE", "CURNCYID(15)", "XCHGRATE", "RATETPID", "EXPNDATE", "EXCHDATE",
)  # fmt: skip
HEADER = _fields(
    "BACHNUMB*(15)", "JRNENTRY*", "REFRENCE*(30)~", "TRXDATE*", "RVRSNGDT", "TRXTYPE*", "SQNCLINE", "SERIES",
    "CURNCYID(15)", "XCHGRATE", "USERID", "NOTETEXT", "USRDEFND1", "USRDEFND2", "USRDEFND3", "USRDEFND4", "USRDEFND5",
)  # fmt: skip
RECEIPT = _fields(
    "CUSTNMBR*(15)", "DOCNUMBR*(20)", "DOCDATE*", "ORTRXAMT*", "GLPOSTDT*", "BACHNUMB*(15)", "CSHRCTYP*",
)  # fmt: skip
CUSTOMER = _fields(
    "CUSTNMBR*(15)", "CUSTNAME(64)~", "SHRTNAME(15)~", "STMTNAME(64)~", "CUSTCLAS(15)", "ADRSCODE(15)",
    "UseCustomerClass", "UpdateIfExists",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """What of a document is GP's own choice of words: prefixes of its numbers, ids of currencies, codes of customers."""

    batch_prefix: str
    receipt_prefix: str
    currency_ids: Mapping[str, str]
    customer_class: str
    address_code: str


def written(document: Document, *, words: Words) -> str:
    """The document as eConnect reads it. Raises UnableToWrite."""
    root = ElementTree.Element("eConnect")
    body = document.body
    if isinstance(body, Journal):
        _journal(root, document, body, words)
    elif isinstance(body, CashReceipt):
        _receipt(root, document, body, words)
    else:
        _customer(root, body, words)
    ElementTree.indent(root, space="  ")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _journal(root: ElementTree.Element, document: Document, journal: Journal, words: Words) -> None:
    batch, number = _batch(document, words), _integer(document.number)
    transaction = ElementTree.SubElement(root, "GLTransactionType")
    lines = ElementTree.SubElement(transaction, "taGLTransactionLineInsert_Items")
    for place, line in enumerate(journal.lines, 1):
        values = {"BACHNUMB": batch, "JRNENTRY": number, "SQNCLINE": _integer(place * SEQUENCE_STEP)}
        _append(lines, "taGLTransactionLineInsert", LINE, values | dict(_line(line, words)))
    _append(
        transaction,
        "taGLTransactionHeaderInsert",
        HEADER,
        {
            "BACHNUMB": batch,
            "JRNENTRY": number,
            "REFRENCE": document.text,
            "TRXDATE": _date(document.day),
            "RVRSNGDT": NO_DATE,
            "TRXTYPE": "0",
            "CURNCYID": _currency_id(journal.lines[0].amount, words),
            "USRDEFND1": str(document.id),
        },
    )


def _line(line: JournalLine, words: Words) -> Iterator[tuple[str, str]]:
    amount = _amount(line.amount)
    yield "CRDTAMNT", amount if line.side is Side.CREDIT else "0.00"
    yield "DEBITAMT", amount if line.side is Side.DEBIT else "0.00"
    yield "ACTNUMST", line.account
    yield "DSCRIPTN", line.text
    yield "ORCTRNUM", line.reference
    yield "CURNCYID", _currency_id(line.amount, words)


def _receipt(root: ElementTree.Element, document: Document, receipt: CashReceipt, words: Words) -> None:
    _append(
        ElementTree.SubElement(root, "RMCashReceiptsType"),
        "taRMCashReceiptInsert",
        RECEIPT,
        {
            "CUSTNMBR": receipt.customer,
            "DOCNUMBR": f"{words.receipt_prefix}{document.number}",
            "DOCDATE": _date(document.day),
            "ORTRXAMT": _amount(receipt.amount),
            "GLPOSTDT": _date(document.day),
            "BACHNUMB": _batch(document, words),
            "CSHRCTYP": _CASH_RECEIPT_TYPES[receipt.method],
        },
    )


def _customer(root: ElementTree.Element, customer: Customer, words: Words) -> None:
    _append(
        ElementTree.SubElement(root, "RMCustomerMasterType"),
        "taUpdateCreateCustomerRcd",
        CUSTOMER,
        {
            "CUSTNMBR": customer.number,
            "CUSTNAME": customer.name,
            "SHRTNAME": customer.name,
            "STMTNAME": customer.name,
            "CUSTCLAS": words.customer_class,
            "ADRSCODE": words.address_code,
            "UseCustomerClass": "1" if words.customer_class else "0",
            "UpdateIfExists": "1",
        },
    )


def _append(
    parent: ElementTree.Element, procedure: str, fields: tuple[Field, ...], values: Mapping[str, str]
) -> None:
    """One node; elements in their order, those without a value left out. Raises UnableToWrite."""
    assert values.keys() <= {field.name for field in fields}
    node = ElementTree.SubElement(parent, procedure)
    for field in fields:
        value = _sayable(field, values.get(field.name, ""))
        if value:
            ElementTree.SubElement(node, field.name).text = value
        elif field.required:
            raise UnableToWrite("field_malformed", field=field.name)


def _sayable(field: Field, value: str) -> str:
    if field.cut:
        return _UNSAYABLE.sub(" ", value)[: field.length].strip()
    if _UNSAYABLE.search(value):
        raise UnableToWrite("field_malformed", field=field.name)
    if field.length is not None and len(value) > field.length:
        raise UnableToWrite("field_too_long", field=field.name, length_max=field.length)
    return value


def _batch(document: Document, words: Words) -> str:
    return f"{words.batch_prefix}{document.batch}"


def _currency_id(amount: Money, words: Words) -> str:
    # Our assumption: a company that calls its currencies otherwise says so in the settings.
    return words.currency_ids.get(amount.currency.code, amount.currency.code)


def _amount(amount: Money) -> str:
    if not 0 < Decimal(amount.major) < _AMOUNT_END:
        raise UnableToWrite("amount_not_sayable", amount=str(amount))
    return amount.major


def _integer(number: int) -> str:
    if not 0 < number <= _INT_MAX:
        raise UnableToWrite("number_out_of_range", number=number)
    return str(number)


def _date(day: date) -> str:
    return day.isoformat()
