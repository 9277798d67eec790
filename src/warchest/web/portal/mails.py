"""The one mail that the portal sends by itself: it tells the owner of an address what a page must not."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse

from warchest.runtime.configuration import configuration

log = structlog.get_logger(__name__)


def somebody_joined_with_your_address(address: str) -> None:
    """Where the mail system is down the page still answers the same; the log says so, without the address."""
    context = {
        "community_name": settings.WARCHEST_COMMUNITY.name,
        "sign_in_url": configuration().public_url + reverse("portal:sign-in"),
    }
    subject = " ".join(render_to_string("portal/mails/known_address_subject.txt", context).split())
    try:
        send_mail(subject, render_to_string("portal/mails/known_address.txt", context), None, [address])
    except OSError as error:
        log.warning("mail_not_sent", mail="known_address", cause=type(error).__name__)
