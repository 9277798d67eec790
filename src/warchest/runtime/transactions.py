"""Business transactions: opened by journeys, over every service that takes part, with one commit.

With all services in one database, as here, it is one ordinary transaction of PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import transaction

from warchest.runtime.command import Command
from warchest.runtime.services import COORDINATOR, services

S = TypeVar("S")
W = TypeVar("W", bound="Work")

_open: ContextVar[Work | None] = ContextVar("warchest_transaction", default=None)


class Work:
    """What is done in one transaction: the services that take part in it, and what it has read at its beginning."""

    stamps: Mapping[str, str] = {}
    """Of the facts that seldom change, by service: see ``facts``."""

    def get(self, contract: type[S]) -> S:
        """A service that takes part in this transaction: its code runs here, over its own database's connection."""
        return services.get(contract)


class Telling:
    """What the outbox and the record of operations shall tell of one command."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.subject: tuple[str, str] = ("", "")
        self.details: dict[str, Any] = {}
        self.facts: list[dict[str, Any]] = []

    def announce(self, topic: str, *, key: str, **payload: Any) -> None:
        """Publish a fact, in this transaction; facts of one ``key`` reach consumers in order."""
        self.facts.append({"topic": topic, "key": key, "payload": payload, "occurred_at": self.command.at})

    def about(self, kind: str, identity: object, **details: Any) -> None:
        """Say what the operation is about, and what of it the record shall keep (before, after, amounts; no names)."""
        self.subject = (kind, str(identity))
        self.details.update(details)


class Transaction(Work, Telling):
    """What a journey works with: services, the outbox, and what the record of operations shall say."""


@contextmanager
def business_transaction(work: W) -> Iterator[W]:
    """One atomic unit of work over all services. Only journeys open one, and never inside another."""
    refuse_nesting()
    token = _open.set(work)
    try:
        with transaction.atomic(using=COORDINATOR, durable=True):
            yield work
    finally:
        _open.reset(token)


def refuse_nesting() -> None:
    if _open.get() is not None:
        raise RuntimeError("a journey cannot begin inside another")


@contextmanager
def technical_transaction(service: str) -> Iterator[None]:
    """A small transaction within one service's own tables: a stored notice, a counted guess, a lapsed hold."""
    with transaction.atomic(using=services.alias(service), durable=_open.get() is None):
        yield


def current_stamps() -> Mapping[str, str]:
    """The stamps that the open business transaction read at its beginning; none outside of one."""
    work = _open.get()
    return work.stamps if work is not None else {}
