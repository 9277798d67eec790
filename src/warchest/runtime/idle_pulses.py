"""Keeps from a receiver of traces what pulses do to find that there is nothing to do.

Loaded only where traces are told: see ``tracing``.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from warchest.runtime.tracing import PULSE, STATEMENT, WORKED

_KEPT_MAX = 200


class IdlePulses(SpanProcessor):
    """Keeps back what belongs to a pulse's run until it shows whether it did more than ask the database.

    A worker looks several times a second whether there is something to do; a receiver has better things to keep.
    """

    def __init__(self, onwards: SpanProcessor) -> None:
        self._onwards = onwards
        self._lock = threading.Lock()
        self._kept: dict[int, list[ReadableSpan]] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self._onwards.on_start(span, parent_context)
        if span.parent is None and PULSE in (span.attributes or {}):
            with self._lock:
                self._kept[span.context.trace_id] = []

    def on_end(self, span: ReadableSpan) -> None:
        with self._lock:
            told = self._told(span)
        for one in told:
            self._onwards.on_end(one)

    def _told(self, ended: ReadableSpan) -> Sequence[ReadableSpan]:
        """What may go on now that this one has ended."""
        trace = ended.context.trace_id
        kept = self._kept.get(trace)
        if kept is None:
            return (ended,)
        kept.append(ended)
        is_whole = ended.parent is None
        if not is_whole and len(kept) < _KEPT_MAX:
            return ()
        del self._kept[trace]
        return kept if not is_whole or any(map(_tells_of_work, kept)) else ()

    def shutdown(self) -> None:
        self._onwards.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._onwards.force_flush(timeout_millis))


def _tells_of_work(ended: ReadableSpan) -> bool:
    attributes = ended.attributes or {}
    if PULSE in attributes:
        return WORKED in attributes or not ended.status.is_unset
    # A statement or a call, here or in another process, is how it looks; what it found is told by the run itself.
    return STATEMENT not in attributes and "rpc.system" not in attributes
