"""Which implementation stands behind which contract, and which invariants the whole house keeps."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec

from warchest.runtime import cluster_line, invariants, tracing
from warchest.runtime.configuration import configuration
from warchest.runtime.databases import UnableToPlaceService, placed
from warchest.runtime.services import services

# The app, its contract's Protocol, and the class that implements it here. The app's name is the service's.
SERVICES = {
    "ledger": ("Ledger", "LocalLedger"),
    "members": ("Members", "LocalMembers"),
    "accounting": ("Accounting", "LocalAccounting"),
    "audit": ("Audit", "LocalAudit"),
    "charging": ("Charging", "LocalCharging"),
    "catalogue": ("Catalogue", "LocalCatalogue"),
    "payments": ("Payments", "LocalPayments"),
    "cards": ("Cards", "LocalCards"),
    "subscriptions": ("Subscriptions", "LocalSubscriptions"),
    "referrals": ("Referrals", "LocalReferrals"),
    "statistics": ("Statistics", "LocalStatistics"),
    "delivery": ("Delivery", "LocalDelivery"),
}


def wire() -> None:
    """Register every service that this process hosts, and the invariants that each keeps."""
    wanted = configuration()
    services.configure(
        cluster=wanted.community.cluster, databases=placed(wanted, known=tuple(SERVICES)), hosted=_hosted()
    )
    for name, (contract, implementation) in SERVICES.items():
        protocol = getattr(import_module(f"warchest.{name}.contract"), contract)
        local = getattr(import_module(f"warchest.{name}.service"), implementation)
        services.register(protocol, tracing.told_as(name, local()), name=name)
        if find_spec(f"warchest.{name}.invariants"):
            invariants.keep(import_module(f"warchest.{name}.invariants").INVARIANTS)
    if wanted.broker.wanted:
        services.connect(import_module("warchest.runtime.broker.directory").directory)
        # What other clusters may have done here is told where it is done.
        import_module("warchest.journeys.between_clusters")
        import_module("warchest.api.forwarding")
        cluster_line.join(import_module("warchest.runtime.broker.line").NatsLine())


def _hosted() -> tuple[str, ...] | None:
    """The services that this process was told to answer for; None: all."""
    told = os.environ.get("WARCHEST_SERVICES")
    if told is None:
        return None
    names = tuple(filter(None, (name.strip() for name in told.split(","))))
    for name in names:
        if name not in SERVICES:
            raise UnableToPlaceService("service_unknown", service=name)
    return names
