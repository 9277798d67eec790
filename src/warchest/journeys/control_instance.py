"""SMG-12: an operator takes an instance of a service out, so that it takes no more calls, and puts it back."""

from __future__ import annotations

from uuid import UUID

from warchest.members.contract import Members, require
from warchest.runtime.command import Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


def take_instance_out(command: Command, *, instance: str, service: str) -> None:
    """It finishes what it does, and lives on. The last instance of a service may be taken out too: then callers wait.

    Raises UnableToAdminister, UnableToControlInstance (it is gone), TryAgain (it does not answer). May be repeated.
    """
    _order_out(command, instance=instance, service=service)
    services.take_out(instance)


def put_instance_back(command: Command, *, instance: str, service: str) -> None:
    """Raises as ``take_instance_out`` does."""
    _order_back(command, instance=instance, service=service)
    services.put_back(instance)


# The record tells what was ordered; the instance is told afterwards, and again by whoever repeats the order.


@journey("instances.take_out")
def _order_out(tx: Transaction, *, instance: str, service: str) -> None:
    _order(tx, instance, service)


@journey("instances.put_back")
def _order_back(tx: Transaction, *, instance: str, service: str) -> None:
    _order(tx, instance, service)


def _order(tx: Transaction, instance: str, service: str) -> None:
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "instance.control")
    tx.about("instance", instance, service=service)
