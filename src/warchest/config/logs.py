"""Structured logs: one JSON object a line on standard error, with what it was done for, never with a secret.

Everything that writes a line in this process passes here, the servers' own loggers and stack traces included; so what is
struck out (see ``redaction``) is struck out everywhere.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from warchest.runtime import at_work
from warchest.runtime.redaction import guard_last_words, redacted

Event = MutableMapping[str, Any]

_OURS = frozenset(
    {"level", "timestamp", "request_id", "trace_id", "transaction", "actor", "journey", "logger"}
)
"""What we write ourselves and never from what somebody typed: read by people who search for it, so left as it is."""


def _with_task(_logger: Any, _method: str, event: Event) -> Event:
    for name, value in at_work.told().items():
        event.setdefault(name, value)
    return event


def _of_request(_logger: Any, _method: str, event: Event) -> Event:
    """Django's own lines bring the request itself: of it, what it was done for is told, and never where it went."""
    request = event.pop("request", None)
    for name, value in getattr(request, "told", {}).items():
        event.setdefault(name, value)
    return event


def _without_secrets(_logger: Any, _method: str, event: Event) -> Event:
    for name, value in event.items():
        if name not in _OURS or not isinstance(value, str):
            event[name] = redacted(value, name=name)
    return event


def _is_no_probe(record: logging.LogRecord) -> bool:
    """A readiness probe that hears 'not yet' is an answer, not an error to be logged at every beat."""
    return not any("/readyz" in str(part) for part in record.args or ())


def configure(*, level: str = "info") -> None:
    """Send this process's structured and ordinary logs the same way. Calling it again changes no more than the level."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_task,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        # Last, so that whoever listens besides us hears no secret either.
        _without_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                _of_request,
                *shared,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    logging.getLogger("django.request").addFilter(_is_no_probe)
    for name in _SERVERS:
        # They brought handlers of their own, which know nothing of secrets.
        of_server = logging.getLogger(name)
        of_server.handlers[:] = []
        of_server.propagate = True
    for name in _TALKATIVE:
        # What they say below a warning is each statement and each request, with all that is in it.
        logging.getLogger(name).setLevel(logging.WARNING)
    # A variable that a template does not find, with all that it does find.
    logging.getLogger("django.template").setLevel(logging.INFO)
    guard_last_words()


_SERVERS = ("_granian", "granian.access", "gunicorn.error", "gunicorn.access")
_TALKATIVE = (
    "httpx",
    "httpcore",
    "urllib3",
    "procrastinate",
    "django.server",
    "django.db.backends",
    "asyncio",
    "nats",
)
