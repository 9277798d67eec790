"""Structured logs: one JSON object a line on standard error, with the request's id, never with a secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET = re.compile(
    r"password|secret|token|code|authorization|cookie|api_key|card_number|cvc", re.IGNORECASE
)


def _without_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in event:
        if _SECRET.search(name) and name not in {"code_point", "status_code"}:
            event[name] = "***"
    return event


def _is_no_probe(record: logging.LogRecord) -> bool:
    """A readiness probe that hears 'not yet' is an answer, not an error to be logged at every beat."""
    return not any("/readyz" in str(part) for part in record.args or ())


def configure() -> None:
    """Send this process's structured and ordinary logs the same way. Calling it again changes nothing."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_secrets,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("django.request").addFilter(_is_no_probe)
    for name in ("httpx", "procrastinate", "django.server"):
        logging.getLogger(name).setLevel(logging.WARNING)
