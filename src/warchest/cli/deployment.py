"""What commands do to a deployment before they can work with it."""

from __future__ import annotations

from warchest.accounting.contract import Accounting
from warchest.runtime.databases import aliases, owner
from warchest.runtime.deployment import running_databases, running_django
from warchest.runtime.services import services

__all__ = ["migrate", "running_databases", "running_django"]


def migrate() -> None:
    """Bring every database's schema up to this version, as its owner, and have the chart of accounts in place."""
    from django.core.management import call_command

    for alias in aliases():
        call_command("migrate", database=owner(alias), verbosity=0)
    services.get(Accounting).define_chart()
