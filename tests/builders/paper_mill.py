"""A payment provider within one process, for tests of the conformance kit: its books, and a rig that plays it.

It is as fast as a function call, so that the whole kit runs in a moment. Its amounts are text with a currency of their own.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from warchest.kernel.money import Money
from warchest.sdk.calling import NoAnswer
from warchest.sdk.conformance import CARD_NUMBER, Act, Flaw, Misbehaviour, Rig, Truth
from warchest.sdk.payments import DisputeStanding, PaymentRequest, RefundRequest, Report

SECRET = "the paper mill's long secret"
_FOR_EVER_S = 5
_BOOKS = threading.RLock()


class PaperMill:
    """The provider: what it holds, what it is asked, and how it misbehaves."""

    def __init__(self, notice_url: str) -> None:
        self.notice_url = notice_url
        self.how: Misbehaviour | None = None
        self.payments: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.methods: dict[str, str] = {}
        self.lines: list[dict[str, Any]] = []
        self._numbers = count(1)
        self._last: dict[str, dict[str, Any]] = {}

    def number(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"

    def call(
        self, secret: str, what: str, asked: dict[str, Any], *, within_s: float, whole: bool = True
    ) -> tuple[int, str]:
        """One call: HTTP's status and the text. ``whole`` is whether the time holds for all of the answer.

        Raises NoAnswer.
        """
        match self.how:
            case Misbehaviour.HANG:
                time.sleep(min(within_s, _FOR_EVER_S))
                raise NoAnswer("timeout", was_sent=True)
            case Misbehaviour.DRIP:
                time.sleep(within_s if whole else _FOR_EVER_S)
                raise NoAnswer("timeout", was_sent=True)
            case Misbehaviour.SERVER_ERROR:
                return 500, "<h1>500</h1>"
            case Misbehaviour.MALFORMED:
                return 200, f"<p>{secret} {json.dumps(asked)} {CARD_NUMBER}"
        if secret != SECRET:
            return 401, "{}"
        with _BOOKS:
            status, answer = getattr(self, f"_{what}")(**asked)
        if self.how is Misbehaviour.LOSE_ANSWERS and what not in ("ask", "ask_refund", "health"):
            time.sleep(within_s)
            raise NoAnswer("timeout", was_sent=True)
        return status, json.dumps(answer)

    def _health(self) -> tuple[int, Any]:
        return 200, {}

    def _open(self, key: str, **asked: Any) -> tuple[int, Any]:
        if key not in self.payments:
            self.payments[key] = {"number": self.number("P"), "state": "open", "key": key, "asked": asked}
            if token := asked["saved_method"]:
                self._charge(self.payments[key], token)
        return 200, self.told(self.payments[key])

    def _charge(self, payment: dict[str, Any], token: str) -> None:
        if token not in self.methods:
            payment.update(state="declined", reason="no_such_method")
        elif self.how is not Misbehaviour.CHALLENGE:
            self.pay(payment)
        elif not payment["asked"]["present"]:
            payment.update(state="declined", reason="player_wanted")

    def _ask(self, key: str, number: str) -> tuple[int, Any]:
        for payment in self.payments.values():
            if number in ("", payment["number"]) and payment["key"] == key:
                return 200, self.told(payment)
        return 404, {"reason": "not_found"}

    def _take(self, key: str, amount: str) -> tuple[int, Any]:
        payment = self.payments[key]
        if payment["state"] == "reserved":
            self.pay(payment, amount)
        return 200, self.told(payment)

    def _let_go(self, key: str) -> tuple[int, Any]:
        payment = self.payments[key]
        if payment["state"] in ("open", "reserved"):
            self.become(payment, "cancelled")
        elif payment["state"] != "cancelled":
            return 409, {"reason": "too_late"}
        return 200, self.told(payment)

    def _give_back(self, key: str, refund_key: str, amount: str) -> tuple[int, Any]:
        payment = self.payments[key]
        if refund_key not in self.refunds:
            unit = payment["currency"]
            given = [one for one in self.refunds.values() if one["key"] == key and one["state"] != "refused"]
            left = Money.parse(payment["taken"], unit).minor
            left -= sum(Money.parse(one["amount"], unit).minor for one in given)
            refund = {"number": self.number("R"), "key": key, "refund_key": refund_key, "state": "waiting"}
            self.refunds[refund_key] = refund | {"amount": amount, "currency": unit}
            if Money.parse(amount, unit).minor > left:
                self.finish(refund_key, "refused", "too_much")
            elif self.how is Misbehaviour.REFUSE_REFUNDS:
                self.finish(refund_key, "refused", "not_today")
            elif self.how is not Misbehaviour.DELAY_REFUNDS:
                self.finish(refund_key, "done")
        return 200, self.refunds[refund_key]

    def _ask_refund(self, key: str, refund_key: str) -> tuple[int, Any]:
        if refund_key not in self.refunds:
            return 404, {"reason": "not_found"}
        return 200, self.refunds[refund_key]

    def _forget(self, token: str) -> tuple[int, Any]:
        return 200, {"gone": self.methods.pop(token, "") == ""}

    def _evidence(self, dispute: str, text: str) -> tuple[int, Any]:
        return 200, {"dispute": dispute}

    def _settled(self) -> tuple[int, Any]:
        return 200, self.settled

    def finish(self, refund_key: str, state: str, reason: str = "") -> None:
        refund = self.refunds[refund_key]
        refund.update(state=state, reason=reason)
        if state == "done":
            self.line("refund", f"-{refund['amount']}", "0.00", refund["currency"], refund_key)
        self.notify(self.payments[refund["key"]], refund=dict(refund))

    def pay(self, payment: dict[str, Any], amount: str = "") -> None:
        asked = payment["asked"]
        taken = Money.parse(amount or asked["amount"], asked["currency"])
        if self.how is Misbehaviour.WRONG_AMOUNT:
            taken -= Money(1, taken.currency)
        unit = "USD" if self.how is Misbehaviour.WRONG_CURRENCY else asked["currency"]
        payment.update(taken=taken.major, currency=unit)
        self.line("payment", taken.major, "0.40" if unit != "JPY" else "40", unit, payment["key"])
        self.become(payment, "paid")

    def become(self, payment: dict[str, Any], state: str, reason: str = "") -> None:
        payment.update(state=state, reason=reason)
        self.notify(payment)

    def line(self, kind: str, gross: str, fee: str, currency: str, key: str) -> None:
        at = datetime.now(UTC).isoformat()
        self.lines.append(
            {"id": self.number("L"), "kind": kind, "gross": gross, "fee": fee, "currency": currency}
            | {"key": key, "at": at, "settled": False}
        )

    def told(self, payment: dict[str, Any]) -> dict[str, Any]:
        told = {name: payment.get(name, "") for name in ("number", "key", "state", "reason", "currency")}
        told["taken"] = payment.get("taken", "")
        if told["taken"] and self.how is Misbehaviour.NEGATIVE_AMOUNT:
            told["taken"] = f"-{told['taken']}"
        if told["taken"] and self.how is Misbehaviour.ZERO_AMOUNT:
            told["taken"] = "0.00"
        if self.how is Misbehaviour.UNLISTED_STATUS:
            told["state"] = "under_the_moon"
        if payment["state"] in ("paid", "reserved"):
            token = payment["asked"]["saved_method"]
            if payment["asked"]["save"]:
                token = payment.setdefault("token", self.number("a-token-of-the-mill"))
                self.methods[token] = payment["key"]
            told["card"] = {"ending": "4242", "print": "the one card", "token": token}
        return told

    def notify(self, payment: dict[str, Any], **more: Any) -> None:
        notice = {"id": self.number("N"), "payment": self.told(payment), **more}
        self._last[payment["key"]] = notice
        self.send(notice)

    def send_again(self, key: str) -> None:
        self.send(self._last[key])

    def send(self, notice: dict[str, Any]) -> None:
        body = json.dumps(notice).encode()
        at = str(time.time())
        secret = "another secret" if self.how is Misbehaviour.WRONG_SIGNATURE else SECRET
        headers = {"mill-id": notice["id"], "mill-time": at, "mill-signature": signed(secret, at, body)}
        address = urlsplit(self.notice_url)
        connection = http.client.HTTPConnection(address.netloc, timeout=5)
        connection.request("POST", address.path, body, headers)
        connection.getresponse().read()
        connection.close()

    def settle(self) -> None:
        self.settled = []
        for unit in sorted({line["currency"] for line in self.lines}):
            lines = [line for line in self.lines if line["currency"] == unit]
            net = sum(
                Money.parse(one["gross"], unit).minor - Money.parse(one["fee"], unit).minor for one in lines
            )
            paid_out = Money.parse("0", unit).minor + net
            unit_money = Money.parse("1", unit).currency
            self.settled.append(
                {"id": self.number("S"), "currency": unit, "lines": lines}
                | {"paid_out": Money(paid_out, unit_money).major}
            )


def signed(secret: str, at: str, body: bytes) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()


MILLS: dict[str, PaperMill] = {}
"""The mills that work now, by address: a plug-in knows nothing but its settings."""


class PaperRig(Rig):
    provider = "paper"
    timeout_s = 0.03
    notice_within_s = 0.4

    def start(self, folder: Path, *, notice_url: str) -> None:
        self.mill = PaperMill(notice_url)
        self._address = f"mill:{id(self)}"
        MILLS[self._address] = self.mill

    def stop(self) -> None:
        MILLS.pop(self._address, None)

    def settings(self, flaw: Flaw | None = None) -> Mapping[str, Any]:
        return {
            "address": "mill:none" if flaw is Flaw.NOBODY_THERE else self._address,
            "secret": "a secret that is wrong" if flaw is Flaw.CREDENTIALS else SECRET,
        }

    def behave(self) -> None:
        self.mill.how = None

    def misbehave(self, how: Misbehaviour) -> None:
        self.mill.how = how

    def act(self, payment: PaymentRequest, report: Report, act: Act) -> Mapping[str, str]:
        held = self.mill.payments[payment.reference]
        match act:
            case Act.APPROVE if held["state"] == "open":
                if payment.capture_later:
                    self.mill.become(held, "reserved")
                else:
                    self.mill.pay(held)
            case Act.DECLINE:
                self.mill.become(held, "declined", "no_money")
            case Act.CANCEL:
                self.mill.become(held, "cancelled")
            case Act.WAIT:
                held["state"] = "waiting"
        return {"payment": payment.reference, "state": held["state"]}

    def truth(self, payment: PaymentRequest) -> Truth:
        held = [one for key, one in self.mill.payments.items() if key.startswith(payment.reference)]
        if not held:
            return Truth(0, None)
        refunds = [
            one
            for one in self.mill.refunds.values()
            if one["key"] == payment.reference and one["state"] == "done"
        ]
        returned = [Money.parse(one["amount"], one["currency"]) for one in refunds]
        taken = [Money.parse(one["taken"], one["currency"]) for one in held if one.get("taken")]
        return Truth(
            payments=len(held),
            taken=sum(taken[1:], taken[0]) if taken else None,
            returned=sum(returned[1:], returned[0]) if returned else None,
            refunds=len(refunds),
        )

    def decide(self, payment: PaymentRequest, report: Report, *, succeeded: bool) -> None:
        held = self.mill.payments[payment.reference]
        if succeeded:
            self.mill.pay(held)
        else:
            self.mill.become(held, "declined", "on_second_thought")

    def send_again(self, payment: PaymentRequest) -> None:
        self.mill.send_again(payment.reference)

    def finish_refund(self, refund: RefundRequest, *, confirmed: bool) -> None:
        self.mill.finish(refund.reference, *(("done", "") if confirmed else ("refused", "after all")))

    def dispute(self, payment: PaymentRequest, report: Report, standing: DisputeStanding) -> None:
        held = self.mill.payments[payment.reference]
        number = held.setdefault("dispute", self.mill.number("D"))
        told = {"number": number, "state": str(standing), "amount": held["taken"]}
        self.mill.notify(held, dispute=told | {"currency": held["currency"]})

    def settle(self) -> bytes:
        self.mill.settle()
        text = json.dumps(self.mill.settled).encode()
        return text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n"
