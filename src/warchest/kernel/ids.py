"""Identifiers that sort by the moment of their making (UUID version 7, RFC 9562, section 5.7)."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID, SafeUUID

_COUNTER_BITS = 74
_VERSION, _VARIANT, _LOW = 0x7 << 76, 0b10 << 62, (1 << 62) - 1
_bare, _put = object.__new__, object.__setattr__
_lock = threading.Lock()
_last_ms = 0
_last_tail = 0

# Random numbers of 32 bits, fetched many at a time: asking the system for each takes longer than all the rest. A forked
# process fetches its own.
_steps: list[int] = []
os.register_at_fork(after_in_child=_steps.clear)


def _step() -> int:
    if not _steps:
        _steps.extend(memoryview(os.urandom(1024)).cast("I"))
    return _steps.pop()


def new_id() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits.

    Within one process each is greater than the one before: in the same millisecond the random tail is counted on by a
    random step (RFC 9562, section 6.2, method 2), and a clock set back does not turn the order round.
    """
    with _lock:
        return _next()


def new_ids(count: int) -> list[UUID]:
    """So many at once, each greater than the one before."""
    with _lock:
        made = [_next() for _ in range(min(count, 1))]
        # Of one millisecond, which may be over before the last of them is made.
        made += [_counted_on() for _ in range(count - 1)]
        return made


def _next() -> UUID:
    """Under the lock."""
    global _last_ms, _last_tail
    now_ms = time.time_ns() // 1_000_000
    if now_ms > _last_ms:
        _last_ms = now_ms
        # The top bit is left clear, so that counting on within a millisecond has room.
        _last_tail = int.from_bytes(os.urandom(10), "big") & ((1 << (_COUNTER_BITS - 1)) - 1)
        return _made()
    return _counted_on()


def _counted_on() -> UUID:
    """Under the lock."""
    global _last_ms, _last_tail
    _last_tail += 1 + (_steps.pop() if _steps else _step())
    if _last_tail >> _COUNTER_BITS:
        _last_ms += 1
        _last_tail = int.from_bytes(os.urandom(9), "big")
    return _made()


def _made() -> UUID:
    # What UUID's own constructor does for a number, without asking which of six other things it was given: half the time.
    made = _bare(UUID)
    _put(made, "int", _last_ms << 80 | _VERSION | _last_tail >> 62 << 64 | _VARIANT | _last_tail & _LOW)
    _put(made, "is_safe", SafeUUID.unknown)
    return made
