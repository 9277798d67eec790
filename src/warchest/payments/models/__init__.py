"""Payments' tables, a file for each noun. What the database itself keeps of their rules is in ``sql/``."""

from warchest.payments.models.payment import Attempt, Message, NoticeRefusal, Payment, ReceivedNotice

__all__ = ["Attempt", "Message", "NoticeRefusal", "Payment", "ReceivedNotice"]
