"""Statements as banks give them: ISO 20022, camt.053.001.08.

Everything is read by its exact place in the document, and amounts as exact decimals. (A reader from elsewhere finds the
first amount anywhere below an entry, be it that of a part, and turns balances into floats.) A file is refused rather than
half understood.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from xml.etree.ElementTree import Element

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from warchest.kernel.currency import currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import MINOR_MAX, Money
from warchest.sdk.bank import BankEntry, BankStatement, compact
from warchest.sdk.payments import UnableToRead

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
FILE_BYTES_MAX = 20 * 1024 * 1024
_NAMES = {"": NAMESPACE}
_TEXT_CHARACTERS_MAX = 500


def statements(data: bytes) -> tuple[BankStatement, ...]:
    """All statements of a file. Raises UnableToRead (``file_malformed``, ``file_not_whole``)."""
    if len(data) > FILE_BYTES_MAX:
        raise UnableToRead("file_malformed", explanation="the file is too large")
    try:
        root = ElementTree.fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise UnableToRead("file_malformed", explanation="a statement has no document type") from None
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise UnableToRead("file_malformed", explanation=str(error)[:200]) from None
    if root.tag != f"{{{NAMESPACE}}}Document":
        raise UnableToRead("file_malformed", explanation="this is no camt.053.001.08")
    try:
        found = tuple(_statement(one) for one in root.findall("BkToCstmrStmt/Stmt", _NAMES))
    except UnableToRead:
        raise
    except (UnableTo, ValueError, InvalidOperation) as error:
        raise UnableToRead("file_malformed", explanation=str(error)[:200]) from None
    if not found:
        raise UnableToRead("file_malformed", explanation="there is no statement in it")
    return found


def _statement(found: Element) -> BankStatement:
    balances = {_text(one, "Tp/CdOrPrtry/Cd"): one for one in found.findall("Bal", _NAMES)}
    if "PRCD" in balances:  # the closing balance of the day before, which some banks give for the opening one
        balances.setdefault("OPBD", balances["PRCD"])
    if not {"OPBD", "CLBD"} <= balances.keys():
        raise UnableToRead("file_not_whole", explanation="the opening or the closing balance is missing")
    entries = [
        entry
        for place, one in enumerate(found.findall("Ntry", _NAMES), 1)
        if _needed(one, "Sts/Cd") == "BOOK"
        for entry in _entries(one, place)
    ]
    statement = BankStatement(
        iban=compact(_needed(found, "Acct/Id/IBAN")),
        id=_needed(found, "Id"),
        opening=_signed(balances["OPBD"]),
        closing=_signed(balances["CLBD"]),
        closed_on=_day(balances["CLBD"], "Dt"),
        entries=tuple(entries),
    )
    if not statement.adds_up():
        raise UnableToRead(
            "file_not_whole", explanation=f"statement {statement.id}: the entries do not lead to its balance"
        )
    if len({entry.reference for entry in entries}) < len(entries):
        raise UnableToRead(
            "file_malformed", explanation=f"statement {statement.id}: two entries have one reference"
        )
    return statement


def _entries(found: Element, place: int) -> Iterator[BankEntry]:
    """One entry; or one for each of its parts, where it is a sum and the bank tells what of."""
    reference = _text(found, "AcctSvcrRef") or f"#{place}"
    amount, incoming = _amount(found), _incoming(found)
    parts = found.findall("NtryDtls/TxDtls", _NAMES)
    shares = [_share(part, amount) for part in parts]
    booked_on = _day(found, "BookgDt")
    reversal = _text(found, "RvslInd") in ("true", "1")
    if len(parts) < 2 or any(share is None for share in shares):
        # Without their amounts the parts are only told, and a person sees to it.
        part = parts[0] if len(parts) == 1 else None
        yield _entry(found, part, reference, amount, incoming, booked_on, reversal)
        return
    for number, (part, share) in enumerate(zip(parts, shares, strict=True), 1):
        assert share is not None
        going = _incoming(part) if part.find("CdtDbtInd", _NAMES) is not None else incoming
        yield _entry(found, part, f"{reference}/{number}", share, going, booked_on, reversal)


def _entry(
    found: Element,
    part: Element | None,
    reference: str,
    amount: Money,
    incoming: bool,
    booked_on: date,
    reversal: bool,
) -> BankEntry:
    if amount.minor <= 0:
        raise UnableToRead("file_malformed", explanation=f"entry {reference} has no amount above zero")
    if part is None:
        told = _text(found, "AddtlNtryInf")
        return BankEntry(reference, amount, incoming, booked_on, text=told, reversal=reversal)
    other, account = ("Dbtr", "DbtrAcct") if incoming else ("Cdtr", "CdtrAcct")
    words = [one.text or "" for one in part.findall("RmtInf/Ustrd", _NAMES)]
    words += [one.text or "" for one in part.findall("RmtInf/Strd/AddtlRmtInf", _NAMES)]
    return BankEntry(
        reference=reference,
        amount=amount,
        incoming=incoming,
        booked_on=booked_on,
        creditor_reference=compact(_text(part, "RmtInf/Strd/CdtrRefInf/Ref")),
        end_to_end_id=_text(part, "Refs/EndToEndId"),
        text=" ".join(" ".join(words).split())[:_TEXT_CHARACTERS_MAX],
        name=_text(part, f"RltdPties/{other}/Pty/Nm"),
        iban=compact(_text(part, f"RltdPties/{account}/Id/IBAN")),
        reversal=reversal,
    )


def _share(part: Element, whole: Money) -> Money | None:
    """What a part of an entry amounts to in the account's currency, where the bank says so."""
    for place in ("Amt", "AmtDtls/TxAmt/Amt"):
        told = part.find(place, _NAMES)
        if told is not None and told.get("Ccy") == whole.currency.code:
            return _money(told)
    return None


def _signed(balance: Element) -> Money:
    amount = _amount(balance)
    return amount if _incoming(balance) else -amount


def _incoming(found: Element) -> bool:
    match _needed(found, "CdtDbtInd"):
        case "CRDT":
            return True
        case "DBIT":
            return False
        case other:
            raise ValueError(f"{other[:10]} is neither credit nor debit")


def _amount(found: Element) -> Money:
    told = found.find("Amt", _NAMES)
    if told is None:
        raise ValueError("an amount is missing")
    return _money(told)


def _money(told: Element) -> Money:
    """An amount of ISO 20022: at most 18 digits, five of them behind the point, which may be zeros."""
    unit = currency(told.get("Ccy", ""))
    text = (told.text or "").strip()
    if not text.replace(".", "", 1).isdecimal() or not text.isascii() or len(text) > 19:
        raise ValueError(f"{text[:20]!r} is no amount")
    scaled = Decimal(text).scaleb(unit.exponent)
    if scaled != scaled.to_integral_value() or scaled > MINOR_MAX:
        raise ValueError(f"{text} is no amount in {unit}")
    return Money(int(scaled), unit)


def _day(found: Element, place: str) -> date:
    day = _text(found, f"{place}/Dt")
    return date.fromisoformat(day) if day else datetime.fromisoformat(_needed(found, f"{place}/DtTm")).date()


def _needed(found: Element, place: str) -> str:
    text = _text(found, place)
    if not text:
        raise ValueError(f"{place} is missing")
    return text


def _text(found: Element, place: str) -> str:
    return (found.findtext(place, "", _NAMES) or "").strip()[:_TEXT_CHARACTERS_MAX]
