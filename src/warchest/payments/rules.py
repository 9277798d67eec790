"""How a payment may stand next, what a provider's word makes of it, and when to ask again. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from warchest.kernel.money import Money
from warchest.payments.contract import Status, Verdict
from warchest.sdk.masking import mask_card_numbers
from warchest.sdk.payments import Report, Standing

# Every step that there is; the trigger in sql/refunds.sql holds the same table, and a test compares the two.
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
    # Back to the beginning by a further attempt.
    Status.FAILED: frozenset({Status.SUCCEEDED, Status.REVIEW, Status.CREATED}),
    Status.CANCELLED: frozenset({Status.SUCCEEDED, Status.REVIEW, Status.CREATED}),
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
# What is authorised is reserved, and waits for a capture.
_STILL_OPEN = {
    Standing.PENDING: Status.PENDING,
    Standing.AUTHORISED: Status.PENDING,
    Standing.UNKNOWN: Status.UNKNOWN,
}

OVER_AT_PROVIDER = frozenset({Standing.FAILED, Standing.CANCELLED})
"""After this nothing more is expected of an attempt; that money comes all the same is then a late word, and not a rule."""

ATTEMPTS_MAX = 10


def after_money_went(*, amount: Money, refunded: Money, disputed: Money, is_disputed: bool) -> Status:
    """How a credited payment stands, by what of it went back."""
    if is_disputed:
        return Status.DISPUTED
    if refunded + disputed == amount:
        return Status.REFUNDED
    return Status.PARTIALLY_REFUNDED if refunded + disputed else Status.SUCCEEDED


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
        case Standing.PENDING | Standing.AUTHORISED | Standing.UNKNOWN if status in OPEN:
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


_TEXT_CHARACTERS_MAX = 20_000


def keepable(text: str) -> str:
    """A provider's message as it may be kept: what plug-ins did not mask and could be a card number is masked here.

    Too long a text is cut; NUL, which no text column holds, is replaced.
    """
    return mask_card_numbers(text[:_TEXT_CHARACTERS_MAX].replace("\x00", "\N{REPLACEMENT CHARACTER}"))


def without_card_numbers(report: Report) -> Report:
    """The report with every text of it that is kept or shown masked, whatever the plug-in let through.

    Addresses and instructions stay: an account's number may add up as a card's does, and is what the player needs.
    """
    paid_with = report.instrument
    if paid_with is not None:
        paid_with = replace(
            paid_with,
            method=mask_card_numbers(paid_with.method),
            label=mask_card_numbers(paid_with.label),
            expires=mask_card_numbers(paid_with.expires),
        )
    return replace(report, reason=mask_card_numbers(report.reason), instrument=paid_with)
