"""A pretended bank: transfers come in, orders are carried out, and statements tell of both. For tests and demonstrations.

    bank = PretendedBank("DE89370400440532013000")
    bank.receive("20.00", reference="RF18539007547034", name="Anna", iban="FR1420041010050500013M02606")
    bank.carry_out(file_of_orders)
    file = bank.statement()

``damaged`` answers a statement that no one may take. On the command line the bank keeps itself in a file::

    warchest-bank --state bank.json --iban DE89370400440532013000 receive 20.00 --reference RF18539007547034
    warchest-bank --state bank.json statement > statement.xml
"""

from __future__ import annotations

import argparse
import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

from defusedxml import ElementTree

from warchest.kernel.money import Money
from warchest.sdk.bank import is_iban
from warchest_banktransfer.camt import NAMESPACE
from warchest_banktransfer.pain import SCHEMA

CURRENCY = "EUR"
_ORDERS = {"": f"urn:iso:std:iso:20022:tech:xsd:{SCHEMA}"}
DAMAGES = (
    "does_not_add_up",
    "entity",
    "bomb",
    "cut_off",
    "other_format",
    "no_balance",
    "float_amount",
    "same_reference_twice",
)


class OrdersRefused(Exception):
    """The bank took none of the orders."""


@dataclass(frozen=True)
class Movement:
    reference: str
    minor: int  # negative where it went out
    status: str = "BOOK"
    creditor_reference: str = ""
    text: str = ""
    end_to_end_id: str = ""
    name: str = ""
    iban: str = ""
    reversal: bool = False
    parts: tuple[Movement, ...] = ()


@dataclass
class PretendedBank:
    """One account in euro."""

    iban: str
    balance_minor: int = 0
    day: date = date(2026, 3, 16)
    told: int = 0
    numbers: int = 0
    waiting: list[Movement] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def receive(
        self,
        amount: str,
        *,
        reference: str = "",
        text: str = "",
        name: str = "Anna Berg",
        iban: str = "FR1420041010050500013M02606",
        status: str = "BOOK",
        servicer_reference: str | None = None,
        end_to_end_id: str = "NOTPROVIDED",
    ) -> str:
        """Somebody transfers money to the account. Answers the bank's own reference."""
        return self._add(
            Movement(
                self._number() if servicer_reference is None else servicer_reference,
                Money.parse(amount, CURRENCY).minor,
                status=status,
                creditor_reference=reference,
                text=text,
                name=name,
                iban=iban,
                end_to_end_id=end_to_end_id,
            )
        )

    def receive_together(self, parts: Sequence[tuple[str, str]]) -> str:
        """Several transfers (amount, creditor reference) that the bank books in one sum."""
        moved = tuple(
            Movement("", Money.parse(amount, CURRENCY).minor, creditor_reference=reference, name="Anna Berg")
            for amount, reference in parts
        )
        return self._add(Movement(self._number(), sum(one.minor for one in moved), parts=moved))

    def pay_out(self, amount: str, *, text: str = "", name: str = "Landlord", reversal: bool = False) -> str:
        """Money leaves the account, by nobody's order of ours."""
        minor = -Money.parse(amount, CURRENCY).minor
        return self._add(Movement(self._number(), minor, text=text, name=name, reversal=reversal))

    def carry_out(self, file: bytes) -> int:
        """Do what a file of orders (pain.001) says; how many orders there were. The same file again does nothing.

        Raises OrdersRefused, as a bank would: wrong sums or numbers, a wrong IBAN, another account.
        """
        root = ElementTree.fromstring(file, forbid_dtd=True)
        head = root.find("CstmrCdtTrfInitn/GrpHdr", _ORDERS)
        if head is None:
            raise OrdersRefused(f"this is no {SCHEMA}")
        if (file_id := _text(head, "MsgId")) in self.files:
            return 0
        orders = [
            (_text(batch, "DbtrAcct/Id/IBAN"), order)
            for batch in root.findall("CstmrCdtTrfInitn/PmtInf", _ORDERS)
            for order in batch.findall("CdtTrfTxInf", _ORDERS)
        ]
        moved = [self._ordered(account, order) for account, order in orders]
        if int(_text(head, "NbOfTxs")) != len(moved):
            raise OrdersRefused("there are not as many orders as it says")
        if Money.parse(_text(head, "CtrlSum"), CURRENCY).minor != -sum(one.minor for one in moved):
            raise OrdersRefused("the orders do not make the sum that it says")
        self.files.append(file_id)
        for one in moved:
            self._add(one)
        return len(moved)

    def _ordered(self, account: str, order: ET.Element) -> Movement:
        amount = order.find("Amt/InstdAmt", _ORDERS)
        iban = _text(order, "CdtrAcct/Id/IBAN")
        if account != self.iban:
            raise OrdersRefused(f"{account} is not the account")
        if amount is None or amount.get("Ccy") != CURRENCY or not is_iban(iban):
            raise OrdersRefused(f"order to {iban} is wrong")
        return Movement(
            self._number(),
            -Money.parse(amount.text or "", CURRENCY).minor,
            end_to_end_id=_text(order, "PmtId/EndToEndId"),
            text=_text(order, "RmtInf/Ustrd"),
            name=_text(order, "Cdtr/Nm"),
            iban=iban,
        )

    def statement(self, *, statement_id: str = "", keep: bool = False) -> bytes:
        """What moved since the last one, as camt.053.001.08. ``keep``: and tell it again with the next."""
        moved, opening = list(self.waiting), self.balance_minor
        closing = opening + sum(one.minor for one in moved if one.status == "BOOK")
        name = statement_id or f"{self.day:%Y-%m-%d}-{self.told + 1}"
        file = _camt(self.iban, name, self.day, opening, closing, moved)
        if not keep:
            self.waiting = [one for one in moved if one.status != "BOOK"]
            self.balance_minor, self.told = closing, self.told + 1
            self.day += timedelta(days=1)
        return file

    def damaged(self, how: str) -> bytes:
        """A statement that is wrong in one of the ways of ``DAMAGES``."""
        return _DAMAGED[how](self.statement(keep=True))

    def _add(self, moved: Movement) -> str:
        self.waiting.append(moved)
        return moved.reference

    def _number(self) -> str:
        self.numbers += 1
        return f"ASR{self.day:%y%m%d}{self.numbers:06}"


