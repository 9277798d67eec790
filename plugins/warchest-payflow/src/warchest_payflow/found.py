"""What the gateway knows of a transaction, read from the answer to an inquiry."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from warchest.kernel.money import Money
from warchest.sdk.payments import Instrument, Report, Standing
from warchest_payflow.gateway import Reply, Unclear
from warchest_payflow.results import CAPTURED, Meaning, result, standing_of

_CARDS = {
    "0": ("visa", "Visa"),
    "1": ("mastercard", "Mastercard"),
    "2": ("discover", "Discover"),
    "3": ("amex", "American Express"),
    "4": ("diners", "Diners Club"),
    "5": ("jcb", "JCB"),
}
_NOT_THERE = frozenset({Meaning.NO_SUCH, Meaning.PAGE_USED})
_FIELD_FORMAT_ERROR = 7  # what an inquiry by an expired page answers as well, with all inquiries well formed
_REFUSED_IN_REVIEW = 128
_DECLINED = frozenset({Meaning.REFUSED, Meaning.NO_SUCH, Meaning.PAGE_USED})


@dataclass(frozen=True, slots=True)
class Found:
    """One transaction. ``declined``: nothing was taken by it, but the page that it came from may be good for another."""

    pnref: str
    report: Report
    declined: bool = False
    captured: bool = False


def transaction(
    reply: Reply,
    *,
    reference: str,
    currency: str,
    authorised_only: bool = False,
    must_name_us: bool = False,
    ours: str = "",
) -> Found | None:
    """The transaction that was asked about, None where the gateway has none.

    ``reference`` is what must stand in ``INVNUM``, where that is told; ``must_name_us`` wants it told, for inquiries by
    something that might be another's, too. ``ours`` is the number of a transaction that is known to be ours anyway.

    Raises Unclear.
    """
    meaning = reply.result.meaning
    if meaning in _NOT_THERE or reply.result.code == _FIELD_FORMAT_ERROR:
        return None
    if meaning is Meaning.UNLISTED:
        return Found("", Report(Standing.PENDING, reason=reply.result.reason, raw=reply.raw))
    if meaning is not Meaning.APPROVED:
        raise Unclear(reply.result.reason, reply.raw)
    told = reply.fields.get("INVNUM", "")
    code = reply.number("ORIGRESULT")
    pnref = reply.fields.get("ORIGPNREF", "")
    if told != reference and (told or (must_name_us and pnref != ours)):
        raise Unclear("reference_differs" if told else "reference_not_stated", reply.raw)
    if code is None or not pnref:
        raise Unclear("unreadable", reply.raw)
    return _found(pnref, code, reply, amount=reply.amount(currency=currency), authorised_only=authorised_only)


def _found(pnref: str, code: int, reply: Reply, *, amount: Money | None, authorised_only: bool) -> Found:
    original = result(code)
    report = Report(Standing.PENDING, reason=original.reason, raw=reply.raw, instrument=_instrument(reply))
    match original.meaning:
        case Meaning.APPROVED:
            state = reply.number("TRANSSTATE")
            if state is None:
                return Found(pnref, replace(report, reason="payflow_state_missing"))
            standing, reason = standing_of(state, authorised_only=authorised_only)
            report = replace(
                report,
                standing=standing,
                reason=reason,
                provider_reference=pnref,
                amount=amount if standing is Standing.SUCCEEDED else None,
            )
            return Found(pnref, report, captured=authorised_only and state == CAPTURED)
        case Meaning.REVIEW:
            # The money was taken, or is reserved; the merchant decides at the gateway's own desk whether it may be kept.
            return Found(pnref, report)
        case meaning if meaning in _DECLINED:
            failed = replace(report, standing=Standing.FAILED)
            # Refused at the merchant's desk, the card had been accepted before, and the page is used up.
            return Found(pnref, failed, declined=code != _REFUSED_IN_REVIEW)
        case Meaning.UNCLEAR | Meaning.NOT_HEARD:
            return Found(pnref, replace(report, standing=Standing.UNKNOWN))
        case _:
            # A number that the guide does not list: neither yes nor no until somebody has looked.
            return Found(pnref, report)


def one_of(found: Iterable[Found]) -> Found | None:
    """What a payment's pages say together: the one that took money, else the one that may have, else the last no."""
    all_found = list(found)
    took = [one for one in all_found if one.report.standing is Standing.SUCCEEDED]
    if len(took) > 1:
        return replace(took[0], report=_taken_twice(took))
    for wanted in (
        (Standing.SUCCEEDED, Standing.AUTHORISED),
        (Standing.PENDING, Standing.UNKNOWN),
        (Standing.CANCELLED,),
    ):
        for one in all_found:
            if one.report.standing in wanted:
                return one
    return next((one for one in all_found if not one.declined), all_found[-1] if all_found else None)


def _taken_twice(took: list[Found]) -> Report:
    """A page was only given up when it was long dead; if two took money all the same, the sum is told, and not hidden."""
    first = took[0].report
    amounts = [one.report.amount for one in took if one.report.amount is not None]
    if len(amounts) < len(took) or len({amount.currency for amount in amounts}) > 1:
        return replace(first, standing=Standing.PENDING, amount=None, reason="paid_on_two_pages")
    total = Money(sum(amount.minor for amount in amounts), amounts[0].currency)
    return replace(first, amount=total, reason="paid_on_two_pages")


def _instrument(reply: Reply) -> Instrument | None:
    fields = reply.fields
    method, name = _CARDS.get(fields.get("CARDTYPE", ""), ("card", "Card"))
    last_four = re.sub(r"[^0-9]", "", fields.get("ACCT", ""))[-4:]
    if not last_four:
        return None
    expiry = re.fullmatch(r"(0[1-9]|1[0-2])([0-9]{2})", fields.get("EXPDATE", ""), re.ASCII)
    # No fingerprint: four digits and a date are those of many cards.
    return Instrument(
        method=method,
        label=f"{name} •••• {last_four}",
        expires=f"20{expiry[2]}-{expiry[1]}" if expiry else "",
    )
