"""Cards as this process offers them."""

from warchest.cards import batch_queries, guess_queries, queries
from warchest.cards import stores as store_plugins
from warchest.cards.operations import (
    activation,
    batches,
    blocking,
    generation,
    guesses,
    handing_over,
    virtual,
)
from warchest.cards.operations import printers as print_houses


class LocalCards:
    """Implements ``contract.Cards`` over this process's own connection."""

    order = staticmethod(batches.order)
    approve = staticmethod(batches.approve)
    refuse = staticmethod(batches.refuse)
    amend = staticmethod(batches.amend)
    cancel = staticmethod(batches.cancel)
    close = staticmethod(batches.close)
    versions = staticmethod(batch_queries.versions)
    ask_generation = staticmethod(generation.ask_generation)
    generations_asked = staticmethod(batch_queries.generations_asked)
    progress = staticmethod(batch_queries.progress)
    note_generation_problem = staticmethod(generation.note_generation_problem)
    generate = staticmethod(generation.generate)
    add_printer = staticmethod(print_houses.add_printer)
    change_printer_key = staticmethod(print_houses.change_printer_key)
    retire_printer = staticmethod(print_houses.retire_printer)
    printers = staticmethod(batch_queries.printers)
    ask_hand_over = staticmethod(handing_over.ask_hand_over)
    withdraw_hand_over = staticmethod(handing_over.withdraw_hand_over)
    confirm_hand_over = staticmethod(handing_over.confirm_hand_over)
    hand_over = staticmethod(batch_queries.hand_over)
    hand_overs = staticmethod(batch_queries.hand_overs)
    hand_overs_awaiting = staticmethod(batch_queries.hand_overs_awaiting)
    open_print_file = staticmethod(handing_over.open_print_file)
    print_file = staticmethod(handing_over.print_file)
    forget_print_files = staticmethod(handing_over.forget_print_files)
    replace_spoiled = staticmethod(handing_over.replace_spoiled)
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
