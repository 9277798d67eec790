"""Orders as banks take them: ISO 20022, pain.001.001.09, for the Single Euro Payments Area."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from sepaxml import SepaTransfer
from sepaxml.validation import ValidationError, try_valid_xml
from text_unidecode import unidecode

from warchest.sdk.bank import END_TO_END_CHARACTERS_MAX, PayoutFile, PayoutOrder, UnableToWriteOrders, is_iban

SCHEMA = "pain.001.001.09"
_NAMESPACE = f"{{urn:iso:std:iso:20022:tech:xsd:{SCHEMA}}}"
_ID = re.compile(r"[A-Za-z0-9/?:().,'+ -]{1,35}", re.ASCII)
# What banks of the area agreed to carry (European Payments Council, EPC217-08); all else is put in other words.
_NOT_CARRIED = re.compile(r"[^A-Za-z0-9/?:().,'+ -]", re.ASCII)


def orders_file(
    orders: PayoutFile, *, iban: str, bic: str, name: str, currencies: frozenset[str] = frozenset({"EUR"})
) -> bytes:
    """The file for our account ``iban``. The same orders are the same bytes. Raises UnableToWriteOrders."""
    _check(orders, currencies)
    ours = {"name": _carried(name, 70), "IBAN": iban, "BIC": bic, "batch": True, "currency": "EUR"}
    written = SepaTransfer(ours, schema=SCHEMA, clean=False)
    for order in orders.orders:
        written.add_payment(
            {
                "name": _carried(order.name, 70),
                "IBAN": order.iban,
                **({"BIC": order.bic} if order.bic else {}),
                "amount": order.amount.minor,
                "currency": order.amount.currency.code,
                "execution_date": orders.execute_on,
                "description": _carried(order.text, 140) or order.reference,
                "endtoend_id": order.reference,
            }
        )
    document = _same_each_time(written.export(validate=False), orders)
    try:
        try_valid_xml(document, SCHEMA)
    except ValidationError as error:
        raise UnableToWriteOrders("order_malformed", explanation=str(error.__cause__)[:200]) from None
    return document


def _check(orders: PayoutFile, currencies: frozenset[str]) -> None:
    """sepaxml writes down whatever account it is told: check digits are looked at here."""
    if not orders.orders:
        raise UnableToWriteOrders("orders_missing")
    if not _ID.fullmatch(orders.id):
        raise UnableToWriteOrders("order_malformed", reference=orders.id[:40])
    seen: set[str] = set()
    for order in orders.orders:
        if not is_iban(order.iban):
            raise UnableToWriteOrders("iban_wrong", reference=order.reference[:40])
        if order.amount.currency.code not in currencies:
            raise UnableToWriteOrders("currency_not_supported", reference=order.reference[:40])
        if not _is_whole(order) or order.reference in seen:
            raise UnableToWriteOrders("order_malformed", reference=order.reference[:40])
        seen.add(order.reference)


def _is_whole(order: PayoutOrder) -> bool:
    within = len(order.reference) <= END_TO_END_CHARACTERS_MAX and bool(_ID.fullmatch(order.reference))
    return within and order.amount.minor > 0 and bool(_carried(order.name, 70))


def _carried(text: str, characters: int) -> str:
    return " ".join(_NOT_CARRIED.sub(" ", unidecode(text)).split())[:characters]


def _same_each_time(document: bytes, orders: PayoutFile) -> bytes:
    """sepaxml makes up the file's ids by chance and takes the moment from the clock. Banks know a file again by these."""
    root = ET.fromstring(document)
    root.find(f".//{_NAMESPACE}GrpHdr/{_NAMESPACE}MsgId").text = orders.id  # type: ignore[union-attr]
    made = root.find(f".//{_NAMESPACE}GrpHdr/{_NAMESPACE}CreDtTm")
    made.text = orders.made_at.strftime("%Y-%m-%dT%H:%M:%S")  # type: ignore[union-attr]
    for number, part in enumerate(root.iter(f"{_NAMESPACE}PmtInfId"), 1):
        part.text = f"{orders.id[:31]}-{number}"
    ET.register_namespace("", _NAMESPACE[1:-1])
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "utf-8")
