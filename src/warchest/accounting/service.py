"""Accounting as this process offers it."""

from warchest.accounting import (
    currency_rates,
    differences,
    exchange,
    moving_in,
    netting,
    opening,
    operations,
    rules,
)


class LocalAccounting:
    """Implements ``contract.Accounting``: rates from the database, posting rules as pure functions."""

    define_chart = staticmethod(operations.define_chart)
    quote = staticmethod(operations.quote)
    rates = staticmethod(operations.rates)
    accepted_currencies = staticmethod(operations.accepted_currencies)
    set_rate = staticmethod(operations.set_rate)
    set_tax_rates = staticmethod(operations.set_tax_rates)
    tax_within = staticmethod(operations.tax_within)
    top_up_legs = staticmethod(rules.top_up_legs)
    batch_delivered_legs = staticmethod(rules.batch_delivered_legs)
    card_activated_legs = staticmethod(rules.card_activated_legs)
    card_period_legs = staticmethod(rules.card_period_legs)
    promotion_legs = staticmethod(rules.promotion_legs)
    spend_legs = staticmethod(rules.spend_legs)
    immediate_spend_legs = staticmethod(rules.immediate_spend_legs)
    expiry_legs = staticmethod(rules.expiry_legs)
    went_across_legs = staticmethod(rules.went_across_legs)
    came_across_legs = staticmethod(rules.came_across_legs)
    keep_statement = staticmethod(netting.keep_statement)
    decide_statement = staticmethod(netting.decide_statement)
    book_statement = staticmethod(netting.book_statement)
    statement = staticmethod(netting.statement)
    statements = staticmethod(netting.statements)
    settled = staticmethod(netting.settled)
    netting_legs = staticmethod(rules.netting_legs)
    transfer_legs = staticmethod(rules.transfer_legs)
    commission_legs = staticmethod(rules.commission_legs)
    recognition_legs = staticmethod(rules.recognition_legs)
    functional_currency = staticmethod(currency_rates.functional_currency)
    set_currency_rate = staticmethod(currency_rates.set_currency_rate)
    exchange_rate = staticmethod(currency_rates.exchange_rate)
    currency_rates = staticmethod(currency_rates.currency_rates)
    exchange_differences = staticmethod(differences.exchange_differences)
    exchange_legs = staticmethod(exchange.exchange_legs)
    rate_text = staticmethod(exchange.rate_text)
    begin_move_in = staticmethod(moving_in.begin_move_in)
    move_in = staticmethod(moving_in.move_in)
    lock_move_in = staticmethod(moving_in.lock_move_in)
    finish_move_in = staticmethod(moving_in.finish_move_in)
    keep_taken = staticmethod(moving_in.keep_taken)
    taken = staticmethod(moving_in.taken)
    count_taken = staticmethod(moving_in.count_taken)
    list_taken = staticmethod(moving_in.list_taken)
    opening_books = staticmethod(opening.opening_books)
    opening_wallet_legs = staticmethod(opening.opening_wallet_legs)
    opening_deferred_legs = staticmethod(opening.opening_deferred_legs)
    opening_balance_legs = staticmethod(opening.opening_balance_legs)
