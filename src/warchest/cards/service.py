"""Cards as this process offers them."""

from warchest.cards import guess_queries, queries
from warchest.cards import stores as store_plugins
from warchest.cards.operations import activation, batches, blocking, guesses, virtual


class LocalCards:
    """Implements ``contract.Cards`` over this process's own connection."""

    order = staticmethod(batches.order)
    approve = staticmethod(batches.approve)
    refuse = staticmethod(batches.refuse)
    generate = staticmethod(batches.generate)
    hand_over = staticmethod(batches.hand_over)
    fetch_print_file = staticmethod(batches.fetch_print_file)
    forget_print_files = staticmethod(batches.forget_print_files)
    batch = staticmethod(queries.batch)
    batches = staticmethod(queries.batches)
    batches_awaiting_approval = staticmethod(queries.batches_awaiting_approval)
    counts = staticmethod(queries.counts)
    activations_by_day = staticmethod(queries.activations_by_day)
    code_hash = staticmethod(activation.code_hash)
    claim = staticmethod(activation.claim)
    activate = staticmethod(activation.activate)
    preview = staticmethod(activation.preview)
    card = staticmethod(queries.card)
    activated_by = staticmethod(queries.activated_by)
    block = staticmethod(blocking.block)
    unblock = staticmethod(blocking.unblock)
    check_not_locked = staticmethod(guesses.check_not_locked)
    count_guess = staticmethod(guesses.count_guess)
    locks = staticmethod(guess_queries.locks)
    lift_lock = staticmethod(guesses.lift_lock)
    switch_alarm = staticmethod(guesses.switch_alarm)
    is_alarm_due = staticmethod(guess_queries.is_alarm_due)
    alarm = staticmethod(guess_queries.alarm)
    alarms = staticmethod(guess_queries.alarms)
    guesses_by_hour = staticmethod(guess_queries.guesses_by_hour)
    guess_sources = staticmethod(guess_queries.guess_sources)
    issue = staticmethod(virtual.issue)
    take_back = staticmethod(virtual.take_back)
    close_order = staticmethod(virtual.close_order)
    close_orders = staticmethod(virtual.close_orders)
    codes_of = staticmethod(virtual.codes_of)
    virtual_stock = staticmethod(virtual.virtual_stock)
    read_store_call = staticmethod(store_plugins.read_store_call)
    store_reply = staticmethod(store_plugins.store_reply)
    store_terms = staticmethod(store_plugins.store_terms)
    stores = staticmethod(store_plugins.stores)
