"""What goes along with a call: for whom it is, in which language, until when, and as a part of which trace.

``observed`` adds and reads what belongs to traces; all else is here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from warchest.runtime import at_work

ACTOR, LANGUAGE, REQUEST_ID, DEADLINE = (
    "Warchest-Actor",
    "Warchest-Language",
    "Warchest-Request-Id",
    "Warchest-Deadline",
)
"""The deadline is the milliseconds that are left, not a moment: the clocks of two machines differ."""

CALL_S_MAX = 60.0
"""So long a call takes at most, unless its caller has less time."""

_ID = re.compile(r"[\w.:@-]{1,128}")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

_until: ContextVar[float | None] = ContextVar("warchest_call_until", default=None)


def carried_headers() -> dict[str, str]:
    """What a call from here takes along, but for its deadline and its trace."""
    from django.utils.translation import get_language

    headers = {}
    if (task := at_work.current()) is not None:
        if _ID.fullmatch(actor := str(task.actor)):
            headers[ACTOR] = actor
        if _ID.fullmatch(task.request_id):
            headers[REQUEST_ID] = task.request_id
    if language := get_language():
        headers[LANGUAGE] = language
    return headers


@contextmanager
def carrying(headers: Mapping[str, str]) -> Iterator[None]:
    """Answer a call in the language and within the time that it brought along."""
    from django.utils import translation

    with ExitStack() as stack:
        if _TAG.fullmatch(language := headers.get(LANGUAGE, "")):
            stack.enter_context(translation.override(language))
        stack.enter_context(within(seconds_brought(headers)))
        yield


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let calls made in the ``with`` block take so long at most, all together."""
    token = _until.set(time.monotonic() + min(seconds, seconds_left()))
    try:
        yield
    finally:
        _until.reset(token)


def seconds_left() -> float:
    """How long a call from here may take."""
    until = _until.get()
    return CALL_S_MAX if until is None else max(0.0, min(CALL_S_MAX, until - time.monotonic()))


def seconds_brought(headers: Mapping[str, str]) -> float:
    """How long the caller waits, from when the call came in."""
    told = headers.get(DEADLINE, "")
    return min(int(told) / 1000, CALL_S_MAX) if told.isascii() and told.isdigit() else CALL_S_MAX


def request_id_of(headers: Mapping[str, str]) -> str:
    return _sane(headers.get(REQUEST_ID, ""))


def actor_of(headers: Mapping[str, str]) -> str:
    return _sane(headers.get(ACTOR, ""))


def _sane(told: str) -> str:
    return told if _ID.fullmatch(told) else ""
