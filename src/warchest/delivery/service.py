"""Delivery as this process offers it."""

from warchest.delivery import card_sheet, documents, queries
from warchest.delivery.operations import mails, webhooks
from warchest.delivery.operations.catch_up import catch_up


class LocalDelivery:
    """Implements ``contract.Delivery`` over this process's own connection."""

    catch_up = staticmethod(catch_up)
    deliver_due = staticmethod(webhooks.deliver_due)
    webhook_secret = staticmethod(webhooks.webhook_secret)
    enable_endpoint = staticmethod(webhooks.enable_endpoint)
    send_again = staticmethod(webhooks.send_again)
    endpoints = staticmethod(queries.endpoints)
    deliveries = staticmethod(queries.deliveries)
    queue_mail = staticmethod(mails.queue_mail)
    send_mails = staticmethod(mails.send_mails)
    send_mail_again = staticmethod(mails.send_mail_again)
    plug_mail_engine = staticmethod(mails.plug_mail_engine)
    mails = staticmethod(queries.mails)
    find_mail = staticmethod(queries.find_mail)
    mail_engine_plugged_in = staticmethod(queries.mail_engine_plugged_in)
    render_document = staticmethod(documents.render_document)
    render_card_sheet = staticmethod(card_sheet.render_card_sheet)