def _camt(iban: str, name: str, day: date, opening: int, closing: int, moved: Sequence[Movement]) -> bytes:
    made = datetime(day.year, day.month, day.day, 18, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = "".join(_ntry(one, day) for one in moved)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>{escape(name)}</MsgId><CreDtTm>{made}</CreDtTm></GrpHdr>"
        f"<Stmt><Id>{escape(name)}</Id><CreDtTm>{made}</CreDtTm>"
        f"<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>{CURRENCY}</Ccy></Acct>"
        f"{_balance('OPBD', opening, day)}{_balance('CLBD', closing, day)}{lines}"
        "</Stmt></BkToCstmrStmt></Document>\n"
    ).encode()


def _balance(kind: str, minor: int, day: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{_amount(minor)}{_side(minor)}"
        f"<Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _ntry(moved: Movement, day: date) -> str:
    reference = f"<AcctSvcrRef>{escape(moved.reference)}</AcctSvcrRef>" if moved.reference else ""
    reversal = "<RvslInd>true</RvslInd>" if moved.reversal else ""
    parts = "".join(_details(one, with_amount=bool(moved.parts)) for one in moved.parts or (moved,))
    return (
        f"<Ntry>{_amount(moved.minor)}{_side(moved.minor)}{reversal}<Sts><Cd>{moved.status}</Cd></Sts>"
        f"<BookgDt><Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt>{reference}"
        "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls>{parts}</NtryDtls></Ntry>"
    )


def _details(moved: Movement, *, with_amount: bool) -> str:
    other, account = ("Dbtr", "DbtrAcct") if moved.minor > 0 else ("Cdtr", "CdtrAcct")
    sent = escape(moved.end_to_end_id or "NOTPROVIDED")
    parties = f"<{other}><Pty><Nm>{escape(moved.name)}</Nm></Pty></{other}>"
    if moved.iban:
        parties += f"<{account}><Id><IBAN>{moved.iban}</IBAN></Id></{account}>"
    told = f"<Ustrd>{escape(moved.text)}</Ustrd>" if moved.text else ""
    if moved.creditor_reference:
        told += (
            "<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp>"
            f"<Ref>{escape(moved.creditor_reference)}</Ref></CdtrRefInf></Strd>"
        )
    amount = _amount(moved.minor) + _side(moved.minor) if with_amount else ""
    return (
        f"<TxDtls><Refs><EndToEndId>{sent}</EndToEndId></Refs>{amount}"
        f"<RltdPties>{parties}</RltdPties>{f'<RmtInf>{told}</RmtInf>' if told else ''}</TxDtls>"
    )


def _amount(minor: int) -> str:
    return f'<Amt Ccy="{CURRENCY}">{abs(minor) // 100}.{abs(minor) % 100:02}</Amt>'


def _side(minor: int) -> str:
    return f"<CdtDbtInd>{'CRDT' if minor >= 0 else 'DBIT'}</CdtDbtInd>"


def _text(found: ET.Element, place: str) -> str:
    return (found.findtext(place, "", _ORDERS) or "").strip()


def _with_entity(file: bytes, entities: str) -> bytes:
    begun, _, rest = file.partition(b"?>\n")
    return (
        begun + b"?>\n<!DOCTYPE Document [" + entities.encode() + b"]>" + rest.replace(b"<Id>", b"<Id>&e;", 1)
    )


_BOMB = '<!ENTITY a "0123456789">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdfghij", "bcdfghije", strict=True)
)
_DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "does_not_add_up": lambda file: _with_other_closing(file),
    "entity": lambda file: _with_entity(file, '<!ENTITY e SYSTEM "file:///etc/passwd">'),
    "bomb": lambda file: _with_entity(file, _BOMB),
    "cut_off": lambda file: file[: len(file) * 2 // 3],
    "other_format": lambda file: file.replace(b"camt.053.001.08", b"camt.052.001.08"),
    "no_balance": lambda file: file.replace(b"<Cd>OPBD</Cd>", b"<Cd>ITBD</Cd>"),
    "float_amount": lambda file: file.replace(b"</Amt>", b"e0</Amt>", 1),
    "same_reference_twice": lambda file: _twice(file),
}


