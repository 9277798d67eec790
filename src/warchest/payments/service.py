"""Payments as this process offers them."""

from warchest.payments import arrivals as arrived
from warchest.payments import attempts as tried
from warchest.payments import (
    auto_top_ups,
    configuring,
    exchanges,
    forgetting,
    fraud,
    house_rules,
    methods,
    notices,
    operations,
    provider_figures,
    providers,
    queries,
    reviews,
    routing,
    withdrawals,
)
from warchest.payments import disputes as disputed
from warchest.payments import purposes as intended
from warchest.payments import refunds as going_back
from warchest.payments import settlements as settled
from warchest.payments.bank import entries, keeping, payouts
from warchest.payments.bank import queries as bank_queries


class LocalPayments:
    """Implements ``contract.Payments`` over this process's own connection."""

    open_payment = staticmethod(operations.open_payment)
    open_attempt = staticmethod(operations.open_attempt)
    weigh = staticmethod(operations.weigh)
    credit = staticmethod(operations.credit)
    answer_attempt = staticmethod(operations.answer_attempt)
    start = staticmethod(exchanges.start)
    inquire = staticmethod(exchanges.inquire)
    resume = staticmethod(exchanges.resume)
    take_notice = staticmethod(notices.take_notice)
    claim_notices = staticmethod(notices.claim_notices)
    close_notice = staticmethod(notices.close_notice)
    postpone_notice = staticmethod(notices.postpone_notice)
    payment = staticmethod(queries.payment)
    answer_to = staticmethod(queries.answer_to)
    payments_of = staticmethod(queries.payments_of)
    recent_payments = staticmethod(queries.recent_payments)
    payment_ids = staticmethod(queries.payment_ids)
    find_payments = staticmethod(queries.find_payments)
    messages = staticmethod(queries.messages)
    attempts = staticmethod(queries.attempts)
    counts = staticmethod(queries.counts)
    waiting = staticmethod(queries.waiting)
    due_payments = staticmethod(queries.due_payments)
    due_notices = staticmethod(queries.due_notices)
    refused_notices = staticmethod(queries.refused_notices)
    open_refund = staticmethod(going_back.open_refund)
    keep_parts = staticmethod(going_back.keep_parts)
    parts = staticmethod(going_back.parts)
    parts_of_sale = staticmethod(going_back.parts_of_sale)
    weigh_refund = staticmethod(going_back.weigh_refund)
    confirm_refund = staticmethod(going_back.confirm_refund)
    refuse_refund = staticmethod(going_back.refuse_refund)
    instruct_refund = staticmethod(going_back.instruct_refund)
    refund = staticmethod(going_back.refund)
    refunds = staticmethod(going_back.refunds)
    due_refunds = staticmethod(going_back.due_refunds)
    open_refunds = staticmethod(going_back.open_refunds)
    hear_dispute = staticmethod(disputed.hear_dispute)
    book_dispute = staticmethod(disputed.book_dispute)
    answer_dispute = staticmethod(disputed.answer_dispute)
    dispute = staticmethod(disputed.dispute)
    disputes = staticmethod(disputed.disputes)
    instructions = staticmethod(tried.instructions)
    fetch_settlements = staticmethod(settled.fetch_settlements)
    read_settlement_file = staticmethod(settled.read_settlement_file)
    take_settlement = staticmethod(settled.take_settlement)
    resolve_line = staticmethod(settled.resolve_line)
    take_arrival = staticmethod(arrived.take_arrival)
    payout_of = staticmethod(arrived.payout_of)
    payouts_under_way = staticmethod(arrived.payouts_under_way)
    arrivals = staticmethod(arrived.arrivals)
    brought_by = staticmethod(arrived.brought_by)
    settlements = staticmethod(settled.settlements)
    settlement = staticmethod(settled.settlement)
    settlement_lines = staticmethod(settled.settlement_lines)
    settlement_line = staticmethod(settled.settlement_line)
    unsettled = staticmethod(settled.unsettled)
    provider_balances = staticmethod(settled.provider_balances)
    limits = staticmethod(providers.limits)
    health = staticmethod(exchanges.health)
    read_statement = staticmethod(keeping.read_statement)
    keep_statements = staticmethod(keeping.keep_statements)
    weigh_entry = staticmethod(entries.weigh_entry)
    assign_entry = staticmethod(entries.assign_entry)
    hear_entry = staticmethod(entries.hear_entry)
    leave_entry = staticmethod(entries.leave_entry)
    settle_entry = staticmethod(entries.settle_entry)
    waiting_entry = staticmethod(entries.waiting_entry)
    report_of = staticmethod(entries.report_of)
    reviewed_entry = staticmethod(entries.reviewed_entry)
    reviewed_entries = staticmethod(entries.reviewed_entries)
    end_review = staticmethod(entries.end_review)
    want_payout = staticmethod(payouts.want_payout)
    order_payouts = staticmethod(payouts.order_payouts)
    finish_payout = staticmethod(payouts.finish_payout)
    payout_file = staticmethod(payouts.payout_file)
    bank_entry = staticmethod(bank_queries.bank_entry)
    bank_entries = staticmethod(bank_queries.bank_entries)
    new_entries = staticmethod(bank_queries.new_entries)
    statements = staticmethod(bank_queries.statements)
    suggestions = staticmethod(bank_queries.suggestions)
    payout_files = staticmethod(bank_queries.payout_files)

    # How the house has set payments up.
    keep_settings = staticmethod(configuring.keep_settings)
    switch_provider = staticmethod(configuring.switch_provider)
    provider_settings = staticmethod(configuring.provider_settings)
    call_figures = staticmethod(provider_figures.call_figures)
    provider_states = staticmethod(provider_figures.provider_states)
    check_provider = staticmethod(provider_figures.check_provider)
    replayable = staticmethod(provider_figures.replayable)
    set_rule = staticmethod(house_rules.set_rule)
    end_rule = staticmethod(house_rules.end_rule)
    routes = staticmethod(routing.routes)
    bounds = staticmethod(routing.bounds)
    bonus_for = staticmethod(routing.bonus_for)
    assess_opening = staticmethod(fraud.assess_opening)
    assessments = staticmethod(fraud.assessments)
    notice = staticmethod(provider_figures.notice)
    vote = staticmethod(reviews.vote)
    lock_review = staticmethod(reviews.lock_review)
    accept_taken = staticmethod(reviews.accept_taken)
    close_review = staticmethod(reviews.close_review)
    give_up_unsent = staticmethod(reviews.give_up_unsent)
    promise_bonus = staticmethod(reviews.promise_bonus)
    promised_bonus = staticmethod(reviews.promised_bonus)
    check_retry = staticmethod(reviews.check_retry)
    capture = staticmethod(reviews.capture)
    void = staticmethod(reviews.void)
    can_capture = staticmethod(reviews.can_capture)
    can_void = staticmethod(reviews.can_void)
    review = staticmethod(reviews.review)
    overdue = staticmethod(reviews.overdue)
    house_rules = staticmethod(house_rules.house_rules)
    withdrawal_period = staticmethod(withdrawals.withdrawal_period)
    reviews = staticmethod(reviews.reviews)

    # What players save, order in advance, and pay for.
    use_method = staticmethod(methods.use_method)
    forget_method = staticmethod(methods.forget_method)
    note_warned = staticmethod(methods.note_warned)
    tell_forgotten = staticmethod(forgetting.tell_forgotten)
    saved_method = staticmethod(methods.saved_method)
    saved_methods = staticmethod(methods.saved_methods)
    due_forgettings = staticmethod(methods.due_forgettings)
    ending_methods = staticmethod(methods.ending_methods)
    method_used = staticmethod(methods.method_used)
    order_auto_top_up = staticmethod(auto_top_ups.order_auto_top_up)
    end_auto_top_up = staticmethod(auto_top_ups.end_auto_top_up)
    begin_run = staticmethod(auto_top_ups.begin_run)
    keep_run = staticmethod(auto_top_ups.keep_run)
    close_run = staticmethod(auto_top_ups.close_run)
    put_off = staticmethod(auto_top_ups.put_off)
    pause_auto_top_up = staticmethod(auto_top_ups.pause_auto_top_up)
    auto_top_up = staticmethod(auto_top_ups.auto_top_up)
    month_used = staticmethod(auto_top_ups.month_used)
    waiting_orders = staticmethod(auto_top_ups.waiting_orders)
    open_runs = staticmethod(auto_top_ups.open_runs)
    auto_runs = staticmethod(auto_top_ups.auto_runs)
    keep_purpose = staticmethod(intended.keep_purpose)
    end_purpose = staticmethod(intended.end_purpose)
    purpose = staticmethod(intended.purpose)

    # Last, since from here on the class's names hide the modules'.
    payouts = staticmethod(bank_queries.payouts)
    providers = staticmethod(providers.described)
