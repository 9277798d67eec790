"""Answers requests in name-value text, as the gateway does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from warchest_payflow import namevalue
from warchest_payflow.results import RESULTS
from warchest_payflow.simulator.book import Book, Refused, Transaction

_QUESTION = "I"
_REQUEST_ID_CHARACTERS_MAX = 32
_NOT_ALWAYS_TOLD = frozenset({"INVNUM", "CUSTREF", "CURRENCY"})
"""The guide lists them nowhere among what an inquiry answers."""


@dataclass(frozen=True, slots=True)
class Account:
    partner: str
    vendor: str
    user: str
    password: str


class Desk:
    def __init__(self, book: Book, account: Account) -> None:
        self._book = book
        self._account = account

    def answer(self, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, bool]:
        """The answer to one request, and whether the request could change something."""
        try:
            fields = namevalue.decode(body)
        except namevalue.Malformed:
            return _refusal(9, "Too many parameters or invalid stream"), False
        under = headers.get("x-vps-request-id", "")
        if not 0 < len(under) <= _REQUEST_ID_CHARACTERS_MAX or not under.isprintable():
            return _refusal(7, "Field format error: X-VPS-REQUEST-ID"), False
        if not headers.get("x-vps-client-timeout", "").isdecimal():
            return _refusal(101, "Time-out value too small"), False
        if refusal := self._stranger(fields):
            return refusal, False
        changes = fields.get("TRXTYPE") != _QUESTION
        with self._book.lock:
            if under in self._book.answered:
                # Whatever is asked now: the answer is the one that was given then.
                return self._book.answered[under] + b"&DUPLICATE=1", changes
            answer = self._book.answered[under] = self._do(fields)
        return answer, changes

    def _stranger(self, fields: Mapping[str, str]) -> bytes:
        account = self._account
        if fields.get("VENDOR") != account.vendor:
            return _refusal(26, "Invalid vendor account")
        told = (fields.get("PARTNER"), fields.get("USER"), fields.get("PWD"))
        right = told == (account.partner, account.user, account.password)
        return b"" if right else _refusal(1, "User authentication failed")

    def _do(self, fields: Mapping[str, str]) -> bytes:
        try:
            if fields.get("TENDER", "C") != "C":
                raise Refused(2, "Invalid tender type")
            if fields.get("CREATESECURETOKEN") == "Y" and fields.get("TRXTYPE") in ("S", "A"):
                page = self._book.make_page(fields)
                return namevalue.encode(
                    {
                        "RESULT": "0",
                        "RESPMSG": "Approved",
                        "SECURETOKEN": page.token,
                        "SECURETOKENID": page.id,
                    }
                )
            match fields.get("TRXTYPE", ""):
                case "S" | "A" | "F":
                    number, expiry = fields.get("ACCT", ""), fields.get("EXPDATE", "")
                    return _done(self._book.charge(fields, card=number, expiry=expiry))
                case "D":
                    return _done(self._book.capture(fields))
                case "V":
                    return _done(self._book.void(fields))
                case "C":
                    return _done(self._book.credit(fields))
                case "I":
                    return self._told(self._book.find(fields), fields)
                case _:
                    raise Refused(3, "Invalid transaction type")
        except Refused as refused:
            return _refusal(refused.code, refused.message)

    def _told(self, found: Transaction, fields: Mapping[str, str]) -> bytes:
        switches = self._book.switches
        state = found.state if switches.state_told is None else switches.state_told
        answer = {
            "RESULT": "0",
            "PNREF": f"{found.pnref[:1]}I{found.pnref[2:]}",
            "TRANSSTATE": str(state),
            "ORIGRESULT": str(found.result),
            "ORIGPNREF": found.pnref,
            "RESPMSG": _message(found.result),
        }
        if fields.get("VERBOSITY") == "HIGH":
            shown = found.amount.major
            match switches.amount_told:
                case "negative":
                    shown = f"-{shown}"
                case "zero":
                    shown = "0.00"
            answer |= {
                "AMT": shown,
                "CURRENCY": found.amount.currency.code,
                "INVNUM": found.fields.get("INVNUM", ""),
                "CUSTREF": found.fields.get("CUSTREF", ""),
                "ACCT": found.last_four,
                "EXPDATE": found.expiry,
                "CARDTYPE": found.card_type,
                "TRANSTIME": f"{found.at:%Y-%m-%d %H:%M:%S}",
            }
            if found.state == 6:
                answer["DATE_TO_SETTLE"] = f"{found.at + timedelta(hours=12):%Y-%m-%d %H:%M:%S}"
        hidden = _NOT_ALWAYS_TOLD if switches.terse else frozenset()
        return namevalue.encode(
            {name: value for name, value in answer.items() if value and name not in hidden}
        )


def _done(made: Transaction) -> bytes:
    answer = {"RESULT": str(made.result), "PNREF": made.pnref, "RESPMSG": _message(made.result)}
    if made.result == 0:
        answer["AUTHCODE"] = "010101"
    return namevalue.encode(answer)


def _message(code: int) -> str:
    return RESULTS[code].text if code in RESULTS else "Unlisted"


def _refusal(code: int, message: str) -> bytes:
    return namevalue.encode({"RESULT": str(code), "RESPMSG": message})