def _with_other_closing(file: bytes) -> bytes:
    before, closing, after = file.partition(b"CLBD")
    return before + closing + after.replace(b'Ccy="EUR">', b'Ccy="EUR">9', 1)


def _twice(file: bytes) -> bytes:
    """The first entry once more, and a closing balance that fits it."""
    root = ElementTree.fromstring(file)
    names = {"": NAMESPACE}
    statement = root.find("BkToCstmrStmt/Stmt", names)
    assert statement is not None
    entry = statement.find("Ntry", names)
    closing = statement.findall("Bal", names)[1].find("Amt", names)
    assert entry is not None and closing is not None
    again = ET.fromstring(ET.tostring(entry))
    minor = Money.parse(closing.text or "", CURRENCY) + Money.parse(
        entry.findtext("Amt", "", names) or "", CURRENCY
    )
    closing.text = minor.major
    statement.append(again)
    ET.register_namespace("", NAMESPACE)
    return ET.tostring(root, "utf-8", xml_declaration=True)


def _kept(path: Path, iban: str) -> PretendedBank:
    if not path.exists():
        return PretendedBank(iban)
    told = json.loads(path.read_text())
    told["day"] = date.fromisoformat(told["day"])
    told["waiting"] = [
        Movement(**{**one, "parts": tuple(Movement(**part) for part in one["parts"])})
        for one in told["waiting"]
    ]
    return PretendedBank(**told)


def main(arguments: Sequence[str] | None = None) -> None:
    """``warchest-bank``: the pretended bank on the command line."""
    parser = argparse.ArgumentParser(prog="warchest-bank", description="A pretended bank with one account.")
    parser.add_argument("--state", type=Path, required=True, help="the file that keeps the account")
    parser.add_argument("--iban", default="DE89370400440532013000")
    does = parser.add_subparsers(dest="does", required=True)
    receive = does.add_parser("receive", help="somebody transfers money to the account")
    receive.add_argument("amount")
    receive.add_argument("--reference", default="")
    receive.add_argument("--text", default="")
    receive.add_argument("--name", default="Anna Berg")
    does.add_parser("statement", help="write what moved since the last statement to the standard output")
    carry = does.add_parser("carry-out", help="do what a file of orders says")
    carry.add_argument("file", type=Path)
    said = parser.parse_args(arguments)
    bank = _kept(said.state, said.iban)
    match said.does:
        case "receive":
            print(bank.receive(said.amount, reference=said.reference, text=said.text, name=said.name))
        case "statement":
            sys.stdout.buffer.write(bank.statement())
        case "carry-out":
            print(bank.carry_out(said.file.read_bytes()))
    said.state.write_text(json.dumps(asdict(bank), default=str))
