"""Business transactions: opened by journeys, over every service that takes part, with one commit.

With all services in one database it is one ordinary transaction of PostgreSQL. Where a service has a database of its own,
that one takes part as soon as it is used, and all commit together: see ``two_phase``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import transaction

from warchest.runtime.command import Command
from warchest.runtime.services import COORDINATOR, open_work, services
from warchest.runtime.two_phase import Participants

S = TypeVar("S")
W = TypeVar("W", bound="Work")


class Work:
    """What is done in one transaction: the services that take part in it, and what it has read at its beginning."""

    claimed: Sequence[str] = ()
    """The callers' keys that it does the work of, as the decision over several databases shall name them."""

    def __init__(self) -> None:
        self.participants = Participants()
        self.stamps: dict[str, Mapping[str, str]] = {}
        """Of the facts that seldom change, by database and service: see ``facts``."""

    def get(self, contract: type[S]) -> S:
        """A service that takes part in this transaction: its code runs here, over its own database's connection."""
        return services.local(contract)

    def join(self, alias: str) -> None:
        """Have this database take part; asked for by the ServiceManager whenever one is used."""
        self.participants.join(alias)


class Telling:
    """What the outbox and the record of operations shall tell of one command."""

    def __init__(self, command: Command) -> None:
        super().__init__()
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


class Transaction(Telling, Work):
    """What a journey works with: services, the outbox, and what the record of operations shall say."""


@contextmanager
def business_transaction(work: W) -> Iterator[W]:
    """One atomic unit of work over all services. Only journeys open one, and never inside another.

    Raises TryAgain (``transaction_pending``) where it is decided, but not yet seen everywhere.
    """
    refuse_nesting()
    token = open_work.set(work)
    try:
        with work.participants as participants:
            with transaction.atomic(using=COORDINATOR, durable=True):
                yield work
                participants.prepare(work.claimed)
            participants.commit()
    finally:
        open_work.reset(token)


def is_open() -> bool:
    """Whether a business transaction is open in this thread."""
    return open_work.get() is not None


def refuse_nesting() -> None:
    if is_open():
        raise RuntimeError("a journey cannot begin inside another")


@contextmanager
def technical_transaction(service: str) -> Iterator[None]:
    """A small transaction within one service's own tables: a stored notice, a counted guess, a lapsed hold."""
    with transaction.atomic(using=services.alias(service), durable=not is_open()):
        yield


def current_stamps() -> dict[str, Mapping[str, str]] | None:
    """The stamps that the open business transaction has read so far, by database; None outside of one."""
    work = open_work.get()
    return work.stamps if isinstance(work, Work) else None
