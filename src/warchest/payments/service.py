"""Payments as this process offers them."""

from warchest.payments import exchanges, notices, operations, providers, queries


class LocalPayments:
    """Implements ``contract.Payments`` over this process's own connection."""

    open_payment = staticmethod(operations.open_payment)
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
    limits = staticmethod(providers.limits)
    health = staticmethod(exchanges.health)
    # Last, since from here on the class's name hides the module's.
    providers = staticmethod(providers.described)
