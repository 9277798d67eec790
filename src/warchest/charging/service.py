"""Charging as this process offers it."""

from warchest.charging import across, expiry, holds, moving_in, operations, queries, refunds, returns
from warchest.charging import debts as owing
from warchest.charging import paid_units as paid
from warchest.charging import transfers as remembered


class LocalCharging:
    """Implements ``contract.Charging`` over this process's own connection."""

    open_wallet = staticmethod(operations.open_wallet)
    wallet = staticmethod(queries.wallet)
    available_of = staticmethod(queries.available_of)
    fund = staticmethod(operations.fund)
    consume = staticmethod(operations.consume)
    consume_set = staticmethod(operations.consume_set)
    return_units = staticmethod(returns.return_units)
    return_share = staticmethod(returns.return_share)
    spend_left = staticmethod(returns.spend_left)
    consume_paid = staticmethod(paid.consume_paid)
    paid_units = staticmethod(paid.paid_units)
    transfer = staticmethod(returns.transfer)
    note_transfer = staticmethod(remembered.note_transfer)
    find_transfer = staticmethod(remembered.find_transfer)
    transfers = staticmethod(remembered.transfers)
    set_apart = staticmethod(across.set_apart)
    take_out = staticmethod(across.take_out)
    put_back = staticmethod(across.put_back)
    take_in = staticmethod(across.take_in)
    ask_back = staticmethod(remembered.ask_back)
    due_transfers = staticmethod(remembered.due_transfers)
    note_try = staticmethod(remembered.note_try)
    open_transfers = staticmethod(remembered.open_transfers)
    credited_among = staticmethod(remembered.credited_among)
    moved = staticmethod(remembered.moved)
    hold = staticmethod(holds.hold)
    capture = staticmethod(holds.capture)
    void = staticmethod(holds.void)
    lapse = staticmethod(holds.lapse)
    expired_lots = staticmethod(expiry.expired_lots)
    expire = staticmethod(expiry.expire)
    open_wallets = staticmethod(moving_in.open_wallets)
    fund_set = staticmethod(moving_in.fund_set)
    count_lots = staticmethod(moving_in.count_lots)
    trace_lot = staticmethod(refunds.trace_lot)
    lots_by_reference = staticmethod(refunds.lots_by_reference)
    set_apart_for_refund = staticmethod(refunds.set_apart_for_refund)
    take_refunded = staticmethod(refunds.take_refunded)
    put_back_refunded = staticmethod(refunds.put_back_refunded)
    take_back_spent = staticmethod(refunds.take_back_spent)
    note_debt = staticmethod(owing.note_debt)
    owed = staticmethod(owing.owed)
    debts = staticmethod(owing.debts)
    debt_movements = staticmethod(owing.debt_movements)
