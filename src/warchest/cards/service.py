"""Cards as this process offers them."""

from warchest.cards import (
    batch_queries,
    bought_queries,
    end_queries,
    guess_queries,
    liability,
    queries,
    reseller_queries,
    shipment_queries,
)
from warchest.cards import register as registers
from warchest.cards import stores as store_plugins
from warchest.cards.operations import (
    activation,
    batches,
    blocking,
    bought,
    desk,
    ends,
    generation,
    gifts,
    guesses,
    handing_over,
    imports,
    reseller_payments,
    tills,
    verifying,
    virtual,
)
from warchest.cards.operations import printers as print_houses
from warchest.cards.operations import resellers as reselling
from warchest.cards.operations import shipments as shipping


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
    extend = staticmethod(ends.extend)
    expire = staticmethod(ends.expire)
    warn = staticmethod(ends.warn)
    ended_batches = staticmethod(end_queries.ended_batches)
    ending = staticmethod(end_queries.ending)
    is_warning_due = staticmethod(end_queries.is_warning_due)
    verify = staticmethod(verifying.verify)
    replace = staticmethod(verifying.replace)
    show_replacement = staticmethod(verifying.show_replacement)
    code_hash = staticmethod(activation.code_hash)
    code_schemes = staticmethod(imports.code_schemes)
    check_import = staticmethod(imports.check_import)
    import_cards = staticmethod(imports.import_cards)
    claim = staticmethod(activation.claim)
    activate = staticmethod(activation.activate)
    preview = staticmethod(activation.preview)
    card = staticmethod(queries.card)
    register = staticmethod(registers.register)
    specimen_serial = staticmethod(registers.specimen_serial)
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
    card_offers = staticmethod(bought_queries.card_offers)
    card_offer = staticmethod(bought.card_offer)
    check_gift = staticmethod(gifts.check_gift)
    lock_stock = staticmethod(bought.lock_stock)
    take_from_stock = staticmethod(bought.take_from_stock)
    note_bought = staticmethod(bought.note_bought)
    cancel_bought = staticmethod(bought.cancel_bought)
    note_shown = staticmethod(bought.note_shown)
    correct_gift = staticmethod(gifts.correct_gift)
    end_gift = staticmethod(gifts.end_gift)
    begin_gift = staticmethod(gifts.begin_gift)
    write_card_paper = staticmethod(gifts.write_card_paper)
    note_mailed = staticmethod(gifts.note_mailed)
    forget_codes = staticmethod(gifts.forget_codes)
    bought_cards = staticmethod(bought_queries.bought_cards)
    bought_card = staticmethod(bought_queries.bought_card)
    bought_code = staticmethod(bought.bought_code)
    gift_words = staticmethod(gifts.gift_words)
    unmailed = staticmethod(bought_queries.unmailed)
    gifts_due = staticmethod(bought_queries.gifts_due)
    gifts_under_way = staticmethod(bought_queries.gifts_under_way)
    issue_at_desk = staticmethod(desk.issue_at_desk)
    note_paid_at_desk = staticmethod(desk.note_paid_at_desk)
    note_shown_at_desk = staticmethod(desk.note_shown_at_desk)
    take_back_at_desk = staticmethod(desk.take_back_at_desk)
    codes_at_desk = staticmethod(desk.codes_at_desk)
    desk_issue = staticmethod(desk.desk_issue)
    desk_issues = staticmethod(desk.desk_issues)
    read_store_call = staticmethod(store_plugins.read_store_call)
    store_reply = staticmethod(store_plugins.store_reply)
    store_terms = staticmethod(store_plugins.store_terms)
    stores = staticmethod(store_plugins.stores)
    take_on_reseller = staticmethod(reselling.take_on_reseller)
    change_reseller = staticmethod(reselling.change_reseller)
    suspend_reseller = staticmethod(reselling.suspend_reseller)
    resume_reseller = staticmethod(reselling.resume_reseller)
    lock_reseller = staticmethod(reselling.lock_reseller)
    link_person = staticmethod(reselling.link_person)
    unlink_person = staticmethod(reselling.unlink_person)
    bind_till = staticmethod(reselling.bind_till)
    reseller = staticmethod(reseller_queries.reseller)
    reseller_named = staticmethod(reseller_queries.reseller_named)
    resellers = staticmethod(reseller_queries.resellers)
    people_of_reseller = staticmethod(reseller_queries.people_of_reseller)
    reseller_of_person = staticmethod(reseller_queries.reseller_of_person)
    till_of_client = staticmethod(reseller_queries.till_of_client)
    tills_of_reseller = staticmethod(reseller_queries.tills_of_reseller)
    draft_shipment = staticmethod(shipping.draft_shipment)
    send_shipment = staticmethod(shipping.send_shipment)
    receive_shipment = staticmethod(shipping.receive_shipment)
    cancel_shipment = staticmethod(shipping.cancel_shipment)
    lose_shipment = staticmethod(shipping.lose_shipment)
    shipment = staticmethod(shipment_queries.shipment)
    shipments = staticmethod(shipment_queries.shipments)
    stock_of_reseller = staticmethod(shipment_queries.stock_of_reseller)
    on_the_way_to = staticmethod(shipment_queries.on_the_way_to)
    reseller_lines = staticmethod(shipment_queries.reseller_lines)
    owed_to_parent = staticmethod(shipment_queries.owed_to_parent)
    overdue_to_parent = staticmethod(shipment_queries.overdue_to_parent)
    sales_by_day = staticmethod(shipment_queries.sales_by_day)
    note_reseller_payment = staticmethod(reseller_payments.note_reseller_payment)
    till_request = staticmethod(tills.till_request)
    find_till_request = staticmethod(tills.find_till_request)
    liability_by_batch = staticmethod(liability.liability_by_batch)
    seller_of = staticmethod(tills.seller_of)
    card_to_sell = staticmethod(tills.card_to_sell)
    sell_card = staticmethod(tills.sell_card)
    sell_by_activation = staticmethod(tills.sell_by_activation)
    reverse_sale = staticmethod(tills.reverse_sale)
