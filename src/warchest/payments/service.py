"""Payments as this process offers them."""

from warchest.payments import disputes as disputed
from warchest.payments import exchanges, notices, operations, providers, queries
from warchest.payments import refunds as going_back


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
    limits = staticmethod(providers.limits)
    health = staticmethod(exchanges.health)
    # Last, since from here on the class's name hides the module's.
    providers = staticmethod(providers.described)
