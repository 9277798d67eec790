"""Payments' tables, a file for each noun. What the database itself keeps of their rules is in ``sql/``."""

from warchest.payments.models.bank import BankEntry, BankStatement, Payout, PayoutFile
from warchest.payments.models.control import (
    BonusPromise,
    HouseRule,
    ProviderHealth,
    ProviderSettings,
    ProviderSwitch,
    ReviewVote,
    RiskAssessment,
)
from warchest.payments.models.method import (
    AutoRun,
    AutoTopUp,
    MethodConsent,
    MethodUse,
    Purpose,
    SavedMethod,
)
from warchest.payments.models.payment import Attempt, Message, NoticeRefusal, Payment, ReceivedNotice
from warchest.payments.models.refund import Dispute, Part, Refund
from warchest.payments.models.settlement import PayoutArrival, Settlement, SettlementLine

__all__ = [
    "Attempt",
    "AutoRun",
    "AutoTopUp",
    "BankEntry",
    "BankStatement",
    "BonusPromise",
    "Dispute",
    "HouseRule",
    "Message",
    "MethodConsent",
    "MethodUse",
    "NoticeRefusal",
    "Part",
    "Payment",
    "Payout",
    "PayoutArrival",
    "PayoutFile",
    "ProviderHealth",
    "ProviderSettings",
    "ProviderSwitch",
    "Purpose",
    "ReceivedNotice",
    "Refund",
    "ReviewVote",
    "RiskAssessment",
    "SavedMethod",
    "Settlement",
    "SettlementLine",
]
