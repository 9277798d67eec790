"""Charging as this process offers it."""

from warchest.charging import expiry, holds, moving_in, operations, queries, returns


class LocalCharging:
    """Implements ``contract.Charging`` over this process's own connection."""

    open_wallet = staticmethod(operations.open_wallet)
    wallet = staticmethod(queries.wallet)
    fund = staticmethod(operations.fund)
    consume = staticmethod(operations.consume)
    consume_set = staticmethod(operations.consume_set)
    return_units = staticmethod(returns.return_units)
    transfer = staticmethod(returns.transfer)
    hold = staticmethod(holds.hold)
    capture = staticmethod(holds.capture)
    void = staticmethod(holds.void)
    lapse = staticmethod(holds.lapse)
    expired_lots = staticmethod(expiry.expired_lots)
    expire = staticmethod(expiry.expire)
    open_wallets = staticmethod(moving_in.open_wallets)
    fund_set = staticmethod(moving_in.fund_set)
    count_lots = staticmethod(moving_in.count_lots)
