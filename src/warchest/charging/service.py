"""Charging as this process offers it."""

from warchest.charging import operations, queries


class LocalCharging:
    """Implements ``contract.Charging`` over this process's own connection."""

    open_wallet = staticmethod(operations.open_wallet)
    fund = staticmethod(operations.fund)
    lock = staticmethod(operations.lock)
    consume = staticmethod(operations.consume)
    consume_set = staticmethod(operations.consume_set)
    hold = staticmethod(operations.hold)
    wallet = staticmethod(queries.wallet)
