"""How a payment may stand next, what a provider's word makes of it, and when to ask again. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from warchest.kernel.money import Money
from warchest.payments.contract import Status, Verdict
from warchest.sdk.payments import Report, Standing

# Every step that there is; the trigger in sql/constraints.sql holds the same table, and a test compares the two.
# Failed and cancelled can be left: a provider may take the money after it had said no, and taken money is credited.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.CREATED: frozenset(
        {
            Status.PENDING,
            Status.UNKNOWN,
            Status.REVIEW,
            Status.SUCCEEDED,
            Status.FAILED,
            Status.CANCELLED,
        }
    ),
    Status.PENDING: frozenset({Status.REVIEW, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}),
    Status.UNKNOWN: frozenset(
        {Status.PENDING, Status.REVIEW, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}
    ),
    Status.REVIEW: frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}),
    Status.FAILED: frozenset({Status.SUCCEEDED, Status.REVIEW}),
    Status.CANCELLED: frozenset({Status.SUCCEEDED, Status.REVIEW}),
    Status.SUCCEEDED: frozenset({Status.PARTIALLY_REFUNDED, Status.REFUNDED, Status.DISPUTED}),
    Status.PARTIALLY_REFUNDED: frozenset({Status.REFUNDED, Status.DISPUTED}),
    Status.REFUNDED: frozenset({Status.DISPUTED}),
    Status.DISPUTED: frozenset({Status.SUCCEEDED, Status.PARTIALLY_REFUNDED, Status.REFUNDED}),
}

OPEN = frozenset({Status.CREATED, Status.PENDING, Status.UNKNOWN})
"""The provider is still to be asked."""

CREDITED = frozenset({Status.SUCCEEDED, Status.PARTIALLY_REFUNDED, Status.REFUNDED, Status.DISPUTED})
"""The units were given; each of these has its entry and its lot, and keeps them for ever."""

_CREDITABLE = OPEN | {Status.FAILED, Status.CANCELLED}

_CLOSED_BY = {Standing.FAILED: Status.FAILED, Standing.CANCELLED: Status.CANCELLED}
_STILL_OPEN = {Standing.PENDING: Status.PENDING, Standing.UNKNOWN: Status.UNKNOWN}


def judge(*, status: Status, asked: Money, report: Report) -> tuple[Verdict, Status, str]:
    """What a report makes of a payment that stands at ``status``: the verdict, the status, and our reason for a review.

    What is final or under review is never moved by a further report, a late success after failure or cancellation
    excepted. No answer never takes back a provider's word that it is working on it.
    """
    match report.standing:
        case Standing.SUCCEEDED if status in _CREDITABLE:
            if doubt := difference(asked=asked, taken=report.amount):
                return Verdict.NOTED, Status.REVIEW, doubt
            return Verdict.CREDIT, Status.SUCCEEDED, ""
        case Standing.FAILED | Standing.CANCELLED if status in OPEN:
            return Verdict.NOTED, _CLOSED_BY[report.standing], ""
        case Standing.PENDING | Standing.UNKNOWN if status in OPEN:
            following = _STILL_OPEN[report.standing]
            return Verdict.NOTED, following if following in TRANSITIONS[status] else status, ""
        case _:
            return Verdict.NOTHING, status, ""


def difference(*, asked: Money, taken: Money | None) -> str:
    """Why what was taken is not what was asked; empty where it is."""
    if taken is None:
        return "amount_not_stated"
    if taken.currency != asked.currency:
        return "currency_differs"
    return "" if taken == asked else "amount_differs"


_INQUIRY_AFTER = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 3 * 60, 6 * 60, 12 * 60, 24 * 60)
)


def next_inquiry_at(*, inquiries: int, at: datetime) -> datetime:
    """When to ask the provider after ``inquiries`` times: the wait grows to a day, and the asking never ends."""
    return at + _INQUIRY_AFTER[min(inquiries, len(_INQUIRY_AFTER) - 1)]


_HIDING = re.compile(r"[\x00-\x20\x7f\\]")
_URL_CHARACTERS_MAX = 500


def is_plain_address(url: str) -> bool:
    """Whether it is an absolute http or https address that hides nothing behind user names, spaces or backslashes."""
    if len(url) > _URL_CHARACTERS_MAX or _HIDING.search(url):
        return False
    try:
        parts = urlsplit(url)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and port_is_sound
    )


_CARD_DIGITS = re.compile(r"(?<![0-9])[2-6](?:[ -]?[0-9]){12,18}(?![0-9])")
_TEXT_CHARACTERS_MAX = 20_000


def keepable(text: str) -> str:
    """A provider's message as it may be kept: what plug-ins did not mask and could be a card number is masked here.

    Too long a text is cut; NUL, which no text column holds, is replaced.
    """
    return _CARD_DIGITS.sub(_mask, text[:_TEXT_CHARACTERS_MAX].replace("\x00", "\N{REPLACEMENT CHARACTER}"))


def _mask(found: re.Match[str]) -> str:
    digits = [symbol for symbol in found.group() if symbol.isdecimal()]
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    if sum(value - 9 if value > 9 else value for value in doubled) % 10:
        return found.group()
    return "".join(digits[:6]) + "*" * (len(digits) - 10) + "".join(digits[-4:])
