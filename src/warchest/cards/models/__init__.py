"""Cards' tables, a file for each noun. What the database itself keeps of their rules is in ``sql/``."""

from warchest.cards.models.batches import Batch, BatchProgress, BatchVersion
from warchest.cards.models.bought import BoughtCard, CardGift, DeskIssue
from warchest.cards.models.cards import Card, CardEvent
from warchest.cards.models.distribution import (
    Reseller,
    ResellerLine,
    ResellerPayment,
    ResellerPerson,
    Sale,
    SaleShare,
    Shipment,
    ShipmentPart,
    Till,
    TillRequest,
)
from warchest.cards.models.ends import CampaignUse, ExpiredPart, ExpiryWalk, ExpiryWarning
from warchest.cards.models.guesses import Guess, GuessAlarm, Guesser
from warchest.cards.models.handing_over import HandOver, Printer, PrintFile
from warchest.cards.models.imports import ImportMark
from warchest.cards.models.virtual import IssuedCode

__all__ = [
    "Batch",
    "BatchProgress",
    "BatchVersion",
    "BoughtCard",
    "CampaignUse",
    "Card",
    "CardEvent",
    "CardGift",
    "DeskIssue",
    "ExpiredPart",
    "ExpiryWalk",
    "ExpiryWarning",
    "Guess",
    "GuessAlarm",
    "Guesser",
    "HandOver",
    "ImportMark",
    "IssuedCode",
    "PrintFile",
    "Printer",
    "Reseller",
    "ResellerLine",
    "ResellerPayment",
    "ResellerPerson",
    "Sale",
    "SaleShare",
    "Shipment",
    "ShipmentPart",
    "Till",
    "TillRequest",
]
