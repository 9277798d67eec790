"""What commands do to a deployment before they can work with it."""

from __future__ import annotations

from warchest.accounting.contract import Accounting
from warchest.runtime.deployment import running_database, running_django
from warchest.runtime.services import services

__all__ = ["migrate", "running_database", "running_django"]


def migrate() -> None:
    """Bring the schema up to this version, as the owner, and have the chart of accounts in place."""
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)
    services.get(Accounting).define_chart()
