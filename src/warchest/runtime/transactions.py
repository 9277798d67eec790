"""Business transactions: opened by journeys, over every service that takes part, with one commit.

With all services in one database, as here, it is one ordinary transaction of PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import transaction

from warchest.runtime import outbox, records
from warchest.runtime.command import Command
from warchest.runtime.services import COORDINATOR, services

S = TypeVar("S")

_open: ContextVar[Transaction | None] = ContextVar("warchest_transaction", default=None)


class Transaction:
    """What a journey works with: services, the outbox, and what the record of operations shall say."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.subject: tuple[str, str] = ("", "")
        self.details: dict[str, Any] = {}

    def get(self, contract: type[S]) -> S:
        """A service that takes part in this transaction: its code runs here, over its own database's connection."""
        return services.get(contract)

    def announce(self, topic: str, *, key: str, **payload: Any) -> None:
        """Publish a fact, in this transaction; facts of one ``key`` reach consumers in order."""
        outbox.append(topic=topic, key=key, payload=payload, occurred_at=self.command.at)

    def about(self, kind: str, identity: object, **details: Any) -> None:
        """Say what the operation is about, and what of it the record shall keep (before, after, amounts; no names)."""
        self.subject = (kind, str(identity))
        self.details.update(details)

    def record(self, *, name: str, outcome: str, reason: str = "") -> None:
        records.append(
            command=self.command,
            name=name,
            outcome=outcome,
            reason=reason,
            subject=self.subject,
            details=self.details,
        )


@contextmanager
def business_transaction(command: Command) -> Iterator[Transaction]:
    """One atomic unit of work over all services. Only journeys open one, and never inside another."""
    if _open.get() is not None:
        raise RuntimeError("a journey cannot begin inside another")
    work = Transaction(command)
    token = _open.set(work)
    try:
        with transaction.atomic(using=COORDINATOR, durable=True):
            yield work
    finally:
        _open.reset(token)


@contextmanager
def technical_transaction(service: str) -> Iterator[None]:
    """A small transaction within one service's own tables: a stored notice, a counted guess, a lapsed hold."""
    with transaction.atomic(using=services.alias(service), durable=_open.get() is None):
        yield
