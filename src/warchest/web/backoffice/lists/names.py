"""What tables and columns are called in the reader's language. Without it Django shows their names in code.

The apps hold no texts for people, so the names are given here, and only in the back office's own process.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from django.apps import apps
from django.db.models import Field, Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text: TypeAlias = str | Promise

APPS: dict[str, Text] = {
    "members": _("People and programs"),
    "charging": _("Wallets"),
    "accounting": _("Accounting"),
    "payments": _("Payments"),
    "cards": _("Cards"),
    "ledger": _("Books of account"),
    "subscriptions": _("Subscriptions"),
    "referrals": _("Referrals"),
    "catalogue": _("Offers"),
    "runtime": _("Records"),
}

# One and many, as they stand within a sentence.
TABLES: dict[str, tuple[Text, Text]] = {
    "members.player": (_("player"), _("players")),
    "members.administrator": (_("administrator"), _("administrators")),
    "members.certificate": (_("certificate"), _("certificates")),
    "members.apiclient": (_("API client"), _("API clients")),
    "charging.wallet": (_("wallet"), _("wallets")),
    "charging.lot": (_("lot"), _("lots")),
    "charging.transfer": (_("transfer"), _("transfers")),
    "accounting.unitrate": (_("exchange rate"), _("exchange rates")),
    "accounting.taxrate": (_("tax rate"), _("tax rates")),
    "accounting.document": (_("document"), _("receipts and invoices")),
    "accounting.undocumentedentry": (_("entry without document"), _("entries without document")),
    "payments.payment": (_("payment"), _("payments")),
    "cards.batch": (_("batch"), _("batches")),
    "cards.card": (_("card"), _("cards")),
    "ledger.book": (_("book"), _("books")),
    "subscriptions.subscription": (_("subscription"), _("subscriptions")),
    "referrals.commission": (_("commission"), _("commissions")),
    "referrals.node": (_("place in the tree"), _("places in the tree")),
    "catalogue.onlineservice": (_("online service"), _("online services")),
    "catalogue.plan": (_("plan"), _("plans")),
    "runtime.operation": (_("operation"), _("operations")),
    "runtime.outboxevent": (_("published event"), _("published events")),
}

# Columns of the same name mean the same in all tables.
COLUMNS: dict[str, Text] = {
    "actor_id": _("Id of who did it"),
    "actor_kind": _("Who"),
    "address": _("Address"),
    "certificate": _("Certificate"),
    "channel": _("Channel"),
    "cluster": _("Cluster"),
    "code": _("Code"),
    "countries": _("Countries"),
    "country": _("Country"),
    "currency": _("Currency"),
    "details": _("Details"),
    "display_currency": _("Currency of prices"),
    "earned_at": _("Earned"),
    "ends_at": _("Until"),
    "external_id": _("External id"),
    "fingerprint": _("Fingerprint"),
    "floored": _("Never below zero"),
    "id": _("Id"),
    "inquiries": _("Inquiries"),
    "key": _("Key"),
    "kind": _("Kind"),
    "language": _("Language"),
    "lot": _("Lot"),
    "name": _("Name"),
    "names": _("Names"),
    "nickname": _("Nickname"),
    "occurred_at": _("Occurred"),
    "on_behalf_of": _("On behalf of"),
    "opened_at": _("Opened"),
    "ordered_at": _("Ordered"),
    "owner": _("Whose"),
    "payable_out": _("May be paid out"),
    "payload": _("Contents"),
    "provider": _("Provider"),
    "provider_reference": _("Reference of the provider"),
    "reason": _("Reason"),
    "recorded_at": _("Recorded"),
    "reference": _("Reference"),
    "refundable": _("Refundable"),
    "registered_at": _("Registered"),
    "request_id": _("Request"),
    "sale": _("Sale"),
    "serial": _("Serial"),
    "subject_id": _("Id of what it was about"),
    "subject_kind": _("About"),
    "texts": _("Texts"),
    "time_zone": _("Time zone"),
    "topic": _("Topic"),
    "transaction": _("Database transaction"),
    "transferable": _("Transferable"),
}


def give_names(models: Iterable[type[Model]]) -> None:
    for model in models:
        table = model._meta
        table.verbose_name, table.verbose_name_plural = TABLES.get(
            table.label_lower, (table.verbose_name, table.verbose_name_plural)
        )
        apps.get_app_config(table.app_label).verbose_name = APPS.get(
            table.app_label, apps.get_app_config(table.app_label).verbose_name
        )
        for column in table.get_fields():
            if isinstance(column, Field) and column.name in COLUMNS:
                column.verbose_name = COLUMNS[column.name]
